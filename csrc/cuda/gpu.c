#include "cuda/gpu.h"

#include <stdlib.h>

#include "cuda/kernel_image.h"
#include "cuda/kernels.h"

static struct {
    pthread_mutex_t lock;
    // Guarded by lock.
    gvd_gpu *gpus[GVD_MAX_GPUS];
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

// The cubin of this major version with the highest minor that is not above the
// device's, else the PTX, which newer devices compile.
static const struct gvd_kernel_image *choose_image(int arch)
{
    const struct gvd_kernel_image *best = NULL;
    for (int i = 0; i < gvd_kernel_image_count; i++) {
        const struct gvd_kernel_image *image = &gvd_kernel_images[i];
        if (image->arch == 0)
            best = best ? best : image;
        else if (image->arch / 10 == arch / 10 && image->arch <= arch)
            best = image;
    }
    return best;
}

static int ask_compute_capability(const gvd_gpu *gpu)
{
    int major = 0, minor = 0;
    gpu->drv->cuDeviceGetAttribute(
        &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, gpu->device);
    gpu->drv->cuDeviceGetAttribute(
        &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, gpu->device);
    return major * 10 + minor;
}

static int load_kernels(gvd_gpu *gpu, gvd_error *err)
{
    static const char *const names[GVD_KERNEL_COUNT] = {
        [GVD_KERNEL_YUV_NCHW] = GVD_KERNEL_YUV420_TO_NCHW,
        [GVD_KERNEL_YUV_NHWC] = GVD_KERNEL_YUV420_TO_NHWC,
        [GVD_KERNEL_YUV_TURNED] = GVD_KERNEL_YUV420_TURNED,
        [GVD_KERNEL_SHIFT] = GVD_KERNEL_SHIFT16,
        [GVD_KERNEL_RESAMPLE_SHORT] = "gvd_resample_short",
        [GVD_KERNEL_RESAMPLE_SHRINK] = "gvd_resample_shrink",
        [GVD_KERNEL_RESAMPLE_FLOAT] = "gvd_resample_float",
        [GVD_KERNEL_GATHER] = "gvd_gather",
    };
    const gvd_driver *drv = gpu->drv;
    int arch = gpu->compute_capability;
    const struct gvd_kernel_image *image = choose_image(arch);
    CUmodule module;
    gvd_error why = {.text = "there are none for it"};
    int rc = image ? CU(&why, drv->cuModuleLoadData(&module, image->data))
                   : GVD_ERR_DRIVER;
    if (rc == GVD_ERR_NO_MEMORY)
        return gvd_fail(err, rc, "%s", why.text);
    if (rc < 0)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "gvdecode has no kernels that this GPU (sm_%d%d) and "
                        "its driver take: %s",
                        arch / 10, arch % 10, why.text);
    for (int i = 0; rc == GVD_OK && i < GVD_KERNEL_COUNT; i++)
        rc = CU(err,
                drv->cuModuleGetFunction(&gpu->kernels[i], module, names[i]));
    return rc;
}

static int fill_gpu(gvd_gpu *gpu, gvd_error *err)
{
    const gvd_driver *drv = gpu->drv;
    int rc = CU(err, drv->cuDeviceGet(&gpu->device, gpu->index));
    if (rc == GVD_OK)
        rc = CU(err, drv->cuDevicePrimaryCtxRetain(&gpu->context, gpu->device));
    if (rc == GVD_OK)
        rc = gvd_gpu_push(gpu, err);
    if (rc < 0)
        return rc;
    rc = CU(err,
            drv->cuStreamCreate(&gpu->convert_stream, CU_STREAM_NON_BLOCKING));
    if (rc == GVD_OK)
        rc = CU(err,
                drv->cuStreamCreate(&gpu->copy_stream, CU_STREAM_NON_BLOCKING));
    if (rc == GVD_OK)
        rc = CU(err, drv->cuStreamCreate(&gpu->release_stream,
                                         CU_STREAM_NON_BLOCKING));
    if (rc == GVD_OK) {
        gpu->compute_capability = ask_compute_capability(gpu);
        rc = load_kernels(gpu, err);
    }
    gvd_gpu_pop(gpu);
    if (rc < 0) // streams and module go with the context
        drv->cuDevicePrimaryCtxRelease(gpu->device);
    return rc;
}

static int create_gpu(int index, gvd_gpu **out, gvd_error *err)
{
    const gvd_driver *drv = gvd_driver_get(err);
    if (!drv)
        return GVD_ERR_UNSUPPORTED;
    int count = 0;
    int rc = CU(err, drv->cuDeviceGetCount(&count));
    if (rc == GVD_OK && index >= count)
        rc = gvd_fail(err, GVD_ERR_UNSUPPORTED,
                      "there is no cuda:%d, this machine has %d GPU%s", index,
                      count, count == 1 ? "" : "s");
    if (rc < 0)
        return rc;
    gvd_gpu *gpu = calloc(1, sizeof *gpu);
    if (!gpu)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    gpu->drv = drv;
    gpu->index = index;
    pthread_mutex_init(&gpu->lock, NULL);
    pthread_mutex_init(&gpu->launching, NULL);
    rc = fill_gpu(gpu, err);
    if (rc < 0) {
        free(gpu);
        return rc;
    }
    *out = gpu;
    return GVD_OK;
}

