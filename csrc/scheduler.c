// Creation, teardown and the consumer's end of the scheduler.
#include "scheduler_impl.h"

#include <stdio.h>
#include <stdlib.h>

void gvd_scheduler_wake_locked(gvd_scheduler *scheduler)
{
    if (scheduler->waiting_workers > 0)
        pthread_cond_broadcast(&scheduler->work);
}

void gvd_scheduler_add_worker_locked(gvd_scheduler *s)
{
    bool early = !s->first_out && s->params.early_workers > 0;
    int most = early ? s->params.early_workers : s->params.workers;
    if (s->aborted || s->worker_count >= most ||
        s->worker_count == s->params.workers)
        return;
    gvd_worker *w = &s->workers[s->worker_count];
    w->scheduler = s;
    if (gvd_thread_start(&w->thread, gvd_worker_main, w))
        s->worker_count++;
}

int gvd_scheduler_create(const gvd_scheduler_params *params,
                         gvd_scheduler **out, gvd_error *err)
{
    gvd_scheduler *s = calloc(1, sizeof *s);
    if (s)
        s->workers = calloc((size_t)params->workers, sizeof *s->workers);
    if (!s || !s->workers) {
        free(s);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    s->params = *params;
    s->frame_bytes = params->frame_bytes > 0 ? params->frame_bytes : 1;
    s->session_cap = params->workers;
    s->head_frames = GVD_HEAD_FRAMES;
    gvd_timeline_init(&s->timeline, &params->session.stream->media);
    gvd_judge_init(&s->judge, !params->session.stream->opaque);
    s->memory_limit =
        params->memory_limit > 0 ? params->memory_limit : INT64_MAX / 4;
    pthread_mutex_init(&s->lock, NULL);
    gvd_cond_init(&s->work);
    gvd_cond_init(&s->frames);
    gvd_cond_init(&s->feed);
    int rc = GVD_OK;
    pthread_mutex_lock(&s->lock);
    gvd_scheduler_add_worker_locked(s);
    pthread_mutex_unlock(&s->lock);
    s->feeder_started = gvd_thread_start(&s->feeder, gvd_feeder_main, s);
    if (!s->feeder_started) {
        gvd_scheduler_destroy(&s);
        rc = gvd_fail(err, GVD_ERR_NO_MEMORY, "cannot start a thread");
    }
    *out = s;
    return rc;
}

void gvd_scheduler_set_limit(gvd_scheduler *scheduler, int64_t bytes)
{
    pthread_mutex_lock(&scheduler->lock);
    scheduler->memory_limit = bytes;
    gvd_scheduler_wake_locked(scheduler);
    pthread_mutex_unlock(&scheduler->lock);
}

static void cancel_tasks(gvd_task *list)
{
    while (list) {
        gvd_task *next = list->next;
        list->run(list, true);
        list = next;
    }
}

void gvd_scheduler_abort(gvd_scheduler *scheduler)
{
    gvd_scheduler *s = scheduler;
    pthread_mutex_lock(&s->lock);
    s->aborted = true;
    gvd_task *tasks = s->task_head;
    s->task_head = s->task_tail = NULL;
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->frames);
    pthread_cond_broadcast(&s->feed);
    pthread_mutex_unlock(&s->lock);
    cancel_tasks(tasks); // somebody may wait for what they do
}

void gvd_scheduler_destroy(gvd_scheduler **scheduler)
{
    gvd_scheduler *s = *scheduler;
    *scheduler = NULL;
    if (!s)
        return;
    gvd_scheduler_abort(s);
    if (s->feeder_started)
        pthread_join(s->feeder, NULL);
    for (int i = 0; i < s->worker_count; i++)
        pthread_join(s->workers[i].thread, NULL);
    while (s->head) {
        gvd_job *job = s->head;
        s->head = job->next;
        gvd_job_free(&job);
    }
    gvd_claim_drop(&s->claim);
    gvd_timeline_free(&s->timeline);
    pthread_cond_destroy(&s->feed);
    pthread_cond_destroy(&s->frames);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s->workers);
    free(s);
}

void gvd_scheduler_submit(gvd_scheduler *scheduler, gvd_task *task)
{
    gvd_scheduler *s = scheduler;
    task->next = NULL;
    pthread_mutex_lock(&s->lock);
    bool aborted = s->aborted;
    if (!aborted) {
        if (s->task_tail)
            s->task_tail->next = task;
        else
            s->task_head = task;
        s->task_tail = task;
        gvd_scheduler_wake_locked(s);
        if (s->waiting_workers == 0)
            gvd_scheduler_add_worker_locked(s);
    }
    pthread_mutex_unlock(&s->lock);
    if (aborted)
        cancel_tasks(task);
}

