#include "cuda/picture.h"

#include <stdlib.h>

#include "cuda/device.h"

static void release_frame(gvd_frame *frame)
{
    gvd_buffer *buffer = frame->owner;
    gvd_buffer_put(&buffer);
    free(frame);
}

static int order_frame(gvd_frame *frame, void *stream, gvd_error *err)
{
    return gvd_buffer_order(frame->owner, stream, err);
}

// Bytes from one row of a plane to the end of its last sample.
static size_t row_bytes(const gvd_frame *frame, const gvd_plane *plane)
{
    size_t sample = (size_t)frame->sample_bytes;
    return (size_t)(plane->width - 1) * (size_t)plane->step + sample;
}

// Interleaved chroma comes over as it is and is picked apart here.
static void pick_samples(const gvd_frame *frame, const gvd_plane *plane,
                         const uint8_t *from, uint8_t *to)
{
    size_t row = row_bytes(frame, plane);
    for (int y = 0; y < plane->height; y++)
        for (int x = 0; x < plane->width; x++)
            for (int b = 0; b < frame->sample_bytes; b++)
                *to++ = from[(size_t)y * row + (size_t)x * plane->step + b];
}

static int frame_to_host(gvd_frame *frame, int index, void *host,
                         gvd_error *err)
{
    const gvd_plane *plane = &frame->planes[index];
    size_t row = row_bytes(frame, plane);
    bool dense = plane->step == frame->sample_bytes;
    uint8_t *target = dense ? host : malloc(row * (size_t)plane->height);
    if (!target)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_DEVICE,
        .srcDevice = (CUdeviceptr)(uintptr_t)plane->data,
        .srcPitch = (size_t)plane->stride,
        .dstMemoryType = CU_MEMORYTYPE_HOST,
        .dstHost = target,
        .dstPitch = row,
        .WidthInBytes = row,
        .Height = (size_t)plane->height,
    };
    int rc = gvd_buffer_download(frame->owner, &copy, err);
    if (rc == GVD_OK && !dense)
        pick_samples(frame, plane, target, host);
    if (!dense)
        free(target);
    return rc;
}

int gvd_cuda_picture_create(gvd_buffer *buffer, gvd_frame **out, gvd_error *err)
{
    gvd_frame *frame = calloc(1, sizeof *frame);
    if (!frame) {
        gvd_buffer_put(&buffer);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    gvd_ref_init(&frame->ref);
    frame->release = release_frame;
    frame->order = order_frame;
    frame->to_host = frame_to_host;
    frame->owner = buffer;
    frame->held = (int64_t)buffer->capacity;
    frame->device = buffer->gpu->index;
    frame->memory = GVD_MEMORY_CUDA;
    *out = frame;
    return GVD_OK;
}

gvd_buffer *gvd_cuda_picture_buffer(const gvd_frame *frame)
{
    return frame->owner;
}

static int copy_buffer(gvd_buffer *from, gvd_buffer *to, gvd_error *err)
{
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_DEVICE,
        .srcDevice = from->memory,
        .dstMemoryType = CU_MEMORYTYPE_DEVICE,
        .dstDevice = to->memory,
        .WidthInBytes = from->capacity,
        .Height = 1,
    };
    gvd_gpu *gpu = from->gpu;
    int rc =
        CU(err, gpu->drv->cuStreamWaitEvent(gpu->copy_stream, from->event, 0));
    if (rc == GVD_OK)
        rc = CU(err, gpu->drv->cuMemcpy2DAsync(&copy, gpu->copy_stream));
    if (rc == GVD_OK)
        rc = gvd_buffer_mark(from, gpu->copy_stream, err);
    return rc == GVD_OK ? gvd_buffer_mark(to, gpu->copy_stream, err) : rc;
}

