// A job in a worker's session: packets in, frames out into the job, held to the
// plan on the way. While there is nothing to do for it, tasks are run.
#include "scheduler_impl.h"

#include <stdlib.h>

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

void gvd_worker_wait_locked(gvd_scheduler *s)
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
        .picture_type = p->picture_type,
        // NVDEC gives a frame with its first field's packet.
        .shown = job_packet->shown && !(w->checking && p->second_field),
    };
    return GVD_OK;
}

// True if the plan expects this frame to be the next that is shown.
static bool is_in_order(const gvd_worker *w, const gvd_expected *entry)
{
    if (entry->pts == GVD_NO_PTS)
        return true;
    for (size_t i = 0; i < w->expected_count; i++)
        if (w->expected[i].shown && w->expected[i].pts != GVD_NO_PTS &&
            w->expected[i].pts < entry->pts)
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
    if (!frame->picture_type)
        frame->picture_type = entry.picture_type;
    return GVD_OK;
}

// For a consumer that is too slow for what it reads.
static void drop_oldest_locked(gvd_scheduler *s)
{
    gvd_job *job = s->head;
    while (job && job->frame_count == 0)
        job = job->next;
    if (!job)
        return;
    gvd_frame *frame = gvd_scheduler_pop_locked(s, job);
    gvd_frame_unref(&frame);
    s->stats.dropped_frames++;
}

static int store_locked(gvd_worker *w, gvd_frame *frame)
{
    gvd_scheduler *s = w->scheduler;
    gvd_job *job = w->job;
    int64_t bytes = frame->held;
    if (s->params.drop_beyond > 0 && s->held_frames >= s->params.drop_beyond)
        drop_oldest_locked(s);
    int rc = gvd_worker_hold_locked(w, frame);
    if (rc < 0) {
        gvd_frame_unref(&frame);
        return rc;
    }
    s->held_frames++;
    if (s->held_bytes > s->stats.bytes_held_max)
        s->stats.bytes_held_max = s->held_bytes;
    if (bytes > s->frame_bytes)
        s->frame_bytes = bytes;
    if (!w->checking && s->params.fallback)
        s->stats.fallback_frames++;
    if (!s->first_out) {
        s->first_out = true;
        gvd_scheduler_add_worker_locked(s);
    }
    rc = gvd_job_push_frame(job, frame, &w->error);
    if (rc < 0) {
        s->held_bytes -= bytes;
        s->held_frames--;
    }
    if (job == s->head)
        pthread_cond_signal(&s->frames);
    return rc;
}

int gvd_worker_emit(void *worker, gvd_frame *frame)
{
    gvd_worker *w = worker;
    gvd_scheduler *s = w->scheduler;
    int rc = identify(w, frame);
    if (rc == GVD_OK && w->skip > 0) {
        w->skip--;
        rc = GVD_AGAIN;
    }
    if (rc == GVD_OK && s->params.place)
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
            rc = gvd_fail_closed(&w->error);
        } else if (s->task_head) {
            run_task_locked(s);
        } else if (gvd_job_take_packet(job, out)) {
            s->queued_bytes -= gvd_packet_cost(out->packet);
            if (job->kept_bytes > GVD_KEPT_LIMIT)
                gvd_job_forget_taken(job);
            pthread_cond_signal(&s->feed);
            rc = GVD_OK;
        } else if (job->closed) {
            rc = GVD_EOF;
        } else {
            since = since > 0 ? since : gvd_seconds();
            pthread_cond_signal(&s->feed);
            gvd_worker_wait_locked(s);
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
           share < s->params.threads && s->params.threads > 1) {
        s->waiting_workers++;
        in_time = gvd_wait(&s->work, &s->lock, start, SHORT_JOB_MS);
        s->waiting_workers--;
    }
    int left = s->params.threads - (s->running_jobs - 1);
    int threads = w->job->closed || left < share ? share : left;
    pthread_mutex_unlock(&s->lock);
    return threads > 1 ? threads : 1;
}

// What a checked decoder is not given: it would conceal or show what libavcodec
// does not.
static int refuse(gvd_worker *w, const gvd_packet *packet)
{
    const gvd_stream *stream = w->scheduler->params.session.stream;
    if (w->first_pts == INT64_MAX)
        w->first_pts = packet->pts;
    if (packet->damaged)
        return gvd_fail(&w->error, GVD_ERR_MISMATCH,
                        "packet %lld is damaged, or one before it is missing",
                        (long long)packet->ordinal);
    if (stream->opaque && packet->pts != GVD_NO_PTS &&
        packet->pts < w->first_pts)
        return gvd_fail(&w->error, GVD_ERR_MISMATCH,
                        "packet %lld leads the first key frame",
                        (long long)packet->ordinal);
    return GVD_OK;
}

int gvd_worker_decode(gvd_worker *w, const gvd_backend *backend,
                      gvd_session *session)
{
    w->expected_count = 0;
    w->checking = backend->checked;
    w->first_pts = INT64_MAX;
    gvd_job_start start = {.first = w->job->first,
                           .threads = backend->checked ? 1 : count_threads(w)};
    int rc = backend->begin(session, &start, &w->error);
    while (rc == GVD_OK) {
        gvd_job_packet next;
        rc = wait_packet(w, &next);
        if (rc != GVD_OK)
            break;
        rc = expect(w, &next);
        if (rc == GVD_OK && w->checking)
            rc = refuse(w, next.packet);
        if (rc == GVD_OK && next.packet->unreadable)
            w->lost += next.shown;
        else if (rc == GVD_OK)
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
