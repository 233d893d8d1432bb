// The index while it is built: packets come in file order, frames are put in
// presentation order job by job.
#include <stdlib.h>

#include "index.h"

// Frames of a job whose packets are still coming.
struct gvd_index_waiting {
    gvd_index_frame *frames;
    int64_t count, capacity;
};

int gvd_index_create(const gvd_media *media, bool one_to_one, gvd_index **out,
                     gvd_error *err)
{
    gvd_index *x = calloc(1, sizeof *x);
    if (x) {
        x->previous = calloc(1, sizeof *x->previous);
        x->current = calloc(1, sizeof *x->current);
    }
    if (!x || !x->previous || !x->current) {
        gvd_index_unref(&x);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    gvd_ref_init(&x->ref);
    gvd_timeline_init(&x->timeline, media);
    gvd_judge_init(&x->judge, one_to_one);
    x->end = GVD_NO_PTS;
    *out = x;
    return GVD_OK;
}

static void free_waiting(gvd_index_waiting **waiting)
{
    if (*waiting)
        free((*waiting)->frames);
    free(*waiting);
    *waiting = NULL;
}

void gvd_index_free_building(gvd_index *index)
{
    free_waiting(&index->previous);
    free_waiting(&index->current);
    gvd_timeline_free(&index->timeline);
}

// Makes room for one more element behind `count`.
static int grow(void *array, int64_t count, int64_t *capacity, size_t size,
                gvd_error *err)
{
    if (count < *capacity)
        return GVD_OK;
    void **at = array;
    int64_t wanted = *capacity + *capacity / 2 + 64;
    void *grown = realloc(*at, (size_t)wanted * size);
    if (!grown)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    *at = grown;
    *capacity = wanted;
    return GVD_OK;
}

// --- frames ---

// The place of a duration in the table.
uint8_t gvd_index_find_duration(gvd_index *index, int64_t duration)
{
    int64_t at = index->duration_count;
    while (at > 0 && index->durations[at - 1] != duration)
        at--;
    if (at > 0)
        return (uint8_t)(at - 1);
    if (index->duration_count == GVD_INDEX_DURATIONS)
        return GVD_INDEX_DURATIONS;
    index->durations[index->duration_count] = duration;
    return (uint8_t)index->duration_count++;
}

int gvd_index_add_frame(gvd_index *index, const gvd_index_frame *frame,
                        gvd_error *err)
{
    gvd_index *x = index;
    int64_t capacity = x->frame_capacity;
    int rc = grow(&x->frame_packets, x->frame_count, &capacity,
                  sizeof *x->frame_packets, err);
    capacity = x->frame_capacity;
    if (rc == GVD_OK)
        rc = grow(&x->frame_durations, x->frame_count, &capacity,
                  sizeof *x->frame_durations, err);
    if (rc == GVD_OK)
        rc = grow(&x->pts, x->frame_count, &x->frame_capacity, sizeof *x->pts,
                  err);
    if (rc < 0)
        return rc;
    x->pts[x->frame_count] = frame->pts;
    x->frame_packets[x->frame_count] = (uint32_t)frame->ordinal;
    x->frame_durations[x->frame_count] =
        gvd_index_find_duration(x, frame->duration);
    x->frame_count++;
    x->last_duration = frame->duration;
    return GVD_OK;
}

// Gives frames their final times, as sequential reading does.
static void settle_times(gvd_index *x, bool all)
{
    while (x->timed < x->frame_count &&
           (all || gvd_timeline_is_ready(&x->timeline, x->pts[x->timed]))) {
        x->pts[x->timed] = gvd_timeline_next(&x->timeline, x->pts[x->timed]);
        x->timed++;
    }
}

static int by_time(const void *left, const void *right)
{
    const gvd_index_frame *a = left, *b = right;
    if (a->pts != b->pts)
        return a->pts < b->pts ? -1 : 1;
    return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

static int flush(gvd_index *x, gvd_index_waiting *waiting, gvd_error *err)
{
    int rc = GVD_OK;
    if (waiting->count > 1)
        qsort(waiting->frames, (size_t)waiting->count, sizeof *waiting->frames,
              by_time);
    for (int64_t i = 0; rc == GVD_OK && i < waiting->count; i++)
        rc = gvd_index_add_frame(x, &waiting->frames[i], err);
    waiting->count = 0;
    settle_times(x, false);
    return rc;
}

static int wait_frame(gvd_index_waiting *waiting, const gvd_packet *packet,
                      gvd_error *err)
{
    int rc = grow(&waiting->frames, waiting->count, &waiting->capacity,
                  sizeof *waiting->frames, err);
    if (rc == GVD_OK)
        waiting->frames[waiting->count++] =
            (gvd_index_frame){packet->ordinal, packet->pts, packet->duration};
    return rc;
}

// --- packets ---

static int open_job(gvd_index *x, const gvd_packet *packet, gvd_error *err)
{
    int rc =
        grow(&x->jobs, x->job_count, &x->job_capacity, sizeof *x->jobs, err);
    if (rc == GVD_OK)
        rc = flush(x, x->previous, err);
    if (rc < 0)
        return rc;
    x->jobs[x->job_count++] = (gvd_index_job){
        .packet = packet->ordinal,
        // What waits is shown before this job; gvd_index_finish knows the rest.
        .frame = x->frame_count + x->current->count,
        .pts = packet->pts,
        .dts = packet->dts,
        .position = packet->position,
    };
    gvd_index_waiting *empty = x->previous;
    x->previous = x->current;
    x->current = empty;
    return GVD_OK;
}

static int flags_of(gvd_index *x, const gvd_packet *packet,
                    const gvd_route *route)
{
    int flags = 0;
    flags |= route->opens ? GVD_PACKET_OPENS : 0;
    flags |= route->to_previous ? GVD_PACKET_TO_PREVIOUS : 0;
    flags |= route->shown_by_previous ? GVD_PACKET_SHOWN_BY_PREVIOUS : 0;
    flags |= route->to_current ? GVD_PACKET_TO_CURRENT : 0;
    flags |= route->shown_by_current ? GVD_PACKET_SHOWN_BY_CURRENT : 0;
    flags |= packet->key ? GVD_PACKET_KEY : 0;
    if (packet->layer > x->highest_layer) {
        for (int64_t i = 0; i < x->packet_count; i++)
            x->packets[i] &= (uint16_t)~GVD_PACKET_DISPOSABLE;
        x->highest_layer = packet->layer;
    }
    if (packet->field)
        flags |= GVD_PACKET_FIELD;
    else if (packet->disposable && packet->layer == x->highest_layer)
        flags |= GVD_PACKET_DISPOSABLE;
    return flags;
}

static int route_frame(gvd_index *x, const gvd_packet *packet,
                       const gvd_route *route, gvd_error *err)
{
    int rc = GVD_OK;
    if (route->opens)
        rc = open_job(x, packet, err);
    if (rc < 0)
        return rc;
    gvd_index_job *job = &x->jobs[x->job_count - 1];
    if (route->to_previous)
        job[-1].next_packet = packet->ordinal + 1;
    if (route->to_current)
        job->next_packet = packet->ordinal + 1;
    if ((!route->shown_by_previous && !route->shown_by_current) ||
        packet->second_field)
        return GVD_OK;
    rc = gvd_timeline_push(&x->timeline, packet, false, err);
    if (rc == GVD_OK && route->shown_by_previous) {
        job->frame++;
        rc = wait_frame(x->previous, packet, err);
    }
    if (rc == GVD_OK && route->shown_by_current)
        rc = wait_frame(x->current, packet, err);
    return rc;
}

int gvd_index_push(gvd_index *index, const gvd_packet *packet,
                   const gvd_route *route, gvd_error *err)
{
    gvd_index *x = index;
    if (x->packet_count == UINT32_MAX)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "it has more packets than an index can hold; "
                        "batches() reads it in order");
    int rc = grow(&x->packets, x->packet_count, &x->packet_capacity,
                  sizeof *x->packets, err);
    if (rc < 0)
        return rc;
    gvd_judge_packet(&x->judge, packet);
    x->packets[x->packet_count++] =
        (uint16_t)(flags_of(x, packet, route) | (packet->file_size & 255) << 8);
    return route_frame(x, packet, route, err);
}

static void fit(void *array, int64_t count, size_t size)
{
    void **at = array;
    void *fitted = count > 0 ? realloc(*at, (size_t)count * size) : NULL;
    *at = fitted ? fitted : *at;
}

// Gives back the room for more; gvd_index_correct may need it again.
static void fit_arrays(gvd_index *x)
{
    fit(&x->packets, x->packet_count, sizeof *x->packets);
    fit(&x->pts, x->frame_count, sizeof *x->pts);
    fit(&x->frame_packets, x->frame_count, sizeof *x->frame_packets);
    fit(&x->frame_durations, x->frame_count, sizeof *x->frame_durations);
    fit(&x->jobs, x->job_count, sizeof *x->jobs);
    x->packet_capacity = x->packet_count;
    x->frame_capacity = x->frame_count;
    x->job_capacity = x->job_count;
}

// What a decoder shows of packets that are not trusted may depend on all of
// them: none is left out.
static void keep_untrusted(gvd_index *x)
{
    int64_t end = x->trust == GVD_TRUST_NOTHING ? x->packet_count : 0;
    if (x->trust == GVD_TRUST_ALL_BUT_FIRST)
        end = x->jobs[0].next_packet;
    for (int64_t i = 0; i < end; i++)
        x->packets[i] &= (uint16_t)~GVD_PACKET_DISPOSABLE;
}

int gvd_index_finish(gvd_index *index, gvd_error *err)
{
    gvd_index *x = index;
    int rc = flush(x, x->previous, err);
    if (rc == GVD_OK)
        rc = flush(x, x->current, err);
    settle_times(x, true);
    x->trust =
        x->timeline.irregular == INT64_MAX ? x->judge.trust : GVD_TRUST_NOTHING;
    keep_untrusted(x);
    gvd_index_free_building(x);
    fit_arrays(x);
    gvd_index_note_end(x);
    return rc;
}
