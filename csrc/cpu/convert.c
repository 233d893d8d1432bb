// Host frames to dense RGB: the last step of the CPU backend, run by the
// workers frame by frame into the batch.
//
// Here are the checks, the walk over row pairs and the scalar routines, which
// are the definition: the vector routines in convert_avx2.c must give the same
// bytes and come here for what is left at the end of a row. convert_turn.c does
// pictures whose rows do not stay as they are.
#include "cpu/convert.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

// Frames whose RGB has at least so many bytes are written past the caches.
// Measured on one core (Zen 5, 32 MB L3), converting and then reading it all:
// batches of 32 gain 20 % at 1920x1080 and 10 % at 1280x720, where plain
// stores fetch every line before they overwrite it. Frames below this lose up
// to 40 % when one is read at once, from the cache, and gain little in batches.
#define STREAM_BYTES (2 << 20)

static void pair_to_planes(const struct gvd_yuv_matrix *m,
                           const struct gvd_convert_pair *pair, int from)
{
    for (int x = from; x < pair->width; x++) {
        ptrdiff_t at = (ptrdiff_t)(x / 2) * pair->chroma_step;
        struct gvd_yuv_chroma c =
            gvd_yuv_chroma_terms(m, pair->u[at], pair->v[at]);
        for (int i = 0; i < 2; i++) {
            int luma = gvd_yuv_luma(m, pair->y[i][x]);
            pair->out[i][0][x] = gvd_yuv_clip(luma + c.r);
            pair->out[i][1][x] = gvd_yuv_clip(luma + c.g);
            pair->out[i][2][x] = gvd_yuv_clip(luma + c.b);
        }
    }
}

static void pair_to_packed(const struct gvd_yuv_matrix *m,
                           const struct gvd_convert_pair *pair, int from)
{
    for (int x = from; x < pair->width; x++) {
        ptrdiff_t at = (ptrdiff_t)(x / 2) * pair->chroma_step;
        struct gvd_yuv_chroma c =
            gvd_yuv_chroma_terms(m, pair->u[at], pair->v[at]);
        for (int i = 0; i < 2; i++) {
            int luma = gvd_yuv_luma(m, pair->y[i][x]);
            uint8_t *pixel = pair->out[i][0] + (ptrdiff_t)x * 3;
            pixel[0] = gvd_yuv_clip(luma + c.r);
            pixel[1] = gvd_yuv_clip(luma + c.g);
            pixel[2] = gvd_yuv_clip(luma + c.b);
        }
    }
}

static void split_rgb(const uint8_t *rgb, uint8_t *const out[3], int width,
                      int from)
{
    for (int x = from; x < width; x++) {
        const uint8_t *pixel = rgb + (ptrdiff_t)x * 3;
        out[0][x] = pixel[0];
        out[1][x] = pixel[1];
        out[2][x] = pixel[2];
    }
}

const struct gvd_convert_ops gvd_convert_scalar = {
    .name = "scalar",
    .pair_to_planes = pair_to_planes,
    .pair_to_packed = pair_to_packed,
    .split_rgb = split_rgb,
};

static const struct gvd_convert_ops *choose_ops(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &gvd_convert_avx2;
#endif
    return &gvd_convert_scalar;
}

const struct gvd_convert_ops *gvd_convert_best(void)
{
    // Threads that race here store the same pointer to constant data.
    static _Atomic(const struct gvd_convert_ops *) best;
    const struct gvd_convert_ops *ops =
        atomic_load_explicit(&best, memory_order_relaxed);
    if (!ops) {
        ops = choose_ops();
        atomic_store_explicit(&best, ops, memory_order_relaxed);
    }
    return ops;
}

