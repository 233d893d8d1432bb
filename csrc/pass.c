// One reading of a video: source and scheduler, and frames made into batches.
//
// RGB on the CPU is converted by the workers, ahead of the caller; on the GPU
// the caller's thread launches the conversion, since the stream on which it is
// ordered belongs to that thread.
#include <stdlib.h>
#include <unistd.h>

#include "assembler.h"
#include "batch.h"
#include "cpu/limits.h"
#include "cuda/device.h"
#include "reader_impl.h"
#include "thread.h"

struct gvd_pass {
    // Immutable after open.
    gvd_reader *reader;
    gvd_source *source;
    gvd_scheduler *scheduler;
    gvd_assembler *assembler; // RGB on the CPU
    int batch_size;
    int cores;     // that this process may use
    pid_t process; // whose threads the stages have

    pthread_mutex_t lock;
    pthread_cond_t idle;
    // Guarded by lock.
    bool busy; // a call is inside: what follows is its own

    gvd_batch *ready; // collected, not yet asked for
    gvd_frame *held;  // of the next batch, which has another size
    int end;          // GVD_OK while frames come, then GVD_EOF or an error
    gvd_error end_error;
};

static int place_frame(void *context, gvd_frame **frame, gvd_error *err)
{
    gvd_pass *pass = context;
    return gvd_cuda_place(pass->reader->device.id, frame, err);
}

static int read_packet(void *context, gvd_packet **out, gvd_error *err)
{
    gvd_pass *pass = context;
    return gvd_source_read(pass->source, out, err);
}

// --- opening ---

static void choose_workers(const gvd_pass *pass, gvd_scheduler_params *p)
{
    const gvd_reader *reader = pass->reader;
    bool nvdec = reader->backend == &gvd_cuda;
    p->threads = pass->cores;
    p->workers = nvdec ? gvd_cuda_session_count(reader->device.id,
                                                &p->session.stream->media)
                       : pass->cores;
    p->workers_reason = nvdec ? "more do not decode faster on this GPU"
                              : "there is one for every core";
    if (reader->params.sessions > 0) {
        p->workers = reader->params.sessions;
        p->insist = true;
        p->workers_reason = "as many as were asked for";
    }
}

static int create_scheduler(gvd_pass *pass, gvd_error *err)
{
    const gvd_reader *r = pass->reader;
    bool cuda = r->device.type == GVD_DEVICE_CUDA;
    const gvd_stream *stream = gvd_source_stream(pass->source);
    const gvd_media *media = &stream->media;
    gvd_scheduler_params p = {
        .backend = r->backend,
        .fallback = r->backend->checked ? &gvd_cpu : NULL,
        .session = {.stream = stream,
                    .device = r->device.id,
                    .rgb_only = r->params.output == GVD_OUTPUT_RGB24},
        .place = cuda ? place_frame : NULL,
        .read = read_packet,
        .context = pass,
        .memory_limit = r->params.memory_limit,
        .frame_bytes = (int64_t)media->width * media->height * 3 / 2,
    };
    choose_workers(pass, &p);
    int rc = gvd_scheduler_create(&p, &pass->scheduler, err);
    // To ask takes a while: decoding has begun meanwhile.
    if (rc == GVD_OK && p.memory_limit <= 0)
        gvd_scheduler_set_limit(pass->scheduler,
                                cuda ? gvd_cuda_memory_default(r->device.id)
                                     : gvd_cpu_memory_default());
    return rc;
}

static int create_stages(gvd_pass *pass, gvd_error *err)
{
    int rc = create_scheduler(pass, err);
    const gvd_reader *r = pass->reader;
    if (rc < 0 || r->device.type == GVD_DEVICE_CUDA ||
        r->params.output == GVD_OUTPUT_NATIVE)
        return rc;
    // Two batches ahead, or enough small ones to keep every core busy.
    int depth = 2 + 2 * pass->cores / pass->batch_size;
    return gvd_assembler_create(pass->scheduler, pass->batch_size, depth,
                                r->params.order, &pass->assembler, err);
}

int gvd_pass_open(gvd_reader *reader, int batch_size, gvd_pass **out,
                  gvd_error *err)
{
    gvd_pass *pass = calloc(1, sizeof *pass);
    if (!pass)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    gvd_ref_get(&reader->ref);
    pass->reader = reader;
    pass->batch_size = batch_size;
    pass->cores = gvd_cpu_cores();
    pass->process = getpid();
    pthread_mutex_init(&pass->lock, NULL);
    gvd_cond_init(&pass->idle);
    int rc = gvd_reader_take_source(reader, &pass->source, err);
    if (rc == GVD_OK)
        rc = create_stages(pass, err);
    if (rc < 0)
        gvd_pass_close(&pass);
    *out = pass;
    return rc;
}

