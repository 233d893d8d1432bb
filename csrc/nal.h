// What packets tell before they are decoded: where a decoder may start, which
// may be left out, which are no frame. Pure functions over headers.
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
    GVD_BITSTREAM_VP8, // from here on the key flag is the truth
    GVD_BITSTREAM_VP9,
    GVD_BITSTREAM_AV1,
    GVD_BITSTREAM_INTRA, // every packet is a frame by itself
};

enum {
    GVD_H264_SPS = 32,
    GVD_H264_PPS = 256,
    GVD_HEVC_SPS = 16,
    GVD_HEVC_PPS = 64,
};

// What slice headers cannot be read without. 0: not known.
typedef struct gvd_h264_sps {
    bool fields; // pictures may be single fields
    bool planes; // coded one by one
    bool gaps;   // frame numbers may be left out
    uint8_t frame_num_bits;
    gvd_window visible;
} gvd_h264_sps;

typedef struct gvd_h264_sets {
    gvd_h264_sps sps[GVD_H264_SPS];
    uint8_t sps_of_pps[GVD_H264_PPS];
    // The field that the last packet left without its other one, or 0.
    uint8_t open_field;
    unsigned open_frame_num;
    // Of the last picture that is referred to, plus 1; 0: not known.
    unsigned reference_frame_num;
} gvd_h264_sets;

typedef struct gvd_hevc_sets {
    gvd_window visible[GVD_HEVC_SPS];
    uint8_t sps_of_pps[GVD_HEVC_PPS];
    uint8_t extra_bits[GVD_HEVC_PPS]; // in slice headers, plus 1
} gvd_hevc_sets;

typedef struct gvd_av1_sequence {
    bool known; // and simple enough for us
    uint8_t frame_id_bits, order_hint_bits;
    uint8_t screen_tools, integer_motion; // 2: each frame tells
} gvd_av1_sequence;

// One stream's parameter sets so far.
typedef struct gvd_classifier {
    enum gvd_bitstream bitstream;
    int length_size; // bytes of a NAL unit's length (1-4), or 0 for Annex B
    union {
        gvd_h264_sets h264;
        gvd_hevc_sets hevc;
        gvd_av1_sequence av1;
    };
} gvd_classifier;

void gvd_classifier_init(gvd_classifier *classifier,
                         enum gvd_bitstream bitstream, const uint8_t *extradata,
                         size_t size);

// New extradata in mid-stream.
void gvd_classifier_learn(gvd_classifier *classifier, const uint8_t *extradata,
                          size_t size);

// Packets go on elsewhere in the file: nothing is concluded from the last one.
void gvd_classifier_forget(gvd_classifier *classifier);

// Fills what the bitstream tells (in packet.h from `skippable` on) from data,
// size and key. Packets come in the order of the file. `discard` is set for a
// VP8 or VP9 frame that is only referred to, `damaged` for an H.264 or HEVC
// packet without a slice or with a wrong length; neither is taken back.
void gvd_packet_classify(gvd_packet *packet, gvd_classifier *classifier);

// Puts start codes in place of 4-byte length fields: how many bytes are Annex B
// now, which is all of them unless a length is 0 or points outside.
size_t gvd_nal_to_annexb(uint8_t *data, size_t size);

// The length_size that avcC or hvcC extradata tells; 0: Annex B.
int gvd_extradata_length_size(enum gvd_bitstream bitstream,
                              const uint8_t *extradata, size_t size);

// True if avcC or hvcC extradata says that the pictures are 8-bit 4:2:0.
bool gvd_extradata_is_420p8(enum gvd_bitstream bitstream,
                            const uint8_t *extradata, size_t size);
