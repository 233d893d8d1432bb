// Starting a pass: its stages, and how many decoders work for it.
#include <stdlib.h>
#include <unistd.h>

#include "cpu/limits.h"
#include "cuda/device.h"
#include "pass_impl.h"
#include "shrink.h"
#include "thread.h"

// NVDEC sessions that begin at once when a video is read from its start.
#define EARLY_SESSIONS 4

static int place_frame(void *context, gvd_frame **frame, gvd_error *err)
{
    const gvd_supply *supply = context;
    return gvd_frame_settle(supply->reader, frame, err);
}

static void choose_workers(const gvd_pass *pass, gvd_scheduler_params *p)
{
    const gvd_reader *reader = pass->reader;
    bool nvdec = reader->backend == &gvd_cuda;
    // With frame threads libavcodec may hand a frame out before it knows that
    // it is damaged.
    bool exact_marks = reader->params.on_corrupt != GVD_CORRUPT_KEEP;
    p->threads = exact_marks ? 1 : pass->cores;
    p->workers = pass->cores;
    p->workers_reason = "there is one for every core";
    if (nvdec) {
        gvd_cuda_sessions counts = gvd_cuda_session_counts(
            reader->device.id, &p->session.stream->media);
        p->workers = counts.most;
        p->enough_workers = counts.enough;
        p->workers_reason = "more do not decode faster on this GPU";
        p->early_workers = pass->request ? 0 : EARLY_SESSIONS;
    }
    if (reader->params.sessions > 0) {
        p->workers = reader->params.sessions;
        p->insist = true;
        p->workers_reason = "as many as were asked for";
    }
    if (pass->request && p->workers > gvd_request_jobs(pass->request)) {
        p->workers = (int)gvd_request_jobs(pass->request);
        p->workers_reason = "what was asked for lies in no more GOPs";
    }
}

// One decoder, which threads nothing and so keeps nothing back: GOPs that come
// one after the other are decoded so, unless more sessions are asked for.
static void choose_low_latency(const gvd_pass *pass, gvd_scheduler_params *p)
{
    const gvd_reader_params *params = &pass->reader->params;
    if (params->sessions == 0) {
        p->workers = 1;
        p->workers_reason = "latency is to be low";
    }
    p->threads = p->workers;
    p->early_workers = 0;
    p->drop_beyond = params->drop_oldest ? pass->batch_size : 0;
}

// That the reading holds of its own: none where the caller gives the memory.
static int64_t count_batch_bytes(const gvd_pass *pass, int64_t frames_ahead,
                                 const gvd_media *media)
{
    if (pass->target.block.data)
        return 0;
    int64_t frames = pass->batch_size;
    if (frames_ahead > 0 && frames_ahead < frames)
        frames = frames_ahead;
    return gvd_bytes_times(gvd_batch_frame_bytes(pass->reader, media), frames);
}

