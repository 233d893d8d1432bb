// One worker thread: its sessions, and which job it takes next. What happens to
// a job then is worker_decode.c's.
#include "scheduler_impl.h"

#include <math.h>
#include <stdlib.h>

#include "log.h"

// Another session pays by itself if the others would be busy for so many times
// what opening it takes.
#define PAYS 1.5
#define PAYS_IN_GAPS 30 // where they keep the device busy, but for gaps

// --- jobs ---

static gvd_session_params session_params(gvd_worker *w)
{
    gvd_session_params params = w->scheduler->params.session;
    params.emit = gvd_worker_emit;
    params.context = w;
    params.lost = &w->lost;
    return params;
}

// Decodes the job from its start with the fallback, past the frames that are
// out already: those matched the plan.
static int decode_again(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    const gvd_backend *fallback = s->params.fallback;
    pthread_mutex_lock(&s->lock);
    int64_t again = w->job->kept_bytes;
    bool whole = gvd_job_rewind(w->job);
    if (whole)
        s->queued_bytes += again;
    w->skip = w->job->emitted;
    s->jobs_redone++;
    pthread_mutex_unlock(&s->lock);
    if (!whole)
        return gvd_fail(&w->error, GVD_ERR_DECODE,
                        "NVDEC lost track in a GOP that is too long to be "
                        "decoded again; device=\"cpu\" reads it");
    int rc = GVD_OK;
    if (!w->spare) {
        gvd_session_params params = session_params(w);
        rc = fallback->open(&params, INFINITY, &w->spare, &w->error);
    }
    if (rc == GVD_OK)
        rc = gvd_worker_decode(w, fallback, w->spare);
    w->skip = 0;
    if (rc < 0)
        fallback->close(&w->spare, true);
    return rc;
}

static bool distrusts(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    pthread_mutex_lock(&s->lock);
    bool distrusted =
        !w->session || s->no_backend || w->job->inexact_start ||
        (s->jobs_redone >= 2 && s->jobs_redone * 2 > s->jobs_done);
    pthread_mutex_unlock(&s->lock);
    return distrusted && s->params.fallback;
}

static int run_job(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    const gvd_backend *backend = s->params.backend;
    if (distrusts(w))
        return decode_again(w);
    int rc = gvd_worker_decode(w, backend, w->session);
    if (rc >= 0 || rc == GVD_ERR_CLOSED) // closing is no failure of a session's
        return rc;
    backend->close(&w->session, true);
    if (!s->params.fallback)
        return rc;
    gvd_log(GVD_LOG_WARNING, "job %lld is decoded again on the CPU: %s",
            (long long)w->job->number, w->error.text);
    return decode_again(w);
}

static void finish_job_locked(gvd_worker *w, int rc)
{
    gvd_scheduler *s = w->scheduler;
    gvd_job *job = w->job;
    job->status = rc < 0 ? rc : GVD_OK;
    job->error = w->error;
    job->state = GVD_JOB_DONE;
    gvd_job_forget_taken(job);
    if (job->emitted == 0 && job->shown > 0)
        s->decode_errors++;
    s->stats.lost_packets += w->lost;
    w->lost = 0;
    s->jobs_done++;
    s->running_jobs--;
    w->job = NULL;
    if (w->had_session && !w->session) { // it failed and was closed
        s->sessions--;
        s->open_sessions--;
    }
    if (job == s->head)
        pthread_cond_signal(&s->frames);
    if (rc >= 0 && job->frame_count == 0)
        gvd_scheduler_drop_locked(s, job);
    gvd_scheduler_wake_locked(s);
}

// --- sessions ---

// What another session saves, for backend.h's open.
static double saves_locked(gvd_scheduler *s)
{
    const gvd_media *media = &s->params.session.stream->media;
    const gvd_backend *backend = s->params.backend;
    if (s->sessions == 0 || s->params.insist || s->params.frames_ahead <= 0 ||
        backend->open_seconds <= 0)
        return INFINITY;
    double pixels = (double)(s->params.frames_ahead - s->stats.frames) *
                    media->width * media->height;
    double left = pixels / (backend->pixels_per_second * s->sessions);
    const int needed = s->params.enough_workers;
    const bool enough = needed > 0 && s->sessions >= needed;
    if (left > (enough ? PAYS_IN_GAPS : PAYS) * backend->open_seconds)
        return INFINITY;
    if (enough || s->open_sessions <= s->told_sessions) // which it told already
        return 0;
    s->told_sessions = s->open_sessions;
    return fmax(left, 0) / (s->sessions + 1);
}

