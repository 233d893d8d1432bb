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

static void load_short(const gvd_conversion *c, const gvd_sample_row rows[2],
                       int x, int n, int16_t *pair, int room)
{
    int16_t *const out[3] = {pair, pair + 2 * room, pair + 4 * room};
    for (int i = 0; i < 2 * n; i++) {
        const gvd_sample_row *row = &rows[i % 2];
        int from = x + i / 2, at = from >> row->shift_x;
        int u = row->u ? row->u[at] : 128, v = row->v ? row->v[at] : 128;
        struct gvd_yuv_chroma t = gvd_yuv_chroma_terms(&c->matrix, u, v);
        int luma = gvd_yuv_luma(&c->matrix, row->y[from]);
        out[0][i] = (int16_t)gvd_yuv_short(luma + t.r);
        out[1][i] = (int16_t)gvd_yuv_short(luma + t.g);
        out[2][i] = (int16_t)gvd_yuv_short(luma + t.b);
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

static void down_short(int16_t *const out[3], int16_t *const *pairs,
                       const int16_t *weights, int count, int room, int shift,
                       int n)
{
    for (int at = 0; at < 3 * n; at++) {
        const int k = at / n, i = at % n;
        int32_t sum = 1 << (shift - 1);
        for (int j = 0; j < 2 * count; j++)
            sum += pairs[j / 2][2 * (k * room + i) + j % 2] * weights[j];
        out[k][i] = (int16_t)(sum >> shift);
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
