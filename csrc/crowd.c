#include "crowd.h"

#include <stddef.h>

#include "thread.h"

#define YOUNG_SECONDS 2.0   // longer than a clip takes
#define MOVING_SECONDS 0.3  // since somebody left
#define LONGEST_SECONDS 1.0 // that anybody waits

static void take_out(gvd_crowd *crowd, gvd_crowd_member *member)
{
    gvd_crowd_member **at = &crowd->eldest;
    while (*at != member)
        at = &(*at)->younger;
    *at = member->younger;
    member->young = false;
    crowd->young_count--;
}

void gvd_crowd_add(gvd_crowd *crowd, gvd_crowd_member *member)
{
    if (member->present)
        return;
    gvd_crowd_member **at = &crowd->eldest;
    while (*at)
        at = &(*at)->younger;
    *member = (gvd_crowd_member){true, true, gvd_seconds(), NULL};
    *at = member;
    crowd->young_count++;
}

void gvd_crowd_remove(gvd_crowd *crowd, gvd_crowd_member *member)
{
    if (member->young)
        take_out(crowd, member);
    member->present = false;
    crowd->left = gvd_seconds();
}

bool gvd_crowd_is_full(gvd_crowd *crowd, double since)
{
    if (crowd->most == 0)
        return false;
    const double now = gvd_seconds();
    while (crowd->eldest && now - crowd->eldest->began > YOUNG_SECONDS)
        take_out(crowd, crowd->eldest);
    return crowd->young_count >= crowd->most &&
           now - crowd->left < MOVING_SECONDS && now - since < LONGEST_SECONDS;
}
