// How short levels are summed, down the columns and along the rows: a part of
// resample_lanes.h, which says what the names in capitals are. resample_load.h
// says how they lie.
#define TAPS 16 // along a row, at once

// Two weights, from number 2 * j on.
INLINE V load_weights(const int16_t *weights, int j)
{
    int both;
    memcpy(&both, weights + (ptrdiff_t)2 * j, sizeof both);
    return INT(set1_epi32)(both);
}

// To so many sums, as many vectors of numbers.
INLINE void add_products(V *sums, const int16_t *from, V weights, int count)
{
#pragma GCC unroll 6
    for (int k = 0; k < count; k++)
        sums[k] = INT(add_epi32)(
            sums[k],
            INT(madd_epi16)(LOAD(from + (ptrdiff_t)k * SHORTS), weights));
}

struct block_sums {
    V luma[LUMA_PARTS], chroma[6]; // two for each channel
};

INLINE void add_terms(struct block_sums *sums, const gvd_quad_sum *s, int j,
                      const int16_t *from)
{
    // A row of the picture begins and ends anywhere in a quad.
#pragma GCC unroll 2
    for (int p = 2 * j; p < 2 * j + 2; p++) {
        if (s->weights[2 * p] | s->weights[2 * p + 1])
            add_products(sums->luma, from, load_weights(s->weights, p),
                         LUMA_PARTS);
        from += (ptrdiff_t)LUMA_PARTS * SHORTS;
    }
#pragma GCC unroll 1
    for (int k = 0; k <= s->apart; k++)
        add_products(sums->chroma, from, load_weights(s->shared[k], j), 6);
}

// Of the quads that have any here.
INLINE void add_levels(V sums[4], const gvd_quad_sum *s, int room, int channel,
                       int i)
{
    for (int j = 0; j < s->count; j++) {
        int16_t *quad = s->quads[j];
        const int mark = *mark_at(quad, room, i);
        for (int p = 0; p < 2; p++)
            if (mark & bit_of(p, channel))
                add_products(sums, levels_at(quad, room, p, channel, i),
                             load_weights(s->weights, 2 * j + p), 4);
    }
}

INLINE void lift(V sums[4], int places)
{
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        sums[k] = INT(sll_epi32)(sums[k], _mm_cvtsi32_si128(places));
}

// The upper halves of the lanes, of even and odd columns side by side.
INLINE void store_sums(int16_t *out, V sums[4], int shift)
{
    if (shift < 16)
        lift(sums, 16 - shift);
    const V first = ODD_WORDS(INT(srli_epi32)(sums[0], 16), sums[1]);
    const V second = ODD_WORDS(INT(srli_epi32)(sums[2], 16), sums[3]);
    STORE(out, JOIN_LOW(first, second));
    STORE(out + SHORTS, JOIN_HIGH(first, second));
}

INLINE void sum_block(const gvd_quad_sum *s, int room, int shift, int i)
{
    const V half = INT(set1_epi32)(1 << (shift - 1)), zero = INT(set1_epi32)(0);
    struct block_sums all = {{half, half, half, half},
                             {zero, zero, zero, zero, zero, zero}};
    int marks = 0;
    for (int j = 0; j < s->count; j++) {
        const int mark = *mark_at(s->quads[j], room, i);
        marks |= mark;
        if (!(mark & NO_TERMS))
            add_terms(&all, s, j, terms_at(s->quads[j], room, i));
    }
#pragma GCC unroll 3
    for (int k = 0; k < 3; k++) {
        V sums[4];
#pragma GCC unroll 4
        for (int part = 0; part < 4; part++)
            sums[part] =
                INT(add_epi32)(all.luma[part], all.chroma[2 * k + part / 2]);
        if (marks & (bit_of(0, k) | bit_of(1, k)))
            add_levels(sums, s, room, k, i);
        store_sums(s->out[k] + i, sums, shift);
    }
}

// Block by block, since the rows need much the same quads, which then are near.
TARGET static void down_short(const gvd_quad_sum *sums, int rows, int room,
                              int shift, int n)
{
    for (int i = 0; i < n; i += BLOCK)
        for (int y = 0; y < rows; y++)
            sum_block(&sums[y], room, shift, i);
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
INLINE __m256i sum_taps(const int16_t *from, const int16_t *weights, int steps)
{
    __m256i sum = _mm256_madd_epi16(load_taps(from), load_taps(weights));
    for (int j = TAPS; j < steps * TAPS; j += TAPS)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load_taps(from + j),
                                                      load_taps(weights + j)));
    return sum;
}

// Four samples of each channel from number i on; the channels take the same
// weights, which are loaded once since nothing is stored in between.
INLINE void sum_four(float *const out[3], const int16_t *const in[3],
                     const gvd_axis *x, int i, int steps)
{
    const int32_t *at = x->starts + i;
    const int16_t *w[4] = {x->short_weights + (ptrdiff_t)i * x->stride};
    for (int k = 1; k < 4; k++)
        w[k] = w[k - 1] + x->stride;
    __m128i sums[3];
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++)
        sums[c] = sum_of_four(sum_taps(in[c] + at[0], w[0], steps),
                              sum_taps(in[c] + at[1], w[1], steps),
                              sum_taps(in[c] + at[2], w[2], steps),
                              sum_taps(in[c] + at[3], w[3], steps));
    const __m128 level =
        _mm_set1_ps(1.0f / (float)(1 << (GVD_YUV_FRACTION + x->shift)));
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++)
        _mm_storeu_ps(out[c] + i, _mm_mul_ps(_mm_cvtepi32_ps(sums[c]), level));
}

// The last four may be some of those before them.
INLINE void sum_across(float *const out[3], const int16_t *const in[3],
                       const gvd_axis *x, int steps)
{
    float *const to[3] = {out[0], out[1], out[2]};
    for (int i = 0; i + 4 <= x->count; i += 4)
        sum_four(to, in, x, i, steps);
    if (x->count % 4)
        sum_four(to, in, x, x->count - 4, steps);
}

INLINE void copy_across(float *out, const int16_t *in, int n)
{
    const F unit = REAL(set1_ps)(1.0f / (1 << GVD_YUV_FRACTION));
    for (int i = 0; i < n; i += FLOATS)
        REAL(storeu_ps)(
            out + i,
            REAL(mul_ps)(REAL(cvtepi32_ps)(SIGNED_WORDS(in + i)), unit));
}

TARGET static void across_short(float *const out[3], const int16_t *const in[3],
                                const gvd_axis *x, int from)
{
    const int steps = (x->taps + TAPS - 1) / TAPS;
    const int16_t *const rows[3] = {in[0] - from, in[1] - from, in[2] - from};
    if (x->plain)
        for (int c = 0; c < 3; c++)
            copy_across(out[c], rows[c] + x->first, x->count);
    else if (x->count < 4)
        gvd_resample_scalar.across_short(out, in, x, from);
    else if (steps == 1)
        sum_across(out, rows, x, 1);
    else if (steps == 2)
        sum_across(out, rows, x, 2);
    else
        sum_across(out, rows, x, steps);
}