static void convert_420(const struct gvd_convert_ops *ops,
                        const gvd_frame *frame, const struct gvd_yuv_matrix *m,
                        uint8_t *dst, const gvd_placement *place)
{
    const gvd_plane *y = &frame->planes[0], *u = &frame->planes[1],
                    *v = &frame->planes[2];
    const ptrdiff_t bytes = (ptrdiff_t)frame->width * frame->height * 3;
    const bool planes = place->channel != 1, stream = bytes >= STREAM_BYTES;
    for (int row = 0; row < frame->height; row += 2) {
        struct gvd_convert_pair pair = {
            .u = u->data + row / 2 * u->stride,
            .v = v->data + row / 2 * v->stride,
            .chroma_step = u->step,
            .width = frame->width,
            .stream = stream,
        };
        for (int i = 0; i < 2; i++) {
            int at = row + i < frame->height ? row + i : row;
            uint8_t *out = dst + place->first + at * place->row;
            pair.y[i] = y->data + at * y->stride;
            pair.out[i][0] = out;
            pair.out[i][1] = planes ? out + place->channel : NULL;
            pair.out[i][2] = planes ? out + place->channel * 2 : NULL;
        }
        (planes ? ops->pair_to_planes : ops->pair_to_packed)(m, &pair, 0);
    }
    if (stream && ops->end_stream)
        ops->end_stream();
}

static void convert_rgb24(const struct gvd_convert_ops *ops,
                          const gvd_frame *frame, uint8_t *dst,
                          const gvd_placement *place)
{
    const gvd_plane *plane = &frame->planes[0];
    for (int row = 0; row < frame->height; row++) {
        const uint8_t *rgb = plane->data + row * plane->stride;
        uint8_t *out = dst + place->first + row * place->row;
        if (place->channel == 1)
            memcpy(out, rgb, (size_t)frame->width * 3);
        else
            ops->split_rgb(rgb,
                           (uint8_t *const[]){out, out + place->channel,
                                              out + place->channel * 2},
                           frame->width, 0);
    }
}

static bool is_host_420p8(const gvd_frame *frame)
{
    const gvd_plane *p = frame->planes;
    return gvd_frame_is_420p8(frame) && p[0].step == 1 &&
           (p[1].step == 1 || p[1].step == 2) && p[2].step == p[1].step;
}

static int check_frame(const gvd_frame *frame, gvd_error *err)
{
    if (frame->memory != GVD_MEMORY_HOST)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "a frame in device memory cannot be converted here");
    if ((frame->layout == GVD_LAYOUT_RGB24 && frame->sample_bytes == 1) ||
        is_host_420p8(frame))
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "pixel format %s (%d planes, %d bytes a sample) cannot be "
                    "converted to RGB",
                    frame->pixel_format ? frame->pixel_format : "unknown",
                    frame->plane_count, frame->sample_bytes);
}

int gvd_convert_frame(const struct gvd_convert_ops *ops, const gvd_frame *frame,
                      uint8_t *dst, enum gvd_dimension_order order,
                      enum gvd_orientation orientation, gvd_error *err)
{
    struct gvd_yuv_matrix m = {0};
    int rc = check_frame(frame, err);
    if (rc == GVD_OK && frame->layout != GVD_LAYOUT_RGB24)
        rc = gvd_yuv_matrix_init(&m, frame->color, err);
    if (rc < 0)
        return rc;
    const gvd_placement place =
        gvd_placement_for(order, orientation, frame->width, frame->height);
    // Rows that stay rows, left to right, need no more than their places.
    if (orientation & (GVD_FLIP_X | GVD_TRANSPOSE))
        gvd_convert_turned(ops, frame, &m, dst, &place,
                           orientation & GVD_TRANSPOSE);
    else if (frame->layout == GVD_LAYOUT_RGB24)
        convert_rgb24(ops, frame, dst, &place);
    else
        convert_420(ops, frame, &m, dst, &place);
    return GVD_OK;
}

int gvd_cpu_convert(const gvd_frame *frame, uint8_t *dst,
                    enum gvd_dimension_order order,
                    enum gvd_orientation orientation, gvd_error *err)
{
    return gvd_convert_frame(gvd_convert_best(), frame, dst, order, orientation,
                             err);
}
