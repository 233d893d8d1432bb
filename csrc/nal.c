#include "nal.h"

enum {
    H264_SLICE_FIRST = 1,
    H264_IDR = 5,
    H264_SEI = 6,
    H264_SPS = 7,
    H264_PPS = 8,
    H264_SEI_RECOVERY_POINT = 6,

    HEVC_RASL_N = 8,
    HEVC_RASL_R = 9,
    HEVC_BLA_FIRST = 16,
    HEVC_IDR_W_RADL = 19,
    HEVC_IDR_N_LP = 20,
    HEVC_CRA = 21,
    HEVC_VCL_END = 32,
    HEVC_PPS = 34,
};

typedef struct nal_reader {
    const uint8_t *at, *end;
    int length_size;
} nal_reader;

typedef struct nal_unit {
    const uint8_t *data;
    size_t size;
} nal_unit;

static const uint8_t *find_start_code(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 3; at++)
        if (at[0] == 0 && at[1] == 0 && at[2] == 1)
            return at;
    return end;
}

static bool next_annexb(nal_reader *reader, nal_unit *unit)
{
    const uint8_t *start = find_start_code(reader->at, reader->end);
    if (reader->end - start < 4)
        return false;
    unit->data = start + 3;
    reader->at = find_start_code(unit->data, reader->end);
    unit->size = (size_t)(reader->at - unit->data);
    return true;
}

static bool next_prefixed(nal_reader *reader, nal_unit *unit)
{
    if (reader->end - reader->at <= reader->length_size)
        return false;
    size_t size = 0;
    for (int i = 0; i < reader->length_size; i++)
        size = size << 8 | *reader->at++;
    if (size == 0 || size > (size_t)(reader->end - reader->at))
        return false;
    unit->data = reader->at;
    unit->size = size;
    reader->at += size;
    return true;
}

static bool next_unit(nal_reader *reader, nal_unit *unit)
{
    return reader->length_size ? next_prefixed(reader, unit)
                               : next_annexb(reader, unit);
}

// Reads a NAL unit's payload past its emulation prevention bytes.
typedef struct payload_reader {
    const uint8_t *at, *end;
    int zeros;
} payload_reader;

// The next byte, or -1 at the end.
static int next_byte(payload_reader *reader)
{
    if (reader->zeros >= 2 && reader->at < reader->end && *reader->at == 3) {
        reader->at++;
        reader->zeros = 0;
    }
    if (reader->at >= reader->end)
        return -1;
    int byte = *reader->at++;
    reader->zeros = byte == 0 ? reader->zeros + 1 : 0;
    return byte;
}

// A number of an SEI message's head: 255 for every 0xff, and what follows.
static int next_sei_number(payload_reader *reader)
{
    int number = 0, byte;
    while ((byte = next_byte(reader)) == 255 && number < 1 << 20)
        number += 255;
    return byte < 0 ? -1 : number + byte;
}

// True for a recovery point whose recovery_frame_cnt is 0: every picture from
// this one on, in output order, is right when decoding starts here.
static bool is_exact_recovery_point(const nal_unit *sei)
{
    payload_reader reader = {sei->data + 1, sei->data + sei->size, 0};
    for (;;) {
        int type = next_sei_number(&reader);
        int size = next_sei_number(&reader);
        if (type < 0 || size < 0)
            return false;
        for (int i = 0; i < size; i++) {
            int byte = next_byte(&reader);
            if (byte < 0)
                return false;
            if (type == H264_SEI_RECOVERY_POINT)
                return byte & 0x80; // ue(v) 0 is the single bit 1
        }
    }
}

static void classify_h264(gvd_packet *packet, nal_reader reader)
{
    bool recovery = false, sps = false, pps = false;
    nal_unit unit;
    while (next_unit(&reader, &unit)) {
        int type = unit.data[0] & 31;
        sps |= type == H264_SPS;
        pps |= type == H264_PPS;
        if (type == H264_SEI)
            recovery |= is_exact_recovery_point(&unit);
        packet->parameters = sps || pps;
        packet->all_parameters = sps && pps;
        if (type < H264_SLICE_FIRST || type > H264_IDR)
            continue;
        if (type == H264_IDR)
            packet->entry = GVD_ENTRY_CLOSED;
        else if (packet->key && recovery)
            packet->entry = GVD_ENTRY_OPEN;
        return; // what follows the first slice tells nothing new
    }
}

static void classify_hevc(gvd_packet *packet, nal_reader reader)
{
    unsigned sets = 0; // a bit each: VPS, SPS, PPS
    nal_unit unit;
    while (next_unit(&reader, &unit)) {
        int type = unit.data[0] >> 1 & 63;
        if (type >= HEVC_VCL_END) {
            if (type <= HEVC_PPS)
                sets |= 1u << (type - HEVC_VCL_END);
            packet->parameters = sets != 0;
            packet->all_parameters = sets == 7;
            continue;
        }
        if (type == HEVC_IDR_W_RADL || type == HEVC_IDR_N_LP)
            packet->entry = GVD_ENTRY_CLOSED;
        else if (type >= HEVC_BLA_FIRST && type <= HEVC_CRA)
            packet->entry = GVD_ENTRY_OPEN;
        packet->skippable = type == HEVC_RASL_N || type == HEVC_RASL_R;
        return;
    }
}

