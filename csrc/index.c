#include "index.h"

#include <stdlib.h>
#include <string.h>

void gvd_index_init(gvd_index *index, const gvd_media *media)
{
    *index = (gvd_index){
        .time_base = media->time_base,
        .frame_rate = media->average_frame_rate,
        .last = GVD_NO_PTS,
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
    int64_t seen = index->packets;
    if (seen > GVD_INDEX_WINDOW)
        seen = GVD_INDEX_WINDOW;
    for (int64_t i = 0; i < seen; i++)
        if (index->recent[i] == time)
            index->irregular = true;
    if (pts == GVD_NO_PTS)
        index->irregular = true;
    index->recent[index->packets % GVD_INDEX_WINDOW] = time;
}

int gvd_index_push(gvd_index *index, int64_t pts, int64_t dts, gvd_error *err)
{
    int64_t time = pts != GVD_NO_PTS ? pts : dts;
    note_regularity(index, pts, time);
    int rc = make_room(index, err);
    if (rc < 0)
        return rc;
    index->packets++;
    if (time != GVD_NO_PTS)
        index->any = true;
    index->ahead[index->ahead_start + index->ahead_count++] = time;
    return GVD_OK;
}

static bool is_regular(const gvd_index *index, int64_t pts)
{
    return !index->irregular && pts != GVD_NO_PTS &&
           (index->last == GVD_NO_PTS || pts > index->last);
}

bool gvd_index_is_ready(const gvd_index *index, int64_t pts)
{
    bool near = is_regular(index, pts) || !index->any;
    return index->packets >=
           index->frames + (near ? GVD_INDEX_AHEAD : GVD_INDEX_WINDOW);
}

// Moves the times of no more than `reach` packets beyond the frames into the
// window: no further than every reading of the file has come by now.
static void fill_window(gvd_index *index, int reach)
{
    while (index->ahead_count > 0 && index->windowed < index->frames + reach &&
           index->window_count < GVD_INDEX_WINDOW) {
        int64_t time = index->ahead[index->ahead_start++];
        index->ahead_count--;
        index->windowed++;
        if (time != GVD_NO_PTS)
            index->window[index->window_count++] = time;
    }
}

static int smallest(const gvd_index *index)
{
    int at = 0;
    for (int i = 1; i < index->window_count; i++)
        if (index->window[i] < index->window[at])
            at = i;
    return at;
}

static int64_t take_window(gvd_index *index, int at)
{
    int64_t time = index->window[at];
    index->window[at] = index->window[--index->window_count];
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
    int64_t time = GVD_NO_PTS;
    if (!index->any) {
        time = counted(index);
        fill_window(index, GVD_INDEX_AHEAD); // nothing but the count
    } else if (is_regular(index, pts)) {
        // Its own; older times belonged to packets that gave no frame.
        time = pts;
        fill_window(index, GVD_INDEX_AHEAD);
        while (index->window_count > 0 &&
               index->window[smallest(index)] <= time)
            take_window(index, smallest(index));
    } else {
        fill_window(index, GVD_INDEX_WINDOW);
        if (index->window_count > 0)
            time = take_window(index, smallest(index));
        if (index->last != GVD_NO_PTS && time < index->last)
            time = index->last;
    }
    index->frames++;
    if (time != GVD_NO_PTS)
        index->last = time;
    return time;
}