// What to say when every job is done: the end, or why nothing came.
static int finish_locked(const gvd_scheduler *s, gvd_error *err)
{
    if (s->feed_status < 0) {
        *err = s->feed_error;
        return s->feed_status;
    }
    if (s->stats.frames == 0 && s->decode_errors > 0)
        return gvd_fail(err, GVD_ERR_DECODE,
                        "none of its %lld packets could be decoded: they are "
                        "damaged, or not what its header says",
                        (long long)s->stats.packets);
    if (s->params.whole && s->stats.lost_packets > 0)
        return gvd_fail(err, GVD_ERR_DECODE,
                        "%lld of its %lld packets are damaged so that they "
                        "gave no frame; on_corrupt=\"keep\" and \"skip\" do "
                        "without them",
                        (long long)s->stats.lost_packets,
                        (long long)s->stats.packets);
    return GVD_EOF;
}

void gvd_scheduler_drop_locked(gvd_scheduler *scheduler, gvd_job *job)
{
    gvd_job **at = &scheduler->head, *before = NULL;
    for (; *at != job; at = &before->next)
        before = *at;
    *at = job->next;
    if (scheduler->tail == job)
        scheduler->tail = before;
    gvd_job_free(&job);
}

gvd_frame *gvd_scheduler_pop_locked(gvd_scheduler *scheduler, gvd_job *job)
{
    gvd_frame *frame = gvd_job_pop_frame(job);
    scheduler->held_bytes -= frame->held;
    scheduler->held_frames--;
    frame->number = scheduler->next_number++;
    return frame;
}

static gvd_frame *take_frame_locked(gvd_scheduler *s, gvd_job *job)
{
    gvd_frame *frame = gvd_scheduler_pop_locked(s, job);
    s->stats.frames++;
    s->stats.corrupt_frames += frame->corrupt;
    if (!s->params.keeps_times) {
        frame->pts = gvd_timeline_next(&s->timeline, frame->pts);
        frame->number = s->timeline.number;
    }
    gvd_scheduler_wake_locked(s);
    return frame;
}

// The jobs in front that are over and done with.
static void drop_done_locked(gvd_scheduler *s)
{
    while (s->head && s->head->frame_count == 0 &&
           s->head->state == GVD_JOB_DONE && s->head->status == GVD_OK)
        gvd_scheduler_drop_locked(s, s->head);
    gvd_scheduler_wake_locked(s); // the next job may go on now
}

// Reading failed, and what is next may be a frame that was not read: it would
// have another's number.
static bool is_unsure_locked(const gvd_scheduler *s, const gvd_job *job)
{
    if (!s->cut || s->params.keeps_times)
        return s->cut && s->params.counts;
    return !gvd_timeline_is_sure(&s->timeline,
                                 job->frames[job->frame_head]->pts);
}

// GVD_AGAIN while there is nothing to give yet.
static int try_next_locked(gvd_scheduler *s, gvd_frame **out, gvd_error *err)
{
    if (s->aborted)
        return gvd_fail_closed(err);
    if (s->head && s->head->frame_count == 0)
        drop_done_locked(s);
    gvd_job *job = s->head;
    if (!job)
        return s->fed ? finish_locked(s, err) : GVD_AGAIN;
    if (job->frame_count > 0) {
        if (is_unsure_locked(s, job))
            return finish_locked(s, err);
        s->wants_packets = !s->fed && !s->params.keeps_times &&
                           !gvd_timeline_is_ready(
                               &s->timeline, job->frames[job->frame_head]->pts);
        if (s->wants_packets) {
            pthread_cond_signal(&s->feed);
            return GVD_AGAIN;
        }
        *out = take_frame_locked(s, job);
        return GVD_OK;
    }
    if (job->state != GVD_JOB_DONE)
        return GVD_AGAIN;
    *err = job->error;
    return job->status;
}

int gvd_scheduler_next(gvd_scheduler *scheduler, int timeout_ms,
                       gvd_frame **out, gvd_error *err)
{
    gvd_scheduler *s = scheduler;
    gvd_error unused;
    err = err ? err : &unused;
    *out = NULL;
    pthread_mutex_lock(&s->lock);
    int rc = try_next_locked(s, out, err);
    if (rc == GVD_AGAIN && timeout_ms != 0) {
        double start = gvd_seconds();
        bool timed_out = false;
        while (rc == GVD_AGAIN && !timed_out) {
            timed_out = !gvd_wait(&s->frames, &s->lock, start, timeout_ms);
            rc = try_next_locked(s, out, err);
        }
        s->stats.wait_decode += gvd_seconds() - start;
    }
    if (rc == GVD_AGAIN)
        s->wants_packets = false;    // unless another caller asks again
    pthread_cond_signal(&s->frames); // who may have slept
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void gvd_scheduler_stats(gvd_scheduler *scheduler, gvd_stats *stats)
{
    gvd_scheduler *s = scheduler;
    pthread_mutex_lock(&s->lock);
    *stats = s->stats;
    stats->bytes_held = s->held_bytes;
    const char *reason = s->params.workers_reason;
    if (stats->sessions < s->params.workers)
        reason = s->fewer_reason ? s->fewer_reason
                                 : "there was no more work to share";
    snprintf(stats->sessions_reason, sizeof stats->sessions_reason, "%s",
             reason);
    pthread_mutex_unlock(&s->lock);
}
