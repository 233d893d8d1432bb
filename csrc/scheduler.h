// Decodes a stream with many sessions at once and gives its frames in order.
//
//   feeder thread   reads packets with their routes, fills the jobs
//   worker threads  one session each: take the next job, decode, leave frames;
//                   between packets they run tasks (conversion on the CPU)
//   gvd_scheduler_next   frames of the first job, then of the second, ...
//
// Bounded: frames that wait never exceed the memory limit, but the first job
// always goes on, so it cannot deadlock: what the budget of all readings must
// have free for that is claimed before the first frame. A job whose frames
// differ from what the plan expects is decoded again by the fallback backend.
//
// Thread-safety: all functions, except that destroy must be the last call.
#pragma once

#include "backend.h"
#include "memory.h"
#include "plan.h"
#include "stats.h"

// Work for the workers from above. Called once, on any worker thread or, with
// cancelled set, while the scheduler is torn down.
typedef struct gvd_task gvd_task;
struct gvd_task {
    void (*run)(gvd_task *task, bool cancelled);
    gvd_task *next;
};

typedef struct gvd_scheduler_params {
    const gvd_backend *backend;
    const gvd_backend *fallback; // for checked backends, else NULL
    gvd_session_params session;  // emit and context are the scheduler's
    // Moves a frame to where, or makes it what, the reader wants, or NULL.
    int (*place)(void *context, gvd_frame **frame, gvd_error *err);
    // The next packet in file order, and the jobs that it belongs to; feeder
    // thread only.
    int (*read)(void *context, gvd_packet **out, gvd_route *route,
                gvd_error *err);
    void *context;    // of place and read
    const char *name; // of the file, for log lines, or NULL
    int workers;
    // Of these, until the first frame is out: the others would get in its way.
    // 0: all.
    int early_workers;
    // Of these, to keep the device busy but for gaps. 0: all.
    int enough_workers;
    bool insist;                // open a session for each at any price
    const char *workers_reason; // why not more; a literal
    int threads;                // cores for decoders that thread themselves
    int64_t memory_limit;       // or 0: gvd_scheduler_set_limit follows
    int64_t frame_bytes;        // about, until frames tell
    gvd_budget *budget;         // of all readings, or NULL
    int64_t batch_bytes;        // that the reading holds besides the frames
    int64_t session_bytes;      // that the budget counts for one, about
    int64_t frames_ahead;       // to be decoded in all, about; 0: unknown
    bool keeps_times;           // frames keep the pts of their packets
    bool counts;                // and are known by their order alone
    bool follows;               // at a timeout the file has come to its end
    bool whole;                 // packets that are lost are an error at the end
    int drop_beyond;            // frames that wait: the oldest go; 0: none
    bool longest_first;         // all frames are awaited, not the first
} gvd_scheduler_params;

typedef struct gvd_scheduler gvd_scheduler;

int gvd_scheduler_create(const gvd_scheduler_params *params,
                         gvd_scheduler **out, gvd_error *err);

// GVD_OK with a reference, GVD_EOF, an error, or GVD_AGAIN when timeout_ms (-1:
// for ever) has passed.
int gvd_scheduler_next(gvd_scheduler *scheduler, int timeout_ms,
                       gvd_frame **out, gvd_error *err);

// Bytes of frames that may wait their turn.
void gvd_scheduler_set_limit(gvd_scheduler *scheduler, int64_t bytes);

void gvd_scheduler_submit(gvd_scheduler *scheduler, gvd_task *task);

// Ends every wait with GVD_ERR_CLOSED. The source must be told separately.
void gvd_scheduler_abort(gvd_scheduler *scheduler);
void gvd_scheduler_stats(gvd_scheduler *scheduler, gvd_stats *stats);
void gvd_scheduler_destroy(gvd_scheduler **scheduler);
