#include "cuda/info.h"

#include <stdio.h>

#include "cuda/codecs.h"
#include "cuda/gpu.h"

int gvd_cuda_driver_version(void)
{
    const gvd_driver *drv = gvd_driver_get(NULL);
    int version = 0;
    if (drv)
        drv->cuDriverGetVersion(&version);
    return version;
}

int gvd_cuda_device_count(gvd_error *err)
{
    const gvd_driver *drv = gvd_driver_get(err);
    int count = 0;
    if (!drv || CU(err, drv->cuDeviceGetCount(&count)) < 0)
        return 0;
    if (count == 0)
        gvd_fail(err, GVD_ERR_UNSUPPORTED, "the NVIDIA driver sees no GPU");
    return count;
}

static void add_codec(gvd_gpu *gpu, gvd_cuda_device *device,
                      const gvd_cuda_codec_entry *entry,
                      cudaVideoChromaFormat chroma, int bit_depth)
{
    CUVIDDECODECAPS caps;
    int most = sizeof device->codecs / sizeof *device->codecs;
    if (device->codec_count == most ||
        gvd_gpu_caps(gpu, entry->codec, chroma, bit_depth, &caps, NULL) < 0 ||
        !caps.bIsSupported)
        return;
    gvd_cuda_codec *c = &device->codecs[device->codec_count++];
    *c = (gvd_cuda_codec){
        .bit_depth = bit_depth,
        .max_width = (int)caps.nMaxWidth,
        .max_height = (int)caps.nMaxHeight,
        .engines = caps.nNumNVDECs,
    };
    snprintf(c->codec, sizeof c->codec, "%s", entry->name);
    snprintf(c->chroma, sizeof c->chroma, "%s",
             chroma == cudaVideoChromaFormat_420 ? "4:2:0" : "4:4:4");
}

int gvd_cuda_describe(int index, gvd_cuda_device *device, gvd_error *err)
{
    gvd_gpu *gpu;
    *device = (gvd_cuda_device){0};
    int rc = gvd_gpu_enter(index, &gpu, err);
    if (rc < 0)
        return rc;
    const gvd_driver *drv = gpu->drv;
    size_t free_bytes = 0, total = 0;
    drv->cuDeviceGetName(device->name, sizeof device->name, gpu->device);
    drv->cuMemGetInfo(&free_bytes, &total);
    gvd_gpu_pop(gpu);
    device->compute_capability = gpu->compute_capability;
    device->free_bytes = (int64_t)free_bytes;
    device->total_bytes = (int64_t)total;
    const gvd_cuda_codec_entry *entry = gvd_cuda_codec_all();
    for (; entry->name; entry++) {
        for (int depth = 8; depth <= 12; depth += 2)
            add_codec(gpu, device, entry, cudaVideoChromaFormat_420, depth);
        for (int depth = 8; depth <= 12; depth += 2)
            add_codec(gpu, device, entry, cudaVideoChromaFormat_444, depth);
    }
    return GVD_OK;
}
