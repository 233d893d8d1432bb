// One worker thread: takes the next job, decodes it with its session and leaves
// the frames in the job. Between packets it runs the tasks from above.
#include "scheduler_impl.h"

#include <stdlib.h>

#include "log.h"

static void run_task_locked(gvd_scheduler *s)
{
    gvd_task *task = s->task_head;
    s->task_head = task->next;
    if (!s->task_head)
        s->task_tail = NULL;
    pthread_mutex_unlock(&s->lock);
    task->run(task, false);
    pthread_mutex_lock(&s->lock);
}

// Runs a task, or sleeps until something changes.
static void work_or_wait_locked(gvd_scheduler *s)
{
    if (s->task_head) {
        run_task_locked(s);
        return;
    }
    s->waiting_workers++;
    pthread_cond_wait(&s->work, &s->lock);
    s->waiting_workers--;
}

// --- frames ---

static int expect(gvd_worker *w, const gvd_job_packet *job_packet)
{
    const gvd_packet *p = job_packet->packet;
    if (w->expected_count == w->expected_capacity) {
        size_t capacity = w->expected_capacity * 2 + 32;
        gvd_expected *grown =
            realloc(w->expected, capacity * sizeof *w->expected);
        if (!grown)
            return gvd_fail(&w->error, GVD_ERR_NO_MEMORY, "out of host memory");
        w->expected = grown;
        w->expected_capacity = capacity;
    }
    w->expected[w->expected_count++] = (gvd_expected){
        .ordinal = p->ordinal,
        .pts = p->pts,
        .duration = p->duration,
        .key = p->key,
        .shown = job_packet->shown,
    };
    return GVD_OK;
}

// True if the plan expects this frame to be the next that is shown.
static bool is_in_order(const gvd_worker *w, const gvd_expected *entry)
{
    if (entry->pts == GVD_NO_PTS)
        return true;
    for (size_t i = 0; i < w->expected_count; i++)
        if (w->expected[i].shown && w->expected[i].pts < entry->pts)
            return false;
    return true;
}

// Packets that libavcodec never gave a frame for are not waited for for ever.
static void forget_older(gvd_worker *w, int64_t ordinal)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->expected_count; i++)
        if (w->expected[i].ordinal + 64 > ordinal)
            w->expected[kept++] = w->expected[i];
    w->expected_count = kept;
}

// Gives the frame what its packet knows. GVD_AGAIN: it is not to be shown.
static int identify(gvd_worker *w, gvd_frame *frame)
{
    size_t at = 0;
    while (at < w->expected_count && w->expected[at].ordinal != frame->ordinal)
        at++;
    if (at == w->expected_count) {
        frame->pts = GVD_NO_PTS;
        return w->checking ? gvd_fail(&w->error, GVD_ERR_MISMATCH,
                                      "a frame came out that no packet has")
                           : GVD_OK;
    }
    gvd_expected entry = w->expected[at];
    w->expected[at] = w->expected[--w->expected_count];
    if (!entry.shown)
        return GVD_AGAIN;
    if (w->checking && (frame->corrupt || !is_in_order(w, &entry)))
        return gvd_fail(&w->error, GVD_ERR_MISMATCH,
                        "the frame of packet %lld is %s",
                        (long long)entry.ordinal,
                        frame->corrupt ? "damaged" : "out of order");
    if (!w->checking)
        forget_older(w, entry.ordinal);
    frame->pts = entry.pts;
    frame->duration = entry.duration;
    frame->key = entry.key;
    return GVD_OK;
}

static bool has_room_locked(const gvd_scheduler *s, const gvd_job *job,
                            int64_t bytes)
{
    if (s->held_bytes + bytes <= s->params.memory_limit)
        return true;
    return job == s->head && job->frame_count < GVD_HEAD_FRAMES;
}

static int store_locked(gvd_worker *w, gvd_frame *frame)
{
    gvd_scheduler *s = w->scheduler;
    gvd_job *job = w->job;
    int64_t bytes = gvd_frame_bytes(frame);
    while (!s->aborted && !has_room_locked(s, job, bytes))
        work_or_wait_locked(s);
    if (s->aborted) {
        gvd_frame_unref(&frame);
        return gvd_fail(&w->error, GVD_ERR_CLOSED, "the decoder was closed");
    }
    s->held_bytes += bytes;
    if (s->held_bytes > s->stats.bytes_held_max)
        s->stats.bytes_held_max = s->held_bytes;
    if (bytes > s->frame_bytes)
        s->frame_bytes = bytes;
    if (!w->checking && s->params.fallback)
        s->stats.fallback_frames++;
    int rc = gvd_job_push_frame(job, frame, &w->error);
    if (job == s->head)
        pthread_cond_signal(&s->frames);
    return rc;
}

