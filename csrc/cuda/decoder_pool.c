#include "cuda/decoder_pool.h"

#include <math.h>
#include <stdlib.h>

#include "cuda/device.h"
#include "log.h"
#include "savings.h"

// Surfaces that a decoder of any stream of these codecs needs: the largest DPB
// and what waits for display. Above LARGE_PIXELS they cost too much memory, and
// levels allow only small DPBs.
#define SURFACES 20
#define SURFACES_LARGE 10
#define LARGE_PIXELS (4096u * 2304u)
#define SURFACES_MAX 32
// Beyond what the stream needs: what waits for display.
#define EXTRA_SURFACES 4
#define OUTPUT_SURFACES 4
// Seconds: about what creating one holds up the others that are at work.
#define PRICE 0.03
// So many at work keep all engines of the largest cards busy.
#define ENOUGH 8
#define IDLE_LIMIT ((int64_t)4 << 30)

static struct {
    pthread_mutex_t lock;
    pthread_mutex_t creating; // the driver does one at a time: queue here
    // Guarded by lock.
    gvd_decoder *first; // given back last
    int64_t bytes;
    int taken[GVD_MAX_GPUS];
} idle = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .creating = PTHREAD_MUTEX_INITIALIZER};

// Steps of at most a quarter of the size.
static unsigned size_class(unsigned size)
{
    unsigned step = 128;
    while (step * 8 <= size)
        step *= 2;
    return (size + step - 1) / step * step;
}

static int64_t decoder_bytes(const gvd_decoder *d)
{
    int64_t samples = (int64_t)d->max_width * d->max_height * 3 /
                      (d->format.chroma == cudaVideoChromaFormat_444 ? 1 : 2);
    return samples * gvd_decoder_sample_bytes(&d->format) *
           (d->max_surfaces + OUTPUT_SURFACES);
}

static bool fits(const gvd_decoder *d, const gvd_decoder_format *format)
{
    return d->format.codec == format->codec &&
           d->format.chroma == format->chroma &&
           d->format.bit_depth == format->bit_depth &&
           size_class(format->width) == size_class(d->max_width) &&
           size_class(format->height) == size_class(d->max_height) &&
           d->max_width >= format->width && d->max_height >= format->height &&
           d->max_surfaces >= format->surfaces;
}

static void destroy(gvd_decoder *d)
{
    if (d->stream) // copies may still read its surfaces
        d->gpu->drv->cuStreamSynchronize(d->stream);
    if (d->handle) {
        d->gpu->drv->cuvidDestroyDecoder(d->handle);
        gvd_log(GVD_LOG_DEBUG, "cuda:%d: an NVDEC session less", d->gpu->index);
    }
    if (d->stream)
        d->gpu->drv->cuStreamDestroy(d->stream);
    gvd_charge_give(&d->charge);
    free(d);
}

static gvd_decoder *take_idle(const gvd_gpu *gpu,
                              const gvd_decoder_format *format)
{
    pthread_mutex_lock(&idle.lock);
    gvd_decoder **at = &idle.first;
    while (*at && ((*at)->gpu != gpu || !fits(*at, format)))
        at = &(*at)->next;
    gvd_decoder *d = *at;
    if (d) {
        *at = d->next;
        idle.bytes -= decoder_bytes(d);
    }
    pthread_mutex_unlock(&idle.lock);
    return d;
}

// Unlinks the idle decoders that were given back first, as a list, until at
// most `keep` bytes are left.
static gvd_decoder *unlink_oldest(int64_t keep)
{
    pthread_mutex_lock(&idle.lock);
    int64_t kept = 0;
    gvd_decoder **at = &idle.first;
    while (*at && kept + decoder_bytes(*at) <= keep) {
        kept += decoder_bytes(*at);
        at = &(*at)->next;
    }
    gvd_decoder *list = *at;
    *at = NULL;
    idle.bytes = kept;
    pthread_mutex_unlock(&idle.lock);
    return list;
}

static void destroy_list(gvd_decoder *list)
{
    while (list) {
        gvd_decoder *next = list->next;
        gvd_gpu *gpu = list->gpu;
        if (gvd_gpu_push(gpu, NULL) == GVD_OK) {
            destroy(list);
            gvd_gpu_pop(gpu);
        } else {
            gvd_charge_give(&list->charge); // it went with the context
            free(list);
        }
        list = next;
    }
}

static unsigned at_most(unsigned value, unsigned limit)
{
    return limit > 0 && value > limit ? limit : value;
}

