// The routines of short arithmetic: a part of resample_lanes.h, which says what
// the names in capitals are.
#define TAPS 16 // along a row, at once
#define LINE 64 // bytes that the processor fetches

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

// Of samples that are shifted by 7 already.
INLINE V luma_term(const struct coefficients *k, V y)
{
    return INT(mulhrs_epi16)(INT(sub_epi16)(y, k->y_offset), k->cy);
}

INLINE V load_luma(const struct coefficients *k, const uint8_t *from)
{
    return luma_term(k, INT(slli_epi16)(WIDEN(LOAD_H(from)), 7));
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
                      const gvd_sample_row rows[2], int x, int n, int16_t *out,
                      int room, enum chroma chroma)
{
    const gvd_sample_row a = rows[0], b = rows[1];
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
            int16_t *to = out + 2 * ((ptrdiff_t)c * room + i);
            STORE(to, INT(unpacklo_epi16)(above, below));
            STORE(to + SHORTS, INT(unpackhi_epi16)(above, below));
        }
    }
    return i;
}

// --- two rows that share their chroma ---
//
// Where no level of a BLOCK of columns is clipped, which is most of a picture,
// its sum is exactly luma's sum and chroma's: one channel and three of a
// quarter of the pixels, instead of three. Such a block has no levels, only
// these terms: PARTS vectors behind the levels' place, luma as unpacking bytes
// twice leaves it. Behind them all there is a number for each block, 1 where it
// has levels.
#define BLOCK (2 * SHORTS)
#define LUMA_PARTS 4
#define PARTS 7

INLINE int16_t *terms_at(int16_t *pair, int room, int x)
{
    return pair + (ptrdiff_t)GVD_PAIR_LEVELS * room +
           x / BLOCK * PARTS * SHORTS;
}

INLINE int16_t *mark_at(int16_t *pair, int room, int x)
{
    return pair + (ptrdiff_t)(GVD_PAIR_NUMBERS - 1) * room + x / BLOCK;
}

// Luma's extremes of the four pixels that share a pair of chroma samples show
// what happens to all four.
INLINE bool is_clipped(const struct coefficients *k, V above, V below,
                       const struct levels *terms)
{
    const V byte = INT(set1_epi16)(0xff), *t = terms->c;
    V high = INT(max_epu8)(above, below), low = INT(min_epu8)(above, below);
    high = INT(max_epi16)(AND(high, byte), INT(srli_epi16)(high, 8));
    low = INT(min_epi16)(AND(low, byte), INT(srli_epi16)(low, 8));
    const V most = INT(max_epi16)(INT(max_epi16)(t[0], t[1]), t[2]);
    const V least = INT(min_epi16)(INT(min_epi16)(t[0], t[1]), t[2]);
    high = INT(adds_epi16)(luma_term(k, INT(slli_epi16)(high, 7)), most);
    low = INT(adds_epi16)(luma_term(k, INT(slli_epi16)(low, 7)), least);
    const V room = INT(subs_epi16)(INT(set1_epi16)(GVD_SHORT_MAX), high);
    return NEGATIVE(INT(min_epi16)(room, low));
}

// False where levels are needed.
INLINE bool load_block(const struct coefficients *k,
                       const gvd_sample_row rows[2], int x, int16_t *to)
{
    const V zero = INT(set1_epi16)(0);
    const V above = LOAD(rows[0].y + x), below = LOAD(rows[1].y + x);
    const struct levels t = load_terms(k, &rows[0], x / 2, CHROMA_FULL);
    if (is_clipped(k, above, below, &t))
        return false;
    const V both[2] = {INT(unpacklo_epi8)(above, below),
                       INT(unpackhi_epi8)(above, below)};
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const V low = INT(srli_epi16)(INT(unpacklo_epi8)(zero, both[i]), 1);
        const V high = INT(srli_epi16)(INT(unpackhi_epi8)(zero, both[i]), 1);
        STORE(to + (ptrdiff_t)2 * i * SHORTS, luma_term(k, low));
        STORE(to + (ptrdiff_t)(2 * i + 1) * SHORTS, luma_term(k, high));
    }
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++)
        STORE(to + (ptrdiff_t)(LUMA_PARTS + c) * SHORTS, t.c[c]);
    return true;
}

// Whole blocks, and how many pixels these are.
INLINE int load_blocks(const struct coefficients *k,
                       const gvd_sample_row rows[2], int x, int n,
                       int16_t *pair, int room)
{
    const gvd_sample_row a = rows[0], b = rows[1];
    int i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        for (int j = 0; j < BLOCK; j += LINE) {
            prefetch(&a, x + i + j);
            prefetch(&b, x + i + j);
        }
        const bool clipped =
            !load_block(k, rows, x + i, terms_at(pair, room, i));
        *mark_at(pair, room, i) = clipped;
        if (clipped)
            load_pairs(k, rows, x + i, BLOCK, pair + (ptrdiff_t)2 * i, room,
                       CHROMA_SHARED);
    }
    return i;
}

