// How far the packets of a stream tell its frames. Pure data.
#pragma once

#include "packet.h"

enum gvd_trust {
    GVD_TRUST_PACKETS,       // one frame for each packet that is shown
    GVD_TRUST_ALL_BUT_FIRST, // the first job's must be learned by decoding
    GVD_TRUST_NOTHING,       // all frames must be learned by decoding
};

// Sees every packet, in file order.
typedef struct gvd_judge {
    enum gvd_trust trust;
    int64_t max_pts, max_dts; // so far
    bool reordered;           // the times have gone back and forth
} gvd_judge;

// one_to_one: the codec is one whose packets, if sound, are a frame each.
void gvd_judge_init(gvd_judge *judge, bool one_to_one);
void gvd_judge_packet(gvd_judge *judge, const gvd_packet *packet);
