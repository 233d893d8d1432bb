// 8-bit 4:2:0 to dense bytes: the last step of the CPU backend for most videos,
// run by the workers frame by frame into the batch.
//
// Here are the walk over row pairs and the scalar routines, which
// are the definition: the vector routines in convert_avx2.c must give the same
// bytes and come here for what is left at the end of a row. convert_turn.c does
// pictures whose rows do not stay as they are.
#include "cpu/convert.h"

#include "cpu/resample.h"

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

const struct gvd_convert_ops gvd_convert_scalar = {
    .name = "scalar",
    .pair_to_planes = pair_to_planes,
    .pair_to_packed = pair_to_packed,
};

const struct gvd_convert_ops *gvd_convert_best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &gvd_convert_avx2;
#endif
    return &gvd_convert_scalar;
}

static void convert_upright(const struct gvd_convert_ops *ops,
                            const gvd_conversion *c, const gvd_frame *frame,
                            uint8_t *dst, const gvd_placement *place)
{
    const gvd_plane *y = &frame->planes[0], *u = gvd_conversion_u(c, frame),
                    *v = gvd_conversion_v(c, frame);
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
        (planes ? ops->pair_to_planes : ops->pair_to_packed)(&c->matrix, &pair,
                                                             0);
    }
    if (stream && ops->end_stream)
        ops->end_stream();
}

void gvd_convert_frame(const struct gvd_convert_ops *ops,
                       const gvd_conversion *c, const gvd_frame *frame,
                       uint8_t *dst)
{
    const gvd_placement place = gvd_placement_for(
        c->output.order, c->orientation, frame->width, frame->height);
    // Rows that stay rows, left to right, need no more than their places.
    if (c->orientation & ~GVD_FLIP_Y)
        gvd_convert_turned(ops, c, frame, dst, &place);
    else
        convert_upright(ops, c, frame, dst, &place);
}

int gvd_cpu_convert(const gvd_conversion *conversion, const gvd_frame *frame,
                    uint8_t *dst, gvd_error *err)
{
    if (conversion->arithmetic != GVD_ARITHMETIC_BYTES)
        return gvd_resample_frame(gvd_resample_best(), conversion, frame, dst,
                                  err);
    gvd_convert_frame(gvd_convert_best(), conversion, frame, dst);
    return GVD_OK;
}
