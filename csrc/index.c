#include "index.h"

#include <stdlib.h>
#include <string.h>

void gvd_index_init(gvd_index *index, const gvd_media *media)
{
    *index = (gvd_index){
        .time_base = media->time_base,
        .frame_rate = media->average_frame_rate,
        .last = GVD_NO_PTS,
        .first_time = INT64_MAX,
        .irregular = INT64_MAX,
    };
}

void gvd_index_free(gvd_index *index)
{
    free(index->ahead);
    index->ahead = NULL;
}

// Room for one more in `ahead`.
static int make_room(gvd_index *index, gvd_error *err)
{
    if (index->ahead_start + index->ahead_count < index->ahead_capacity)
        return GVD_OK;
    if (index->ahead_start <= index->ahead_count) {
        size_t capacity = index->ahead_capacity * 2 + 64;
        int64_t *grown = realloc(index->ahead, capacity * sizeof *grown);
        if (!grown)
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        index->ahead = grown;
        index->ahead_capacity = capacity;
    }
    memmove(index->ahead, index->ahead + index->ahead_start,
            index->ahead_count * sizeof *index->ahead);
    index->ahead_start = 0;
    return GVD_OK;
}

static void note_regularity(gvd_index *index, int64_t pts, int64_t time)
{
    int64_t number = index->packets, seen = number;
    if (seen > GVD_INDEX_WINDOW)
        seen = GVD_INDEX_WINDOW;
    bool irregular = pts == GVD_NO_PTS;
    for (int64_t i = 0; i < seen; i++)
        irregular |= index->recent[i] == time;
    if (irregular && number < index->irregular)
        index->irregular = number;
    if (time != GVD_NO_PTS && number < index->first_time)
        index->first_time = number;
    index->recent[number % GVD_INDEX_WINDOW] = time;
}

int gvd_index_push(gvd_index *index, int64_t pts, int64_t dts, gvd_error *err)
{
    int rc = make_room(index, err);
    if (rc < 0)
        return rc;
    int64_t time = pts != GVD_NO_PTS ? pts : dts;
    note_regularity(index, pts, time);
    index->packets++;
    index->ahead[index->ahead_start + index->ahead_count++] = time;
    return GVD_OK;
}

// What these two say rests on the packets that gvd_index_is_ready waits for and
// on no later ones, so that every reading of the file gives the same times.
static bool has_times(const gvd_index *index)
{
    return index->first_time < index->frames + GVD_INDEX_AHEAD;
}

static bool is_regular(const gvd_index *index, int64_t pts)
{
    return index->irregular >= index->frames + GVD_INDEX_AHEAD &&
           pts != GVD_NO_PTS &&
           (index->last == GVD_NO_PTS || pts > index->last);
}

bool gvd_index_is_ready(const gvd_index *index, int64_t pts)
{
    if (index->packets < index->frames + GVD_INDEX_AHEAD)
        return false;
    return is_regular(index, pts) || !has_times(index) ||
           index->ahead_count >= GVD_INDEX_WINDOW;
}

static void drop_front(gvd_index *index, size_t count)
{
    if (count > index->ahead_count)
        count = index->ahead_count;
    index->ahead_start += count;
    index->ahead_count -= count;
}

// The frame has its packet's own timestamp. What stands before that packet and
// is not later belonged to packets that gave no frame.
static void take_own(gvd_index *index, int64_t time)
{
    int64_t *ahead = index->ahead + index->ahead_start;
    size_t own = 0, kept = 0;
    while (own < index->ahead_count && ahead[own] != time)
        own++;
    if (own == index->ahead_count)
        return;
    for (size_t i = own; i-- > 0;)
        if (ahead[i] > time)
            ahead[own - kept++] = ahead[i];
    drop_front(index, own + 1 - kept);
}

// The smallest of the next packets', or GVD_NO_PTS if they have none.
static int64_t take_smallest(gvd_index *index)
{
    int64_t *ahead = index->ahead + index->ahead_start;
    size_t known = index->ahead_count < GVD_INDEX_WINDOW ? index->ahead_count
                                                         : GVD_INDEX_WINDOW;
    if (known == 0)
        return GVD_NO_PTS;
    size_t at = 0;
    for (size_t i = 1; i < known; i++)
        if (ahead[i] != GVD_NO_PTS &&
            (ahead[at] == GVD_NO_PTS || ahead[i] < ahead[at]))
            at = i;
    int64_t time = ahead[at];
    for (; at > 0; at--)
        ahead[at] = ahead[at - 1];
    drop_front(index, 1);
    return time;
}

// number / frame rate, in the stream's time base, rounded to the nearest.
static int64_t counted(const gvd_index *index)
{
    gvd_rational tb = index->time_base, rate = index->frame_rate;
    if (rate.num <= 0 || rate.den <= 0 || tb.num <= 0 || tb.den <= 0)
        return GVD_NO_PTS;
    __int128 top = (__int128)index->frames * rate.den * tb.den;
    __int128 bottom = (__int128)rate.num * tb.num;
    return (int64_t)((top + bottom / 2) / bottom);
}

int64_t gvd_index_next(gvd_index *index, int64_t pts)
{
    int64_t time = pts;
    if (!has_times(index)) {
        time = counted(index);
        drop_front(index, 1);
    } else if (is_regular(index, pts)) {
        take_own(index, pts);
    } else {
        time = take_smallest(index);
        if (index->last != GVD_NO_PTS && time < index->last)
            time = index->last;
    }
    index->frames++;
    if (time != GVD_NO_PTS)
        index->last = time;
    return time;
}
