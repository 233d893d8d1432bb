// Frames in device memory to one tensor: the last station on the GPU.
//
// The stream waits for the frames' events, one launch converts all that are of
// one kind, and each frame's memory waits for it: the host never does.
#include <stdlib.h>

#include "cuda/device.h"
#include "cuda/launch.h"
#include "cuda/picture.h"

typedef struct cuda_tensor {
    gvd_tensor tensor;
    gvd_gpu *gpu;
    CUstream stream;    // on which the contents were made
    gvd_buffer *buffer; // our memory, or without memory for its event only
    gvd_block block;    // a caller's memory, else empty
    gvd_late late;      // it is dropped, and could not be given back
} cuda_tensor;

// NULL and 1 are two names of the legacy default stream.
static CUstream normal_stream(void *stream)
{
    return stream == (void *)1 ? NULL : stream;
}

// A block goes back to its allocator, which knows only the stream on which it
// was allocated: that one waits for what others were told to do with it. False
// where it cannot yet.
static bool release_block(cuda_tensor *t)
{
    gvd_gpu *gpu = t->gpu;
    gvd_buffer *b = t->buffer;
    bool settled = true;
    if (b->user_count > 0 && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        settled = gvd_buffer_settle(b, t->stream);
        gvd_gpu_pop(gpu);
    }
    if (settled)
        t->block.release(t->block.handle);
    return settled;
}

static void release_tensor(void *tensor)
{
    cuda_tensor *t = tensor;
    if (gvd_driver_is_inherited())
        return; // the memory is the parent's
    if (t->block.release && !release_block(t)) {
        gvd_late_add(&t->late, release_tensor, t);
        return;
    }
    gvd_buffer_put(&t->buffer);
    free(t);
}

static void drop_tensor(gvd_tensor *tensor)
{
    release_tensor(tensor);
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
    if (t->block.release) // its stream's own work is in order, the copy is not
        gvd_buffer_add_user(t->buffer, t->stream);
    return gvd_buffer_download(t->buffer, &copy, err);
}

static const gvd_tensor_ops cuda_ops = {
    .release = drop_tensor,
    .order = order_tensor,
    .to_host = tensor_to_host,
};

// Once more after giving back all that we keep for later.
static int allocate_block(cuda_tensor *t, const gvd_allocator *allocator,
                          gvd_error *err)
{
    const int64_t bytes = gvd_tensor_bytes(&t->tensor);
    int rc = gvd_gpu_check_stream(t->gpu, t->stream, err);
    for (int attempt = 0; rc == GVD_OK && attempt < 2; attempt++) {
        rc = allocator->allocate(allocator->context, t->tensor.device, 1,
                                 &bytes, &t->block, err);
        if (rc != GVD_ERR_NO_MEMORY || attempt > 0)
            return rc;
        gvd_cuda_trim();
        rc = GVD_OK;
    }
    return rc;
}

// Memory of the caller's, of its allocator's, or of ours.
static int take_memory(cuda_tensor *t, const gvd_cuda_batch *batch,
                       gvd_error *err)
{
    const bool ours = !batch->allocator && !batch->target->data;
    int rc = GVD_OK;
    if (batch->target->data) {
        t->block = *batch->target;
        *batch->target = (gvd_block){0};
        rc = gvd_gpu_check_stream(t->gpu, t->stream, err);
    } else if (batch->allocator) {
        rc = allocate_block(t, batch->allocator, err);
    }
    size_t bytes = ours ? (size_t)gvd_tensor_bytes(&t->tensor) : 0;
    if (rc == GVD_OK)
        rc = gvd_buffer_get(t->gpu, bytes, t->stream, &t->buffer, err);
    if (rc == GVD_OK)
        t->tensor.data =
            ours ? (uint8_t *)(uintptr_t)t->buffer->memory : t->block.data;
    return rc;
}

