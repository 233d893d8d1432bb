// The AVX2 routines of the host conversion: 32 pixels of two rows at a time.
//
// Even and odd pixels of a row lie in two vectors of 16-bit lanes, so that one
// vector of chroma terms serves both, and both rows, without any shuffle. Sums
// saturate where the scalar code has an int; that is only seen above 511
// levels, which clip to 255 either way. Rows shorter than 32 pixels and the
// last pixel of odd ones are left to the scalar code.
#include "cpu/convert.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))
#define PIXELS 32

// The same 16 bytes in both halves.
#define BOTH(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

struct coefficients {
    __m256i y_offset, cy, crv, cgu, cgv, cbu;
};

// Each chroma sample's terms in a 16-bit lane, for red, green and blue; then
// also each channel's bytes of 32 pixels.
struct channels {
    __m256i c[3];
};

// Constants for going from channels to packed pixels within 16-byte lanes.
// As 3 and 16 have no common factor, the bytes of one channel all have places
// in three packed vectors that differ modulo 16: one shuffle moves them there
// and blends do the rest. third[j] picks bytes j, j + 3, j + 6 ...
struct packing {
    __m256i shuffle[3];
    __m256i third[3];
};

AVX2_INLINE struct coefficients load_matrix(const struct gvd_yuv_matrix *m)
{
    return (struct coefficients){
        .y_offset =
            _mm256_set1_epi16((short)(m->y_offset * GVD_YUV_LUMA_SCALE)),
        .cy = _mm256_set1_epi16(m->cy),
        .crv = _mm256_set1_epi16(m->crv),
        .cgu = _mm256_set1_epi16(m->cgu),
        .cgv = _mm256_set1_epi16(m->cgv),
        .cbu = _mm256_set1_epi16(m->cbu),
    };
}

// Chroma of 32 pixels as (sample - 128) << 8, which is the sample in the high
// byte with its top bit flipped.
AVX2_INLINE void load_chroma(const struct gvd_convert_pair *pair, ptrdiff_t x,
                             __m256i *u, __m256i *v)
{
    const __m256i flip = _mm256_set1_epi16((short)0x8000);
    if (pair->chroma_step == 1) {
        const __m128i *pu = (const __m128i *)(pair->u + x / 2);
        const __m128i *pv = (const __m128i *)(pair->v + x / 2);
        *u = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128(pu)), 8);
        *v = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128(pv)), 8);
    } else {
        __m256i uv = _mm256_loadu_si256((const __m256i *)(pair->u + x));
        *u = _mm256_slli_epi16(uv, 8);
        *v = _mm256_and_si256(uv, _mm256_set1_epi16((short)0xff00));
    }
    *u = _mm256_xor_si256(*u, flip);
    *v = _mm256_xor_si256(*v, flip);
}

AVX2_INLINE struct channels chroma_terms(const struct coefficients *k,
                                         __m256i u, __m256i v)
{
    const __m256i round = _mm256_set1_epi16(GVD_YUV_ROUND);
    __m256i green = _mm256_add_epi16(_mm256_mulhrs_epi16(u, k->cgu),
                                     _mm256_mulhrs_epi16(v, k->cgv));
    return (struct channels){{
        _mm256_add_epi16(_mm256_mulhrs_epi16(v, k->crv), round),
        _mm256_add_epi16(green, round),
        _mm256_add_epi16(_mm256_mulhrs_epi16(u, k->cbu), round),
    }};
}

// Bytes of 32 pixels of one row. In each half of a vector the eight even
// pixels come first, then the eight odd ones: the caller shuffles anyway.
AVX2_INLINE struct channels convert_row(const struct coefficients *k,
                                        const struct channels *chroma,
                                        const uint8_t *row)
{
    const __m256i mask = _mm256_set1_epi16(255 * GVD_YUV_LUMA_SCALE);
    __m256i y = _mm256_loadu_si256((const __m256i *)row);
    __m256i even = _mm256_and_si256(_mm256_slli_epi16(y, 7), mask);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi16(y, 1), mask);
    even = _mm256_mulhrs_epi16(_mm256_sub_epi16(even, k->y_offset), k->cy);
    odd = _mm256_mulhrs_epi16(_mm256_sub_epi16(odd, k->y_offset), k->cy);

    struct channels out;
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        __m256i e = _mm256_adds_epi16(even, chroma->c[i]);
        __m256i o = _mm256_adds_epi16(odd, chroma->c[i]);
        out.c[i] = _mm256_packus_epi16(_mm256_srai_epi16(e, GVD_YUV_FRACTION),
                                       _mm256_srai_epi16(o, GVD_YUV_FRACTION));
    }
    return out;
}

AVX2_INLINE void store(uint8_t *to, __m256i value, bool stream)
{
    if (stream)
        _mm256_stream_si256((__m256i *)to, value);
    else
        _mm256_storeu_si256((__m256i *)to, value);
}

static bool is_aligned(const uint8_t *p)
{
    return (uintptr_t)p % sizeof(__m256i) == 0;
}

