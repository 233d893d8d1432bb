// One reading of a video, or of the frames that were asked for: the stages from
// source to batch.
//
// RGB on the CPU is converted by the workers, ahead of the caller; on the GPU
// the caller's thread launches the conversion, since the stream on which it is
// ordered belongs to that thread.
#include <stdlib.h>
#include <unistd.h>

#include "cpu/picture.h"
#include "cuda/device.h"
#include "pass_impl.h"
#include "shrink.h"
#include "thread.h"

void gvd_pass_abort(gvd_pass *pass)
{
    if (pass->process != getpid())
        return;
    if (pass->supplied)
        gvd_supply_abort(&pass->supply);
    if (pass->scheduler)
        gvd_scheduler_abort(pass->scheduler);
}

// The scheduler is gone: the file may be read on by the next request.
static void give_source(gvd_pass *p)
{
    if (!p->supplied)
        return;
    gvd_source *source = gvd_supply_free(&p->supply);
    if (p->request)
        gvd_reader_give_access(p->reader, &source);
    gvd_source_close(&source);
}

void gvd_pass_close(gvd_pass **pass)
{
    gvd_pass *p = *pass;
    *pass = NULL;
    // In a forked child its threads do not exist and its locks may be held.
    if (!p || p->process != getpid())
        return;
    gvd_pass_abort(p);
    if (p->assembler)
        gvd_assembler_stop(p->assembler);
    gvd_scheduler_destroy(&p->scheduler);
    gvd_assembler_destroy(&p->assembler);
    give_source(p);
    gvd_request_free(&p->request);
    gvd_frame_unref(&p->delivery.frame);
    gvd_batch_free(&p->ready);
    gvd_target_release(&p->target);
    gvd_reader_unref(&p->reader);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

// --- collecting ---

static const gvd_frame *any_frame(const gvd_batch *batch)
{
    for (int i = 0; i < batch->room; i++)
        if (batch->frames[i])
            return batch->frames[i];
    return NULL;
}

// The delivery's frame for its next place. Native ones are the caller's to
// write into: each place has memory of its own, which no decoder reads. The
// original goes last, for what was given out may be written into already.
static int next_copy(const gvd_pass *p, gvd_frame **out, gvd_error *err)
{
    const gvd_delivery *d = &p->delivery;
    if (p->reader->params.output.native &&
        (p->placed + 1 < d->place_count || gvd_picture_is_shared(d->frame)))
        return gvd_frame_duplicate(d->frame, out, err);
    *out = gvd_frame_ref(d->frame);
    return GVD_OK;
}

// Puts the delivery's frame where it belongs in the batch in the making:
// GVD_AGAIN when that is complete, with or without the whole delivery.
static int place_delivery(gvd_pass *p, gvd_error *err)
{
    gvd_delivery *d = &p->delivery;
    gvd_batch *batch = p->ready;
    for (; p->placed < d->place_count; p->placed++) {
        int64_t slot =
            d->places ? d->places[p->placed] - p->first_place : batch->count;
        if (slot >= p->batch_size)
            return GVD_AGAIN;
        gvd_frame *frame = NULL;
        int rc = next_copy(p, &frame, err);
        if (rc == GVD_OK)
            rc = gvd_batch_put(batch, slot, frame, err);
        if (rc < 0)
            return rc;
        batch->count++;
    }
    gvd_frame_unref(&d->frame);
    return batch->count == p->batch_size ? GVD_AGAIN : GVD_OK;
}

// GVD_OK, or GVD_AGAIN where the frame may not be in the batch, which is of one
// size.
static int check_size(const gvd_pass *p, gvd_error *err)
{
    gvd_reader *r = p->reader;
    const gvd_frame *first = any_frame(p->ready);
    if (r->params.output.native || !first || p->delivery.place_count == 0)
        return GVD_OK;
    gvd_size size = {0}, others = {0};
    int rc = gvd_output_size(&r->conversions, p->delivery.frame, &size, err);
    if (rc == GVD_OK)
        rc = gvd_output_size(&r->conversions, first, &others, err);
    if (rc < 0)
        return rc;
    return size.width == others.width && size.height == others.height
               ? GVD_OK
               : GVD_AGAIN;
}

// Milliseconds until so many have passed since the start; -1 is for ever.
static int time_left(double start, int timeout_ms)
{
    if (timeout_ms <= 0)
        return timeout_ms;
    int left = timeout_ms - (int)((gvd_seconds() - start) * 1e3);
    return left > 0 ? left : 0;
}

static int next_delivery(gvd_pass *p, double start, int timeout_ms)
{
    p->placed = 0;
    return gvd_presenter_next(&p->presenter, time_left(start, timeout_ms),
                              &p->delivery, &p->end_error);
}

// Takes frames until a batch is complete. What came before an error is a batch
// of its own, unless it is a part of what was asked for.
static int collect(gvd_pass *p, double start, int timeout_ms, gvd_error *err)
{
    if (!p->ready) {
        int rc = gvd_batch_create(p->batch_size, &p->ready, err);
        if (rc < 0)
            return rc;
    }
    bool complete = p->ready->count == p->batch_size;
    while (!complete && p->end == GVD_OK) {
        int rc =
            p->delivery.frame ? GVD_OK : next_delivery(p, start, timeout_ms);
        if (rc == GVD_AGAIN)
            return rc;
        if (rc == GVD_OK)
            rc = check_size(p, &p->end_error);
        if (rc == GVD_AGAIN && p->request)
            rc = gvd_fail_sizes(&p->end_error);
        if (rc == GVD_OK)
            rc = place_delivery(p, &p->end_error);
        complete = rc == GVD_AGAIN;
        if (rc != GVD_OK && rc != GVD_AGAIN)
            p->end = rc;
    }
    if (p->end < 0 && p->request)
        gvd_batch_free(&p->ready);
    return GVD_OK;
}

// A batch of frames is ready: RGB is still to be made of it on the GPU.
static int finish_batch(gvd_pass *p, const gvd_allocator *allocator,
                        gvd_error *err)
{
    gvd_reader *r = p->reader;
    gvd_batch *batch = p->ready;
    if (!batch || batch->count == 0) {
        *err = p->end_error;
        return p->end;
    }
    if (r->params.output.native)
        return GVD_OK;
    gvd_cuda_batch frames = {
        .device = r->device.id,
        .frames = batch->frames,
        .count = batch->count,
        .conversions = &r->conversions,
        .allocator = allocator,
        .target = &p->target.block,
    };
    int rc =
        gvd_output_size(&r->conversions, batch->frames[0], &frames.size, err);
    int64_t shape[GVD_MAX_DIMS];
    gvd_output_shape(&r->params.output, batch->count, frames.size, shape);
    if (rc == GVD_OK)
        rc = gvd_target_check(&p->target, r->params.output.dtype, shape, err);
    if (rc == GVD_OK)
        rc = gvd_cuda_convert(&frames, &batch->tensor, err);
    if (rc == GVD_OK)
        rc = gvd_batch_drop_planes(batch, r->orientation & GVD_TRANSPOSE, err);
    if (rc < 0) {
        gvd_batch_free(&p->ready);
        p->end = rc;
        p->end_error = *err;
    }
    return rc;
}

static int fill(gvd_pass *p, double start, int timeout_ms, gvd_error *err)
{
    if (!p->assembler)
        return collect(p, start, timeout_ms, err);
    if (p->ready || p->end != GVD_OK)
        return GVD_OK;
    int rc = gvd_assembler_next(p->assembler, time_left(start, timeout_ms),
                                &p->ready, &p->end_error);
    if (rc == GVD_AGAIN)
        return rc;
    p->end = rc;
    return GVD_OK;
}

// --- calls ---

// False where others had the pass until the time was over.
static bool enter(gvd_pass *p, double start, int timeout_ms)
{
    bool in_time = true;
    pthread_mutex_lock(&p->lock);
    while (p->busy && in_time)
        in_time = gvd_wait(&p->idle, &p->lock, start, timeout_ms);
    bool mine = !p->busy;
    p->busy = true;
    pthread_mutex_unlock(&p->lock);
    return mine;
}

static void leave(gvd_pass *p)
{
    pthread_mutex_lock(&p->lock);
    p->busy = false;
    pthread_cond_signal(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

int gvd_pass_next(gvd_pass *pass, int timeout_ms,
                  const gvd_allocator *allocator, gvd_batch **out,
                  gvd_error *err)
{
    double start = gvd_seconds();
    if (pass->process != getpid())
        return gvd_fail(
            err, GVD_ERR_CLOSED,
            "%s: a reading does not survive a fork; open the file again",
            pass->reader->params.url);
    if (!enter(pass, start, timeout_ms))
        return GVD_AGAIN;
    int rc = fill(pass, start, timeout_ms, err);
    if (rc == GVD_OK && pass->assembler) {
        *err = pass->end_error;
        rc = pass->ready ? GVD_OK : pass->end;
    } else if (rc == GVD_OK) {
        rc = finish_batch(pass, allocator, err);
    }
    if (rc == GVD_OK && pass->ready) {
        *out = pass->ready;
        // What is given out is the caller's.
        for (int i = 0; i < pass->ready->count; i++)
            gvd_charge_give(&pass->ready->frames[i]->charge);
        pass->first_place += pass->ready->count;
        pass->ready = NULL;
    }
    leave(pass);
    if (rc < 0)
        gvd_error_prefix(err, "%s: ", pass->reader->params.url);
    return rc;
}

void gvd_pass_stats(gvd_pass *pass, gvd_stats *stats)
{
    *stats = (gvd_stats){0};
    if (pass->process != getpid())
        return;
    if (pass->scheduler)
        gvd_scheduler_stats(pass->scheduler, stats);
    if (pass->reader->fallback)
        stats->fallback_frames = stats->frames;
    if (pass->assembler)
        stats->wait_convert = gvd_assembler_waited(pass->assembler);
}
