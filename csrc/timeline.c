#include "timeline.h"

#include <stdlib.h>
#include <string.h>

// Packets before a frame's own whose frames come after it: more than any codec
// has, whatever the timestamps say.
#define LATER_MAX ((size_t)256)

void gvd_timeline_init(gvd_timeline *timeline, const gvd_media *media)
{
    *timeline = (gvd_timeline){
        .time_base = media->time_base,
        .frame_rate = media->average_frame_rate,
        .last = GVD_NO_PTS,
        .first_time = INT64_MAX,
        .irregular = INT64_MAX,
    };
}

void gvd_timeline_free(gvd_timeline *timeline)
{
    free(timeline->ahead);
    timeline->ahead = NULL;
}

// Room for one more in `ahead`.
static int make_room(gvd_timeline *timeline, gvd_error *err)
{
    if (timeline->ahead_start + timeline->ahead_count <
        timeline->ahead_capacity)
        return GVD_OK;
    if (timeline->ahead_start <= timeline->ahead_count) {
        size_t capacity = timeline->ahead_capacity * 2 + 64;
        void *grown =
            realloc(timeline->ahead, capacity * sizeof *timeline->ahead);
        if (!grown)
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        timeline->ahead = grown;
        timeline->ahead_capacity = capacity;
    }
    memmove(timeline->ahead, timeline->ahead + timeline->ahead_start,
            timeline->ahead_count * sizeof *timeline->ahead);
    timeline->ahead_start = 0;
    return GVD_OK;
}

static void note_regularity(gvd_timeline *timeline, int64_t pts, int64_t time)
{
    int64_t number = timeline->packets, seen = number;
    if (seen > GVD_TIMELINE_WINDOW)
        seen = GVD_TIMELINE_WINDOW;
    bool irregular = pts == GVD_NO_PTS;
    for (int64_t back = 1; back <= seen; back++) {
        int64_t other = timeline->recent[(number - back) % GVD_TIMELINE_WINDOW];
        irregular |= other == time;
        if (other > time && back > timeline->spread)
            timeline->spread = (int)back;
    }
    if (irregular && number < timeline->irregular)
        timeline->irregular = number;
    if (time != GVD_NO_PTS && number < timeline->first_time)
        timeline->first_time = number;
    timeline->recent[number % GVD_TIMELINE_WINDOW] = time;
}

int gvd_timeline_push(gvd_timeline *timeline, const gvd_packet *packet,
                      bool numbered, gvd_error *err)
{
    int rc = make_room(timeline, err);
    if (rc < 0)
        return rc;
    int64_t time = packet->pts != GVD_NO_PTS ? packet->pts : packet->dts;
    note_regularity(timeline, packet->pts, time);
    if (packet->pts == GVD_NO_PTS && packet->picture_type == 'B')
        timeline->spread = GVD_TIMELINE_WINDOW;
    timeline->packets++;
    timeline->ahead[timeline->ahead_start + timeline->ahead_count++] =
        (gvd_timeline_packet){time, numbered};
    return GVD_OK;
}

// What these say rests on the packets that gvd_timeline_is_ready waits for and
// on no later ones, so that every reading of the file gives the same times.
static bool has_times(const gvd_timeline *timeline)
{
    return timeline->first_time < timeline->frames + GVD_TIMELINE_WINDOW;
}

static bool is_regular(const gvd_timeline *timeline, int64_t pts)
{
    return timeline->irregular >= timeline->frames + GVD_TIMELINE_AHEAD &&
           pts != GVD_NO_PTS;
}

static bool is_later(const gvd_timeline *timeline, int64_t pts)
{
    return timeline->last == GVD_NO_PTS || pts > timeline->last;
}

// The place in `ahead` of the packet with this time, or ahead_count. A later
// frame may have taken it along: no packet that has the same time much later
// stands in for it, and none behind more later ones than any codec reorders.
static size_t find_own(const gvd_timeline *timeline, int64_t time)
{
    const gvd_timeline_packet *ahead = timeline->ahead + timeline->ahead_start;
    size_t known = timeline->ahead_count, own = 0, later = 0;
    if (!is_later(timeline, time) && known > GVD_TIMELINE_WINDOW)
        known = GVD_TIMELINE_WINDOW;
    for (; own < known && ahead[own].time != time && later < LATER_MAX; own++)
        later += ahead[own].time > time;
    bool found = own < known && ahead[own].time == time && time != GVD_NO_PTS;
    return found ? own : timeline->ahead_count;
}

// Packets that must be known before the time and number of a frame are given.
static int64_t packets_needed(const gvd_timeline *timeline, int64_t pts)
{
    const size_t behind = timeline->ahead_count - find_own(timeline, pts);
    const int64_t place = timeline->packets - (int64_t)behind;
    const bool far = behind > 0 && place > timeline->frames;
    return (far ? place : timeline->frames) + GVD_TIMELINE_AHEAD;
}