// gvd_emit of every session of this worker.
static int emit_frame(void *context, gvd_frame *frame)
{
    gvd_worker *w = context;
    gvd_scheduler *s = w->scheduler;
    int rc = identify(w, frame);
    if (rc == GVD_OK && w->skip > 0) {
        w->skip--;
        rc = GVD_AGAIN;
    }
    if (rc == GVD_OK && s->params.place && frame->memory == GVD_MEMORY_HOST)
        rc = s->params.place(s->params.context, &frame, &w->error);
    if (rc != GVD_OK) {
        gvd_frame_unref(&frame);
        return rc == GVD_AGAIN ? GVD_OK : rc;
    }
    pthread_mutex_lock(&s->lock);
    rc = store_locked(w, frame);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

// --- packets ---

// The job's next packet, GVD_EOF at its end. Tasks go first.
static int wait_packet(gvd_worker *w, gvd_job_packet *out)
{
    gvd_scheduler *s = w->scheduler;
    gvd_job *job = w->job;
    int rc = GVD_AGAIN;
    double since = 0;
    pthread_mutex_lock(&s->lock);
    while (rc == GVD_AGAIN) {
        if (s->aborted) {
            rc = gvd_fail(&w->error, GVD_ERR_CLOSED, "the decoder was closed");
        } else if (s->task_head) {
            run_task_locked(s);
        } else if (gvd_job_take_packet(job, out)) {
            s->queued_bytes -= (int64_t)out->packet->size;
            if (job->kept_bytes > GVD_KEPT_LIMIT)
                gvd_job_forget_taken(job);
            pthread_cond_signal(&s->feed);
            rc = GVD_OK;
        } else if (job->closed) {
            rc = GVD_EOF;
        } else {
            since = since > 0 ? since : gvd_seconds();
            pthread_cond_signal(&s->feed);
            work_or_wait_locked(s);
        }
    }
    if (since > 0)
        s->stats.wait_demux += gvd_seconds() - since;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

// How long a job may take to be read before it counts as a long one.
#define SHORT_JOB_MS 5

// Cores for a decoder that threads itself: what the other jobs leave. A job
// that is complete is one of many.
static int count_threads(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    pthread_mutex_lock(&s->lock);
    int share = s->params.threads / s->params.workers;
    double start = gvd_seconds();
    bool in_time = true;
    while (in_time && !w->job->closed && !s->aborted &&
           share < s->params.threads) {
        s->waiting_workers++;
        in_time = gvd_wait(&s->work, &s->lock, start, SHORT_JOB_MS);
        s->waiting_workers--;
    }
    int left = s->params.threads - (s->running_jobs - 1);
    int threads = w->job->closed || left < share ? share : left;
    pthread_mutex_unlock(&s->lock);
    return threads > 1 ? threads : 1;
}

static int decode(gvd_worker *w, const gvd_backend *backend,
                  gvd_session *session)
{
    w->expected_count = 0;
    w->checking = backend->checked;
    gvd_job_start start = {.first = w->job->number == 0,
                           .threads = backend->checked ? 1 : count_threads(w)};
    int rc = backend->begin(session, &start, &w->error);
    while (rc == GVD_OK) {
        gvd_job_packet next;
        rc = wait_packet(w, &next);
        if (rc != GVD_OK)
            break;
        rc = expect(w, &next);
        if (rc == GVD_OK)
            rc = backend->push(session, next.packet, next.shown, &w->error);
        gvd_packet_unref(&next.packet);
    }
    if (rc == GVD_EOF)
        rc = backend->push(session, NULL, false, &w->error);
    for (size_t i = 0; rc == GVD_OK && w->checking && i < w->expected_count;
         i++)
        if (w->expected[i].shown)
            rc = gvd_fail(&w->error, GVD_ERR_MISMATCH,
                          "packet %lld gave no frame",
                          (long long)w->expected[i].ordinal);
    return rc;
}

// --- jobs ---

static gvd_session_params session_params(gvd_worker *w)
{
    gvd_session_params params = w->scheduler->params.session;
    params.emit = emit_frame;
    params.context = w;
    return params;
}

// Decodes the job from its start with the fallback, past the frames that are
// out already: those matched the plan.
static int decode_again(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    const gvd_backend *fallback = s->params.fallback;
    pthread_mutex_lock(&s->lock);
    int64_t before = 0;
    for (size_t i = 0; i < w->job->taken; i++)
        before +=
            (int64_t)w->job->packets[w->job->packet_start + i].packet->size;
    bool whole = gvd_job_rewind(w->job);
    if (whole)
        s->queued_bytes += before;
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
        rc = fallback->open(&params, true, &w->spare, &w->error);
    }
    if (rc == GVD_OK)
        rc = decode(w, fallback, w->spare);
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
        s->no_backend || w->job->inexact_start ||
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
    int rc = decode(w, backend, w->session);
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
    s->jobs_done++;
    s->running_jobs--;
    w->job = NULL;
    if (w->had_session && !w->session) { // it failed and was closed
        s->sessions--;
        s->open_sessions--;
    }
    if (job == s->head)
        pthread_cond_signal(&s->frames);
    gvd_scheduler_wake_locked(s);
}

// --- sessions ---

// Another session pays if the others would be busy for longer than it takes to
// open, and then some.
static bool pays_locked(const gvd_scheduler *s)
{
    const gvd_media *media = &s->params.session.stream->media;
    const gvd_backend *backend = s->params.backend;
    if (s->params.insist || media->header_frames <= 0 ||
        backend->open_seconds <= 0)
        return true;
    double pixels = (double)(media->header_frames - s->stats.frames) *
                    media->width * media->height;
    double left = pixels / (backend->pixels_per_second * s->sessions);
    return left > 1.5 * backend->open_seconds;
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

static gvd_job *next_job_locked(const gvd_scheduler *s)
{
    gvd_job *job = s->head;
    while (job && job->state != GVD_JOB_WAITING)
        job = job->next;
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

static int try_open_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    bool may_create = s->sessions == 0 || pays_locked(s);
    s->sessions++;
    pthread_mutex_unlock(&s->lock);
    gvd_session_params params = session_params(w);
    int rc =
        s->params.backend->open(&params, may_create, &w->session, &w->error);
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

static bool open_session_locked(gvd_worker *w)
{
    gvd_scheduler *s = w->scheduler;
    if (s->sessions >= s->session_cap)
        return false;
    int rc = try_open_locked(w);
    // The sessions that made this one seem unneeded may be gone meanwhile.
    while (rc == GVD_AGAIN && s->sessions == 0 && !s->aborted)
        rc = try_open_locked(w);
    if (rc == GVD_AGAIN) {
        s->fewer_reason = "what is left does not pay for another session";
    } else if (rc < 0 && s->sessions > 0) {
        s->session_cap = s->sessions;
        s->fewer_reason = "the device has no room for another session";
        gvd_log(GVD_LOG_WARNING, "no further session: %s", w->error.text);
    } else if (rc < 0 && s->params.fallback && rc != GVD_ERR_NO_MEMORY) {
        s->no_backend = true;
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
    int64_t fit = s->params.memory_limit / s->frame_bytes;
    bool fits = s->running_jobs < 1 + 2 * fit / s->longest_job;
    if (!fits)
        s->fewer_reason = "the memory limit holds no more GOPs";
    return fits;
}

void *gvd_worker_main(void *worker)
{
    gvd_worker *w = worker;
    gvd_scheduler *s = w->scheduler;
    pthread_mutex_lock(&s->lock);
    while (!s->aborted) {
        gvd_job *job = s->task_head ? NULL : next_job_locked(s);
        bool ready = job && fits_locked(s, job) &&
                     (w->session || s->no_backend || open_session_locked(w));
        // The lock was given up to open a session: look again.
        job = ready && !s->aborted ? next_job_locked(s) : NULL;
        if (!job || !fits_locked(s, job)) {
            if (s->fed && !next_job_locked(s))
                drop_session_locked(w);
            s->idle_workers++;
            if (!s->aborted)
                work_or_wait_locked(s);
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
