// Frames in device memory to one RGB tensor: the last station on the GPU.
//
// The stream waits for the frames' events, one launch converts them all, and
// each frame's memory waits for the launch: the host never does.
#include <stdlib.h>

#include "cuda/device.h"
#include "cuda/kernels.h"
#include "cuda/picture.h"

typedef struct cuda_tensor {
    gvd_tensor tensor;
    gvd_gpu *gpu;
    CUstream stream;    // on which the contents were made
    gvd_buffer *buffer; // our memory, or without memory for its event only
    gvd_block block;    // a caller's memory, else empty
} cuda_tensor;

// NULL and 1 are two names of the legacy default stream.
static CUstream normal_stream(void *stream)
{
    return stream == (void *)1 ? NULL : stream;
}

// A block goes back to its allocator, which knows only the stream on which it
// was allocated: that one waits for what others were told to do with it.
static void release_block(cuda_tensor *t)
{
    gvd_gpu *gpu = t->gpu;
    gvd_buffer *b = t->buffer;
    if (b->user_count > 0 && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        gvd_buffer_settle(b, t->stream);
        gvd_gpu_pop(gpu);
    }
    t->block.release(t->block.handle);
}

static void release_tensor(gvd_tensor *tensor)
{
    cuda_tensor *t = (cuda_tensor *)tensor;
    if (gvd_driver_is_inherited())
        return; // the memory is the parent's
    if (t->block.release)
        release_block(t);
    gvd_buffer_put(&t->buffer);
    free(t);
}

static int order_tensor(gvd_tensor *tensor, void *stream, gvd_error *err)
{
    cuda_tensor *t = (cuda_tensor *)tensor;
    // On its own stream a caller's memory is in order already.
    if (t->block.release && normal_stream(stream) == t->stream)
        return GVD_OK;
    return gvd_buffer_order(t->buffer, stream, err);
}

static int tensor_to_host(gvd_tensor *tensor, const gvd_tensor *part,
                          void *host, gvd_error *err)
{
    cuda_tensor *t = (cuda_tensor *)tensor;
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_DEVICE,
        .srcDevice = (CUdeviceptr)(uintptr_t)part->data,
        .dstMemoryType = CU_MEMORYTYPE_HOST,
        .dstHost = host,
        .WidthInBytes = (size_t)gvd_tensor_bytes(part),
        .Height = 1,
    };
    return gvd_buffer_download(t->buffer, &copy, err);
}

static const gvd_tensor_ops cuda_ops = {
    .release = release_tensor,
    .order = order_tensor,
    .to_host = tensor_to_host,
};

// Once more after giving back all that we keep for later.
static int allocate_block(cuda_tensor *t, const gvd_allocator *allocator,
                          gvd_error *err)
{
    const gvd_tensor *tensor = &t->tensor;
    int rc = gvd_gpu_check_stream(t->gpu, t->stream, err);
    for (int attempt = 0; rc == GVD_OK && attempt < 2; attempt++) {
        rc = allocator->allocate(allocator->context, tensor->device,
                                 tensor->ndim, tensor->shape, &t->block, err);
        if (rc != GVD_ERR_NO_MEMORY || attempt > 0)
            return rc;
        gvd_cuda_trim();
        rc = GVD_OK;
    }
    return rc;
}

static int create_tensor(gvd_gpu *gpu, const int64_t shape[GVD_MAX_DIMS],
                         const gvd_allocator *allocator, cuda_tensor **out,
                         gvd_error *err)
{
    cuda_tensor *t = calloc(1, sizeof *t);
    if (!t)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    t->gpu = gpu;
    t->stream =
        allocator ? normal_stream(allocator->stream) : gpu->convert_stream;
    t->tensor = (gvd_tensor){
        .ops = &cuda_ops,
        .bits = 8,
        .device = {GVD_DEVICE_CUDA, gpu->index},
    };
    gvd_ref_init(&t->tensor.ref);
    gvd_tensor_set_shape(&t->tensor, GVD_MAX_DIMS, shape);
    size_t bytes = allocator ? 0 : (size_t)gvd_tensor_bytes(&t->tensor);
    int rc = allocator ? allocate_block(t, allocator, err) : GVD_OK;
    if (rc == GVD_OK)
        rc = gvd_buffer_get(gpu, bytes, t->stream, &t->buffer, err);
    if (rc < 0) {
        if (t->block.release)
            t->block.release(t->block.handle);
        free(t);
        return rc;
    }
    t->tensor.data =
        allocator ? t->block.data : (uint8_t *)(uintptr_t)t->buffer->memory;
    *out = t;
    return GVD_OK;
}

static int describe_frame(const gvd_frame *frame, struct gvd_kernel_frame *out,
                          gvd_error *err)
{
    const gvd_plane *planes = frame->planes;
    *out = (struct gvd_kernel_frame){
        .y = (unsigned long long)(uintptr_t)planes[0].data,
        .y_stride = (int)planes[0].stride,
    };
    if (frame->layout == GVD_LAYOUT_RGB24)
        return GVD_OK;
    out->u = (unsigned long long)(uintptr_t)planes[1].data;
    out->v = (unsigned long long)(uintptr_t)planes[2].data;
    out->u_stride = (int)planes[1].stride;
    out->v_stride = (int)planes[2].stride;
    out->chroma_step = planes[1].step;
    return gvd_yuv_matrix_init(&out->matrix, frame->color, err);
}

