#include "index_state.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(gvd_index_job) == 48, "written as six numbers");

gvd_index_state gvd_index_to_state(const gvd_index *index)
{
    return (gvd_index_state){
        .packets = index->packets,
        .packet_count = index->packet_count,
        .pts = index->pts,
        .frame_packets = index->frame_packets,
        .frame_count = index->frame_count,
        .jobs = index->jobs,
        .job_count = index->job_count,
        .frame_durations = index->frame_durations,
        .durations = index->durations,
        .duration_count = index->duration_count,
        .end = index->end,
        .trust = index->trust,
        .counted = index->counted,
    };
}

// Jobs follow one another in both orders and start with the file.
static bool has_sound_jobs(const gvd_index_state *s)
{
    if ((s->job_count == 0) != (s->packet_count == 0))
        return false;
    for (int64_t i = 0; i < s->job_count; i++) {
        const gvd_index_job *job = &s->jobs[i];
        int64_t packet = i > 0 ? job[-1].packet + 1 : 0;
        int64_t frame = i > 0 ? job[-1].frame : 0;
        if (job->packet < packet || job->packet >= s->packet_count ||
            job->frame < frame || job->frame > s->frame_count ||
            job->next_packet <= job->packet ||
            job->next_packet > s->packet_count ||
            !(s->packets[job->packet] & GVD_PACKET_OPENS))
            return false;
    }
    return s->job_count == 0 ||
           (s->jobs[0].packet == 0 && s->jobs[0].frame == 0);
}

// A packet goes only to jobs that there are, and is shown by one of them.
static bool has_sound_flags(int flags, bool opens, bool has_previous)
{
    bool to_previous = flags & GVD_PACKET_TO_PREVIOUS;
    bool to_current = flags & GVD_PACKET_TO_CURRENT;
    bool by_previous = flags & GVD_PACKET_SHOWN_BY_PREVIOUS;
    bool by_current = flags & GVD_PACKET_SHOWN_BY_CURRENT;
    return opens == !!(flags & GVD_PACKET_OPENS) && (to_current || !opens) &&
           (has_previous || !to_previous) && (to_previous || !by_previous) &&
           (to_current || !by_current) && !(by_previous && by_current);
}

// Packets go to the jobs that begin and end as it is said.
static bool has_sound_packets(const gvd_index_state *s)
{
    const gvd_index_job *jobs = s->jobs;
    int64_t job = -1, ends[2] = {0}; // of the job before, and of the job
    for (int64_t i = 0; i < s->packet_count; i++) {
        bool opens = job + 1 < s->job_count && jobs[job + 1].packet == i;
        if (opens && job > 0 && jobs[job - 1].next_packet != ends[0])
            return false;
        if (opens) {
            ends[0] = ends[1];
            job++;
        }
        if (!has_sound_flags(s->packets[i], opens, job > 0))
            return false;
        if (s->packets[i] & GVD_PACKET_TO_PREVIOUS)
            ends[0] = i + 1;
        if (s->packets[i] & GVD_PACKET_TO_CURRENT)
            ends[1] = i + 1;
    }
    return job < 0 || (jobs[job].next_packet == ends[1] &&
                       (job == 0 || jobs[job - 1].next_packet == ends[0]));
}

// Every frame is one that its job shows.
static bool has_sound_frames(const gvd_index_state *s, const gvd_index *x)
{
    for (int64_t i = 0; i < s->frame_count; i++) {
        int64_t packet = s->frame_packets[i];
        if (packet >= s->packet_count ||
            !(s->packets[packet] & GVD_PACKET_SHOWN) ||
            (s->frame_durations[i] >= s->duration_count &&
             s->frame_durations[i] != GVD_INDEX_DURATIONS) ||
            gvd_index_job_of_packet(x, packet) != gvd_index_find_job(x, i))
            return false;
    }
    return true;
}

static void *copy(const void *from, int64_t count, size_t size)
{
    void *to = malloc(((size_t)count + 1) * size);
    if (to && count > 0)
        memcpy(to, from, (size_t)count * size);
    return to;
}

int gvd_index_from_state(const gvd_index_state *state, gvd_index **out,
                         gvd_error *err)
{
    const gvd_index_state *s = state;
    if (s->packet_count > UINT32_MAX ||
        s->duration_count > GVD_INDEX_DURATIONS || s->trust < 0 ||
        s->trust > GVD_TRUST_NOTHING || !has_sound_jobs(s) ||
        !has_sound_packets(s) || (s->frame_count > 0 && s->job_count == 0))
        return gvd_fail(err, GVD_ERR_ARGUMENT, "it is no sound index");
    gvd_index *x = calloc(1, sizeof *x);
    if (!x)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    gvd_ref_init(&x->ref);
    x->packet_count = s->packet_count;
    x->frame_count = s->frame_count;
    x->job_count = s->job_count;
    x->end = s->end;
    x->counted = s->counted;
    x->trust = (enum gvd_trust)s->trust;
    x->duration_count = s->duration_count;
    for (int64_t i = 0; i < s->duration_count; i++)
        x->durations[i] = s->durations[i];
    x->packets = copy(s->packets, s->packet_count, sizeof *x->packets);
    x->pts = copy(s->pts, s->frame_count, sizeof *x->pts);
    x->frame_packets =
        copy(s->frame_packets, s->frame_count, sizeof *x->frame_packets);
    x->frame_durations =
        copy(s->frame_durations, s->frame_count, sizeof *x->frame_durations);
    x->jobs = copy(s->jobs, s->job_count, sizeof *x->jobs);
    int rc = GVD_OK;
    if (!x->packets || !x->pts || !x->frame_packets || !x->jobs ||
        !x->frame_durations)
        rc = gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    else if (!x->counted && !has_sound_frames(s, x))
        rc = gvd_fail(err, GVD_ERR_ARGUMENT, "it is no sound index");
    if (rc < 0)
        gvd_index_unref(&x);
    *out = x;
    return rc;
}