static void set_limits(gvd_decoder *d, const gvd_decoder_format *format,
                       const CUVIDDECODECAPS *caps)
{
    bool large = format->width * format->height > LARGE_PIXELS;
    d->max_width = size_class(format->width);
    d->max_height = size_class(format->height);
    unsigned blocks = d->max_width * d->max_height / 256;
    if (large || (caps->nMaxMBCount > 0 && blocks > caps->nMaxMBCount)) {
        d->max_width = format->width;
        d->max_height = format->height;
    }
    d->max_width = at_most(d->max_width, caps->nMaxWidth);
    d->max_height = at_most(d->max_height, caps->nMaxHeight);
    unsigned surfaces = large ? SURFACES_LARGE : SURFACES;
    d->max_surfaces = format->surfaces + EXTRA_SURFACES;
    if (d->max_surfaces < surfaces)
        d->max_surfaces = surfaces;
    d->max_surfaces = at_most(d->max_surfaces, SURFACES_MAX);
}

static cudaVideoSurfaceFormat surface_format(const gvd_decoder_format *format)
{
    bool deep = format->bit_depth > 8;
    if (format->chroma == cudaVideoChromaFormat_444)
        return deep ? cudaVideoSurfaceFormat_YUV444_16Bit
                    : cudaVideoSurfaceFormat_YUV444;
    return deep ? cudaVideoSurfaceFormat_P016 : cudaVideoSurfaceFormat_NV12;
}

int64_t gvd_decoder_expected_bytes(const gvd_decoder_format *format)
{
    gvd_decoder like = {.format = *format};
    const CUVIDDECODECAPS unlimited = {0};
    set_limits(&like, format, &unlimited);
    return decoder_bytes(&like);
}

// Counts the decoder in what all readings hold.
static int charge(gvd_decoder *d, gvd_error *err)
{
    gvd_budget *budget = gvd_budget_of(d->gpu->index);
    int64_t bytes = decoder_bytes(d);
    if (gvd_charge_take(&d->charge, budget, bytes, GVD_CHARGE_NEEDED))
        return GVD_OK;
    gvd_budget_usage usage;
    gvd_budget_usage_get(budget, &usage);
    return gvd_fail(err, GVD_ERR_NO_MEMORY,
                    "%lld of the %lld MiB of device memory that all decoders "
                    "may hold are taken, and a session takes %lld: raise the "
                    "limit with gvdecode.set_memory_limit",
                    (long long)(usage.held >> 20),
                    (long long)(usage.limit >> 20), (long long)(bytes >> 20));
}

static int check_caps(gvd_gpu *gpu, const gvd_decoder_format *format,
                      CUVIDDECODECAPS *caps, gvd_error *err)
{
    int rc = gvd_gpu_caps(gpu, format->codec, format->chroma, format->bit_depth,
                          caps, err);
    if (rc < 0)
        return rc;
    if (!caps->bIsSupported ||
        !(caps->nOutputFormatMask & 1u << surface_format(format)))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "this GPU's NVDEC does not decode %d bits of it",
                        format->bit_depth);
    return GVD_OK;
}

static int create(gvd_gpu *gpu, const gvd_decoder_format *format,
                  gvd_decoder **out, gvd_error *err)
{
    CUVIDDECODECAPS caps;
    int rc = check_caps(gpu, format, &caps, err);
    if (rc < 0)
        return rc;
    gvd_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    d->gpu = gpu;
    d->format = *format;
    set_limits(d, format, &caps);
    CUVIDDECODECREATEINFO info = {
        .CodecType = format->codec,
        .ChromaFormat = format->chroma,
        .OutputFormat = surface_format(format),
        .bitDepthMinus8 = (unsigned)format->bit_depth - 8,
        .DeinterlaceMode = cudaVideoDeinterlaceMode_Weave,
        .ulNumOutputSurfaces = OUTPUT_SURFACES,
        .ulCreationFlags = cudaVideoCreate_PreferCUVID,
        .ulNumDecodeSurfaces = d->max_surfaces,
        .ulWidth = format->width,
        .ulHeight = format->height,
        .ulTargetWidth = format->width,
        .ulTargetHeight = format->height,
        .ulMaxWidth = d->max_width,
        .ulMaxHeight = d->max_height,
    };
    rc = charge(d, err);
    if (rc == GVD_OK)
        rc = CU(err,
                gpu->drv->cuStreamCreate(&d->stream, CU_STREAM_NON_BLOCKING));
    if (rc == GVD_OK)
        rc = CU(err, gpu->drv->cuvidCreateDecoder(&d->handle, &info));
    if (rc < 0) {
        destroy(d);
        return rc;
    }
    gvd_log(GVD_LOG_DEBUG, "cuda:%d: an NVDEC session more, up to %ux%u",
            gpu->index, d->max_width, d->max_height);
    *out = d;
    return GVD_OK;
}

