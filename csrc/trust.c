#include "trust.h"

#include "frame.h"

void gvd_judge_init(gvd_judge *judge, bool one_to_one)
{
    *judge = (gvd_judge){
        .trust = one_to_one ? GVD_TRUST_PACKETS : GVD_TRUST_NOTHING,
        .max_pts = GVD_NO_PTS,
        .max_dts = GVD_NO_PTS,
    };
}

// A stream of B pictures whose times rise from packet to packet was given the
// times of its packets, and shows its frames in another order.
static bool is_miscounted(const gvd_judge *j, const gvd_packet *packet)
{
    return packet->picture_type == 'B' && packet->disposable &&
           packet->pts > j->max_pts && !j->reordered;
}

// Packets are frames, in the order of their pts within a job, only where
// nothing speaks against it.
void gvd_judge_packet(gvd_judge *judge, const gvd_packet *packet)
{
    gvd_judge *j = judge;
    bool closed = packet->entry == GVD_ENTRY_CLOSED;
    bool back = packet->dts != GVD_NO_PTS && packet->dts < j->max_dts;
    bool restart =
        closed && packet->pts != GVD_NO_PTS && packet->pts <= j->max_pts;
    if (packet->field || packet->damaged || packet->file_size == 0 || back ||
        restart || is_miscounted(j, packet))
        j->trust = GVD_TRUST_NOTHING;
    else if (packet->ordinal == 0 && !closed && j->trust == GVD_TRUST_PACKETS)
        j->trust = GVD_TRUST_ALL_BUT_FIRST;
    j->reordered |= packet->pts != GVD_NO_PTS && packet->pts < j->max_pts;
    if (packet->dts > j->max_dts)
        j->max_dts = packet->dts;
    if (packet->pts > j->max_pts)
        j->max_pts = packet->pts;
}
