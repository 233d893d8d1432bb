// Runs a scheduler on a fake stream and holds its frames to the truth.
#pragma once

#include "fake.h"
#include "scheduler.h"

static inline gvd_scheduler_params drive_params(fake *f, bool checked,
                                                int workers)
{
    return (gvd_scheduler_params){
        .backend = checked ? &fake_checked : &fake_plain,
        .fallback = checked ? &fake_fallback : NULL,
        .session = {.stream = &f->stream},
        .read = fake_read,
        .context = f,
        .workers = workers,
        .workers_reason = "as the test asks",
        .threads = workers,
        .memory_limit = 1 << 20,
        .frame_bytes = FAKE_FRAME_BYTES,
        .frames_ahead = f->stream.media.header_frames,
    };
}

static inline gvd_scheduler *start(const gvd_scheduler_params *params)
{
    gvd_scheduler *s = NULL;
    gvd_error err = {0};
    REQUIRE(gvd_scheduler_create(params, &s, &err) == GVD_OK && s);
    return s;
}

static inline void stop(gvd_scheduler **s, fake *f)
{
    atomic_store(&f->aborted, true);
    gvd_scheduler_destroy(s);
    REQUIRE(!*s);
}

// What a consumer has seen.
typedef struct seen {
    int frames, fallback, corrupt;
    int status; // how it ended
    gvd_error error;
} seen;

static inline void check_frame(const fake *f, const gvd_frame *frame,
                               int64_t ordinal)
{
    const picture *p = &f->gops.list[ordinal];
    REQUIRE(frame->ordinal == ordinal);
    REQUIRE(frame->pts == p->pts);
    REQUIRE(frame->duration == f->gops.pts_step);
    REQUIRE(frame->key == p->key);
    REQUIRE(frame->planes[0].data[0] == fake_pixel(ordinal));
}

// Takes frames to the end: each that is to be shown, once, in order.
static inline seen drain(gvd_scheduler *s, const fake *f, uint64_t seed)
{
    int count, frames = 0;
    int64_t *want = shown_ordinals(&f->gops, &count);
    seen got = {0};
    while (got.status == GVD_OK || got.status == GVD_AGAIN) {
        gvd_frame *frame = NULL;
        int timeout = chance(&seed, 50) ? -1 : draw_below(&seed, 3);
        got.status = gvd_scheduler_next(s, timeout, &frame, &got.error);
        REQUIRE((got.status == GVD_OK) == (frame != NULL));
        REQUIRE(got.status != GVD_AGAIN || timeout >= 0);
        if (frame) {
            REQUIRE(frames < count);
            check_frame(f, frame, want[frames++]);
            got.fallback += !strcmp(frame->backend, "fallback");
            got.corrupt += frame->corrupt;
            gvd_frame_unref(&frame);
            fake_pause(f, &seed);
        }
    }
    REQUIRE(got.status < 0 || frames == count);
    got.frames = frames;
    free(want);
    return got;
}

static inline void check_stats(gvd_scheduler *s, const fake *f, const seen *got,
                               int64_t memory_limit)
{
    gvd_stats stats;
    gvd_scheduler_stats(s, &stats);
    REQUIRE(stats.frames == got->frames);
    REQUIRE(stats.corrupt_frames == got->corrupt);
    REQUIRE(stats.sessions <= atomic_load(&f->opened));
    REQUIRE(stats.sessions_reason[0]);
    REQUIRE(stats.wait_demux >= 0 && stats.wait_decode >= 0);
    REQUIRE(stats.bytes_held_max <= memory_limit + 8 * FAKE_FRAME_BYTES);
    if (got->status != GVD_EOF)
        return;
    REQUIRE(stats.packets == f->gops.count);
    REQUIRE(stats.bytes_held == 0);
    REQUIRE(stats.fallback_frames == got->fallback);
}
