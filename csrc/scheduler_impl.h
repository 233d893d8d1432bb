// Inside of the scheduler: shared by scheduler.c, feeder.c and worker.c only.
#pragma once

#include <pthread.h>

#include "job.h"
#include "scheduler.h"
#include "thread.h"
#include "timeline.h"
#include "trust.h"

// Compressed bytes that may wait for a decoder, and that one job keeps so that
// it can be decoded again.
#define GVD_QUEUED_LIMIT (INT64_C(32) << 20)
#define GVD_KEPT_LIMIT (INT64_C(64) << 20)
// Frames that the first job may leave when all memory is taken, at most.
#define GVD_HEAD_FRAMES 8

// A packet that was pushed and whose frame is not out yet.
typedef struct gvd_expected {
    int64_t ordinal, pts, duration;
    bool key, shown;
    char picture_type;
} gvd_expected;

typedef struct gvd_worker {
    gvd_scheduler *scheduler;
    pthread_t thread;
    // Worker thread only.
    gvd_session *session; // of the backend
    gvd_session *spare;   // of the fallback, once it was needed
    gvd_job *job;
    bool had_session; // when it took the job
    gvd_expected *expected;
    size_t expected_count, expected_capacity;
    int64_t lost;  // packets of the job that gave no frame
    int64_t skip;  // frames that an earlier decoder of this job gave already
    bool checking; // the session is held to the plan
    int64_t first_pts; // of the job's first packet
    gvd_error error;
} gvd_worker;

struct gvd_scheduler {
    // Immutable after create.
    gvd_scheduler_params params;
    pthread_t feeder;
    gvd_worker *workers; // params.workers of them
    bool feeder_started;

    // Feeder thread only.
    gvd_job *current, *previous; // that take packets, or NULL
    int64_t opened_jobs;
    gvd_judge judge;

    pthread_mutex_t lock;
    pthread_cond_t work;   // for workers: jobs, packets, tasks, room
    pthread_cond_t frames; // for gvd_scheduler_next
    pthread_cond_t feed;   // for the feeder: packets were taken
    // Guarded by lock.
    bool aborted;
    gvd_job *head, *tail;
    gvd_task *task_head, *task_tail;
    gvd_timeline timeline;
    bool wants_packets; // next() must see further ahead
    bool fed;           // the feeder is done
    bool first_out;     // a frame has come
    bool no_backend;    // it refuses the stream: the fallback does all jobs
    bool cut;           // it failed in the midst of the stream
    int feed_status;
    gvd_error feed_error;
    int worker_count;    // threads that run
    int waiting_workers; // for whatever
    int idle_workers;    // of these, for a job
    int sessions;        // open, or being opened
    int open_sessions;
    bool opening;      // one, where that costs
    int told_sessions; // with so many it was told what another would save
    int session_cap;   // more could not be had
    int64_t memory_limit;
    gvd_claim claim;       // on the budget
    int64_t claimed_frame; // bytes of a frame that the claim is for
    int head_frames;       // that the first job may leave whatever is held
    bool session_begun;    // the claim is not for a session any more
    int running_jobs;
    int64_t longest_job; // shown packets
    int64_t queued_bytes, held_bytes, frame_bytes;
    int64_t held_frames; // that wait their turn
    int64_t next_number; // of the frames in presentation order
    int64_t decode_errors;
    int64_t jobs_done, jobs_redone;
    const char *fewer_reason;
    gvd_stats stats;
};

void *gvd_feeder_main(void *scheduler);
void *gvd_worker_main(void *worker);

// Runs a task, or sleeps until something changes.
void gvd_worker_wait_locked(gvd_scheduler *scheduler);
// Runs a task, or sleeps until something changes or for a moment.
void gvd_worker_starve_locked(gvd_scheduler *scheduler);

// The claim is, or is made, one for frames of this size: as gvd_claim_grow.
// This and the next give the lock up for a while.
int gvd_worker_claim_locked(gvd_scheduler *scheduler, int64_t frame_bytes,
                            gvd_error *err);
// Whether a first claim would be granted, if there is room.
bool gvd_worker_is_next_locked(gvd_scheduler *scheduler);
// Waits until the worker's job may leave the frame, and counts it.
int gvd_worker_hold_locked(gvd_worker *worker, gvd_frame *frame);
// What is claimed for a session is reserved for whoever makes it.
void gvd_worker_begin_session_locked(gvd_scheduler *scheduler);
// The same for another one: waits in the queue of all readings.
int gvd_worker_claim_session_locked(gvd_scheduler *scheduler, gvd_error *err);
// It is made, or cannot be.
void gvd_worker_end_session_locked(gvd_scheduler *scheduler);
// The reading waits for no claim any more: it would hold up the others.
void gvd_worker_withdraw_locked(gvd_scheduler *scheduler);
// Bytes of frames that may wait, by this reading's limit and by its share.
int64_t gvd_scheduler_limit_locked(const gvd_scheduler *scheduler);

// gvd_emit of a worker's sessions.
int gvd_worker_emit(void *worker, gvd_frame *frame);
// Decodes the worker's job from its next packet on to its end.
int gvd_worker_decode(gvd_worker *worker, const gvd_backend *backend,
                      gvd_session *session);

// The job is done, and its frames are out.
void gvd_scheduler_drop_locked(gvd_scheduler *scheduler, gvd_job *job);
// The job's next frame, which waits no more.
gvd_frame *gvd_scheduler_pop_locked(gvd_scheduler *scheduler, gvd_job *job);

// Wakes the workers if any of them waits.
void gvd_scheduler_wake_locked(gvd_scheduler *scheduler);
// Starts one more worker, if there may be more.
void gvd_scheduler_add_worker_locked(gvd_scheduler *scheduler);