static int create_scheduler(gvd_pass *pass, gvd_error *err)
{
    gvd_reader *r = pass->reader;
    bool cuda = r->device.type == GVD_DEVICE_CUDA;
    bool native = r->params.output.native;
    const gvd_stream *stream = gvd_source_stream(pass->supply.source);
    const gvd_media *media = &stream->media;
    gvd_scheduler_params p = {
        .backend = r->backend,
        .fallback = r->backend->checked ? &gvd_cpu : NULL,
        .session = {.stream = stream,
                    .device = r->device.id,
                    .pixels = native ? GVD_PIXELS_NATIVE : GVD_PIXELS_ANY},
        .place = place_frame,
        .read = gvd_supply_read,
        .context = &pass->supply,
        .name = r->params.url,
        .memory_limit = r->params.memory_limit,
        .frame_bytes = gvd_frame_expected_bytes(r, media),
        .frames_ahead = pass->request ? gvd_request_size(pass->request)
                                      : media->header_frames,
        .budget = r->budget,
        .session_bytes =
            r->backend == &gvd_cuda ? gvd_cuda_session_bytes(media) : 0,
        .keeps_times = pass->request || r->params.low_latency,
        .counts = pass->request && gvd_request_index(pass->request)->counted,
        .follows = r->params.follow,
        .whole = pass->supply.whole,
        .longest_first = pass->request &&
                         gvd_request_count(pass->request) <= pass->batch_size,
    };
    p.batch_bytes = count_batch_bytes(pass, p.frames_ahead, media);
    choose_workers(pass, &p);
    if (r->params.low_latency && !pass->request)
        choose_low_latency(pass, &p);
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
    gvd_reader *r = pass->reader;
    bool native = r->params.output.native;
    int rc = pass->supplied ? create_scheduler(pass, err) : GVD_OK;
    pass->presenter = (gvd_presenter){
        .scheduler = pass->scheduler,
        .request = pass->request,
        .cache = pass->request && !native ? &r->cache : NULL,
        .on_corrupt = r->params.on_corrupt,
        .time_base = r->time_base,
        .budget = r->budget,
    };
    if (rc < 0 || r->device.type == GVD_DEVICE_CUDA || native)
        return rc;
    gvd_assembler_params p = {
        .presenter = &pass->presenter,
        .batch_size = pass->batch_size,
        // Two batches ahead, or enough small ones to keep every core busy.
        .depth = 2 + 2 * pass->cores / pass->batch_size,
        .conversions = &r->conversions,
        .transposed = r->orientation & GVD_TRANSPOSE,
        .target = &pass->target,
        .on_demand = r->params.low_latency && !pass->request,
        .budget = r->budget,
    };
    return gvd_assembler_create(&p, &pass->assembler, err);
}

static gvd_frame *have_frame(void *context, int64_t number)
{
    return gvd_frame_cache_get(context, number);
}

static int create_request(gvd_pass *pass, const gvd_pass_params *params,
                          gvd_error *err)
{
    gvd_reader *r = pass->reader;
    gvd_request_params p = {
        .index = gvd_reader_index(r),
        .numbers = params->numbers,
        .count = params->count,
        .extra = params->extra,
        .extra_end = params->extra_end,
        .have = r->params.output.native ? NULL : have_frame,
        .context = &r->cache,
    };
    if (!p.index)
        return gvd_fail(err, GVD_ERR_INTERNAL, "there is no index yet");
    int rc = gvd_request_create(&p, &pass->request, err);
    gvd_index_unref(&p.index);
    return rc;
}

static int take_source(gvd_pass *pass, gvd_error *err)
{
    gvd_source *source = NULL;
    if (pass->request && gvd_request_jobs(pass->request) == 0)
        return GVD_OK; // all of it is in the cache
    int rc = pass->request ? gvd_reader_take_access(pass->reader, &source, err)
                           : gvd_reader_take_source(pass->reader, &source, err);
    if (rc < 0) {
        gvd_error_prefix(err, "%s: ", pass->reader->params.url);
        return rc;
    }
    gvd_supply_init(&pass->supply, pass->reader, source, pass->request);
    pass->supplied = true;
    return GVD_OK;
}

int gvd_pass_open(gvd_reader *reader, const gvd_pass_params *params,
                  gvd_pass **out, gvd_error *err)
{
    gvd_target target = {params->target, params->target_bytes};
    gvd_pass *pass = calloc(1, sizeof *pass);
    if (!pass) {
        gvd_target_release(&target);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    pass->target = target;
    gvd_ref_get(&reader->ref);
    pass->reader = reader;
    pass->batch_size = params->batch_size;
    pass->cores = gvd_cpu_cores();
    pass->process = getpid();
    pthread_mutex_init(&pass->lock, NULL);
    gvd_cond_init(&pass->idle);
    int rc = params->numbers ? create_request(pass, params, err) : GVD_OK;
    if (rc == GVD_OK)
        rc = take_source(pass, err);
    if (rc == GVD_OK)
        rc = create_stages(pass, err);
    if (rc < 0)
        gvd_pass_close(&pass);
    *out = pass;
    return rc;
}