static void drop_session_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    if (!w->session)
        return;
    pthread_mutex_unlock(&s->lock);
    s->params.backend->close(&w->session, false);
    pthread_mutex_lock(&s->lock);
    s->sessions--;
    s->open_sessions--;
}

// The first that waits; or the longest, but never while all before the first
// are done: if the others filled the memory, nobody could go on.
static gvd_job *next_job_locked(const gvd_scheduler *s)
{
    gvd_job *job = s->head;
    bool running = false;
    for (; job && job->state != GVD_JOB_WAITING; job = job->next)
        running |= job->state == GVD_JOB_RUNNING;
    if (s->params.longest_first && running)
        for (gvd_job *other = job; other; other = other->next)
            if (other->state == GVD_JOB_WAITING &&
                other->packet_count > job->packet_count)
                job = other;
    return job && job->packet_count > 0 ? job : NULL;
}

// Nobody can decode: the next job ends with the reason.
static void fail_next_job_locked(gvd_scheduler *s, int rc,
                                 const gvd_error *error)
{
    gvd_job *job = next_job_locked(s);
    if (!job)
        return;
    job->status = rc;
    job->error = *error;
    job->state = GVD_JOB_DONE;
    pthread_cond_signal(&s->frames);
}

static int try_open_locked(gvd_worker *w, double saves)
{
    gvd_scheduler *s = w->scheduler;
    s->sessions++;
    pthread_mutex_unlock(&s->lock);
    gvd_session_params params = session_params(w);
    int rc = s->params.backend->open(&params, saves, &w->session, &w->error);
    pthread_mutex_lock(&s->lock);
    if (rc != GVD_OK) {
        s->sessions--;
        return rc;
    }
    s->open_sessions++;
    if (s->open_sessions > s->stats.sessions)
        s->stats.sessions = s->open_sessions;
    return GVD_OK;
}

// There was no room, though it was claimed: not for so long that it never
// comes.
static bool is_full_for(const gvd_scheduler *s, int rc, double start)
{
    return rc == GVD_ERR_NO_MEMORY && s->params.budget &&
           gvd_seconds() - start < gvd_budget_patience(s->params.budget);
}

static int queue_for_session_locked(gvd_worker *w, double *start)
{
    gvd_worker_starve_locked(w->scheduler);
    double since = gvd_seconds();
    int rc = gvd_worker_claim_session_locked(w->scheduler, &w->error);
    *start += gvd_seconds() - since;
    return rc;
}

// Opens a session, or waits for the first one.
static int wait_open_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    double start = gvd_seconds(); // later by what is spent in the queue
    gvd_worker_begin_session_locked(s);
    int rc = try_open_locked(w, saves_locked(s));
    while (s->sessions == 0 && !s->aborted) {
        // The sessions that made this one seem unneeded may be gone meanwhile.
        bool full = is_full_for(s, rc, start);
        if (rc != GVD_AGAIN && !full)
            break;
        rc = full ? queue_for_session_locked(w, &start) : GVD_OK;
        if (rc < 0)
            break;
        rc = try_open_locked(w, INFINITY);
    }
    gvd_worker_end_session_locked(s);
    return rc;
}

// The first session is an idle one, if there is any: then the claim is without
// it. To claim memory for another one would have the idle one destroyed.
static int open_first_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    if (!gvd_worker_is_next_locked(s))
        return GVD_AGAIN;
    int rc = try_open_locked(w, 0);
    if (rc < 0) {
        gvd_worker_withdraw_locked(s);
        return rc;
    }
    s->session_begun = rc == GVD_OK;
    rc = gvd_worker_claim_locked(s, s->frame_bytes, &w->error);
    if (rc != GVD_OK && s->session_begun) {
        s->session_begun = false;
        drop_session_locked(w);
    }
    return rc;
}

// Where sessions are costly, one worker at a time: a second first claim would
// wait for ever, and the driver creates one at a time. Who queues there for a
// reading that is done meanwhile holds up its end.
static int claim_and_open_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    const bool first = s->params.budget && s->claimed_frame == 0 &&
                       s->params.session_bytes > 0;
    s->opening = s->params.backend->open_seconds > 0;
    int rc = first ? open_first_locked(w)
                   : gvd_worker_claim_locked(s, s->frame_bytes, &w->error);
    if (rc == GVD_OK && !w->session)
        rc = wait_open_locked(w);
    s->opening = false;
    if (rc != GVD_AGAIN) // else who waits would be told the same
        gvd_scheduler_wake_locked(s);
    return rc;
}

