// The index of a made-up stream.
#pragma once

#include "index.h"
#include "packets.h"

static inline gvd_index *build_index(const gvd_packet *packets, int count,
                                     bool one_to_one)
{
    gvd_media media = {.time_base = {1, 1000}, .average_frame_rate = {25, 1}};
    gvd_index *x = NULL;
    REQUIRE(gvd_index_create(&media, one_to_one, &x, NULL) == GVD_OK && x);
    gvd_plan plan;
    gvd_plan_init(&plan);
    for (int i = 0; i < count; i++) {
        gvd_route route = gvd_plan_route(&plan, &packets[i]);
        REQUIRE(gvd_index_push(x, &packets[i], &route, NULL) == GVD_OK);
    }
    REQUIRE(gvd_index_finish(x, NULL) == GVD_OK);
    REQUIRE(x->packet_count == count);
    return x;
}

// The frames that a decoder shows, of the first jobs of the model.
static inline gvd_index_frame *
decoded_frames(const gvd_packet *packets, const model *m, int jobs, int *count)
{
    gvd_index_frame *frames = new_array(m->frame_count, sizeof *frames);
    *count = 0;
    for (int i = 0; i < m->frame_count; i++) {
        const gvd_packet *p = &packets[m->frames[i]];
        if (m->frame_jobs[i] < jobs)
            frames[(*count)++] =
                (gvd_index_frame){p->ordinal, p->pts, p->duration};
    }
    return frames;
}

// What a scan does: decodes as far as packets cannot tell. The model's frames
// are those that are seen.
static inline void learn_frames(gvd_index *x, const gvd_packet *packets,
                                const model *m)
{
    if (x->trust == GVD_TRUST_PACKETS)
        return;
    bool first = x->trust == GVD_TRUST_ALL_BUT_FIRST && x->job_count > 1;
    int count;
    gvd_index_frame *frames =
        decoded_frames(packets, m, first ? 1 : m->job_count, &count);
    REQUIRE(gvd_index_correct(x, frames, count, NULL) == GVD_OK);
    free(frames);
}
