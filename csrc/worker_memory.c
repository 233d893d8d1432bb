// Room for the frames of a job: in the reading's own limit, and in what all
// readings of the process may hold together.
//
// A claim holds the frames of the first job and a batch, so that this job goes
// on whatever the others hold; every other frame is charged by itself, until it
// is freed or given out.
#include "scheduler_impl.h"

void gvd_worker_starve_locked(gvd_scheduler *s)
{
    if (s->task_head) {
        gvd_worker_wait_locked(s);
        return;
    }
    s->waiting_workers++;
    gvd_wait(&s->work, &s->lock, gvd_seconds(), GVD_BUDGET_LOOK_MS);
    s->waiting_workers--;
}

// As many frames of the first job as fit, 1 to GVD_HEAD_FRAMES.
static int count_head_frames(const gvd_scheduler *s, int64_t frame_bytes)
{
    gvd_budget_usage usage;
    gvd_budget_usage_get(s->params.budget, &usage);
    int64_t most = usage.limit - s->params.batch_bytes;
    int64_t fit = (most - s->params.session_bytes) / frame_bytes;
    if (fit < 1)
        return 1;
    return fit < GVD_HEAD_FRAMES ? (int)fit : GVD_HEAD_FRAMES;
}

static int64_t claim_bytes(const gvd_scheduler *s, int frames,
                           int64_t frame_bytes)
{
    int64_t bytes = s->params.batch_bytes + frames * frame_bytes;
    return s->session_begun ? bytes : bytes + s->params.session_bytes;
}

bool gvd_worker_is_next_locked(gvd_scheduler *s)
{
    int frames = count_head_frames(s, s->frame_bytes);
    return gvd_claim_is_next(&s->claim, s->params.budget,
                             claim_bytes(s, frames, s->frame_bytes));
}

int gvd_worker_claim_locked(gvd_scheduler *s, int64_t frame_bytes,
                            gvd_error *err)
{
    if (!s->params.budget || frame_bytes <= s->claimed_frame)
        return GVD_OK;
    // For a little larger ones it does too, if they are fewer.
    int64_t fewer = s->claimed_frame * s->head_frames / frame_bytes;
    if (fewer > 0) {
        s->claimed_frame = frame_bytes;
        s->head_frames = (int)fewer;
        return GVD_OK;
    }
    int frames = count_head_frames(s, frame_bytes);
    int64_t bytes = claim_bytes(s, frames, frame_bytes);
    pthread_mutex_unlock(&s->lock);
    int rc = gvd_claim_grow(&s->claim, s->params.budget, bytes, err);
    pthread_mutex_lock(&s->lock);
    if (rc == GVD_OK && frame_bytes > s->claimed_frame) {
        s->claimed_frame = frame_bytes;
        s->head_frames = frames;
    }
    return rc;
}

void gvd_worker_begin_session_locked(gvd_scheduler *s)
{
    if (s->session_begun)
        return;
    s->session_begun = true;
    if (s->params.budget)
        gvd_claim_reserve(&s->claim, s->params.budget,
                          claim_bytes(s, s->head_frames, s->claimed_frame));
}

void gvd_worker_end_session_locked(gvd_scheduler *s)
{
    if (s->params.budget)
        gvd_claim_end_reserve(&s->claim, s->params.budget);
}

void gvd_worker_withdraw_locked(gvd_scheduler *s)
{
    if (s->params.budget)
        gvd_claim_withdraw(&s->claim, s->params.budget);
}

int gvd_worker_claim_session_locked(gvd_scheduler *s, gvd_error *err)
{
    const int64_t rest = claim_bytes(s, s->head_frames, s->claimed_frame);
    int rc = GVD_AGAIN;
    while (rc == GVD_AGAIN && !s->aborted) {
        pthread_mutex_unlock(&s->lock);
        rc = gvd_claim_grow(&s->claim, s->params.budget,
                            rest + s->params.session_bytes, err);
        pthread_mutex_lock(&s->lock);
        if (rc == GVD_AGAIN)
            gvd_worker_starve_locked(s);
    }
    if (rc == GVD_OK)
        gvd_claim_reserve(&s->claim, s->params.budget, rest);
    return rc == GVD_AGAIN ? gvd_fail_closed(err) : rc;
}

int64_t gvd_scheduler_limit_locked(const gvd_scheduler *s)
{
    int64_t share =
        s->params.budget ? gvd_budget_share(s->params.budget) : s->memory_limit;
    return share < s->memory_limit ? share : s->memory_limit;
}

// Trimming may take a while, so that the lock is given up for it; what is held
// counts the frame already.
static bool charge_locked(gvd_scheduler *s, gvd_frame *frame, int64_t bytes)
{
    if (s->held_bytes + bytes > gvd_scheduler_limit_locked(s))
        return false;
    s->held_bytes += bytes;
    if (!s->params.budget || bytes == 0)
        return true;
    pthread_mutex_unlock(&s->lock);
    bool charged = gvd_charge_take(&frame->charge, s->params.budget, bytes,
                                   GVD_CHARGE_EXTRA);
    pthread_mutex_lock(&s->lock);
    if (!charged)
        s->held_bytes -= bytes;
    return charged;
}

int gvd_worker_hold_locked(gvd_worker *w, gvd_frame *frame)
{
    gvd_scheduler *s = w->scheduler;
    int64_t bytes = frame->held;
    while (!s->aborted) {
        int rc = gvd_worker_claim_locked(s, bytes, &w->error);
        if (rc < 0)
            return rc;
        if (rc == GVD_OK && charge_locked(s, frame, bytes))
            return GVD_OK;
        if (rc == GVD_OK && w->job == s->head &&
            w->job->frame_count < (size_t)s->head_frames) {
            s->held_bytes += bytes;
            return GVD_OK;
        }
        if (s->params.budget)
            gvd_worker_starve_locked(s);
        else
            gvd_worker_wait_locked(s);
    }
    return gvd_fail_closed(&w->error);
}