// The show_frame bit. A superframe ends in its index and holds a shown frame.
static bool is_hidden_vp9(const gvd_packet *packet)
{
    if (packet->size == 0 || (packet->data[packet->size - 1] & 0xe0) == 0xc0)
        return false;
    unsigned head = packet->data[0];
    bool marked = head >> 6 == 2;
    int at = (head >> 4 & 3) == 3 ? 2 : 3; // profile 3 has a reserved bit
    bool existing = head >> at & 1;
    return marked && !existing && !(head >> (at - 2) & 1);
}

static bool is_hidden_vp8(const gvd_packet *packet)
{
    return packet->size > 0 && !(packet->data[0] >> 4 & 1);
}

void gvd_packet_classify(gvd_packet *packet, enum gvd_bitstream bitstream,
                         int length_size)
{
    nal_reader reader = {packet->data, packet->data + packet->size,
                         length_size};
    packet->entry = GVD_ENTRY_NONE;
    packet->skippable = false;
    packet->parameters = packet->all_parameters = false;
    if (bitstream == GVD_BITSTREAM_H264)
        classify_h264(packet, reader);
    else if (bitstream == GVD_BITSTREAM_HEVC)
        classify_hevc(packet, reader);
    else if (bitstream != GVD_BITSTREAM_OTHER && packet->key)
        packet->entry = GVD_ENTRY_CLOSED;
    if (bitstream == GVD_BITSTREAM_VP8)
        packet->discard |= is_hidden_vp8(packet);
    else if (bitstream == GVD_BITSTREAM_VP9)
        packet->discard |= is_hidden_vp9(packet);
}

size_t gvd_nal_to_annexb(uint8_t *data, size_t size)
{
    size_t at = 0;
    while (size - at > 4) {
        uint8_t *head = data + at;
        size_t length = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
                        (size_t)head[2] << 8 | head[3];
        if (length > size - at - 4)
            break;
        head[0] = head[1] = head[2] = 0;
        head[3] = 1;
        at += 4 + length;
    }
    return at;
}

int gvd_extradata_length_size(enum gvd_bitstream bitstream,
                              const uint8_t *extradata, size_t size)
{
    // Both boxes begin with configurationVersion 1; Annex B begins with 0.
    if (bitstream == GVD_BITSTREAM_H264 && size >= 7 && extradata[0] == 1)
        return (extradata[4] & 3) + 1;
    if (bitstream == GVD_BITSTREAM_HEVC && size >= 23 && extradata[0] == 1)
        return (extradata[21] & 3) + 1;
    return 0;
}

typedef struct bit_reader {
    payload_reader payload;
    int byte, left; // bits of `byte` that are not read yet
} bit_reader;

static int next_bit(bit_reader *bits)
{
    if (bits->left == 0) {
        bits->byte = next_byte(&bits->payload);
        bits->left = 8;
    }
    return bits->byte < 0 ? -1 : bits->byte >> --bits->left & 1;
}

// ue(v), or -1 at the end and for numbers that no parameter here has.
static int next_ue(bit_reader *bits)
{
    int zeros = 0, bit;
    while ((bit = next_bit(bits)) == 0 && zeros < 16)
        zeros++;
    int value = 1;
    for (; bit == 1 && zeros > 0; zeros--) {
        int low = next_bit(bits);
        if (low < 0)
            return -1;
        value = value << 1 | low;
    }
    return bit == 1 ? value - 1 : -1;
}

// Profiles whose SPS tells chroma format and bit depths; others are 8-bit
// 4:2:0.
static bool has_chroma_format(int profile)
{
    static const int profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                   118, 128, 138, 139, 134, 135};
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (profile == profiles[i])
            return true;
    return false;
}

static bool is_sps_420p8(const uint8_t *sps, size_t size)
{
    if (size < 5)
        return false;
    if (!has_chroma_format(sps[1]))
        return true;
    bit_reader bits = {.payload = {sps + 4, sps + size, 0}};
    next_ue(&bits); // its number
    int chroma = next_ue(&bits), luma_depth = next_ue(&bits);
    return chroma == 1 && luma_depth == 0 && next_ue(&bits) == 0;
}

bool gvd_extradata_is_420p8(enum gvd_bitstream bitstream,
                            const uint8_t *extradata, size_t size)
{
    if (gvd_extradata_length_size(bitstream, extradata, size) == 0)
        return false;
    if (bitstream == GVD_BITSTREAM_HEVC)
        return (extradata[16] & 3) == 1 && (extradata[17] & 7) == 0 &&
               (extradata[18] & 7) == 0;
    size_t sps_size = size >= 8 ? (size_t)extradata[6] << 8 | extradata[7] : 0;
    return (extradata[5] & 31) > 0 && size >= 8 && sps_size <= size - 8 &&
           is_sps_420p8(extradata + 8, sps_size);
}
