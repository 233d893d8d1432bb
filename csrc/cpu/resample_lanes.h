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
//   LOAD_H_TWICE(p)    SHORTS / 2 bytes, each twice
//   WIDEN(h)           these to 16 bits
//   WIDE_BYTES(p)      FLOATS bytes as 32 bits each; _TWICE: half, each twice
//   WIDE_WORDS(p)      likewise of 16 bits
//   SIGNED_WORDS(p)    FLOATS numbers of 16 bits, as 32 bits each
//   STORE_BYTES(p, v)  32-bit lanes as bytes
//   STORE_WORDS(p, v)  as 16 bits
//   STORE_HALVES(p, f) floats as half floats
#define TAPS 16 // along a row, at once

struct coefficients {
    V y_offset, cy, crv, cgu, cgv, cbu;
};

struct levels {
    V c[3];
};

INLINE struct coefficients load_matrix(const struct gvd_yuv_matrix *m)
{
    return (struct coefficients){
        INT(set1_epi16)((short)(m->y_offset * GVD_YUV_LUMA_SCALE)),
        INT(set1_epi16)(m->cy),
        INT(set1_epi16)(m->crv),
        INT(set1_epi16)(m->cgu),
        INT(set1_epi16)(m->cgv),
        INT(set1_epi16)(m->cbu),
    };
}

// Of what a stream has: constants, so that each has a loop of its own.
enum chroma {
    CHROMA_NONE,
    CHROMA_FULL,
    CHROMA_HALF,   // one for two pixels
    CHROMA_SHARED, // and for two rows
};

INLINE V load_chroma(const uint8_t *from, enum chroma chroma)
{
    const V flip = INT(set1_epi16)((short)0x8000);
    const V wide =
        chroma == CHROMA_FULL ? WIDEN(LOAD_H(from)) : WIDEN(LOAD_H_TWICE(from));
    return XOR(INT(slli_epi16)(wide, 8), flip);
}

// What chroma adds to SHORTS pixels.
INLINE struct levels load_terms(const struct coefficients *k,
                                const gvd_sample_row *row, int x,
                                enum chroma chroma)
{
    if (chroma == CHROMA_NONE)
        return (struct levels){
            {INT(set1_epi16)(0), INT(set1_epi16)(0), INT(set1_epi16)(0)}};
    const int at = chroma == CHROMA_FULL ? x : x / 2;
    const V u = load_chroma(row->u + at, chroma);
    const V v = load_chroma(row->v + at, chroma);
    return (struct levels){{
        INT(mulhrs_epi16)(v, k->crv),
        INT(add_epi16)(INT(mulhrs_epi16)(u, k->cgu),
                       INT(mulhrs_epi16)(v, k->cgv)),
        INT(mulhrs_epi16)(u, k->cbu),
    }};
}

INLINE V load_luma(const struct coefficients *k, const uint8_t *from)
{
    const V y = INT(slli_epi16)(WIDEN(LOAD_H(from)), 7);
    return INT(mulhrs_epi16)(INT(sub_epi16)(y, k->y_offset), k->cy);
}

INLINE V clip_short(V level)
{
    level = INT(max_epi16)(level, INT(set1_epi16)(0));
    return INT(min_epi16)(level, INT(set1_epi16)(GVD_SHORT_MAX));
}

// The processor sees a row coming, not the next one.
INLINE void prefetch(const gvd_sample_row *row, int x)
{
    __builtin_prefetch(row->y + row->ahead_y + x);
    if (row->u) {
        const int at = x >> row->shift_x;
        __builtin_prefetch(row->u + row->ahead_uv + at);
        __builtin_prefetch(row->v + row->ahead_uv + at);
    }
}

// Pixels of two rows, interleaved within each 16 bytes: whole vectors of them,
// and how many that were.
INLINE int load_pairs(const struct coefficients *k,
                      const gvd_sample_row rows[2], int x, int n,
                      int16_t *const out[3], enum chroma chroma)
{
    const gvd_sample_row a = rows[0], b = rows[1];
    int16_t *const to[3] = {out[0], out[1], out[2]};
    int i = 0;
    for (; i + SHORTS <= n; i += SHORTS) {
        prefetch(&a, x + i);
        prefetch(&b, x + i);
        const struct levels first = load_terms(k, &a, x + i, chroma);
        const struct levels second =
            chroma == CHROMA_SHARED ? first : load_terms(k, &b, x + i, chroma);
        const V y0 = load_luma(k, a.y + x + i), y1 = load_luma(k, b.y + x + i);
#pragma GCC unroll 3
        for (int c = 0; c < 3; c++) {
            const V above = clip_short(INT(adds_epi16)(y0, first.c[c]));
            const V below = clip_short(INT(adds_epi16)(y1, second.c[c]));
            STORE(to[c] + 2 * i, INT(unpacklo_epi16)(above, below));
            STORE(to[c] + 2 * i + SHORTS, INT(unpackhi_epi16)(above, below));
        }
    }
    return i;
}