AVX2_INLINE void store_packed(uint8_t *to, const struct channels *in,
                              const struct packing *p, bool stream)
{
    __m256i r = _mm256_shuffle_epi8(in->c[0], p->shuffle[0]);
    __m256i g = _mm256_shuffle_epi8(in->c[1], p->shuffle[1]);
    __m256i b = _mm256_shuffle_epi8(in->c[2], p->shuffle[2]);
    // Byte i of v[j] belongs to channel (i + j) % 3.
    __m256i v[3];
#pragma GCC unroll 3
    for (int j = 0; j < 3; j++) {
        v[j] = _mm256_blendv_epi8(r, g, p->third[(4 - j) % 3]);
        v[j] = _mm256_blendv_epi8(v[j], b, p->third[(5 - j) % 3]);
    }
    store(to, _mm256_permute2x128_si256(v[0], v[1], 0x20), stream);
    store(to + 32, _mm256_permute2x128_si256(v[2], v[0], 0x30), stream);
    store(to + 64, _mm256_permute2x128_si256(v[1], v[2], 0x31), stream);
}

AVX2_INLINE void load_thirds(__m256i third[3])
{
    third[0] = BOTH(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1);
    third[1] = BOTH(0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0);
    third[2] = BOTH(0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0);
}

// Where a last block of 32 pixels begins for a row that has been done up to
// `end`: so far back that it fits. What it writes again gets the same bytes;
// scalar code for up to 31 pixels was seen to halve the speed at a width of
// 854. It is `end` if no such block is needed or fits. Even if `from` is.
static inline int place_last(int end, int from, int width)
{
    if (width - end < 2 || width - from < PIXELS)
        return end;
    return (width - PIXELS) & ~1;
}

// Both loops return the column that they came to; `stream` is a constant.
AVX2_INLINE int planes_loop(const struct gvd_yuv_matrix *m,
                            const struct gvd_convert_pair *pair, int from,
                            bool stream)
{
    const struct coefficients k = load_matrix(m);
    const __m256i order =
        BOTH(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    const struct gvd_convert_pair in = *pair; // bytes written cannot alias it
    ptrdiff_t x = from;
    for (; x + PIXELS <= in.width; x += PIXELS) {
        __m256i u, v;
        load_chroma(&in, x, &u, &v);
        struct channels chroma = chroma_terms(&k, u, v);
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            struct channels row = convert_row(&k, &chroma, in.y[i] + x);
#pragma GCC unroll 3
            for (int c = 0; c < 3; c++)
                store(in.out[i][c] + x, _mm256_shuffle_epi8(row.c[c], order),
                      stream);
        }
    }
    return (int)x;
}

AVX2_INLINE int packed_loop(const struct gvd_yuv_matrix *m,
                            const struct gvd_convert_pair *pair, int from,
                            bool stream)
{
    const struct coefficients k = load_matrix(m);
    struct packing p = {
        .shuffle = {
            BOTH(0, 13, 3, 8, 6, 11, 1, 14, 4, 9, 7, 12, 2, 15, 5, 10),
            BOTH(10, 0, 13, 3, 8, 6, 11, 1, 14, 4, 9, 7, 12, 2, 15, 5),
            BOTH(5, 10, 0, 13, 3, 8, 6, 11, 1, 14, 4, 9, 7, 12, 2, 15),
        }};
    load_thirds(p.third);
    const struct gvd_convert_pair in = *pair; // bytes written cannot alias it
    ptrdiff_t x = from;
    for (; x + PIXELS <= in.width; x += PIXELS) {
        __m256i u, v;
        load_chroma(&in, x, &u, &v);
        struct channels chroma = chroma_terms(&k, u, v);
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            struct channels row = convert_row(&k, &chroma, in.y[i] + x);
            store_packed(in.out[i][0] + x * 3, &row, &p, stream);
        }
    }
    return (int)x;
}

// False for interleaved chroma that is not U before V, left to scalar code.
static bool has_known_chroma(const struct gvd_convert_pair *pair)
{
    return pair->chroma_step == 1 || pair->v == pair->u + 1;
}

AVX2 static void pair_to_planes(const struct gvd_yuv_matrix *m,
                                const struct gvd_convert_pair *pair, int from)
{
    bool stream = pair->stream;
    for (int c = 0; c < 3; c++)
        stream = stream && is_aligned(pair->out[0][c] + from) &&
                 is_aligned(pair->out[1][c] + from);
    int end = from;
    if (has_known_chroma(pair)) {
        end = stream ? planes_loop(m, pair, from, true)
                     : planes_loop(m, pair, from, false);
        end = planes_loop(m, pair, place_last(end, from, pair->width), false);
    }
    gvd_convert_scalar.pair_to_planes(m, pair, end);
}

AVX2 static void pair_to_packed(const struct gvd_yuv_matrix *m,
                                const struct gvd_convert_pair *pair, int from)
{
    bool stream = pair->stream &&
                  is_aligned(pair->out[0][0] + (ptrdiff_t)from * 3) &&
                  is_aligned(pair->out[1][0] + (ptrdiff_t)from * 3);
    int end = from;
    if (has_known_chroma(pair)) {
        end = stream ? packed_loop(m, pair, from, true)
                     : packed_loop(m, pair, from, false);
        end = packed_loop(m, pair, place_last(end, from, pair->width), false);
    }
    gvd_convert_scalar.pair_to_packed(m, pair, end);
}

// Streamed writes may overtake a later one that says that they are there, and
// atomics do not hold them back on x86.
static void end_stream(void)
{
    _mm_sfence();
}

const struct gvd_convert_ops gvd_convert_avx2 = {
    .name = "avx2",
    .end_stream = end_stream,
    .pair_to_planes = pair_to_planes,
    .pair_to_packed = pair_to_packed,
};

#endif
