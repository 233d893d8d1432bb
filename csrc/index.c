#include "index.h"

#include <stdlib.h>

gvd_index *gvd_index_ref(gvd_index *index)
{
    gvd_ref_get(&index->ref);
    return index;
}

void gvd_index_unref(gvd_index **index)
{
    gvd_index *x = *index;
    *index = NULL;
    if (!x || !gvd_ref_put(&x->ref))
        return;
    gvd_index_free_building(x);
    free(x->packets);
    free(x->pts);
    free(x->frame_packets);
    free(x->frame_durations);
    free(x->jobs);
    free(x);
}

int64_t gvd_index_find_job(const gvd_index *index, int64_t frame)
{
    int64_t low = 0, high = index->job_count; // jobs[low] begins at or before
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (index->jobs[middle].frame <= frame)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool gvd_index_is_key(const gvd_index *index, int64_t frame)
{
    return !index->counted &&
           gvd_index_flags(index, index->frame_packets[frame]) & GVD_PACKET_KEY;
}

int64_t gvd_index_duration(const gvd_index *index, int64_t frame,
                           int64_t otherwise)
{
    int at = index->frame_durations[frame];
    return at < GVD_INDEX_DURATIONS ? index->durations[at] : otherwise;
}

int64_t gvd_index_bytes(const gvd_index *index)
{
    return (int64_t)sizeof *index +
           index->packet_count * (int64_t)sizeof *index->packets +
           index->frame_count *
               (int64_t)(sizeof *index->pts + sizeof *index->frame_packets +
                         sizeof *index->frame_durations) +
           index->job_count * (int64_t)sizeof *index->jobs;
}

void gvd_index_note_end(gvd_index *index)
{
    int64_t last = index->frame_count - 1;
    // The file's numbers may add up to none.
    if (last < 0 || index->pts[last] == GVD_NO_PTS ||
        __builtin_add_overflow(index->pts[last], index->last_duration,
                               &index->end))
        index->end = GVD_NO_PTS;
}

// --- what decoding showed ---

int64_t gvd_index_job_at(const gvd_index *index, int64_t packet)
{
    int64_t low = 0, high = index->job_count; // jobs[low] begins at or before
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (index->jobs[middle].packet <= packet)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t gvd_index_job_of_packet(const gvd_index *index, int64_t packet)
{
    int flags = gvd_index_flags(index, packet);
    return gvd_index_job_at(index, packet) -
           (flags & GVD_PACKET_SHOWN_BY_PREVIOUS ? 1 : 0);
}

// Frames that packets can tell come job after job, one of each packet.
static bool follow_jobs(const gvd_index *x, const gvd_index_frame *frames,
                        int64_t count)
{
    int64_t job = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t packet = frames[i].ordinal;
        if (packet < 0 || packet >= x->packet_count ||
            !(gvd_index_flags(x, packet) & GVD_PACKET_SHOWN) ||
            gvd_index_job_of_packet(x, packet) < job)
            return false;
        job = gvd_index_job_of_packet(x, packet);
    }
    return true;
}

// True if two frames claim the same packet. Sets a bit for each.
static int repeats(const gvd_index *x, const gvd_index_frame *frames,
                   int64_t count, bool *repeated, gvd_error *err)
{
    uint8_t *seen = calloc((size_t)(x->packet_count + 8) / 8, 1);
    if (!seen)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    *repeated = false;
    for (int64_t i = 0; i < count; i++) {
        int64_t packet = frames[i].ordinal;
        *repeated |= seen[packet / 8] >> packet % 8 & 1;
        seen[packet / 8] |= (uint8_t)(1 << packet % 8);
    }
    free(seen);
    return GVD_OK;
}

static int replace_all(gvd_index *x, const gvd_index_frame *frames,
                       int64_t count, gvd_error *err)
{
    bool repeated = true;
    int rc = GVD_OK;
    x->counted = !follow_jobs(x, frames, count);
    if (!x->counted)
        rc = repeats(x, frames, count, &repeated, err);
    x->counted |= repeated;
    x->frame_count = 0;
    for (int64_t i = 0; rc == GVD_OK && i < count; i++)
        rc = gvd_index_add_frame(x, &frames[i], err);
    int64_t at = 0;
    for (int64_t j = 0; j < x->job_count; j++) {
        while (!x->counted && at < count &&
               gvd_index_job_of_packet(x, frames[at].ordinal) < j)
            at++;
        x->jobs[j].frame = j > 0 && x->counted ? count : at;
    }
    return rc;
}

// The other jobs' frames move down by what the first does not show.
static int replace_first(gvd_index *x, const gvd_index_frame *frames,
                         int64_t count, gvd_error *err)
{
    int64_t old = x->job_count > 1 ? x->jobs[1].frame : x->frame_count;
    int64_t lost = old - count;
    if (lost < 0)
        return gvd_fail(err, GVD_ERR_INTERNAL, "more frames than packets");
    for (int64_t i = 0; i < count; i++) {
        x->pts[i] = frames[i].pts;
        x->frame_packets[i] = (uint32_t)frames[i].ordinal;
        x->frame_durations[i] = gvd_index_find_duration(x, frames[i].duration);
    }
    for (int64_t i = old; i < x->frame_count; i++) {
        x->pts[i - lost] = x->pts[i];
        x->frame_packets[i - lost] = x->frame_packets[i];
        x->frame_durations[i - lost] = x->frame_durations[i];
    }
    x->frame_count -= lost;
    for (int64_t j = 1; j < x->job_count; j++)
        x->jobs[j].frame -= lost;
    return GVD_OK;
}

int gvd_index_correct(gvd_index *index, const gvd_index_frame *frames,
                      int64_t count, gvd_error *err)
{
    gvd_index *x = index;
    int rc = x->trust == GVD_TRUST_ALL_BUT_FIRST && x->job_count > 1
                 ? replace_first(x, frames, count, err)
                 : replace_all(x, frames, count, err);
    if (rc == GVD_OK)
        gvd_index_note_end(x);
    return rc;
}
