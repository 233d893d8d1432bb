// The routines that define what resampling gives; those for vectors give the
// same bytes, and leave what is over at the end of a row to these.
#include <string.h>

#include "cpu/resample.h"

static int sample_at(const uint8_t *row, int x, int bytes)
{
    if (bytes == 1)
        return row[x];
    uint16_t word;
    memcpy(&word, row + (size_t)x * 2, sizeof word);
    return word;
}

// Two rows of a quad lie together, in each channel.
static int place_of(int row, int channel, int i, int room)
{
    return (row / 2 * 3 + channel) * 2 * room + 2 * i + row % 2;
}

static void load_short(const gvd_conversion *c,
                       const gvd_sample_row rows[GVD_QUAD], int x, int n,
                       int16_t *quad, int room)
{
    for (int at = 0; at < GVD_QUAD * n; at++) {
        const int y = at / n, i = at % n, from = x + i;
        const gvd_sample_row *row = &rows[y];
        const int half = from >> row->shift_x;
        int u = row->u ? row->u[half] : 128, v = row->v ? row->v[half] : 128;
        struct gvd_yuv_chroma t = gvd_yuv_chroma_terms(&c->matrix, u, v);
        int luma = gvd_yuv_luma(&c->matrix, row->y[from]);
        quad[place_of(y, 0, i, room)] = (int16_t)gvd_yuv_short(luma + t.r);
        quad[place_of(y, 1, i, room)] = (int16_t)gvd_yuv_short(luma + t.g);
        quad[place_of(y, 2, i, room)] = (int16_t)gvd_yuv_short(luma + t.b);
    }
}

static void load_float(const gvd_conversion *c, const gvd_sample_row *row,
                       int x, int n, float *const out[3])
{
    const struct gvd_color_matrix *m = &c->colors;
    const int bytes = row->sample_bytes;
    for (int i = 0; i < n; i++) {
        int at = (x + i) >> row->shift_x;
        float y = (float)sample_at(row->y, x + i, bytes) - m->offset[0];
        float u = 0, v = 0;
        if (row->u) {
            u = (float)sample_at(row->u, at, bytes) - m->offset[1];
            v = (float)sample_at(row->v, at, bytes) - m->offset[2];
        }
        for (int k = 0; k < c->channels; k++)
            out[k][i] = gvd_color_level(m, k, y, u, v);
    }
}

static int sum_of_quads(const gvd_quad_sum *s, int channel, int i, int room)
{
    int sum = 0;
    for (int j = 0; j < GVD_QUAD * s->count; j++)
        sum +=
            s->quads[j / GVD_QUAD][place_of(j % GVD_QUAD, channel, i, room)] *
            s->weights[j];
    return sum;
}

static void down_short(const gvd_quad_sum *sums, int rows, int room, int shift,
                       int n)
{
    const int half = 1 << (shift - 1);
    for (int at = 0; at < 3 * rows * n; at++) {
        const int y = at / n / 3, k = at / n % 3, i = at % n;
        const int sum = sum_of_quads(&sums[y], k, i, room);
        sums[y].out[k][i] = (int16_t)((sum + half) >> shift);
    }
}

static void down_float(float *out, const float *const *rows,
                       const float *weights, int count, int n)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int j = 0; j < count; j++)
        for (int i = 0; i < n; i++)
            out[i] = out[i] + rows[j][i] * weights[j];
}

static void across_short(float *const out[3], const int16_t *const in[3],
                         const gvd_axis *x, int from)
{
    const float level = 1.0f / (float)(1 << (GVD_YUV_FRACTION + x->shift));
    for (int at = 0; at < 3 * x->count; at++) {
        const int k = at / x->count, i = at % x->count;
        const int16_t *weights = x->short_weights + (size_t)i * x->stride;
        int32_t sum = 0;
        for (int j = 0; j < x->counts[i]; j++)
            sum += in[k][x->starts[i] - from + j] * weights[j];
        out[k][i] = (float)sum * level;
    }
}

static void across_float(float *out, const float *in, const gvd_axis *x,
                         int from)
{
    for (int i = 0; i < x->count; i++) {
        const float *weights = x->weights + (size_t)i * x->stride;
        float sum = 0;
        for (int j = 0; j < x->counts[i]; j++)
            sum = sum + in[x->starts[i] - from + j] * weights[j];
        out[i] = sum;
    }
}

static unsigned float_bits(float value)
{
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void finish(const struct gvd_finish *f, int channel, float *levels,
                   int n, void *dst, ptrdiff_t step)
{
    uint8_t *bytes = dst;
    uint16_t *words = dst;
    float *floats = dst;
    for (int i = 0; i < n; i++) {
        const float level = gvd_finish_level(f, levels[i]);
        const float x = gvd_finish_float(f, channel, level);
        if (f->dtype == GVD_UINT8)
            bytes[i * step] = (uint8_t)gvd_level_to_byte(level);
        else if (f->dtype == GVD_UINT16)
            words[i * step] = (uint16_t)gvd_level_to_word(level);
        else if (f->dtype == GVD_FLOAT16)
            words[i * step] = (uint16_t)gvd_bits_to_float16(float_bits(x));
        else if (f->dtype == GVD_BFLOAT16)
            words[i * step] = (uint16_t)gvd_bits_to_bfloat16(float_bits(x));
        else
            floats[i * step] = x;
    }
}

const gvd_resample_ops gvd_resample_scalar = {
    .name = "scalar",
    .load_short = load_short,
    .load_float = load_float,
    .down_short = down_short,
    .down_float = down_float,
    .across_short = across_short,
    .across_float = across_float,
    .finish = finish,
};
