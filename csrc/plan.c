#include "plan.h"

void gvd_plan_init(gvd_plan *plan)
{
    *plan = (gvd_plan){.max_pts = GVD_NO_PTS, .key_pts = GVD_NO_PTS};
}

// A decoder that starts at the packet must find every parameter set: those of
// the container always, those inside packets only where each entry repeats
// them.
static bool may_cut(const gvd_plan *plan, const gvd_packet *packet)
{
    if (plan->uncut || packet->entry == GVD_ENTRY_NONE || !packet->key ||
        packet->discard || packet->pts == GVD_NO_PTS)
        return false;
    if (plan->in_band && !packet->all_parameters)
        return false;
    return plan->job_packets >= GVD_PLAN_MIN_PACKETS &&
           packet->pts > plan->max_pts;
}

static void note_packet(gvd_plan *plan, const gvd_packet *packet)
{
    plan->job_packets++;
    if (packet->pts == GVD_NO_PTS)
        plan->uncut = true;
    else if (packet->pts > plan->max_pts)
        plan->max_pts = packet->pts;
    if (packet->parameters) {
        plan->in_band = true;
        if (packet->entry == GVD_ENTRY_NONE)
            plan->uncut = true; // a later entry need not repeat this one
    }
}

static gvd_route route_entry(gvd_plan *plan, const gvd_packet *packet)
{
    bool open = packet->entry == GVD_ENTRY_OPEN;
    gvd_route route = {
        .closes_previous = plan->carrying,
        .opens = true,
        .closes_before = !open,
        .to_previous = open,
        .to_current = true,
        .shown_by_current = true,
    };
    plan->job_packets = 0;
    plan->carrying = plan->after_key = open;
    plan->key_pts = packet->pts;
    return route;
}

static gvd_route route_carried(gvd_plan *plan, const gvd_packet *packet)
{
    // The second field of the key picture, in a packet of its own.
    if (plan->after_key &&
        (packet->pts == GVD_NO_PTS || packet->pts == plan->key_pts))
        return (gvd_route){.to_previous = true,
                           .to_current = true,
                           .shown_by_current = !packet->discard};
    plan->after_key = false;
    if (packet->pts != GVD_NO_PTS && packet->pts < plan->key_pts)
        return (gvd_route){.to_previous = true,
                           .shown_by_previous = !packet->discard,
                           .to_current = !packet->skippable};
    plan->carrying = false;
    return (gvd_route){.closes_previous = true,
                       .to_current = true,
                       .shown_by_current = !packet->discard};
}

gvd_route gvd_plan_route(gvd_plan *plan, const gvd_packet *packet)
{
    gvd_route route;
    if (plan->job_packets == 0)
        route = (gvd_route){.opens = true,
                            .starts_stream = true,
                            .to_current = true,
                            .shown_by_current = !packet->discard};
    else if (may_cut(plan, packet))
        route = route_entry(plan, packet);
    else if (plan->carrying)
        route = route_carried(plan, packet);
    else
        route = (gvd_route){.to_current = true,
                            .shown_by_current = !packet->discard};
    note_packet(plan, packet);
    return route;
}