int gvd_cuda_duplicate(const gvd_frame *frame, gvd_frame **out, gvd_error *err)
{
    gvd_buffer *from = frame->owner, *to;
    gvd_gpu *gpu = from->gpu;
    gvd_frame *copy = NULL;
    int rc = gvd_gpu_push(gpu, err);
    if (rc < 0)
        return rc;
    rc = gvd_buffer_get(gpu, from->capacity, gpu->copy_stream, &to, err);
    if (rc == GVD_OK)
        rc = gvd_cuda_picture_create(to, &copy, err);
    if (rc == GVD_OK)
        rc = copy_buffer(from, to, err);
    gvd_gpu_pop(gpu);
    if (rc < 0 || !copy) {
        gvd_frame_unref(&copy);
        return rc;
    }
    gvd_frame_set_facts(copy, frame);
    copy->plane_count = frame->plane_count;
    copy->sample_bytes = frame->sample_bytes;
    for (int i = 0; i < frame->plane_count; i++) {
        uintptr_t offset = (uintptr_t)frame->planes[i].data - from->memory;
        copy->planes[i] = frame->planes[i];
        copy->planes[i].data = (uint8_t *)(uintptr_t)(to->memory + offset);
    }
    *out = copy;
    return GVD_OK;
}

// --- host frames put on the device ---

static size_t upload_bytes(const gvd_frame *host)
{
    size_t bytes = 0;
    for (int i = 0; i < host->plane_count; i++)
        bytes += gvd_cuda_stride((size_t)host->planes[i].width *
                                 (size_t)host->sample_bytes) *
                 (size_t)host->planes[i].height;
    return bytes;
}

static int upload_planes(const gvd_frame *host, gvd_buffer *buffer,
                         gvd_frame *frame, gvd_error *err)
{
    gvd_gpu *gpu = buffer->gpu;
    CUdeviceptr at = buffer->memory;
    int rc = GVD_OK;
    for (int i = 0; rc == GVD_OK && i < host->plane_count; i++) {
        const gvd_plane *from = &host->planes[i];
        size_t row = (size_t)from->width * (size_t)host->sample_bytes;
        size_t stride = gvd_cuda_stride(row);
        CUDA_MEMCPY2D copy = {
            .srcMemoryType = CU_MEMORYTYPE_HOST,
            .srcHost = from->data,
            .srcPitch = (size_t)from->stride,
            .dstMemoryType = CU_MEMORYTYPE_DEVICE,
            .dstDevice = at,
            .dstPitch = stride,
            .WidthInBytes = row,
            .Height = (size_t)from->height,
        };
        rc = CU(err, gpu->drv->cuMemcpy2DAsync(&copy, gpu->copy_stream));
        frame->planes[i] = *from;
        frame->planes[i].data = (uint8_t *)(uintptr_t)at;
        frame->planes[i].stride = (ptrdiff_t)stride;
        at += stride * (size_t)from->height;
    }
    if (rc == GVD_OK)
        rc = gvd_buffer_mark(buffer, gpu->copy_stream, err);
    if (rc == GVD_OK) // the host's memory is somebody else's after this
        rc = CU(err, gpu->drv->cuStreamSynchronize(gpu->copy_stream));
    return rc;
}

int gvd_cuda_place(int device, gvd_frame **frame, gvd_error *err)
{
    gvd_gpu *gpu;
    int rc = gvd_gpu_enter(device, &gpu, err);
    if (rc < 0)
        return rc;
    gvd_buffer *buffer;
    gvd_frame *placed = NULL;
    rc = gvd_buffer_get(gpu, upload_bytes(*frame), gpu->copy_stream, &buffer,
                        err);
    if (rc == GVD_OK)
        rc = gvd_cuda_picture_create(buffer, &placed, err);
    if (rc == GVD_OK) {
        gvd_frame_set_facts(placed, *frame);
        placed->plane_count = (*frame)->plane_count;
        placed->sample_bytes = (*frame)->sample_bytes;
        rc = upload_planes(*frame, buffer, placed, err);
    }
    gvd_gpu_pop(gpu);
    if (rc < 0) {
        gvd_frame_unref(&placed);
        return rc;
    }
    gvd_frame_unref(frame);
    *frame = placed;
    return GVD_OK;
}