static bool open_session_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    if (s->sessions >= s->session_cap || s->opening)
        return false;
    if (s->sessions > 0 && s->params.budget &&
        gvd_budget_is_wanted(s->params.budget))
        return false;
    int rc = claim_and_open_locked(w);
    if (rc == GVD_AGAIN && s->sessions == 0)
        return false; // not this reading's turn
    if (rc == GVD_AGAIN) {
        s->fewer_reason = "what is left does not pay for another session";
    } else if (rc < 0 && s->sessions > 0) {
        s->session_cap = s->sessions;
        s->fewer_reason = "the device has no room for another session";
        gvd_log(GVD_LOG_WARNING, "no further session: %s", w->error.text);
    } else if (rc < 0 && s->params.fallback && rc != GVD_ERR_NO_MEMORY) {
        s->no_backend = true;
        if (s->stats.sessions == 0)
            s->fewer_reason = "NVDEC refuses this stream";
        gvd_log(GVD_LOG_WARNING, "decoded on the CPU: %s", w->error.text);
    } else if (rc < 0) {
        fail_next_job_locked(s, rc, &w->error);
    }
    return rc == GVD_OK || s->no_backend;
}

// Jobs at once so that those which wait fit into the memory limit: on average
// each but the first has half its frames waiting.
static bool fits_locked(gvd_scheduler *s, const gvd_job *job)
{
    if (job == s->head || s->longest_job == 0)
        return true;
    int64_t fit = gvd_scheduler_limit_locked(s) / s->frame_bytes;
    bool fits = s->running_jobs < 1 + 2 * fit / s->longest_job;
    if (!fits)
        s->fewer_reason = "the memory limit holds no more GOPs";
    return fits;
}

// Whose session failed may get no other, while those who have one wait for
// room: longer jobs fill it, and the first one of all waits. The fallback does
// it then.
static bool is_stranded_locked(const gvd_scheduler *s)
{
    const gvd_job *job = s->head;
    while (job && job->state == GVD_JOB_DONE)
        job = job->next;
    return s->params.longest_first && s->params.fallback && job &&
           job->state == GVD_JOB_WAITING && job->packet_count > 0 &&
           s->running_jobs > 0;
}

// The budget of all readings has not let this one begin yet.
static bool is_unclaimed_locked(const gvd_scheduler *s)
{
    return s->params.budget && s->claimed_frame == 0 && !s->aborted &&
           (s->head || !s->fed);
}

void *gvd_worker_main(void *worker)
{
    gvd_worker *w = worker;
    gvd_scheduler *s = w->scheduler;
    gvd_log_about(s->params.name);
    pthread_mutex_lock(&s->lock);
    while (!s->aborted) {
        gvd_job *job = s->task_head ? NULL : next_job_locked(s);
        // The first worker opens its session while the first packet is read.
        bool ready =
            (job ? fits_locked(s, job) : s->sessions == 0 && !s->fed) &&
            (w->session || s->no_backend || open_session_locked(w) ||
             is_stranded_locked(s));
        // The lock was given up to open a session: look again.
        job = ready && !s->aborted ? next_job_locked(s) : NULL;
        if (!job || !fits_locked(s, job)) {
            if (s->fed && !next_job_locked(s))
                drop_session_locked(w);
            if (s->fed && !s->head)
                gvd_worker_withdraw_locked(s);
            s->idle_workers++;
            if (is_unclaimed_locked(s))
                gvd_worker_starve_locked(s);
            else if (!s->aborted)
                gvd_worker_wait_locked(s);
            s->idle_workers--;
            continue;
        }
        job->state = GVD_JOB_RUNNING;
        w->job = job;
        w->had_session = w->session;
        s->running_jobs++;
        if (next_job_locked(s) && s->idle_workers == 0)
            gvd_scheduler_add_worker_locked(s);
        pthread_mutex_unlock(&s->lock);
        int rc = run_job(w);
        pthread_mutex_lock(&s->lock);
        finish_job_locked(w, rc);
    }
    drop_session_locked(w);
    pthread_mutex_unlock(&s->lock);
    if (w->spare)
        s->params.fallback->close(&w->spare, false);
    free(w->expected);
    return NULL;
}
