// The GPU's decode sessions, and which streams they may be given.
#include "backend.h"
#include "cuda/buffer.h"
#include "cuda/codecs.h"
#include "cuda/decoder_pool.h"
#include "cuda/device.h"
#include "cuda/session.h"
#include "memory.h"

// While some sessions are flushed, the others keep every engine busy. On seven
// engines 8 sessions decode 2 % slower than 12.
static gvd_cuda_sessions sessions_for(int engines)
{
    return (gvd_cuda_sessions){
        .enough = engines + 1,
        .most = engines + (5 * engines + 6) / 7,
    };
}

#define MEMORY_MAX (INT64_C(8) << 30)

const gvd_backend gvd_cuda = {
    .name = "nvdec",
    .checked = true,
    .open_seconds = 0.05,
    .pixels_per_second = 1.4e9,
    .open = gvd_cuda_session_open,
    .begin = gvd_cuda_session_begin,
    .push = gvd_cuda_session_push,
    .close = gvd_cuda_session_close,
};

// Of short clips: so many keep the engines of any card busy while their sources
// are opened, and leave memory for idle sessions of other codecs.
#define READINGS 16

static gvd_trimmer trimmers[GVD_MAX_GPUS];

// Buffers first: a session costs more to be made again.
static void trim_gpu(gvd_trimmer *trimmer, int64_t bytes)
{
    gvd_gpu *gpu;
    if (gvd_gpu_get((int)(trimmer - trimmers), &gpu, NULL) == GVD_OK)
        gvd_decoder_trim_some(gpu, bytes - gvd_buffer_trim_some(gpu, bytes));
}

int gvd_cuda_use(int device, gvd_error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    gvd_gpu *gpu;
    int rc = gvd_gpu_get(device, &gpu, err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&lock);
    bool known = trimmers[device].trim;
    trimmers[device].trim = trim_gpu;
    pthread_mutex_unlock(&lock);
    if (!known) {
        gvd_budget_add_trimmer(gvd_budget_of(device), &trimmers[device], true);
        gvd_budget_set_crowd(gvd_budget_of(device), READINGS);
    }
    return GVD_OK;
}

static int check_size(const gvd_media *media, const CUVIDDECODECAPS *caps,
                      gvd_error *reason)
{
    unsigned width = (unsigned)media->width, height = (unsigned)media->height;
    if (width < caps->nMinWidth || height < caps->nMinHeight)
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED,
                        "%ux%u is below this NVDEC's minimum of %ux%u for %s",
                        width, height, caps->nMinWidth, caps->nMinHeight,
                        media->codec);
    if (width > caps->nMaxWidth || height > caps->nMaxHeight ||
        width * height / 256 > caps->nMaxMBCount)
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED,
                        "%ux%u is above this NVDEC's maximum of %ux%u for %s",
                        width, height, caps->nMaxWidth, caps->nMaxHeight,
                        media->codec);
    return GVD_OK;
}

static cudaVideoChromaFormat chroma_of(const gvd_media *media)
{
    return media->chroma_width == 0 && media->planes == 3
               ? cudaVideoChromaFormat_444
               : cudaVideoChromaFormat_420;
}

// 4:2:0 and 4:4:4 of as many bits as NVDEC may give.
static int check_pixels(const gvd_media *media, gvd_error *reason)
{
    int sub = media->chroma_width, depth = media->bit_depth;
    if (media->planes == 3 && sub == media->chroma_height && sub <= 1 &&
        (depth == 8 || depth == 10 || depth == 12))
        return GVD_OK;
    if (!media->pixel_format[0])
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED,
                        "its start does not tell what its pixels are");
    return gvd_fail(reason, GVD_ERR_UNSUPPORTED, "no NVDEC decodes %s",
                    media->pixel_format);
}

static int check_codec(const gvd_media *media,
                       const gvd_cuda_codec_entry *entry,
                       const gvd_cuda_use_case *use, gvd_error *reason)
{
    if (!entry)
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED, "no NVDEC decodes %s",
                        media->codec);
    if (!entry->exact && !use->inexact)
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED,
                        "%s leaves rounding open, so NVDEC's pixels would "
                        "differ from FFmpeg's; allow_inexact=True takes them",
                        media->codec);
    if (!entry->proven)
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED,
                        "this version does not decode %s with NVDEC",
                        media->codec);
    return GVD_OK;
}

int gvd_cuda_can_decode(int device, const gvd_media *media,
                        const gvd_cuda_use_case *use, gvd_error *reason)
{
    const gvd_cuda_codec_entry *entry = gvd_cuda_codec_find(media->codec_id);
    int rc = check_codec(media, entry, use, reason);
    if (rc == GVD_OK)
        rc = check_pixels(media, reason);
    gvd_gpu *gpu;
    CUVIDDECODECAPS caps = {0};
    if (rc == GVD_OK)
        rc = gvd_gpu_get(device, &gpu, reason);
    if (rc == GVD_OK)
        rc = gvd_gpu_caps(gpu, entry->codec, chroma_of(media), media->bit_depth,
                          &caps, reason);
    if (rc < 0)
        return rc;
    if (!caps.bIsSupported)
        return gvd_fail(reason, GVD_ERR_UNSUPPORTED,
                        "this GPU's NVDEC does not decode %s of %s",
                        media->codec, media->pixel_format);
    return check_size(media, &caps, reason);
}

gvd_cuda_sessions gvd_cuda_session_counts(int device, const gvd_media *media)
{
    const gvd_cuda_codec_entry *entry = gvd_cuda_codec_find(media->codec_id);
    gvd_gpu *gpu;
    CUVIDDECODECAPS caps = {0};
    if (!entry || gvd_gpu_get(device, &gpu, NULL) < 0 ||
        gvd_gpu_caps(gpu, entry->codec, chroma_of(media), media->bit_depth,
                     &caps, NULL) < 0)
        return (gvd_cuda_sessions){1, 1};
    return sessions_for(caps.nNumNVDECs > 0 ? caps.nNumNVDECs : 1);
}

int64_t gvd_cuda_memory_most(int device)
{
    gvd_gpu *gpu;
    size_t free_bytes = 0, total = 0;
    if (gvd_gpu_enter(device, &gpu, NULL) < 0)
        return INT64_MAX / 4;
    gpu->drv->cuMemGetInfo(&free_bytes, &total);
    gvd_gpu_pop(gpu);
    return (int64_t)(total / 4 * 3);
}

int64_t gvd_cuda_session_bytes(const gvd_media *media)
{
    const gvd_decoder_format format = {
        .chroma = chroma_of(media),
        .bit_depth = media->bit_depth,
        .width = (unsigned)media->width,
        .height = (unsigned)media->height,
    };
    return gvd_decoder_expected_bytes(&format);
}

int64_t gvd_cuda_memory_default(int device)
{
    gvd_gpu *gpu;
    size_t free_bytes = 0, total = 0;
    if (gvd_gpu_enter(device, &gpu, NULL) < 0)
        return MEMORY_MAX;
    gpu->drv->cuMemGetInfo(&free_bytes, &total);
    gvd_gpu_pop(gpu);
    int64_t quarter = (int64_t)(free_bytes / 4);
    return quarter < MEMORY_MAX ? quarter : MEMORY_MAX;
}

void gvd_cuda_trim(void)
{
    if (gvd_driver_is_inherited())
        return;
    gvd_decoder_trim();
    gvd_buffer_trim();
}
