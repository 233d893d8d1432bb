// The packets of a made-up stream, and which frames they are by a plain model.
#pragma once

#include "gops.h"
#include "plan.h"

static inline gvd_packet packet_of(const gops *g, int number)
{
    const picture *p = &g->list[number];
    return (gvd_packet){
        .ordinal = number,
        .pts = p->pts,
        .dts = number * g->pts_step,
        .duration = g->pts_step,
        .position = 1000 + number * INT64_C(777),
        .file_size = 1 + (size_t)number * 31 % 5000,
        .key = p->key,
        .discard = p->discard,
        .skippable = p->skippable,
        .parameters = p->parameters,
        .all_parameters = p->all_parameters,
        .field = p->field,
        .second_field = p->second_field,
        .disposable = p->disposable,
        .entry = p->entry,
    };
}

// All of them, to be spoilt; the caller frees.
static inline gvd_packet *make_packets(const gops *g)
{
    gvd_packet *packets = calloc((size_t)g->count + 1, sizeof *packets);
    REQUIRE(packets);
    for (int i = 0; i < g->count; i++)
        packets[i] = packet_of(g, i);
    return packets;
}

// --- the model ---

typedef struct model_job {
    int first;          // packet
    int end;            // behind its last packet
    bool *sent, *shown; // by packet
} model_job;

typedef struct model {
    int packet_count, job_count, frame_count;
    gvd_route *routes;
    model_job *jobs;
    int *frames;     // the packet of each, in presentation order
    int *frame_jobs; // the job that shows it
} model;

static inline void *new_array(int count, size_t size)
{
    void *array = calloc((size_t)count + 1, size);
    REQUIRE(array);
    return array;
}

static inline void send_to_job(model *m, int number, int packet, bool shown)
{
    REQUIRE(number >= 0);
    model_job *j = &m->jobs[number];
    j->sent[packet] = true;
    j->shown[packet] = shown;
    j->end = packet + 1;
}

static inline void cut_into_jobs(model *m, const gvd_packet *packets)
{
    gvd_plan plan;
    gvd_plan_init(&plan);
    for (int i = 0; i < m->packet_count; i++) {
        gvd_route route = m->routes[i] = gvd_plan_route(&plan, &packets[i]);
        if (route.opens)
            m->jobs[m->job_count++] = (model_job){
                .first = i,
                .sent = new_array(m->packet_count, sizeof(bool)),
                .shown = new_array(m->packet_count, sizeof(bool)),
            };
        if (route.to_previous)
            send_to_job(m, m->job_count - 2, i, route.shown_by_previous);
        if (route.to_current)
            send_to_job(m, m->job_count - 1, i, route.shown_by_current);
    }
}

// Frames are in the order of their time, whatever the jobs are.
static inline void order_frames(model *m, const gvd_packet *packets)
{
    for (int i = 0; i < m->packet_count; i++) {
        if (packets[i].discard || packets[i].second_field)
            continue;
        int at = m->frame_count++;
        for (; at > 0 && packets[m->frames[at - 1]].pts > packets[i].pts; at--)
            m->frames[at] = m->frames[at - 1];
        m->frames[at] = i;
    }
}

static inline model make_model(const gvd_packet *packets, int count)
{
    model m = {
        .packet_count = count,
        .routes = new_array(count, sizeof(gvd_route)),
        .jobs = new_array(count, sizeof(model_job)),
        .frames = new_array(count, sizeof(int)),
        .frame_jobs = new_array(count, sizeof(int)),
    };
    cut_into_jobs(&m, packets);
    order_frames(&m, packets);
    for (int i = 0; i < m.frame_count; i++) {
        int job = 0;
        while (job < m.job_count && !m.jobs[job].shown[m.frames[i]])
            job++;
        REQUIRE(job < m.job_count);
        m.frame_jobs[i] = job;
    }
    return m;
}

static inline void free_model(model *m)
{
    for (int i = 0; i < m->job_count; i++) {
        free(m->jobs[i].sent);
        free(m->jobs[i].shown);
    }
    free(m->routes);
    free(m->jobs);
    free(m->frames);
    free(m->frame_jobs);
}

// Leaves out the frames that a decoder does not show.
static inline void keep_seen_frames(model *m, const gops *g)
{
    int kept = 0;
    for (int i = 0; i < m->frame_count; i++) {
        if (!is_seen(g, m->frames[i]))
            continue;
        m->frames[kept] = m->frames[i];
        m->frame_jobs[kept++] = m->frame_jobs[i];
    }
    m->frame_count = kept;
}
