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

// True for a recovery point whose recovery_frame_cnt is 0: every picture from
// this one on, in output order, is right when decoding starts here.
static bool is_exact_recovery_point(const nal_unit *sei)
{
    const uint8_t *at = sei->data + 1;
    const uint8_t *end = sei->data + sei->size;
    while (end - at >= 3) {
        unsigned type = 0, size = 0;
        for (; at < end && *at == 0xff; at++)
            type += 255;
        if (at < end)
            type += *at++;
        for (; at < end && *at == 0xff; at++)
            size += 255;
        if (at < end)
            size += *at++;
        if (size > (size_t)(end - at))
            return false;
        if (type == H264_SEI_RECOVERY_POINT && size > 0)
            return at[0] & 0x80; // ue(v) 0 is the single bit 1
        at += size;
    }
    return false;
}

static void classify_h264(gvd_packet *packet, nal_reader reader)
{
    bool recovery = false;
    nal_unit unit;
    while (next_unit(&reader, &unit)) {
        int type = unit.data[0] & 31;
        if (type == H264_SPS || type == H264_PPS)
            packet->parameters = true;
        else if (type == H264_SEI)
            recovery |= is_exact_recovery_point(&unit);
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
    nal_unit unit;
    while (next_unit(&reader, &unit)) {
        int type = unit.data[0] >> 1 & 63;
        if (type >= HEVC_VCL_END) {
            packet->parameters |= type <= HEVC_PPS;
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

void gvd_packet_classify(gvd_packet *packet, enum gvd_bitstream bitstream,
                         int length_size)
{
    nal_reader reader = {packet->data, packet->data + packet->size,
                         length_size};
    packet->entry = GVD_ENTRY_NONE;
    packet->skippable = packet->parameters = false;
    if (bitstream == GVD_BITSTREAM_H264)
        classify_h264(packet, reader);
    else if (bitstream == GVD_BITSTREAM_HEVC)
        classify_hevc(packet, reader);
    else if (bitstream == GVD_BITSTREAM_KEYED && packet->key)
        packet->entry = GVD_ENTRY_CLOSED;
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
