// The resampling routines for vectors of one width, included by a file for
// each:
//
//   ROUTINES, NAME     what is defined here, and its name
//   TARGET             the attribute that a function needs
//   INLINE             that of one that is part of its callers
//   V, F               vectors of whole numbers, of floats
//   SHORTS, FLOATS     numbers of 16 bits in V, floats in F
//   INT(name)          an intrinsic on V, where all widths have it
//   REAL(name)         likewise on F
//   LOAD, STORE        V, at any address
//   XOR, AND, CAST     of V, and of F to V
//   LOAD_H(p)          SHORTS bytes
//   WIDEN(h)           these to 16 bits
//   NEGATIVE(v)        whether any 16-bit lane is
//   ODD_WORDS(a, b)    a with the odd 16-bit lanes of b
//   JOIN_LOW(a, b)     16 bytes of each in turns, from their lower halves
//   JOIN_HIGH(a, b)    from their upper ones
//   WIDE_BYTES(p)      FLOATS bytes as 32 bits each; _TWICE: half, each twice
//   WIDE_WORDS(p)      likewise of 16 bits
//   SIGNED_WORDS(p)    FLOATS numbers of 16 bits, as 32 bits each
//   STORE_BYTES(p, v)  32-bit lanes as bytes
//   STORE_WORDS(p, v)  as 16 bits
//   STORE_HALVES(p, f) floats as half floats
#include "cpu/resample_load.h"
#include "cpu/resample_short.h"

INLINE F clip(F level)
{
    level = REAL(max_ps)(REAL(set1_ps)(0.0f), level);
    return REAL(min_ps)(REAL(set1_ps)(GVD_LEVEL_MAX), level);
}

// FLOATS samples from column x on, of a plane with so many bytes a sample, less
// the offset.
INLINE F load_samples(const uint8_t *row, int x, int bytes, int shift,
                      float offset)
{
    const uint8_t *from = row + (ptrdiff_t)(x >> shift) * bytes;
    V samples;
    if (shift)
        samples = bytes == 1 ? WIDE_BYTES_TWICE(from) : WIDE_WORDS_TWICE(from);
    else
        samples = bytes == 1 ? WIDE_BYTES(from) : WIDE_WORDS(from);
    return REAL(sub_ps)(REAL(cvtepi32_ps)(samples), REAL(set1_ps)(offset));
}

TARGET static void load_float(const gvd_conversion *c,
                              const gvd_sample_row *row, int x, int n,
                              float *const out[3])
{
    const struct gvd_color_matrix *m = &c->colors;
    const int bytes = row->sample_bytes, shift = row->shift_x;
    int i = 0;
    for (; shift < 2 && i + FLOATS <= n; i += FLOATS) {
        const F y = load_samples(row->y, x + i, bytes, 0, m->offset[0]);
        F u = REAL(set1_ps)(0.0f), v = u;
        if (row->u) {
            u = load_samples(row->u, x + i, bytes, shift, m->offset[1]);
            v = load_samples(row->v, x + i, bytes, shift, m->offset[2]);
        }
        for (int k = 0; k < c->channels; k++) {
            const float *w = m->row[k];
            const F chroma = REAL(add_ps)(REAL(mul_ps)(u, REAL(set1_ps)(w[1])),
                                          REAL(mul_ps)(v, REAL(set1_ps)(w[2])));
            const F luma = REAL(mul_ps)(y, REAL(set1_ps)(w[0]));
            REAL(storeu_ps)(out[k] + i, clip(REAL(add_ps)(luma, chroma)));
        }
    }
    float *rest[3] = {0};
    for (int k = 0; k < c->channels; k++)
        rest[k] = out[k] + i;
    gvd_resample_scalar.load_float(c, row, x + i, n - i, rest);
}