int gvd_gpu_get(int index, gvd_gpu **out, gvd_error *err)
{
    int rc = GVD_OK;
    *out = NULL;
    if (index < 0 || index >= GVD_MAX_GPUS)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED, "there is no cuda:%d", index);
    if (!gvd_driver_get(err))
        return err && err->code == GVD_ERR_NOT_FOUND ? GVD_ERR_NOT_FOUND
                                                     : GVD_ERR_UNSUPPORTED;
    pthread_mutex_lock(&all.lock);
    gvd_gpu *gpu = all.gpus[index];
    if (!gpu) {
        rc = create_gpu(index, &gpu, err);
        if (rc == GVD_OK)
            all.gpus[index] = gpu;
    }
    pthread_mutex_unlock(&all.lock);
    *out = gpu;
    return rc;
}

// The thread's own capture mode, while a context of ours is pushed.
static _Thread_local struct {
    int depth, mode;
} capture;

int gvd_gpu_push(gvd_gpu *gpu, gvd_error *err)
{
    enum {
        MODE_RELAXED = 2,
    };
    if (!gvd_driver_get(err)) // of a process that was forked
        return GVD_ERR_UNSUPPORTED;
    int rc = CU(err, gpu->drv->cuCtxPushCurrent(gpu->context));
    if (rc < 0)
        return rc;
    if (capture.depth++ == 0) {
        capture.mode = MODE_RELAXED;
        gpu->drv->cuThreadExchangeStreamCaptureMode(&capture.mode);
    }
    return GVD_OK;
}

void gvd_gpu_pop(gvd_gpu *gpu)
{
    CUcontext popped;
    if (--capture.depth == 0)
        gpu->drv->cuThreadExchangeStreamCaptureMode(&capture.mode);
    gpu->drv->cuCtxPopCurrent(&popped);
}

int gvd_gpu_enter(int index, gvd_gpu **out, gvd_error *err)
{
    int rc = gvd_gpu_get(index, out, err);
    return rc < 0 ? rc : gvd_gpu_push(*out, err);
}

// CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, which the headers lack: what is queued on
// the legacy default stream would join the capture of another stream.
#define CAPTURE_IMPLICIT 906

bool gvd_gpu_is_capturing(const gvd_gpu *gpu, CUstream stream)
{
    int capturing = 0;
    CUresult result = gpu->drv->cuStreamIsCapturing(stream, &capturing);
    return (int)result == CAPTURE_IMPLICIT ||
           (result == CUDA_SUCCESS && capturing);
}

int gvd_gpu_check_stream(gvd_gpu *gpu, CUstream stream, gvd_error *err)
{
    int capturing = 0;
    int rc = CU(err, gpu->drv->cuStreamIsCapturing(stream, &capturing));
    if (rc < 0)
        return rc;
    return capturing ? gvd_fail(err, GVD_ERR_UNSUPPORTED,
                                "the stream is capturing a graph, which cannot "
                                "wait for a decoder")
                     : GVD_OK;
}

static int ask_caps(gvd_gpu *gpu, CUVIDDECODECAPS *caps, gvd_error *err)
{
    int rc = gvd_gpu_push(gpu, err);
    if (rc < 0)
        return rc;
    rc = CU(err, gpu->drv->cuvidGetDecoderCaps(caps));
    gvd_gpu_pop(gpu);
    return rc;
}

int gvd_gpu_caps(gvd_gpu *gpu, cudaVideoCodec codec,
                 cudaVideoChromaFormat chroma, int bit_depth,
                 CUVIDDECODECAPS *caps, gvd_error *err)
{
    *caps = (CUVIDDECODECAPS){
        .eCodecType = codec,
        .eChromaFormat = chroma,
        .nBitDepthMinus8 = (unsigned)bit_depth - 8,
    };
    pthread_mutex_lock(&gpu->lock);
    int at = 0;
    while (at < gpu->caps_count &&
           (gpu->caps[at].eCodecType != codec ||
            gpu->caps[at].eChromaFormat != chroma ||
            gpu->caps[at].nBitDepthMinus8 != caps->nBitDepthMinus8))
        at++;
    bool cached = at < gpu->caps_count;
    if (cached)
        *caps = gpu->caps[at];
    pthread_mutex_unlock(&gpu->lock);
    if (cached)
        return GVD_OK;
    int rc = ask_caps(gpu, caps, err);
    pthread_mutex_lock(&gpu->lock);
    if (rc == GVD_OK && gpu->caps_count < GVD_MAX_CAPS)
        gpu->caps[gpu->caps_count++] = *caps;
    pthread_mutex_unlock(&gpu->lock);
    return rc;
}
