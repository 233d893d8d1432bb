// Framing and parameter sets of every codec, and what VP8 and VP9 packets tell.
#include "nal_impl.h"

#include <limits.h>
#include <string.h>

// --- framing ---

static const uint8_t *find_start_code(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 3) {
        if (at[0] == 0 && at[1] == 0 && at[2] == 1)
            return at;
        at += at[2] ? 3 : 1;
    }
    return end;
}

static bool next_annexb(gvd_nal_reader *reader, gvd_nal_unit *unit)
{
    const uint8_t *start = find_start_code(reader->at, reader->end);
    if (reader->end - start < 4)
        return false;
    unit->data = start + 3;
    unit->size = (size_t)(reader->end - unit->data);
    reader->at = unit->data;
    return true;
}

static bool next_prefixed(gvd_nal_reader *reader, gvd_nal_unit *unit)
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

bool gvd_nal_next(gvd_nal_reader *reader, gvd_nal_unit *unit)
{
    bool found;
    do
        found = reader->length_size ? next_prefixed(reader, unit)
                                    : next_annexb(reader, unit);
    while (found && unit->data[0] & 0x80); // the forbidden bit
    return found;
}

// True if a length points outside of the packet: decoders then take none of it.
// As in libavcodec, up to three bytes behind the last unit do not count.
static bool is_torn(gvd_nal_reader reader)
{
    gvd_nal_unit unit;
    bool sound = true;
    while (sound && reader.end - reader.at >= 4)
        sound = next_prefixed(&reader, &unit);
    return !sound;
}

// --- parameter sets ---

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
           gvd_h264_sps_is_420p8(extradata + 8, sps_size);
}

#define SIDE_MAX (INT64_C(1) << 16)

gvd_window gvd_nal_window(gvd_bits *bits, int64_t width, int64_t height,
                          unsigned chroma_format, int fields)
{
    const int unit_x = chroma_format == 1 || chroma_format == 2 ? 2 : 1;
    const int unit_y = (chroma_format == 1 ? 2 : 1) * fields;
    int64_t crop[4] = {0};
    const bool cropped = gvd_bits_next(bits, 1);
    for (int i = 0; cropped && i < 4; i++)
        crop[i] = gvd_bits_next_ue(bits);
    const int64_t left = crop[0] * unit_x, right = crop[1] * unit_x;
    const int64_t top = crop[2] * unit_y, bottom = crop[3] * unit_y;
    if (bits->over || width > SIDE_MAX || height > SIDE_MAX ||
        left + right >= width || top + bottom >= height)
        return (gvd_window){0};
    return (gvd_window){(int)left, (int)top, (int)(width - left - right),
                        (int)(height - top - bottom)};
}

static void take_unit(gvd_classifier *classifier, const gvd_nal_unit *unit)
{
    if (classifier->bitstream == GVD_BITSTREAM_H264)
        gvd_h264_take(&classifier->h264, unit);
    else
        gvd_hevc_take(&classifier->hevc, unit);
}

// A list of avcC or hvcC: so many units, each with two bytes of length.
static void take_list(gvd_classifier *classifier, gvd_nal_reader *reader,
                      unsigned count)
{
    gvd_nal_unit unit;
    for (; count > 0 && gvd_nal_next(reader, &unit); count--)
        take_unit(classifier, &unit);
}

static void take_avcc(gvd_classifier *classifier, gvd_nal_reader reader)
{
    reader.at += 5;
    take_list(classifier, &reader, *reader.at++ & 31);
    if (reader.at < reader.end)
        take_list(classifier, &reader, *reader.at++);
}

static void take_hvcc(gvd_classifier *classifier, gvd_nal_reader reader)
{
    reader.at += 22;
    for (unsigned lists = *reader.at++; lists > 0; lists--) {
        if (reader.end - reader.at < 3)
            return;
        unsigned count = (unsigned)reader.at[1] << 8 | reader.at[2];
        reader.at += 3;
        take_list(classifier, &reader, count);
    }
}

void gvd_classifier_learn(gvd_classifier *classifier, const uint8_t *extradata,
                          size_t size)
{
    enum gvd_bitstream bitstream = classifier->bitstream;
    bool boxed = gvd_extradata_length_size(bitstream, extradata, size) > 0;
    gvd_nal_reader reader = {extradata, extradata + size, boxed ? 2 : 0};
    if (bitstream == GVD_BITSTREAM_AV1) {
        size_t head = size >= 4 && extradata[0] == 0x81 ? 4 : 0; // av1C
        gvd_av1_take(&classifier->av1, extradata + head, size - head);
    } else if (bitstream == GVD_BITSTREAM_H264 && boxed) {
        take_avcc(classifier, reader);
    } else if (bitstream == GVD_BITSTREAM_HEVC && boxed) {
        take_hvcc(classifier, reader);
    } else if (bitstream == GVD_BITSTREAM_H264 ||
               bitstream == GVD_BITSTREAM_HEVC) {
        take_list(classifier, &reader, UINT_MAX);
    }
}

