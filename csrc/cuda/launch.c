#include "cuda/launch.h"

#include <stdlib.h>

#include "cuda/kernels.h"
#include "cuda/picture.h"
#include "cuda/resample.h"

// --- the axes on the device ---

// Both axes, and behind them which columns of the frame each tile needs and
// which rows each group of gvd_resample_shrink's.
typedef struct device_axes {
    gvd_buffer *buffer;
    CUdeviceptr x, y, ranges;
    int tile, tile_count, group_count;
    bool shrinks; // gvd_resample_shrink can be used
} device_axes;

static void release_axes(void *axes)
{
    device_axes *a = axes;
    gvd_buffer_put(&a->buffer);
    free(a);
}

// What `size` samples of the picture from `from` on need, a part of
// [first, end).
static void find_range(const gvd_axis *axis, int from, int size, int range[2])
{
    const int end = from + size < axis->count ? from + size : axis->count;
    range[0] = axis->end;
    range[1] = axis->first;
    for (int i = from; i < end; i++) {
        if (axis->counts[i] == 0)
            continue;
        int start = axis->starts[i], stop = start + axis->counts[i];
        range[0] = start < range[0] ? start : range[0];
        range[1] = stop > range[1] ? stop : range[1];
    }
    if (range[0] > range[1]) // all of it is padding
        range[0] = range[1] = axis->first;
}

// Whether every `size` samples need no more than so many from an even one on.
static bool ranges_fit(const gvd_axis *axis, int size, int most)
{
    for (int from = 0; from < axis->count; from += size) {
        int range[2];
        find_range(axis, from, size, range);
        if (range[1] - (range[0] & ~1) > most)
            return false;
    }
    return true;
}

// Whether the samples of the picture are complete one after the other, each
// before the one after the next begins. Weights of 0 at the end do not count.
static bool is_chain(const gvd_axis *axis)
{
    int end = axis->first, before = axis->first; // of the last, of that before
    for (int i = 0; i < axis->count; i++) {
        const int16_t *weights =
            axis->short_weights + (size_t)i * (size_t)axis->stride;
        int from = 0, count = axis->counts[i];
        while (from < count && weights[from] == 0)
            from++;
        while (count > from && weights[count - 1] == 0)
            count--;
        if (from == count)
            continue;
        const int stop = axis->starts[i] + count;
        if (axis->starts[i] + from < before || stop < end)
            return false;
        before = end;
        end = stop;
    }
    return true;
}

// As many samples as the columns that a block takes can give.
static int choose_tile(const gvd_axis *x)
{
    int columns = x->end - x->first;
    int tile = (int)((int64_t)x->count * GVD_RESAMPLE_SPAN / (columns + 1)) + 1;
    tile = tile < x->count ? tile : x->count;
    while (tile > 1 && !ranges_fit(x, tile, GVD_RESAMPLE_SPAN))
        tile -= tile > 16 ? tile / 16 : 1;
    return tile;
}

static int copy_in(gvd_gpu *gpu, CUdeviceptr to, const void *from, size_t bytes,
                   gvd_error *err)
{
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_HOST,
        .srcHost = from,
        .dstMemoryType = CU_MEMORYTYPE_DEVICE,
        .dstDevice = to,
        .WidthInBytes = bytes,
        .Height = 1,
    };
    return CU(err, gpu->drv->cuMemcpy2DAsync(&copy, gpu->copy_stream));
}