// At most SHORTS pixels, however chroma lies, as if there were as many.
TARGET static void load_rest(const struct coefficients *k,
                             const gvd_sample_row rows[2], int x, int n,
                             int16_t *const out[3], int at)
{
    uint8_t samples[2][3][SHORTS] = {0};
    gvd_sample_row copies[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        const gvd_sample_row *row = &rows[i];
        memcpy(samples[i][0], row->y + x, (size_t)n);
        for (int j = 0; j < n; j++) {
            const int from = (x + j) >> row->shift_x;
            samples[i][1][j] = row->u ? row->u[from] : 128;
            samples[i][2][j] = row->v ? row->v[from] : 128;
        }
        copies[i].y = samples[i][0];
        copies[i].u = samples[i][1];
        copies[i].v = samples[i][2];
    }
    int16_t *const to[3] = {out[0] + 2 * at, out[1] + 2 * at, out[2] + 2 * at};
    load_pairs(k, copies, 0, SHORTS, to, CHROMA_FULL);
}

TARGET static void load_short(const gvd_conversion *c,
                              const gvd_sample_row rows[2], int x, int n,
                              int16_t *const out[3])
{
    const struct coefficients k = load_matrix(&c->matrix);
    int i = 0;
    if (!rows[0].u)
        i = load_pairs(&k, rows, x, n, out, CHROMA_NONE);
    else if (rows[0].shift_x == 0)
        i = load_pairs(&k, rows, x, n, out, CHROMA_FULL);
    else if (rows[0].shift_x == 1 && rows[0].u == rows[1].u)
        i = load_pairs(&k, rows, x, n, out, CHROMA_SHARED);
    else if (rows[0].shift_x == 1)
        i = load_pairs(&k, rows, x, n, out, CHROMA_HALF);
    for (; i < n; i += SHORTS)
        load_rest(&k, rows, x + i, n - i < SHORTS ? n - i : SHORTS, out, i);
}

// The sums lie as the pairs do within each 16 bytes, and packing undoes that.
TARGET static void down_short(int16_t *out, const int16_t *const *pairs,
                              const int16_t *weights, int count, int shift,
                              int n)
{
    const __m128i places = _mm_cvtsi32_si128(shift);
    const V half = INT(set1_epi32)(1 << (shift - 1));
    for (int i = 0; i < n; i += 2 * SHORTS) {
        V sums[4] = {half, half, half, half};
        for (int j = 0; j < count; j++) {
            int both;
            memcpy(&both, weights + (ptrdiff_t)2 * j, sizeof both);
            const V w = INT(set1_epi32)(both);
            const int16_t *from = pairs[j] + (ptrdiff_t)2 * i;
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++)
                sums[k] = INT(add_epi32)(
                    sums[k],
                    INT(madd_epi16)(LOAD(from + (ptrdiff_t)k * SHORTS), w));
        }
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            sums[k] = INT(sra_epi32)(sums[k], places);
        STORE(out + i, INT(packs_epi32)(sums[0], sums[1]));
        STORE(out + i + SHORTS, INT(packs_epi32)(sums[2], sums[3]));
    }
}

// The sums of the lanes of each.
INLINE __m128i sum_of_four(__m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i all =
        _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(all),
                         _mm256_extracti128_si256(all, 1));
}

INLINE __m256i load_taps(const int16_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

// `steps` times TAPS, a constant where there are few. Wider vectors would hold
// more zeros than weights.
INLINE __m256i sum_taps(const gvd_axis *x, const int16_t *in, int at, int steps)
{
    const int16_t *weights = x->short_weights + (size_t)at * (size_t)x->stride;
    const int16_t *from = in + x->starts[at];
    __m256i sum = _mm256_madd_epi16(load_taps(from), load_taps(weights));
    for (int j = TAPS; j < steps * TAPS; j += TAPS)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load_taps(from + j),
                                                      load_taps(weights + j)));
    return sum;
}

INLINE void sum_across(float *out, const int16_t *in, const gvd_axis *x,
                       int steps)
{
    const float level = 1.0f / (float)(1 << (GVD_YUV_FRACTION + x->shift));
    int i = 0;
    for (; i + 4 <= x->count; i += 4) {
        const __m128i sums = sum_of_four(
            sum_taps(x, in, i, steps), sum_taps(x, in, i + 1, steps),
            sum_taps(x, in, i + 2, steps), sum_taps(x, in, i + 3, steps));
        _mm_storeu_ps(out + i,
                      _mm_mul_ps(_mm_cvtepi32_ps(sums), _mm_set1_ps(level)));
    }
    for (; i < x->count; i++) {
        const __m256i sum = sum_taps(x, in, i, steps);
        const __m128i sums = sum_of_four(sum, sum, sum, sum);
        out[i] = (float)_mm_cvtsi128_si32(sums) * level;
    }
}

TARGET static void across_short(float *out, const int16_t *in,
                                const gvd_axis *x, int from)
{
    const int steps = (x->taps + TAPS - 1) / TAPS;
    const F unit = REAL(set1_ps)(1.0f / (1 << GVD_YUV_FRACTION));
    const int16_t *first = in - from;
    if (x->plain)
        for (int i = 0; i < x->count; i += FLOATS) {
            const V levels = SIGNED_WORDS(first + x->first + i);
            REAL(storeu_ps)(out + i,
                            REAL(mul_ps)(REAL(cvtepi32_ps)(levels), unit));
        }
    else if (steps == 1)
        sum_across(out, first, x, 1);
    else if (steps == 2)
        sum_across(out, first, x, 2);
    else
        sum_across(out, first, x, steps);
}

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
