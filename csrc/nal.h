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
    GVD_BITSTREAM_KEYED, // VP8, VP9, AV1, intra codecs: the flag is the truth
};

// length_size: bytes of a NAL unit's length field (1-4), or 0 for Annex B.
// Fills entry, skippable and parameters from data, size and key.
void gvd_packet_classify(gvd_packet *packet, enum gvd_bitstream bitstream,
                         int length_size);

// The length_size that avcC or hvcC extradata tells; 0: Annex B.
int gvd_extradata_length_size(enum gvd_bitstream bitstream,
                              const uint8_t *extradata, size_t size);
