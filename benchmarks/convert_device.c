// Frames on the GPU, as NVDEC gives them and as the CPU backend uploads them.
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "cuda/device.h"
#include "cuda/picture.h"

// In place of cuda/backend.c, which trims decoders too.
void gvd_cuda_trim(void)
{
    gvd_buffer_trim();
}

void device_trim(void)
{
    gvd_buffer_trim();
}

bool device_open(gvd_error *reason)
{
    gvd_gpu *gpu;
    return gvd_gpu_get(0, &gpu, reason) == GVD_OK;
}

gvd_frame *device_planar(gvd_frame *host)
{
    gvd_error err = {0};
    gvd_frame *frame = gvd_frame_ref(host);
    must(gvd_cuda_place(0, &frame, &err), &err);
    return frame;
}

// The frame's planes inside of a block that begins at `memory`.
typedef struct arrangement {
    size_t first, chroma; // of the luma and of the chroma
    size_t stride;        // of both
    size_t bytes;
} arrangement;

// Rows of NVDEC's surfaces are aligned; a crop can begin anywhere in them.
static arrangement arrange(const gvd_frame *host, uint64_t *seed)
{
    const size_t sample = (size_t)host->sample_bytes;
    const size_t width = (size_t)host->width > 2 * (size_t)host->planes[1].width
                             ? (size_t)host->width
                             : 2 * (size_t)host->planes[1].width;
    const bool aligned = draw_below(seed, 2);
    arrangement a = {.stride = gvd_cuda_stride(width * sample)};
    if (!aligned) {
        a.first = (size_t)draw_below(seed, 9) * sample;
        a.stride = (width + (size_t)draw_below(seed, 9)) * sample;
    }
    a.chroma = a.first + a.stride * (size_t)host->height;
    a.bytes = a.chroma + a.stride * (size_t)host->planes[1].height;
    return a;
}

static void copy_plane(const gvd_plane *from, uint8_t *to, size_t stride,
                       int step)
{
    for (int y = 0; y < from->height; y++)
        for (int x = 0; x < from->width; x++)
            memcpy(to + (size_t)y * stride + (ptrdiff_t)x * step,
                   from->data + y * from->stride + (ptrdiff_t)x * from->step,
                   (size_t)from->step);
}

static gvd_frame *upload(const uint8_t *block, size_t bytes)
{
    gvd_error err = {0};
    gvd_gpu *gpu;
    gvd_buffer *buffer;
    gvd_frame *frame;
    must(gvd_gpu_enter(0, &gpu, &err), &err);
    must(gvd_buffer_get(gpu, bytes, gpu->copy_stream, &buffer, &err), &err);
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_HOST,
        .srcHost = block,
        .dstMemoryType = CU_MEMORYTYPE_DEVICE,
        .dstDevice = buffer->memory,
        .WidthInBytes = bytes,
        .Height = 1,
    };
    must(CU(&err, gpu->drv->cuMemcpy2DAsync(&copy, gpu->copy_stream)), &err);
    must(gvd_buffer_mark(buffer, gpu->copy_stream, &err), &err);
    must(CU(&err, gpu->drv->cuStreamSynchronize(gpu->copy_stream)), &err);
    must(gvd_cuda_picture_create(buffer, &frame, &err), &err);
    gvd_gpu_pop(gpu);
    return frame;
}

gvd_frame *device_interleaved(const gvd_frame *host, uint64_t *seed)
{
    const int sample = host->sample_bytes, v_first = draw_below(seed, 4) == 0;
    const arrangement a = arrange(host, seed);
    uint8_t *block = calloc(1, a.bytes);
    if (!block)
        die("out of memory");
    const size_t at[] = {a.first, a.chroma + (size_t)(v_first ? sample : 0),
                         a.chroma + (size_t)(v_first ? 0 : sample)};
    for (int i = 0; i < 3; i++)
        copy_plane(&host->planes[i], block + at[i], a.stride,
                   i ? 2 * sample : sample);
    gvd_frame *frame = upload(block, a.bytes);
    free(block);
    gvd_frame_set_facts(frame, host);
    frame->plane_count = host->plane_count;
    frame->sample_bytes = sample;
    const CUdeviceptr memory = gvd_cuda_picture_buffer(frame)->memory;
    for (int i = 0; i < 3; i++) {
        frame->planes[i] = host->planes[i];
        frame->planes[i].data = (uint8_t *)(uintptr_t)(memory + at[i]);
        frame->planes[i].stride = (ptrdiff_t)a.stride;
        frame->planes[i].step = i ? 2 * sample : sample;
    }
    return frame;
}

void device_convert(gvd_conversions *conversions, gvd_frame *const *frames,
                    int count, gvd_size size, uint8_t *host)
{
    gvd_error err = {0};
    gvd_block none = {0};
    gvd_tensor *tensor;
    const gvd_cuda_batch batch = {
        .frames = frames,
        .count = count,
        .size = size,
        .conversions = conversions,
        .target = &none,
    };
    must(gvd_cuda_convert(&batch, &tensor, &err), &err);
    must(tensor->ops->to_host(tensor, tensor, host, &err), &err);
    gvd_tensor_unref(&tensor);
}
