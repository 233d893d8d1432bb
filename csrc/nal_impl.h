// Inside of the classifier: shared by the nal*.c files only.
#pragma once

#include "bits.h"
#include "nal.h"

typedef struct gvd_nal_reader {
    const uint8_t *at, *end;
    int length_size;
} gvd_nal_reader;

// In Annex B size reaches to the packet's end, since nobody needs to look for
// the unit's own: gvd_bits stop there.
typedef struct gvd_nal_unit {
    const uint8_t *data;
    size_t size; // not 0
} gvd_nal_unit;

// The next unit that is sound as far as decoders look; false at the end, and
// at a length that points outside.
bool gvd_nal_next(gvd_nal_reader *reader, gvd_nal_unit *unit);

// The payload behind a head of so many bytes.
static inline gvd_bits gvd_nal_bits(const gvd_nal_unit *unit, size_t head)
{
    const uint8_t *end = unit->data + unit->size;
    return (gvd_bits){.at = unit->size > head ? unit->data + head : end,
                      .end = end,
                      .escaped = true};
}

// What a picture of so many samples shows: a flag, and by how many chroma
// samples it is cropped on the left, right, top and bottom, of `fields` rows
// each. Not known where that is too much.
gvd_window gvd_nal_window(gvd_bits *bits, int64_t width, int64_t height,
                          unsigned chroma_format, int fields);

// A parameter set; other units are passed over.
void gvd_h264_take(gvd_h264_sets *sets, const gvd_nal_unit *unit);
void gvd_hevc_take(gvd_hevc_sets *sets, const gvd_nal_unit *unit);
// A sequence header among OBUs.
void gvd_av1_take(gvd_av1_sequence *sequence, const uint8_t *data, size_t size);

void gvd_h264_classify(gvd_packet *packet, gvd_h264_sets *sets,
                       gvd_nal_reader reader);
void gvd_hevc_classify(gvd_packet *packet, gvd_hevc_sets *sets,
                       gvd_nal_reader reader);
void gvd_av1_classify(gvd_packet *packet, gvd_av1_sequence *sequence);

bool gvd_h264_sps_is_420p8(const uint8_t *sps, size_t size);
