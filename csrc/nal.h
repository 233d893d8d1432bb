// Reads from a packet's first bytes where a decoder may start. Pure functions.
//
// Containers flag key packets; whether nothing before one is needed, whether
// leading pictures follow, and whether a packet brings parameter sets, only the
// bitstream says. See behaviour 20-24 in docs/design.md.
#pragma once

#include "packet.h"

enum gvd_bitstream {
    GVD_BITSTREAM_OTHER, // key packets are not trusted: never cut
    GVD_BITSTREAM_H264,
    GVD_BITSTREAM_HEVC,
    GVD_BITSTREAM_VP8,
    GVD_BITSTREAM_VP9,
    GVD_BITSTREAM_KEYED, // AV1, intra codecs: the flag is the truth
};

// length_size: bytes of a NAL unit's length field (1-4), or 0 for Annex B.
// Fills entry, skippable and the parameter flags from data, size and key, and
// sets discard for a VP8 or VP9 frame that is only referred to.
void gvd_packet_classify(gvd_packet *packet, enum gvd_bitstream bitstream,
                         int length_size);

// Puts start codes in place of 4-byte length fields: how many bytes are Annex B
// now, which is all of them unless a length points outside of the packet.
size_t gvd_nal_to_annexb(uint8_t *data, size_t size);

// The length_size that avcC or hvcC extradata tells; 0: Annex B.
int gvd_extradata_length_size(enum gvd_bitstream bitstream,
                              const uint8_t *extradata, size_t size);

// True if avcC or hvcC extradata says that the pictures are 8-bit 4:2:0.
bool gvd_extradata_is_420p8(enum gvd_bitstream bitstream,
                            const uint8_t *extradata, size_t size);
