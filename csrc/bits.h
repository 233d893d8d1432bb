// Bits of a bitstream's headers, most significant first. Pure functions.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct gvd_bits {
    const uint8_t *at, *end;
    bool escaped; // a NAL unit: emulation prevention bytes are passed over, and
                  // a start code is the end
    int zeros;    // bytes of 0 in a row, if escaped
    int byte, left; // bits of `byte` that are not read yet
    bool over;      // read past the end, or no number: all else is 0
} gvd_bits;

static inline unsigned gvd_bits_next_byte(gvd_bits *bits)
{
    bool marked = bits->zeros >= 2 && bits->at < bits->end && *bits->at <= 3;
    if (marked && *bits->at == 3) {
        bits->at++;
        bits->zeros = 0;
    } else if (marked) {
        bits->at = bits->end;
    }
    if (bits->at >= bits->end) {
        bits->over = true;
        return 0;
    }
    unsigned byte = *bits->at++;
    if (bits->escaped)
        bits->zeros = byte == 0 ? bits->zeros + 1 : 0;
    return byte;
}

// u(count), 32 at most.
static inline unsigned gvd_bits_next(gvd_bits *bits, unsigned count)
{
    unsigned value = 0;
    for (; count > 0; count--) {
        if (bits->left == 0) {
            bits->byte = (int)gvd_bits_next_byte(bits);
            bits->left = 8;
        }
        value = value << 1 | (unsigned)(bits->byte >> --bits->left & 1);
    }
    return value;
}

// ue(v).
static inline unsigned gvd_bits_next_ue(gvd_bits *bits)
{
    unsigned zeros = 0;
    while (!bits->over && gvd_bits_next(bits, 1) == 0)
        zeros++;
    bits->over |= zeros > 31;
    return bits->over ? 0 : (1u << zeros) - 1 + gvd_bits_next(bits, zeros);
}

// se(v).
static inline int gvd_bits_next_se(gvd_bits *bits)
{
    unsigned value = gvd_bits_next_ue(bits);
    return value & 1 ? (int)(value / 2 + 1) : -(int)(value / 2);
}