// Frames that are to become one tensor, and where their pixels go in it.
struct conversion {
    cuda_tensor *tensor;
    gvd_frame *const *frames;
    int count;
    enum gvd_dimension_order order;
    enum gvd_orientation orientation;
    gvd_placement place;
};

static enum gvd_kernel choose_kernel(const struct conversion *c,
                                     enum gvd_layout layout)
{
    if (c->orientation != GVD_UPRIGHT)
        return layout == GVD_LAYOUT_RGB24 ? GVD_KERNEL_RGB_TURNED
                                          : GVD_KERNEL_YUV_TURNED;
    if (layout == GVD_LAYOUT_RGB24)
        return c->order == GVD_NCHW ? GVD_KERNEL_RGB_NCHW : GVD_KERNEL_RGB_NHWC;
    return c->order == GVD_NCHW ? GVD_KERNEL_YUV_NCHW : GVD_KERNEL_YUV_NHWC;
}

static struct gvd_kernel_params start_params(const struct conversion *c,
                                             int done)
{
    const gvd_tensor *tensor = &c->tensor->tensor;
    const uint8_t *target =
        tensor->data + done * tensor->strides[0] + c->place.first;
    return (struct gvd_kernel_params){
        .dst = (unsigned long long)(uintptr_t)target,
        .width = c->frames[0]->width,
        .height = c->frames[0]->height,
        .column = (int)c->place.column,
        .row = (int)c->place.row,
        .channel = (int)c->place.channel,
    };
}

// Converts frames from `done` on, as many as one launch takes; the number, or
// an error.
static int launch(const struct conversion *c, int done, gvd_error *err)
{
    const cuda_tensor *t = c->tensor;
    const gvd_driver *drv = t->gpu->drv;
    gvd_frame *const *frames = c->frames + done;
    const enum gvd_layout layout = frames[0]->layout;
    struct gvd_kernel_params params = start_params(c, done);
    int n = 0;
    while (n < c->count - done && n < GVD_KERNEL_MAX_FRAMES &&
           frames[n]->layout == layout) {
        gvd_buffer *buffer = gvd_cuda_picture_buffer(frames[n]);
        int rc = describe_frame(frames[n], &params.frames[n], err);
        if (rc == GVD_OK)
            rc = CU(err, drv->cuStreamWaitEvent(t->stream, buffer->event, 0));
        if (rc < 0)
            return rc;
        n++;
    }
    params.frame_count = n;
    struct gvd_kernel_grid grid =
        gvd_kernel_grid_for(params.width, params.height, n);
    CUfunction kernel = t->gpu->kernels[choose_kernel(c, layout)];
    void *arguments[] = {&params};
    int rc = CU(err, drv->cuLaunchKernel(kernel, grid.x, grid.y, grid.z,
                                         GVD_KERNEL_BLOCK_X, GVD_KERNEL_BLOCK_Y,
                                         1, 0, t->stream, arguments, NULL));
    for (int i = 0; rc == GVD_OK && i < n; i++)
        rc =
            gvd_buffer_mark(gvd_cuda_picture_buffer(frames[i]), t->stream, err);
    return rc < 0 ? rc : n;
}

static int convert_all(const struct conversion *c, gvd_error *err)
{
    const cuda_tensor *t = c->tensor;
    for (int done = 0; done < c->count;) {
        int rc = launch(c, done, err);
        if (rc < 0) {
            // The memory is used again only after what was launched.
            gvd_buffer_mark(t->buffer, t->stream, NULL);
            return rc;
        }
        done += rc;
    }
    return gvd_buffer_mark(t->buffer, t->stream, err);
}

int gvd_cuda_convert(int device, gvd_frame *const *frames, int count,
                     enum gvd_dimension_order order,
                     enum gvd_orientation orientation,
                     const gvd_allocator *allocator, gvd_tensor **out,
                     gvd_error *err)
{
    gvd_gpu *gpu;
    int rc = gvd_gpu_enter(device, &gpu, err);
    if (rc < 0)
        return rc;
    const int width = frames[0]->width, height = frames[0]->height;
    int64_t shape[GVD_MAX_DIMS];
    gvd_tensor_rgb_shape(order, orientation, count, width, height, shape);
    struct conversion c = {
        .frames = frames,
        .count = count,
        .order = order,
        .orientation = orientation,
        .place = gvd_placement_for(order, orientation, width, height),
    };
    rc = create_tensor(gpu, shape, allocator, &c.tensor, err);
    if (rc == GVD_OK)
        rc = convert_all(&c, err);
    gvd_gpu_pop(gpu);
    gvd_tensor *tensor = c.tensor ? &c.tensor->tensor : NULL;
    if (rc < 0 && tensor)
        gvd_tensor_unref(&tensor);
    *out = tensor;
    return rc;
}
