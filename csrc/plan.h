// Cuts a stream of packets into GOP jobs that can be decoded side by side.
//
// A pure state machine, fed in the order of the file. A job is the packets from
// one entry point up to the next. Where the next is open (a CRA picture, an
// H.264 recovery point), its key picture and the leading pictures behind it go
// to the job before as well, which shows the leading pictures and not the key;
// the new job shows everything but the leading pictures. So every frame is
// shown by exactly one job, in presentation order.
#pragma once

#include "packet.h"

// Shorter jobs cost more to start and flush than they gain.
#define GVD_PLAN_MIN_PACKETS 12

typedef struct gvd_plan {
    int64_t job_packets; // of the current job; 0 before the first packet
    int64_t key_pts;     // where leading pictures are being carried
    int64_t max_pts;
    bool carrying;  // the previous job still takes leading pictures
    bool after_key; // the last packet was the open entry itself
    bool in_band;   // parameter sets were seen inside packets
    bool uncut;     // something broke the rules: one job to the end
} gvd_plan;

// Where a packet goes, to be carried out in this order.
typedef struct gvd_route {
    bool closes_previous; // no more packets for the job before the current
    bool opens;           // current becomes previous, a new current begins
    bool closes_before;   // the job that `opens` made previous is complete
    bool to_previous, shown_by_previous;
    bool to_current, shown_by_current;
    bool ends_previous, ends_current; // this was their last packet
    bool starts_stream;               // the job that `opens` is the first
} gvd_route;

void gvd_plan_init(gvd_plan *plan);
gvd_route gvd_plan_route(gvd_plan *plan, const gvd_packet *packet);
