// The thread between source and workers: reads packets in the order of the
// file, each with its route, and fills the jobs.
#include "scheduler_impl.h"

#include <stddef.h>

#include "log.h"

// Room, or a reason to go on without: whoever is first in line is starving.
static bool may_read_locked(const gvd_scheduler *s)
{
    const gvd_job *head = s->head;
    return s->queued_bytes < GVD_QUEUED_LIMIT || s->wants_packets || !head ||
           (!head->closed && gvd_job_pending(head) == 0);
}

static int open_job_locked(gvd_scheduler *s, const gvd_packet *packet,
                           const gvd_route *route, gvd_error *err)
{
    gvd_job *job = gvd_job_create(s->opened_jobs, s->params.fallback != NULL);
    if (!job)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    job->first = route->starts_stream;
    bool sound = packet->entry == GVD_ENTRY_CLOSED ||
                 (s->params.session.stream->opaque && packet->key);
    job->inexact_start = job->first && !sound;
    if (s->tail)
        s->tail->next = job;
    else
        s->head = job;
    s->tail = job;
    s->opened_jobs++;
    s->previous = s->current;
    s->current = job;
    return GVD_OK;
}

static int push_locked(gvd_scheduler *s, gvd_job *job, gvd_packet *packet,
                       bool shown, gvd_error *err)
{
    if (!job)
        return gvd_fail(err, GVD_ERR_INTERNAL,
                        "packet %lld is for a job that is complete",
                        (long long)packet->ordinal);
    s->queued_bytes += gvd_packet_cost(packet);
    int rc = gvd_job_push_packet(job, packet, shown, err);
    if (job->shown > s->longest_job)
        s->longest_job = job->shown;
    return rc;
}

// Once it takes no more packets, it may be done with and gone at any time.
static void close_job_locked(gvd_job **job)
{
    if (*job)
        (*job)->closed = true;
    *job = NULL;
}

static int route_packet_locked(gvd_scheduler *s, gvd_packet *packet,
                               const gvd_route *route, gvd_error *err)
{
    if (route->closes_previous)
        close_job_locked(&s->previous);
    int rc = route->opens ? open_job_locked(s, packet, route, err) : GVD_OK;
    if (rc == GVD_OK && route->closes_before)
        close_job_locked(&s->previous);
    if (rc == GVD_OK && route->to_previous)
        rc = push_locked(s, s->previous, packet, route->shown_by_previous, err);
    if (rc == GVD_OK && route->to_current)
        rc = push_locked(s, s->current, packet, route->shown_by_current, err);
    if (rc == GVD_OK && route->ends_previous)
        close_job_locked(&s->previous);
    if (rc == GVD_OK && route->ends_current)
        close_job_locked(&s->current);
    return rc;
}

// As an index counts it, a frame that its packet promises has a number even
// where it is lost.
static bool is_promised(const gvd_scheduler *s, const gvd_route *route)
{
    const int64_t job = s->opened_jobs - route->shown_by_previous;
    return s->judge.trust == GVD_TRUST_PACKETS ||
           (s->judge.trust == GVD_TRUST_ALL_BUT_FIRST && job > 1);
}

static int feed_packet_locked(gvd_scheduler *s, gvd_packet *packet,
                              const gvd_route *route, gvd_error *err)
{
    gvd_judge_packet(&s->judge, packet);
    int rc = route_packet_locked(s, packet, route, err);
    bool opened = rc == GVD_OK && route->opens;
    if (rc == GVD_OK && !s->params.keeps_times && !packet->second_field &&
        (route->shown_by_previous || route->shown_by_current))
        rc =
            gvd_timeline_push(&s->timeline, packet, is_promised(s, route), err);
    s->stats.packets++;
    gvd_scheduler_wake_locked(s);
    if (opened && s->idle_workers == 0)
        gvd_scheduler_add_worker_locked(s);
    if (s->worker_count == 0)
        rc = gvd_fail(err, GVD_ERR_NO_MEMORY, "cannot start a thread");
    if (s->wants_packets)
        pthread_cond_signal(&s->frames);
    return rc;
}

static void end_locked(gvd_scheduler *s, int status)
{
    for (gvd_job *job = s->head; job; job = job->next) {
        job->closed = true;
        // No worker takes a job whose first packet found no memory.
        if (job->state == GVD_JOB_WAITING && job->packet_count == 0)
            job->state = GVD_JOB_DONE;
    }
    s->fed = true;
    s->feed_status = status < 0 ? status : GVD_OK;
    // Where the file itself ends early, there is no more to come.
    s->cut = status < 0 && status != GVD_ERR_DECODE &&
             !(status == GVD_ERR_TIMEOUT && s->params.follows);
    gvd_scheduler_wake_locked(s);
    pthread_cond_broadcast(&s->frames);
}

void *gvd_feeder_main(void *scheduler)
{
    gvd_scheduler *s = scheduler;
    int rc = GVD_OK;
    gvd_log_about(s->params.name);
    pthread_mutex_lock(&s->lock);
    while (rc == GVD_OK) {
        while (!s->aborted && !may_read_locked(s))
            pthread_cond_wait(&s->feed, &s->lock);
        if (s->aborted)
            break;
        pthread_mutex_unlock(&s->lock);
        gvd_packet *packet = NULL;
        gvd_route route = {0};
        rc = s->params.read(s->params.context, &packet, &route, &s->feed_error);
        pthread_mutex_lock(&s->lock);
        if (rc == GVD_OK)
            rc = feed_packet_locked(s, packet, &route, &s->feed_error);
        gvd_packet_unref(&packet);
    }
    end_locked(s, rc);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}
