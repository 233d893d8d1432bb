// Opening a video: the source, its facts, and which device decodes it.
#include "reader_impl.h"

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/host_pool.h"
#include "cpu/limits.h"
#include "cuda/device.h"
#include "cuda/info.h"
#include "scan.h"

static int check_file(const gvd_reader *reader, gvd_error *err)
{
    const gvd_file_id now = gvd_file_id_of(reader->params.url);
    if (!gvd_file_id_differs(&now, &reader->file))
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_OPEN,
                    "another file has this name since it was opened; open a "
                    "decoder of that one");
}

static int open_source(const gvd_reader *reader, bool full_probe,
                       const atomic_bool *stopped, gvd_source **out,
                       gvd_error *err)
{
    gvd_source_params params = {
        .url = reader->params.url,
        .input = reader->params.input,
        .stream_index = reader->params.stream_index,
        .protocols = reader->params.protocols,
        .ca_file = reader->params.ca_file,
        .max_pixels = reader->params.max_pixels,
        .timeout = reader->params.timeout,
        .follow = reader->params.follow,
        .low_latency = reader->params.low_latency,
        .full_probe = full_probe,
        .owner_stopped = &reader->stopped,
        .user_stopped = stopped,
    };
    int rc = gvd_source_open(&params, out, err);
    if (rc == GVD_OK)
        rc = check_file(reader, err);
    if (rc < 0)
        gvd_source_close(out);
    return rc;
}

int gvd_reader_open_plain(const gvd_reader *reader, gvd_source **out,
                          gvd_error *err)
{
    return open_source(reader, false, NULL, out, err);
}

int gvd_reader_open_source(const gvd_reader *reader, const atomic_bool *stopped,
                           gvd_source **out, gvd_error *err)
{
    int rc = open_source(reader, false, stopped, out, err);
    if (rc == GVD_OK && reader->backend == &gvd_cuda)
        rc = gvd_source_use_annexb(*out, err);
    if (rc < 0)
        gvd_source_close(out);
    return rc;
}

// "auto": a GPU where there is one. Where there is a driver that cannot be
// used, the reader says why; a machine without any needs no reason.
static void choose_automatic(gvd_reader *r)
{
    gvd_error reason = {0};
    if (gvd_cuda_use(r->device.id, &reason) == GVD_OK) {
        r->device.type = GVD_DEVICE_CUDA;
        return;
    }
    r->device.type = GVD_DEVICE_CPU;
    if (reason.code != GVD_ERR_NOT_FOUND)
        snprintf(r->fallback_reason, sizeof r->fallback_reason, "%.255s",
                 reason.text);
}

static int choose_device(gvd_reader *r, gvd_error *err)
{
    r->device = r->params.device;
    if (r->device.type == 0)
        choose_automatic(r);
    if (r->device.type == GVD_DEVICE_CPU) {
        r->device.id = 0;
        return GVD_OK;
    }
    gvd_error reason = {0};
    int rc = gvd_cuda_use(r->device.id, &reason);
    if (rc < 0 && rc != GVD_ERR_NO_MEMORY)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED, "no CUDA device: %s",
                        reason.text);
    return rc < 0 ? gvd_fail(err, rc, "%s", reason.text) : GVD_OK;
}

static int choose_backend(gvd_reader *r, gvd_error *err)
{
    r->backend = &gvd_cpu;
    if (r->device.type == GVD_DEVICE_CPU)
        return GVD_OK;
    gvd_error reason = {0};
    gvd_cuda_use_case use = {
        .inexact = r->params.allow_inexact,
    };
    int rc = gvd_cuda_can_decode(r->device.id, &r->media, &use, &reason);
    if (rc == GVD_ERR_UNSUPPORTED) {
        r->fallback = true;
        snprintf(r->fallback_reason, sizeof r->fallback_reason, "%.255s",
                 reason.text);
        return GVD_OK;
    }
    if (rc < 0) {
        *err = reason;
        return rc;
    }
    r->backend = &gvd_cuda;
    return gvd_source_use_annexb(r->source, err);
}

static char *copy_text(const char *text, bool *whole)
{
    char *copy = text ? strdup(text) : NULL;
    *whole &= !text || copy;
    return copy;
}