bool gvd_timeline_is_ready(const gvd_timeline *timeline, int64_t pts)
{
    if (timeline->packets < packets_needed(timeline, pts))
        return false;
    if (is_regular(timeline, pts) && is_later(timeline, pts))
        return true;
    return has_times(timeline)
               ? timeline->ahead_count >= GVD_TIMELINE_WINDOW
               : timeline->packets >= timeline->frames + GVD_TIMELINE_WINDOW;
}

bool gvd_timeline_is_sure(const gvd_timeline *timeline, int64_t pts)
{
    const gvd_timeline_packet *ahead = timeline->ahead + timeline->ahead_start;
    const size_t spread = (size_t)timeline->spread;
    if (pts == GVD_NO_PTS)
        return spread == 0 ||
               timeline->packets >= timeline->frames + GVD_TIMELINE_WINDOW;
    for (size_t i = 0; i + spread < timeline->ahead_count; i++)
        if (ahead[i].time >= pts)
            return true;
    return false;
}

static void drop_front(gvd_timeline *timeline, size_t count)
{
    if (count > timeline->ahead_count)
        count = timeline->ahead_count;
    timeline->ahead_start += count;
    timeline->ahead_count -= count;
}

// Packets close behind a place whose frames should have come before.
static int64_t count_earlier(const gvd_timeline *timeline, size_t place,
                             int64_t time)
{
    const gvd_timeline_packet *ahead = timeline->ahead + timeline->ahead_start;
    int64_t count = 0;
    size_t end = place + GVD_TIMELINE_AHEAD; // known in any reading
    if (end > timeline->ahead_count)
        end = timeline->ahead_count;
    for (size_t i = place + 1; i < end; i++)
        count += ahead[i].numbered && ahead[i].time < time;
    return count;
}

static int64_t count_given_later(const gvd_timeline *timeline, int64_t time)
{
    int64_t count = 0;
    for (int i = 0; i < GVD_TIMELINE_WINDOW && i < timeline->frames; i++)
        count += timeline->given[i] > time;
    return count;
}

// The frame has its packet's own timestamp. What stands before that packet and
// is not later belonged to packets that gave no frame.
static void take_own(gvd_timeline *timeline, int64_t time)
{
    gvd_timeline_packet *ahead = timeline->ahead + timeline->ahead_start;
    const size_t own = find_own(timeline, time);
    if (own == timeline->ahead_count) {
        if (timeline->lost > 0 && !is_later(timeline, time)) {
            timeline->lost--; // it was not, after all
            timeline->number = timeline->frames + timeline->lost -
                               count_given_later(timeline, time);
        }
        return;
    }
    const bool numbered = ahead[own].numbered;
    const int64_t earlier = numbered ? count_earlier(timeline, own, time) : 0;
    size_t kept = 0;
    for (size_t i = own; i-- > 0;)
        if (ahead[i].time > time)
            ahead[own - kept++] = ahead[i];
        else
            timeline->lost += ahead[i].numbered && numbered;
    drop_front(timeline, own + 1 - kept);
    timeline->number = timeline->frames + timeline->lost + earlier;
}

// The smallest of the next packets', or GVD_NO_PTS if they have none.
static int64_t take_smallest(gvd_timeline *timeline)
{
    gvd_timeline_packet *ahead = timeline->ahead + timeline->ahead_start;
    size_t known = timeline->ahead_count < GVD_TIMELINE_WINDOW
                       ? timeline->ahead_count
                       : GVD_TIMELINE_WINDOW;
    if (known == 0)
        return GVD_NO_PTS;
    size_t at = 0;
    for (size_t i = 1; i < known; i++)
        if (ahead[i].time != GVD_NO_PTS &&
            (ahead[at].time == GVD_NO_PTS || ahead[i].time < ahead[at].time))
            at = i;
    int64_t time = ahead[at].time;
    for (; at > 0; at--)
        ahead[at] = ahead[at - 1];
    drop_front(timeline, 1);
    return time;
}

// number / frame rate, in the stream's time base, rounded to the nearest.
static int64_t counted(const gvd_timeline *timeline)
{
    gvd_rational tb = timeline->time_base, rate = timeline->frame_rate;
    if (rate.num <= 0 || rate.den <= 0 || tb.num <= 0 || tb.den <= 0)
        return GVD_NO_PTS;
    __int128 top = (__int128)timeline->frames * rate.den * tb.den;
    __int128 bottom = (__int128)rate.num * tb.num;
    return (int64_t)((top + bottom / 2) / bottom);
}

int64_t gvd_timeline_next(gvd_timeline *timeline, int64_t pts)
{
    int64_t time = pts;
    timeline->number = timeline->frames + timeline->lost;
    if (!has_times(timeline)) {
        time = counted(timeline);
        drop_front(timeline, 1);
    } else if (is_regular(timeline, pts)) {
        take_own(timeline, pts);
    } else {
        time = take_smallest(timeline);
    }
    timeline->given[timeline->frames % GVD_TIMELINE_WINDOW] = pts;
    timeline->frames++;
    if (timeline->last != GVD_NO_PTS && time < timeline->last)
        time = timeline->last;
    timeline->last = time;
    return time;
}