int gvd_decoder_configure(gvd_decoder *decoder,
                          const gvd_decoder_format *format, gvd_error *err)
{
    gvd_decoder *d = decoder;
    if (!fits(d, format))
        return GVD_AGAIN;
    if (d->format.width == format->width && d->format.height == format->height)
        return GVD_OK;
    CUVIDRECONFIGUREDECODERINFO info = {
        .ulWidth = format->width,
        .ulHeight = format->height,
        .ulTargetWidth = format->width,
        .ulTargetHeight = format->height,
        .ulNumDecodeSurfaces = d->max_surfaces,
        .display_area = {.right = (short)format->width,
                         .bottom = (short)format->height},
    };
    int rc = CU(err, d->gpu->drv->cuvidReconfigureDecoder(d->handle, &info));
    if (rc == GVD_OK)
        d->format = *format;
    return rc;
}

static int take_configured(gvd_gpu *gpu, const gvd_decoder_format *format,
                           gvd_decoder **out)
{
    for (;;) {
        gvd_decoder *d = take_idle(gpu, format);
        if (!d)
            return GVD_AGAIN;
        if (gvd_decoder_configure(d, format, NULL) == GVD_OK) {
            *out = d;
            return GVD_OK;
        }
        destroy(d);
    }
}

// Adds to those that are taken; how many there are then.
static int count_taken(const gvd_gpu *gpu, int more)
{
    pthread_mutex_lock(&idle.lock);
    int taken = idle.taken[gpu->index] += more;
    pthread_mutex_unlock(&idle.lock);
    return taken;
}

static bool pays(const gvd_gpu *gpu, const gvd_decoder_format *format,
                 double saves)
{
    const unsigned width = size_class(format->width) / 128,
                   height = size_class(format->height) / 128;
    const uint64_t kind =
        1 | (uint64_t)gpu->index << 1 | (uint64_t)format->codec << 9 |
        (uint64_t)format->chroma << 17 | (uint64_t)format->bit_depth << 21 |
        (uint64_t)width << 29 | (uint64_t)height << 45;
    if (isinf(saves))
        return true;
    return saves > 0 && count_taken(gpu, 0) < ENOUGH &&
           gvd_savings_pay(kind, saves, PRICE);
}

static int take(gvd_gpu *gpu, const gvd_decoder_format *format, double saves,
                gvd_decoder **out, gvd_error *err)
{
    int rc = take_configured(gpu, format, out);
    if (rc != GVD_AGAIN || !pays(gpu, format, saves))
        return rc;
    pthread_mutex_lock(&idle.creating);
    rc = take_configured(gpu, format, out); // given back meanwhile
    if (rc == GVD_AGAIN)
        rc = create(gpu, format, out, err);
    if (rc == GVD_ERR_NO_MEMORY) {
        gvd_cuda_trim();
        rc = create(gpu, format, out, err);
    }
    pthread_mutex_unlock(&idle.creating);
    return rc;
}

int gvd_decoder_take(gvd_gpu *gpu, const gvd_decoder_format *format,
                     double saves, gvd_decoder **out, gvd_error *err)
{
    int rc = take(gpu, format, saves, out, err);
    if (rc == GVD_OK)
        count_taken(gpu, 1);
    return rc;
}

void gvd_decoder_give(gvd_decoder **decoder, bool failed)
{
    gvd_decoder *d = *decoder;
    *decoder = NULL;
    if (!d || gvd_driver_is_inherited())
        return;
    count_taken(d->gpu, -1);
    if (failed) {
        destroy(d);
        return;
    }
    pthread_mutex_lock(&idle.lock);
    d->next = idle.first;
    idle.first = d;
    idle.bytes += decoder_bytes(d);
    bool full = idle.bytes > IDLE_LIMIT;
    pthread_mutex_unlock(&idle.lock);
    if (full)
        destroy_list(unlink_oldest(IDLE_LIMIT));
}

// Unlinks the one that was given back first, or NULL. The lock is held.
static gvd_decoder *unlink_last(const gvd_gpu *gpu)
{
    gvd_decoder **last = NULL;
    for (gvd_decoder **at = &idle.first; *at; at = &(*at)->next)
        if ((*at)->gpu == gpu)
            last = at;
    if (!last)
        return NULL;
    gvd_decoder *d = *last;
    *last = d->next;
    idle.bytes -= decoder_bytes(d);
    return d;
}

void gvd_decoder_trim_some(const gvd_gpu *gpu, int64_t bytes)
{
    pthread_mutex_lock(&idle.lock);
    gvd_decoder *list = NULL;
    while (bytes > 0) {
        gvd_decoder *d = unlink_last(gpu);
        if (!d)
            break;
        d->next = list;
        list = d;
        bytes -= decoder_bytes(d);
    }
    pthread_mutex_unlock(&idle.lock);
    destroy_list(list);
}

void gvd_decoder_trim(void)
{
    destroy_list(unlink_oldest(0));
}