void gvd_classifier_init(gvd_classifier *classifier,
                         enum gvd_bitstream bitstream, const uint8_t *extradata,
                         size_t size)
{
    memset(classifier, 0, sizeof *classifier);
    classifier->bitstream = bitstream;
    classifier->length_size =
        gvd_extradata_length_size(bitstream, extradata, size);
    if (size > 0)
        gvd_classifier_learn(classifier, extradata, size);
}

void gvd_classifier_forget(gvd_classifier *classifier)
{
    if (classifier->bitstream != GVD_BITSTREAM_H264)
        return;
    classifier->h264.open_field = 0;
    classifier->h264.reference_frame_num = 0;
}

// --- packets ---

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

static void classify_nal(gvd_packet *packet, gvd_classifier *classifier)
{
    gvd_nal_reader reader = {packet->data, packet->data + packet->size,
                             classifier->length_size};
    if (classifier->bitstream == GVD_BITSTREAM_H264)
        gvd_h264_classify(packet, &classifier->h264, reader);
    else
        gvd_hevc_classify(packet, &classifier->hevc, reader);
    packet->damaged |= reader.length_size > 0 && is_torn(reader);
}

// A head that no decoder takes: VP9's marker, and the sync codes of key frames
// (in VP9 where it is of profile 0).
static bool has_broken_head(const gvd_packet *packet, bool vp9)
{
    const uint8_t *data = packet->data;
    if (vp9 && data[0] >> 6 != 2)
        return true;
    bool key = vp9 ? (data[0] & 0x3c) == 0 : (data[0] & 1) == 0;
    if (!key)
        return false;
    const uint8_t *sync = data + (vp9 ? 1 : 3);
    if (packet->size < (vp9 ? 4 : 6))
        return true;
    return vp9 ? sync[0] != 0x49 || sync[1] != 0x83 || sync[2] != 0x42
               : sync[0] != 0x9d || sync[1] != 0x01 || sync[2] != 0x2a;
}

void gvd_packet_classify(gvd_packet *packet, gvd_classifier *classifier)
{
    enum gvd_bitstream bitstream = classifier->bitstream;
    bool trusted = bitstream > GVD_BITSTREAM_HEVC;
    packet->entry = trusted && packet->key ? GVD_ENTRY_CLOSED : GVD_ENTRY_NONE;
    packet->skippable = packet->parameters = packet->all_parameters = false;
    packet->field = packet->second_field = false;
    packet->disposable = bitstream == GVD_BITSTREAM_INTRA;
    packet->layer = 0;
    packet->visible = (gvd_window){0};
    packet->picture_type = bitstream == GVD_BITSTREAM_INTRA ? 'I' : 0;
    if (packet->size == 0)
        return;
    switch (bitstream) {
    case GVD_BITSTREAM_H264:
    case GVD_BITSTREAM_HEVC:
        classify_nal(packet, classifier);
        break;
    case GVD_BITSTREAM_VP8:
    case GVD_BITSTREAM_VP9:
        packet->picture_type = packet->key ? 'I' : 'P';
        packet->damaged |=
            has_broken_head(packet, bitstream == GVD_BITSTREAM_VP9);
        packet->discard |= bitstream == GVD_BITSTREAM_VP8
                               ? is_hidden_vp8(packet)
                               : is_hidden_vp9(packet);
        break;
    case GVD_BITSTREAM_AV1:
        gvd_av1_classify(packet, &classifier->av1);
        break;
    case GVD_BITSTREAM_INTRA:
    case GVD_BITSTREAM_OTHER:
        break;
    }
}

size_t gvd_nal_to_annexb(uint8_t *data, size_t size)
{
    size_t at = 0;
    while (size - at > 4) {
        uint8_t *head = data + at;
        size_t length = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
                        (size_t)head[2] << 8 | head[3];
        if (length == 0 || length > size - at - 4)
            break;
        head[0] = head[1] = head[2] = 0;
        head[3] = 1;
        at += 4 + length;
    }
    return at;
}