int gvd_reader_create(const gvd_reader_params *params, gvd_reader **out,
                      gvd_error *err)
{
    gvd_reader *r = calloc(1, sizeof *r);
    if (!r)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    bool whole = true;
    gvd_ref_init(&r->ref);
    gvd_frame_cache_init(&r->cache);
    gvd_conversions_init(&r->conversions, &params->output, GVD_UPRIGHT);
    pthread_mutex_init(&r->lock, NULL);
    r->process = getpid();
    r->params = *params;
    r->params.url = copy_text(params->url, &whole);
    r->params.ca_file = copy_text(params->ca_file, &whole);
    r->params.protocols = copy_text(params->protocols, &whole);
    r->params.input = params->input ? gvd_input_ref(params->input) : NULL;
    if (!whole) {
        gvd_reader_unref(&r);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    r->may_wait =
        params->follow || gvd_source_may_wait(params->url, params->input);
    *out = r;
    return GVD_OK;
}

static void copy_facts(gvd_reader *r)
{
    r->media = gvd_source_stream(r->source)->media;
    r->seekable = r->media.seekable;
    r->once = gvd_source_once(r->source);
    r->time_base = r->media.time_base;
    r->orientation = r->params.upright
                         ? (enum gvd_orientation)r->media.orientation
                         : GVD_UPRIGHT;
    r->conversions.orientation = r->orientation;
}

static void trim_cache(gvd_trimmer *trimmer, int64_t bytes)
{
    gvd_reader *r =
        (gvd_reader *)((char *)trimmer - offsetof(gvd_reader, trimmer));
    gvd_frame_cache_trim(&r->cache, bytes);
}

// Frames that are kept for later requests go when others need their memory.
static void join_budget(gvd_reader *r)
{
    r->budget = gvd_memory_budget(r->device);
    r->trimmer.trim = trim_cache;
    gvd_budget_add_trimmer(r->budget, &r->trimmer, false);
}

static int open_stream(gvd_reader *r, gvd_error *err)
{
    int rc = open_source(r, false, NULL, &r->source, err);
    if (rc == GVD_OK) {
        copy_facts(r);
        if (!r->params.input)
            r->file = gvd_file_id_of(r->params.url);
        rc = choose_backend(r, err);
    }
    if (rc < 0)
        gvd_error_prefix(err, "%s: ", r->params.url);
    return rc;
}

int gvd_reader_open(gvd_reader *reader, gvd_error *err)
{
    gvd_reader *r = reader;
    int rc = choose_device(r, err);
    if (rc == GVD_OK)
        rc = open_stream(r, err);
    if (rc == GVD_OK)
        join_budget(r);
    return rc;
}

bool gvd_reader_may_wait(const gvd_reader *reader)
{
    return reader->may_wait;
}

void gvd_reader_abort(gvd_reader *reader)
{
    atomic_store(&reader->stopped, true);
}

gvd_reader *gvd_reader_ref(gvd_reader *reader)
{
    gvd_ref_get(&reader->ref);
    return reader;
}

gvd_input *gvd_reader_input(const gvd_reader *reader)
{
    return reader->params.input;
}

double gvd_reader_timeout(const gvd_reader *reader)
{
    return reader->params.timeout;
}

const char *gvd_reader_url(const gvd_reader *reader)
{
    return reader->params.url;
}

int gvd_reader_fail_once(const gvd_reader *reader, gvd_error *err)
{
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "%s can be read only once, from the front: its frames "
                    "cannot be counted or asked for",
                    reader->once);
}

void gvd_reader_unref(gvd_reader **reader)
{
    gvd_reader *r = *reader;
    *reader = NULL;
    if (!r || !gvd_ref_put(&r->ref))
        return;
    gvd_source_close(&r->source);
    gvd_source_close(&r->access);
    // In a forked child there are no threads, and locks may be held for ever:
    // what is left goes with the process.
    if (r->process != getpid())
        return;
    gvd_scan_free(&r->scan);
    gvd_index_unref(&r->index);
    if (r->budget)
        gvd_budget_remove_trimmer(r->budget, &r->trimmer);
    gvd_frame_cache_destroy(&r->cache);
    gvd_conversions_destroy(&r->conversions);
    pthread_mutex_destroy(&r->lock);
    gvd_input_unref(&r->params.input);
    free((char *)r->params.url);
    free((char *)r->params.ca_file);
    free((char *)r->params.protocols);
    free(r);
}