static int create_tensor(gvd_gpu *gpu, const gvd_cuda_batch *batch,
                         cuda_tensor **out, gvd_error *err)
{
    const gvd_output *output = &batch->conversions->output;
    cuda_tensor *t = calloc(1, sizeof *t);
    if (!t)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    t->gpu = gpu;
    t->stream = batch->allocator ? normal_stream(batch->allocator->stream)
                                 : gpu->convert_stream;
    t->tensor = (gvd_tensor){
        .ops = &cuda_ops,
        .dtype = output->dtype,
        .device = {GVD_DEVICE_CUDA, gpu->index},
    };
    gvd_ref_init(&t->tensor.ref);
    int64_t shape[GVD_MAX_DIMS];
    gvd_output_shape(output, batch->count, batch->size, shape);
    gvd_tensor_set_shape(&t->tensor, GVD_MAX_DIMS, shape);
    int rc = take_memory(t, batch, err);
    if (rc < 0) {
        if (t->block.release)
            t->block.release(t->block.handle);
        free(t);
        return rc;
    }
    *out = t;
    return GVD_OK;
}

// One launch: frames that are pictures already, or of one conversion. How many,
// or an error.
static int launch(const gvd_cuda_batch *batch, const cuda_tensor *t, int done,
                  gvd_error *err)
{
    const int64_t bytes = gvd_tensor_bytes(&t->tensor) / batch->count;
    gvd_frame *const *frames = batch->frames + done;
    const int count = batch->count - done;
    const gvd_launch target = {
        .gpu = t->gpu,
        .stream = t->stream,
        .dst = t->tensor.data + done * bytes,
    };
    if (frames[0]->layout == GVD_LAYOUT_OUTPUT)
        return gvd_launch_gather(&target, bytes, frames, count, err);
    gvd_conversion *c = NULL;
    int rc = gvd_conversions_get(batch->conversions, frames[0], &c, err);
    if (rc == GVD_OK && gvd_conversion_bytes(c) != bytes)
        rc = gvd_fail(err, GVD_ERR_INTERNAL, "a frame of another size");
    if (rc == GVD_OK)
        rc = gvd_launch_convert(&target, c, frames, count, err);
    gvd_conversion_unref(&c);
    return rc;
}

static int convert_all(const gvd_cuda_batch *batch, const cuda_tensor *t,
                       gvd_error *err)
{
    for (int done = 0; done < batch->count;) {
        int rc = launch(batch, t, done, err);
        if (rc < 0) {
            // The memory is used again only after what was launched.
            gvd_buffer_mark(t->buffer, t->stream, NULL);
            return rc;
        }
        done += rc;
    }
    return gvd_buffer_mark(t->buffer, t->stream, err);
}

int gvd_cuda_convert(const gvd_cuda_batch *batch, gvd_tensor **out,
                     gvd_error *err)
{
    gvd_gpu *gpu;
    int rc = gvd_gpu_enter(batch->device, &gpu, err);
    if (rc < 0)
        return rc;
    cuda_tensor *t = NULL;
    rc = create_tensor(gpu, batch, &t, err);
    if (rc == GVD_OK)
        rc = convert_all(batch, t, err);
    gvd_gpu_pop(gpu);
    gvd_tensor *tensor = t ? &t->tensor : NULL;
    if (rc < 0 && tensor)
        gvd_tensor_unref(&tensor);
    *out = tensor;
    return rc;
}

int gvd_cuda_shrink(int device, gvd_conversion *conversion, gvd_frame **frame,
                    gvd_error *err)
{
    const gvd_conversion *c = conversion;
    const int64_t bytes = gvd_conversion_bytes(c);
    gvd_gpu *gpu;
    int rc = gvd_gpu_enter(device, &gpu, err);
    if (rc < 0)
        return rc;
    gvd_launch launch = {.gpu = gpu, .stream = gpu->convert_stream};
    gvd_buffer *buffer;
    gvd_frame *small = NULL;
    rc = gvd_buffer_get(gpu, (size_t)bytes, launch.stream, &buffer, err);
    if (rc == GVD_OK)
        rc = gvd_cuda_picture_create(buffer, &small, err);
    if (rc == GVD_OK) {
        launch.dst = (uint8_t *)(uintptr_t)buffer->memory;
        gvd_frame_set_facts(small, *frame);
        gvd_frame_set_output(small, launch.dst, bytes, c->width, c->height);
        rc = gvd_launch_convert(&launch, conversion, frame, 1, err);
    }
    if (rc >= 0)
        rc = gvd_buffer_mark(buffer, launch.stream, err);
    gvd_gpu_pop(gpu);
    if (rc < 0) {
        gvd_frame_unref(&small);
        return rc;
    }
    gvd_frame_unref(frame);
    *frame = small;
    return GVD_OK;
}
