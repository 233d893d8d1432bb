#include "job.h"

#include <stdlib.h>
#include <string.h>

gvd_job *gvd_job_create(int64_t number, bool kept)
{
    gvd_job *job = calloc(1, sizeof *job);
    if (job) {
        job->number = number;
        job->kept = kept;
    }
    return job;
}

void gvd_job_free(gvd_job **job)
{
    gvd_job *j = *job;
    *job = NULL;
    if (!j)
        return;
    for (size_t i = 0; i < j->packet_count; i++)
        gvd_packet_unref(&j->packets[j->packet_start + i].packet);
    while (j->frame_count > 0) {
        gvd_frame *frame = gvd_job_pop_frame(j);
        gvd_frame_unref(&frame);
    }
    free(j->packets);
    free(j->frames);
    free(j);
}

static int make_packet_room(gvd_job *job, gvd_error *err)
{
    if (job->packet_start + job->packet_count < job->packet_capacity)
        return GVD_OK;
    if (job->packet_start > job->packet_count) {
        memmove(job->packets, job->packets + job->packet_start,
                job->packet_count * sizeof *job->packets);
        job->packet_start = 0;
        return GVD_OK;
    }
    size_t capacity = job->packet_capacity * 2 + 32;
    gvd_job_packet *grown =
        realloc(job->packets, capacity * sizeof *job->packets);
    if (!grown)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    job->packets = grown;
    job->packet_capacity = capacity;
    return GVD_OK;
}

int gvd_job_push_packet(gvd_job *job, gvd_packet *packet, bool shown,
                        gvd_error *err)
{
    int rc = make_packet_room(job, err);
    if (rc < 0)
        return rc;
    job->packets[job->packet_start + job->packet_count++] =
        (gvd_job_packet){gvd_packet_ref(packet), shown};
    job->shown += shown;
    return GVD_OK;
}

size_t gvd_job_pending(const gvd_job *job)
{
    return job->packet_count - job->taken;
}

bool gvd_job_take_packet(gvd_job *job, gvd_job_packet *out)
{
    if (gvd_job_pending(job) == 0)
        return false;
    gvd_job_packet *slot = &job->packets[job->packet_start + job->taken];
    *out = *slot;
    if (job->kept) {
        gvd_packet_ref(out->packet);
        job->kept_bytes += gvd_packet_cost(out->packet);
        job->taken++;
    } else {
        job->packet_start++;
        job->packet_count--;
    }
    return true;
}

bool gvd_job_rewind(gvd_job *job)
{
    if (!job->kept)
        return false;
    job->taken = 0;
    job->kept_bytes = 0;
    return true;
}

void gvd_job_forget_taken(gvd_job *job)
{
    for (size_t i = 0; i < job->taken; i++)
        gvd_packet_unref(&job->packets[job->packet_start + i].packet);
    job->packet_start += job->taken;
    job->packet_count -= job->taken;
    job->taken = 0;
    job->kept_bytes = 0;
    job->kept = false;
}

int gvd_job_push_frame(gvd_job *job, gvd_frame *frame, gvd_error *err)
{
    if (job->frame_count == job->frame_capacity) {
        size_t capacity = job->frame_capacity * 2 + 16;
        gvd_frame **ring = malloc(capacity * sizeof(gvd_frame *));
        if (!ring) {
            gvd_frame_unref(&frame);
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        }
        for (size_t i = 0; i < job->frame_count; i++)
            ring[i] = job->frames[(job->frame_head + i) % job->frame_capacity];
        free(job->frames);
        job->frames = ring;
        job->frame_capacity = capacity;
        job->frame_head = 0;
    }
    size_t at = (job->frame_head + job->frame_count) % job->frame_capacity;
    job->frames[at] = frame;
    job->frame_count++;
    job->emitted++;
    return GVD_OK;
}

gvd_frame *gvd_job_pop_frame(gvd_job *job)
{
    gvd_frame *frame = job->frames[job->frame_head];
    job->frame_head = (job->frame_head + 1) % job->frame_capacity;
    job->frame_count--;
    return frame;
}
