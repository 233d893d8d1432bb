// Hand-made NAL units, in packets of every framing.
#pragma once

#include <string.h>

#include "harness.h"
#include "nal.h"

typedef struct unit {
    uint8_t bytes[80];
    size_t size;
} unit;

#define UNIT(...) {{__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})}

static const int framings[] = {0, 1, 2, 3, 4};
#define BARE (-1) // nothing in front, as AV1

// Frames the units; the bytes end where the allocation ends.
static inline gvd_packet *make_packet(const unit *units, int count,
                                      int length_size, bool key)
{
    uint8_t bytes[1024];
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        if (length_size == 0) {
            bytes[n++] = 0;
            bytes[n++] = 0;
            bytes[n++] = 1;
        }
        for (int b = length_size - 1; b >= 0; b--)
            bytes[n++] = (uint8_t)(units[i].size >> (8 * b));
        memcpy(bytes + n, units[i].bytes, units[i].size);
        n += units[i].size;
    }
    gvd_packet *packet = calloc(1, sizeof *packet);
    uint8_t *data = malloc(n ? n : 1);
    REQUIRE(packet && data);
    memcpy(data, bytes, n);
    packet->data = data;
    packet->size = n;
    packet->key = key;
    return packet;
}

static inline void free_packet(gvd_packet *packet)
{
    free((void *)packet->data);
    free(packet);
}

static inline int framing_of(const gvd_classifier *classifier)
{
    return classifier->bitstream == GVD_BITSTREAM_AV1 ? BARE
                                                      : classifier->length_size;
}

static inline gvd_packet look(gvd_classifier *classifier, const unit *units,
                              int count)
{
    gvd_packet *packet =
        make_packet(units, count, framing_of(classifier), false);
    gvd_packet_classify(packet, classifier);
    gvd_packet seen = *packet;
    seen.data = NULL;
    free_packet(packet);
    return seen;
}

#define LOOK(classifier, ...)                                                  \
    look(&(classifier), (const unit[]){__VA_ARGS__},                           \
         sizeof((const unit[]){__VA_ARGS__}) / sizeof(unit))

static inline gvd_classifier fresh(enum gvd_bitstream bitstream,
                                   int length_size)
{
    return (gvd_classifier){.bitstream = bitstream, .length_size = length_size};
}

static inline void spoil(uint8_t *data, size_t size, uint64_t *seed)
{
    for (int n = draw_below(seed, 4); n > 0 && size > 0; n--)
        data[draw(seed) % size] = (uint8_t)draw(seed);
}

// Cut anywhere and with wrong bytes, in memory that ends where they end.
static inline uint8_t *spoil_copy(const uint8_t *data, size_t *size,
                                  uint64_t *seed)
{
    *size = draw(seed) % (*size + 1);
    uint8_t *copy = malloc(*size ? *size : 1);
    REQUIRE(copy);
    memcpy(copy, data, *size);
    spoil(copy, *size, seed);
    return copy;
}

// --- units bit by bit ---

typedef struct bit_writer {
    unit unit;
    bool escaped; // puts emulation prevention bytes in
    int used;     // bits of the last byte
    int zeros;
    uint8_t byte;
} bit_writer;

static inline void put(bit_writer *to, unsigned value, int count)
{
    while (count-- > 0) {
        to->byte = (uint8_t)(to->byte << 1 | (value >> count & 1));
        if (++to->used < 8)
            continue;
        if (to->escaped && to->zeros >= 2 && to->byte <= 3) {
            to->unit.bytes[to->unit.size++] = 3;
            to->zeros = 0;
        }
        to->zeros = to->byte ? 0 : to->zeros + 1;
        to->unit.bytes[to->unit.size++] = to->byte;
        REQUIRE(to->unit.size + 2 < sizeof to->unit.bytes);
        to->used = 0;
    }
}

static inline void put_ue(bit_writer *to, unsigned value)
{
    int length = 0;
    while ((value + 1) >> (length + 1))
        length++;
    put(to, 0, length);
    put(to, value + 1, length + 1);
}

static inline void put_se(bit_writer *to, int value)
{
    put_ue(to, value > 0 ? (unsigned)value * 2 - 1 : (unsigned)-value * 2);
}

// The stop bit, and the last byte's rest.
static inline unit finish(bit_writer *to)
{
    put(to, 1, 1);
    while (to->used)
        put(to, 0, 1);
    return to->unit;
}