TARGET static void down_float(float *out, const float *const *rows,
                              const float *weights, int count, int n)
{
    for (int i = 0; i < n; i += FLOATS) {
        F sum = REAL(set1_ps)(0.0f);
        for (int j = 0; j < count; j++)
            sum = REAL(add_ps)(sum, REAL(mul_ps)(REAL(loadu_ps)(rows[j] + i),
                                                 REAL(set1_ps)(weights[j])));
        REAL(storeu_ps)(out + i, sum);
    }
}

TARGET static void across_float(float *out, const float *in, const gvd_axis *x,
                                int from)
{
    if (x->plain)
        memcpy(out, in + (x->first - from), (size_t)x->count * sizeof *out);
    else
        gvd_resample_scalar.across_float(out, in, x, from);
}

INLINE F to_float(const struct gvd_finish *f, int channel, F level)
{
    F x = REAL(div_ps)(level, REAL(set1_ps)(f->unit));
    if (!f->normalized)
        return x;
    x = REAL(sub_ps)(x, REAL(set1_ps)(f->mean[channel]));
    return REAL(div_ps)(x, REAL(set1_ps)(f->std[channel]));
}

// FLOATS numbers, one after the other.
INLINE void store_finished(const struct gvd_finish *f, int channel, F level,
                           void *to)
{
    level = clip(level);
    if (f->limited)
        level =
            REAL(add_ps)(REAL(mul_ps)(level, REAL(set1_ps)(219.0f / 255.0f)),
                         REAL(set1_ps)(16.0f));
    const F half = REAL(set1_ps)(0.5f);
    if (f->dtype == GVD_UINT8) {
        STORE_BYTES(to, REAL(cvttps_epi32)(REAL(add_ps)(level, half)));
    } else if (f->dtype == GVD_UINT16) {
        level = REAL(mul_ps)(level, REAL(set1_ps)(257.0f));
        STORE_WORDS(to, REAL(cvttps_epi32)(REAL(add_ps)(level, half)));
    } else if (f->dtype == GVD_FLOAT16) {
        STORE_HALVES(to, to_float(f, channel, level));
    } else if (f->dtype == GVD_BFLOAT16) {
        const V bits = CAST(to_float(f, channel, level));
        const V odd = AND(INT(srli_epi32)(bits, 16), INT(set1_epi32)(1));
        const V sum =
            INT(add_epi32)(INT(add_epi32)(bits, INT(set1_epi32)(0x7fff)), odd);
        STORE_WORDS(to, INT(srli_epi32)(sum, 16));
    } else {
        REAL(storeu_ps)(to, to_float(f, channel, level));
    }
}

static void spread(uint8_t *to, ptrdiff_t step, const uint8_t *from, int size)
{
    for (int i = 0; i < FLOATS; i++, to += step, from += size) {
        if (size == 1)
            *to = *from;
        else if (size == 2)
            memcpy(to, from, 2);
        else
            memcpy(to, from, 4);
    }
}

TARGET static void finish(const struct gvd_finish *f, int channel,
                          float *levels, int n, void *dst, ptrdiff_t step)
{
    const int size = gvd_dtype_bytes((enum gvd_dtype)f->dtype);
    uint8_t *to = dst, together[FLOATS * sizeof(float)];
    int i = 0;
    for (; i + FLOATS <= n; i += FLOATS) {
        const F level = REAL(loadu_ps)(levels + i);
        uint8_t *at = to + (ptrdiff_t)i * step * size;
        store_finished(f, channel, level, step == 1 ? at : together);
        if (step != 1)
            spread(at, step * size, together, size);
    }
    gvd_resample_scalar.finish(f, channel, levels + i, n - i,
                               to + (ptrdiff_t)i * step * size, step);
}

const gvd_resample_ops ROUTINES = {
    .name = NAME,
    .load_short = load_short,
    .load_float = load_float,
    .down_short = down_short,
    .down_float = down_float,
    .across_short = across_short,
    .across_float = across_float,
    .finish = finish,
};