static size_t aligned(size_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

static void fill_ranges(const gvd_axis *axis, int size, int count, int *ranges)
{
    for (int i = 0; i < count; i++)
        find_range(axis, i * size, size, ranges + (ptrdiff_t)2 * i);
}

static int upload(gvd_gpu *gpu, const gvd_conversion *c, device_axes *a,
                  gvd_error *err)
{
    const size_t count = (size_t)a->tile_count + (size_t)a->group_count,
                 bytes = count * 2 * sizeof(int);
    int *ranges = malloc(bytes);
    if (!ranges)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    fill_ranges(&c->x, a->tile, a->tile_count, ranges);
    fill_ranges(&c->y, GVD_SHRINK_ROWS, a->group_count,
                ranges + (ptrdiff_t)2 * a->tile_count);
    int rc = gvd_buffer_get(
        gpu, aligned(c->x.bytes) + aligned(c->y.bytes) + aligned(bytes),
        gpu->copy_stream, &a->buffer, err);
    if (rc == GVD_OK) {
        a->x = a->buffer->memory;
        a->y = a->x + aligned(c->x.bytes);
        a->ranges = a->y + aligned(c->y.bytes);
        rc = copy_in(gpu, a->x, c->x.block, c->x.bytes, err);
    }
    if (rc == GVD_OK)
        rc = copy_in(gpu, a->y, c->y.block, c->y.bytes, err);
    if (rc == GVD_OK)
        rc = copy_in(gpu, a->ranges, ranges, bytes, err);
    if (rc == GVD_OK)
        rc = gvd_buffer_mark(a->buffer, gpu->copy_stream, err);
    if (rc == GVD_OK) // the host's memory is read until then
        rc = CU(err, gpu->drv->cuStreamSynchronize(gpu->copy_stream));
    free(ranges);
    return rc;
}

static int count_parts(int count, int size)
{
    return (count + size - 1) / size;
}

// Of the axes; what the frames must be is can_shrink's.
static bool axes_shrink(const gvd_conversion *c, int tile)
{
    return c->arithmetic == GVD_ARITHMETIC_SHORT && is_chain(&c->y) &&
           ranges_fit(&c->x, tile, GVD_RESAMPLE_SPAN) &&
           ranges_fit(&c->y, GVD_SHRINK_ROWS, GVD_SHRINK_WINDOW);
}

static int get_axes(gvd_gpu *gpu, gvd_conversion *c, device_axes **out,
                    gvd_error *err)
{
    void *there = atomic_load(&c->device_axes);
    if (there) {
        *out = there;
        return GVD_OK;
    }
    device_axes *a = calloc(1, sizeof *a);
    if (!a)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    a->tile = choose_tile(&c->x);
    a->tile_count = count_parts(c->x.count, a->tile);
    a->group_count = count_parts(c->y.count, GVD_SHRINK_ROWS);
    a->shrinks = axes_shrink(c, a->tile);
    int rc = upload(gpu, c, a, err);
    if (rc < 0) {
        release_axes(a);
        return rc;
    }
    c->release_axes = release_axes; // the same for all who race here
    if (!atomic_compare_exchange_strong(&c->device_axes, &there, a)) {
        release_axes(a);
        a = there;
    }
    *out = a;
    return GVD_OK;
}

// --- arguments ---

static unsigned long long address(const void *memory)
{
    return (unsigned long long)(uintptr_t)memory;
}

static void describe_plain(const gvd_conversion *c, const gvd_frame *frame,
                           struct gvd_kernel_frame *out)
{
    const gvd_plane *y = &frame->planes[0], *u = gvd_conversion_u(c, frame),
                    *v = gvd_conversion_v(c, frame);
    *out = (struct gvd_kernel_frame){
        .y = address(y->data),
        .u = address(u->data),
        .v = address(v->data),
        .y_stride = (int)y->stride,
        .u_stride = (int)u->stride,
        .v_stride = (int)v->stride,
        .chroma_step = u->step,
        .matrix = c->matrix,
    };
}

static void describe_any(const gvd_conversion *c, const gvd_frame *frame,
                         struct gvd_resample_frame *out)
{
    const gvd_plane *y = &frame->planes[0], *u = gvd_conversion_u(c, frame),
                    *v = gvd_conversion_v(c, frame);
    *out = (struct gvd_resample_frame){
        .y = address(y->data),
        .u = address(u->data),
        .v = address(v->data),
        .y_stride = (int)y->stride,
        .u_stride = (int)u->stride,
        .v_stride = (int)v->stride,
    };
}

static struct gvd_kernel_axis describe_axis(const gvd_axis *axis,
                                            CUdeviceptr block)
{
    const char *host = axis->block;
    return (struct gvd_kernel_axis){
        .starts = block,
        .counts = block + (size_t)((const char *)axis->counts - host),
        .weights = block + (size_t)((const char *)axis->weights - host),
        .short_weights =
            block + (size_t)((const char *)axis->short_weights - host),
        .count = axis->count,
        .stride = axis->stride,
        .shift = axis->shift,
    };
}

// --- launches ---

static int start(const gvd_launch *l, enum gvd_kernel kernel,
                 const unsigned grid[3], const unsigned block[2], void *params,
                 gvd_error *err)
{
    void *arguments[] = {params};
    return CU(err, l->gpu->drv->cuLaunchKernel(
                       l->gpu->kernels[kernel], grid[0], grid[1], grid[2],
                       block[0], block[1], 1, 0, l->stream, arguments, NULL));
}

static int launch_plain(const gvd_launch *l, const gvd_conversion *c,
                        gvd_frame *const *frames, int count, gvd_error *err)
{
    const gvd_placement place = gvd_placement_for(
        c->output.order, c->orientation, c->like.width, c->like.height);
    struct gvd_kernel_params params = {
        .dst = address(l->dst + place.first),
        .width = c->like.width,
        .height = c->like.height,
        .column = (int)place.column,
        .row = (int)place.row,
        .channel = (int)place.channel,
        .frame_count = count,
    };
    for (int i = 0; i < count; i++)
        describe_plain(c, frames[i], &params.frames[i]);
    const struct gvd_kernel_grid grid =
        gvd_kernel_grid_for(params.width, params.height, count);
    enum gvd_kernel kernel =
        c->output.order == GVD_NCHW ? GVD_KERNEL_YUV_NCHW : GVD_KERNEL_YUV_NHWC;
    if (c->orientation != GVD_UPRIGHT)
        kernel = GVD_KERNEL_YUV_TURNED;
    return start(l, kernel, (const unsigned[]){grid.x, grid.y, grid.z},
                 (const unsigned[]){GVD_KERNEL_BLOCK_X, GVD_KERNEL_BLOCK_Y},
                 &params, err);
}

static struct gvd_resample_params
describe_all(const gvd_launch *l, const gvd_conversion *c,
             const device_axes *axes, gvd_frame *const *frames, int count)
{
    struct gvd_resample_params params = {
        .dst = address(l->dst),
        .tiles = axes->ranges,
        .groups = axes->ranges + (size_t)axes->tile_count * 2 * sizeof(int),
        .column = c->column,
        .row = c->row,
        .channel = c->channel,
        .frame = (long long)c->width * c->height * c->channels,
        .x = describe_axis(&c->x, axes->x),
        .y = describe_axis(&c->y, axes->y),
        .tile = axes->tile,
        .channels = c->channels,
        .width = c->like.width,
        .sample_bytes = c->like.sample_bytes,
        .y_step = frames[0]->planes[0].step,
        .chroma_step = frames[0]->planes[1].step,
        .shift_x = c->shift_x,
        .shift_y = c->shift_y,
        .has_chroma = c->like.plane_count == 3,
        .matrix = c->matrix,
        .colors = c->colors,
        .finish = c->finish,
        .frame_count = count,
    };
    for (int i = 0; i < count; i++)
        describe_any(c, frames[i], &params.frames[i]);
    return params;
}

// Whole pairs of 8-bit columns and rows share their chroma, and a pair of
// columns is read at once.
static bool can_shrink(const struct gvd_resample_params *p, int height)
{
    bool good = p->sample_bytes == 1 && p->y_step == 1 && p->has_chroma &&
                p->shift_x == 1 && p->shift_y == 1 && p->width % 2 == 0 &&
                height % 2 == 0;
    for (int i = 0; i < p->frame_count; i++)
        good =
            good && p->frames[i].y % 2 == 0 && p->frames[i].y_stride % 2 == 0;
    return good;
}

static int launch_any(const gvd_launch *l, gvd_conversion *c,
                      gvd_frame *const *frames, int count, gvd_error *err)
{
    device_axes *axes = NULL;
    int rc = get_axes(l->gpu, c, &axes, err);
    if (rc == GVD_OK)
        rc = gvd_buffer_order(axes->buffer, l->stream, err);
    if (rc < 0)
        return rc;
    struct gvd_resample_params params = describe_all(l, c, axes, frames, count);
    enum gvd_kernel kernel = c->arithmetic == GVD_ARITHMETIC_SHORT
                                 ? GVD_KERNEL_RESAMPLE_SHORT
                                 : GVD_KERNEL_RESAMPLE_FLOAT;
    int groups = count_parts(c->y.count, GVD_RESAMPLE_ROWS);
    if (axes->shrinks && can_shrink(&params, c->like.height)) {
        kernel = GVD_KERNEL_RESAMPLE_SHRINK;
        groups = axes->group_count;
    }
    const unsigned grid[] = {(unsigned)axes->tile_count, (unsigned)groups,
                             (unsigned)count};
    return start(l, kernel, grid, (const unsigned[]){GVD_RESAMPLE_THREADS, 1},
                 &params, err);
}

static int wait_for(const gvd_launch *l, gvd_frame *const *frames, int count,
                    gvd_error *err)
{
    int rc = GVD_OK;
    for (int i = 0; rc == GVD_OK && i < count; i++)
        rc = CU(err,
                l->gpu->drv->cuStreamWaitEvent(
                    l->stream, gvd_cuda_picture_buffer(frames[i])->event, 0));
    return rc;
}

static int mark_used(const gvd_launch *l, gvd_frame *const *frames, int count,
                     gvd_error *err)
{
    int rc = GVD_OK;
    for (int i = 0; i < count; i++) { // all of them, also behind a failure
        int marked = gvd_buffer_mark(gvd_cuda_picture_buffer(frames[i]),
                                     l->stream, rc < 0 ? NULL : err);
        rc = rc < 0 ? rc : marked;
    }
    return rc;
}

// Frames that lie in memory as the first one does.
static int count_alike(gvd_frame *const *frames, int count)
{
    const gvd_frame *first = frames[0];
    int n = 1;
    while (n < count && n < GVD_KERNEL_MAX_FRAMES &&
           gvd_frame_is_like(frames[n], first) &&
           frames[n]->planes[0].step == first->planes[0].step &&
           frames[n]->planes[1].step == first->planes[1].step)
        n++;
    return n;
}

int gvd_launch_convert(const gvd_launch *launch, gvd_conversion *conversion,
                       gvd_frame *const *frames, int count, gvd_error *err)
{
    const bool plain = conversion->arithmetic == GVD_ARITHMETIC_BYTES;
    const int n = count_alike(frames, count);
    pthread_mutex_lock(&launch->gpu->launching);
    int rc = wait_for(launch, frames, n, err);
    if (rc == GVD_OK)
        rc = plain ? launch_plain(launch, conversion, frames, n, err)
                   : launch_any(launch, conversion, frames, n, err);
    if (rc == GVD_OK)
        rc = mark_used(launch, frames, n, err);
    pthread_mutex_unlock(&launch->gpu->launching);
    return rc < 0 ? rc : n;
}

int gvd_launch_gather(const gvd_launch *launch, int64_t bytes,
                      gvd_frame *const *frames, int count, gvd_error *err)
{
    struct gvd_gather_params params = {
        .dst = address(launch->dst),
        .bytes = (unsigned long long)bytes,
    };
    int n = 0;
    for (; n < count && n < GVD_KERNEL_MAX_FRAMES &&
           frames[n]->layout == GVD_LAYOUT_OUTPUT;
         n++)
        params.pictures[n] = address(frames[n]->planes[0].data);
    const int64_t block = (int64_t)GVD_GATHER_THREADS * GVD_GATHER_BYTES;
    const unsigned grid[] = {(unsigned)((bytes + block - 1) / block),
                             (unsigned)n, 1};
    pthread_mutex_lock(&launch->gpu->launching);
    int rc = wait_for(launch, frames, n, err);
    if (rc == GVD_OK)
        rc = start(launch, GVD_KERNEL_GATHER, grid,
                   (const unsigned[]){GVD_GATHER_THREADS, 1}, &params, err);
    if (rc == GVD_OK)
        rc = mark_used(launch, frames, n, err);
    pthread_mutex_unlock(&launch->gpu->launching);
    return rc < 0 ? rc : n;
}
