// Resampling with AVX-512 F, BW and VL.
#include "cpu/resample.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define ROUTINES gvd_resample_avx512
#define NAME "avx512"
#define TARGET __attribute__((target("avx2,f16c,avx512f,avx512bw,avx512vl")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define V __m512i
#define F __m512
#define SHORTS 32
#define FLOATS 16
#define INT(name) _mm512_##name
#define REAL(name) _mm512_##name
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define XOR(a, b) _mm512_xor_si512(a, b)
#define AND(a, b) _mm512_and_si512(a, b)
#define CAST(f) _mm512_castps_si512(f)
#define LOAD_32(p) _mm256_loadu_si256((const __m256i *)(p))
#define LOAD_16(p) _mm_loadu_si128((const __m128i *)(p))
#define LOAD_8(p) _mm_loadl_epi64((const __m128i *)(p))
#define WIDEN(h) _mm512_cvtepu8_epi16(h)
#define NEGATIVE(v) (_mm512_movepi16_mask(v) != 0)
#define JOIN_LOW(a, b)                                                         \
    _mm512_permutex2var_epi64(a, _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), b)
#define JOIN_HIGH(a, b)                                                        \
    _mm512_permutex2var_epi64(a, _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4), \
                              b)
#define ODD_WORDS(a, b) _mm512_mask_blend_epi16(0xaaaaaaaa, a, b)
#define LOAD_H(p) LOAD_32(p)
#define WIDE_BYTES(p) _mm512_cvtepu8_epi32(LOAD_16(p))
#define WIDE_BYTES_TWICE(p) _mm512_cvtepu8_epi32(eight_twice(LOAD_8(p)))
#define WIDE_WORDS(p) _mm512_cvtepu16_epi32(LOAD_32(p))
#define WIDE_WORDS_TWICE(p) _mm512_cvtepu16_epi32(twice_words(LOAD_16(p)))
#define SIGNED_WORDS(p) _mm512_cvtepi16_epi32(LOAD_32(p))
#define STORE_BYTES(p, v)                                                      \
    _mm_storeu_si128((__m128i *)(p), _mm512_cvtepi32_epi8(v))
#define STORE_WORDS(p, v)                                                      \
    _mm256_storeu_si256((__m256i *)(p), _mm512_cvtepi32_epi16(v))
#define STORE_HALVES(p, f)                                                     \
    _mm256_storeu_si256((__m256i *)(p), _mm512_cvtps_ph(f, 0))

INLINE __m128i eight_twice(__m128i v)
{
    return _mm_unpacklo_epi8(v, v);
}

INLINE __m256i twice_words(__m128i v)
{
    return _mm256_set_m128i(_mm_unpackhi_epi16(v, v), _mm_unpacklo_epi16(v, v));
}

#include "cpu/resample_lanes.h"

#endif