// At most SHORTS pixels, however chroma lies, as if there were as many.
TARGET static void load_rest(const struct coefficients *k,
                             const gvd_sample_row rows[2], int x, int n,
                             int16_t *out, int room)
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
    load_pairs(k, copies, 0, SHORTS, out, room, CHROMA_FULL);
}

TARGET static void load_short(const gvd_conversion *c,
                              const gvd_sample_row rows[2], int x, int n,
                              int16_t *pair, int room)
{
    const struct coefficients k = load_matrix(&c->matrix);
    int marked = 0, i;
    if (!rows[0].u)
        i = load_pairs(&k, rows, x, n, pair, room, CHROMA_NONE);
    else if (rows[0].shift_x == 0)
        i = load_pairs(&k, rows, x, n, pair, room, CHROMA_FULL);
    else if (rows[0].shift_x == 1 && rows[0].u == rows[1].u)
        i = marked = load_blocks(&k, rows, x, n, pair, room);
    else if (rows[0].shift_x == 1)
        i = load_pairs(&k, rows, x, n, pair, room, CHROMA_HALF);
    else
        i = 0;
    for (; marked < n; marked += BLOCK)
        *mark_at(pair, room, marked) = 1;
    for (; i < n; i += SHORTS)
        load_rest(&k, rows, x + i, n - i < SHORTS ? n - i : SHORTS,
                  pair + (ptrdiff_t)2 * i, room);
}

INLINE V load_weights(const int16_t *weights, int j)
{
    int both;
    memcpy(&both, weights + (ptrdiff_t)2 * j, sizeof both);
    return INT(set1_epi32)(both);
}

INLINE V add_product(V sum, V numbers, V weights)
{
    return INT(add_epi32)(sum, INT(madd_epi16)(numbers, weights));
}

struct block_sums {
    V luma[LUMA_PARTS], chroma[3][2];
};

INLINE void add_terms(struct block_sums *s, const int16_t *from, V w)
{
#pragma GCC unroll 4
    for (int k = 0; k < LUMA_PARTS; k++)
        s->luma[k] =
            add_product(s->luma[k], LOAD(from + (ptrdiff_t)k * SHORTS), w);
    from += (ptrdiff_t)LUMA_PARTS * SHORTS;
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++) {
        const V t = LOAD(from + (ptrdiff_t)c * SHORTS);
        V *sums = s->chroma[c];
        sums[0] = add_product(sums[0], INT(unpacklo_epi16)(t, t), w);
        sums[1] = add_product(sums[1], INT(unpackhi_epi16)(t, t), w);
    }
}

// Luma and one channel's chroma, each of these for two pixels, in the order of
// the levels.
INLINE void join_terms(V out[4], const struct block_sums *s, const V chroma[2])
{
    V sums[LUMA_PARTS];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const V c = chroma[i];
        sums[2 * i] = INT(add_epi32)(s->luma[2 * i], INT(unpacklo_epi32)(c, c));
        sums[2 * i + 1] =
            INT(add_epi32)(s->luma[2 * i + 1], INT(unpackhi_epi32)(c, c));
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        out[i] = JOIN_LOW(sums[i], sums[i + 2]);
        out[i + 2] = JOIN_HIGH(sums[i], sums[i + 2]);
    }
}

// Those of the pairs that have levels here.
INLINE void add_levels(V sums[4], int16_t *const *pairs, const int16_t *weights,
                       int count, int room, int channel, int i)
{
    for (int j = 0; j < count; j++) {
        if (!*mark_at(pairs[j], room, i))
            continue;
        const V w = load_weights(weights, j);
        const int16_t *from = pairs[j] + 2 * ((ptrdiff_t)channel * room + i);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            sums[k] =
                add_product(sums[k], LOAD(from + (ptrdiff_t)k * SHORTS), w);
    }
}

// The sums lie as the pairs do within each 16 bytes, and packing undoes that.
INLINE void store_sums(int16_t *out, const V sums[4], int shift)
{
    const __m128i places = _mm_cvtsi32_si128(shift);
    V s[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        s[k] = INT(sra_epi32)(sums[k], places);
    STORE(out, INT(packs_epi32)(s[0], s[1]));
    STORE(out + SHORTS, INT(packs_epi32)(s[2], s[3]));
}

TARGET static void down_short(int16_t *const out[3], int16_t *const *pairs,
                              const int16_t *weights, int count, int room,
                              int shift, int n)
{
    const V half = INT(set1_epi32)(1 << (shift - 1)), zero = INT(set1_epi32)(0);
    for (int i = 0; i < n; i += BLOCK) {
        struct block_sums s = {{half, half, half, half},
                               {{zero, zero}, {zero, zero}, {zero, zero}}};
        bool clipped = false;
        for (int j = 0; j < count; j++) {
            if (*mark_at(pairs[j], room, i))
                clipped = true;
            else
                add_terms(&s, terms_at(pairs[j], room, i),
                          load_weights(weights, j));
        }
#pragma GCC unroll 3
        for (int c = 0; c < 3; c++) {
            V sums[4];
            join_terms(sums, &s, s.chroma[c]);
            if (clipped)
                add_levels(sums, pairs, weights, count, room, c, i);
            store_sums(out[c] + i, sums, shift);
        }
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