void gvd_pass_abort(gvd_pass *pass)
{
    if (pass->process != getpid())
        return;
    if (pass->source)
        gvd_source_abort(pass->source);
    if (pass->scheduler)
        gvd_scheduler_abort(pass->scheduler);
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
    gvd_source_close(&p->source);
    gvd_frame_unref(&p->held);
    gvd_batch_free(&p->ready);
    gvd_reader_unref(&p->reader);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

// --- collecting ---

static bool same_size(const gvd_frame *a, const gvd_frame *b)
{
    return a->width == b->width && a->height == b->height;
}

// Puts the frame into the batch in the making; true when that is complete.
static bool collect_frame(gvd_pass *p, gvd_frame *frame)
{
    gvd_batch *batch = p->ready;
    bool native = p->reader->params.output == GVD_OUTPUT_NATIVE;
    if (batch->count > 0 && !native && !same_size(batch->frames[0], frame)) {
        p->held = frame;
        return true;
    }
    batch->frames[batch->count++] = frame;
    return batch->count == p->batch_size;
}

// Takes frames until a batch is complete. What came before an error is a batch
// of its own.
static int collect(gvd_pass *p, double start, int timeout_ms, gvd_error *err)
{
    if (!p->ready) {
        int rc = gvd_batch_create(p->batch_size, &p->ready, err);
        if (rc < 0)
            return rc;
    }
    bool complete = p->held || p->ready->count == p->batch_size;
    if (p->held && p->ready->count == 0) {
        gvd_frame *frame = p->held;
        p->held = NULL;
        complete = collect_frame(p, frame);
    }
    while (!complete && p->end == GVD_OK) {
        int left = timeout_ms;
        if (timeout_ms > 0) {
            left = timeout_ms - (int)((gvd_seconds() - start) * 1e3);
            left = left > 0 ? left : 0;
        }
        gvd_frame *frame = NULL;
        int rc = gvd_scheduler_next(p->scheduler, left, &frame, &p->end_error);
        if (rc == GVD_AGAIN)
            return rc;
        if (rc == GVD_OK)
            complete = collect_frame(p, frame);
        else
            p->end = rc;
    }
    return GVD_OK;
}

// A batch of frames is ready: RGB is still to be made of it on the GPU.
static int finish_batch(gvd_pass *p, const gvd_allocator *allocator,
                        gvd_error *err)
{
    const gvd_reader *r = p->reader;
    gvd_batch *batch = p->ready;
    if (batch->count == 0) {
        *err = p->end_error;
        return p->end;
    }
    if (r->params.output == GVD_OUTPUT_NATIVE)
        return GVD_OK;
    int rc = gvd_cuda_convert(r->device.id, batch->frames, batch->count,
                              r->params.order, allocator, &batch->tensor, err);
    if (rc == GVD_OK)
        rc = gvd_batch_drop_planes(batch, err);
    if (rc < 0) {
        gvd_batch_free(&p->ready);
        p->end = rc;
        p->end_error = *err;
    }
    return rc;
}

static int fill(gvd_pass *p, int timeout_ms, gvd_error *err)
{
    if (!p->assembler)
        return collect(p, gvd_seconds(), timeout_ms, err);
    if (p->ready || p->end != GVD_OK)
        return GVD_OK;
    int rc =
        gvd_assembler_next(p->assembler, timeout_ms, &p->ready, &p->end_error);
    if (rc == GVD_AGAIN)
        return rc;
    p->end = rc;
    return GVD_OK;
}

// --- calls ---

static void enter(gvd_pass *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->busy)
        pthread_cond_wait(&p->idle, &p->lock);
    p->busy = true;
    pthread_mutex_unlock(&p->lock);
}

static void leave(gvd_pass *p)
{
    pthread_mutex_lock(&p->lock);
    p->busy = false;
    pthread_cond_signal(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

int gvd_pass_wait(gvd_pass *pass, int timeout_ms)
{
    if (pass->process != getpid())
        return GVD_OK;
    enter(pass);
    gvd_error unused;
    int rc = fill(pass, timeout_ms, &unused);
    leave(pass);
    return rc == GVD_AGAIN ? GVD_AGAIN : GVD_OK;
}

int gvd_pass_next(gvd_pass *pass, const gvd_allocator *allocator,
                  gvd_batch **out, gvd_error *err)
{
    if (pass->process != getpid())
        return gvd_fail(
            err, GVD_ERR_CLOSED,
            "%s: a reading does not survive a fork; open the file again",
            pass->reader->params.url);
    enter(pass);
    int rc = fill(pass, -1, err);
    if (rc == GVD_OK && pass->assembler) {
        *err = pass->end_error;
        rc = pass->ready ? GVD_OK : pass->end;
    } else if (rc == GVD_OK) {
        rc = finish_batch(pass, allocator, err);
    }
    if (rc == GVD_OK) {
        *out = pass->ready;
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
    gvd_scheduler_stats(pass->scheduler, stats);
    if (pass->reader->fallback)
        stats->fallback_frames = stats->frames;
    if (pass->assembler)
        stats->wait_convert = gvd_assembler_waited(pass->assembler);
}