void gvd_reader_close(gvd_reader **reader)
{
    gvd_reader *r = *reader;
    if (r && r->process == getpid()) {
        pthread_mutex_lock(&r->lock);
        gvd_source *source = r->source, *access = r->access;
        r->source = r->access = NULL;
        r->closed = true;
        pthread_mutex_unlock(&r->lock);
        gvd_source_close(&source);
        gvd_source_close(&access);
        gvd_frame_cache_trim(&r->cache, INT64_MAX);
    }
    gvd_reader_unref(reader);
}

int gvd_reader_take_source(gvd_reader *reader, gvd_source **out, gvd_error *err)
{
    pthread_mutex_lock(&reader->lock);
    *out = reader->source;
    reader->source = NULL;
    pthread_mutex_unlock(&reader->lock);
    if (*out)
        return GVD_OK;
    if (!reader->seekable)
        return gvd_reader_fail_once(reader, err);
    return gvd_reader_open_source(reader, NULL, out, err);
}

const gvd_media *gvd_reader_media(gvd_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    bool partial = reader->media.partial;
    pthread_mutex_unlock(&reader->lock);
    gvd_source *full = NULL;
    if (partial && reader->seekable)
        open_source(reader, true, NULL, &full, NULL);
    pthread_mutex_lock(&reader->lock);
    if (full && reader->media.partial)
        reader->media = gvd_source_stream(full)->media;
    reader->media.partial = false;
    pthread_mutex_unlock(&reader->lock);
    gvd_source_close(&full);
    return &reader->media;
}

int gvd_reader_shape(gvd_reader *reader, int count, int64_t shape[GVD_MAX_DIMS],
                     gvd_error *err)
{
    const gvd_output *output = &reader->params.output;
    pthread_mutex_lock(&reader->lock);
    const gvd_size coded = {reader->media.height, reader->media.width};
    pthread_mutex_unlock(&reader->lock);
    gvd_size size;
    int rc = gvd_output_measure(output, reader->orientation, coded, &size, err);
    if (rc < 0) {
        gvd_error_prefix(err, "%s: ", reader->params.url);
        return rc;
    }
    gvd_output_shape(output, count, size, shape);
    return GVD_OK;
}

gvd_rational gvd_reader_time_base(const gvd_reader *reader)
{
    return reader->time_base;
}

int gvd_reader_streams(const gvd_reader *reader, gvd_media **out, int *count,
                       gvd_error *err)
{
    gvd_source *full = NULL;
    int rc = reader->seekable ? open_source(reader, true, NULL, &full, err)
                              : gvd_reader_fail_once(reader, err);
    if (rc == GVD_OK)
        rc = gvd_source_describe_all(full, out, count, err);
    gvd_source_close(&full);
    if (rc < 0)
        gvd_error_prefix(err, "%s: ", reader->params.url);
    return rc;
}

gvd_device gvd_reader_device(const gvd_reader *reader)
{
    return reader->device;
}

const char *gvd_reader_backend(const gvd_reader *reader)
{
    return reader->backend->name;
}

const char *gvd_reader_fallback_reason(const gvd_reader *reader)
{
    return reader->fallback_reason[0] ? reader->fallback_reason : NULL;
}

int64_t gvd_memory_most(gvd_device device)
{
    return device.type == GVD_DEVICE_CUDA ? gvd_cuda_memory_most(device.id)
                                          : gvd_cpu_memory_most();
}

gvd_budget *gvd_memory_budget(gvd_device device)
{
    bool cuda = device.type == GVD_DEVICE_CUDA;
    gvd_budget *budget = gvd_budget_of(cuda ? device.id : GVD_HOST);
    if (budget && !gvd_budget_is_set(budget))
        gvd_budget_set_default(budget, gvd_memory_most(device));
    return budget;
}

void gvd_trim(void)
{
    gvd_host_pool_trim();
    gvd_cuda_trim();
    malloc_trim(0); // what the C library keeps of it
}
