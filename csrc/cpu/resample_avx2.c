// Resampling with AVX2 and F16C.
#include "cpu/resample.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define ROUTINES gvd_resample_avx2
#define NAME "avx2"
#define TARGET __attribute__((target("avx2,f16c")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define V __m256i
#define F __m256
#define SHORTS 16
#define FLOATS 8
#define INT(name) _mm256_##name
#define REAL(name) _mm256_##name
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define XOR(a, b) _mm256_xor_si256(a, b)
#define AND(a, b) _mm256_and_si256(a, b)
#define CAST(f) _mm256_castps_si256(f)
#define LOAD_16(p) _mm_loadu_si128((const __m128i *)(p))
#define LOAD_8(p) _mm_loadl_epi64((const __m128i *)(p))
#define LOAD_4(p) _mm_loadu_si32(p)
#define WIDEN(h) _mm256_cvtepu8_epi16(h)
#define NEGATIVE(v) ((_mm256_movemask_epi8(v) & 0xaaaaaaaa) != 0)
#define JOIN_LOW(a, b) _mm256_permute2x128_si256(a, b, 0x20)
#define JOIN_HIGH(a, b) _mm256_permute2x128_si256(a, b, 0x31)
#define ODD_WORDS(a, b) _mm256_blend_epi16(a, b, 0xaa)
#define LOAD_H(p) LOAD_16(p)
#define WIDE_BYTES(p) _mm256_cvtepu8_epi32(LOAD_8(p))
#define WIDE_BYTES_TWICE(p) _mm256_cvtepu8_epi32(twice_bytes(LOAD_4(p)))
#define WIDE_WORDS(p) _mm256_cvtepu16_epi32(LOAD_16(p))
#define WIDE_WORDS_TWICE(p) _mm256_cvtepu16_epi32(twice_words(LOAD_8(p)))
#define SIGNED_WORDS(p) _mm256_cvtepi16_epi32(LOAD_16(p))
#define STORE_BYTES(p, v) store_bytes(p, v)
#define STORE_WORDS(p, v) store_words(p, v)
#define STORE_HALVES(p, f)                                                     \
    _mm_storeu_si128((__m128i *)(p), _mm256_cvtps_ph(f, 0))

INLINE __m128i twice_bytes(__m128i v)
{
    return _mm_unpacklo_epi8(v, v);
}

INLINE __m128i twice_words(__m128i v)
{
    return _mm_unpacklo_epi16(v, v);
}

INLINE void store_words(void *to, __m256i v)
{
    _mm_storeu_si128(to, _mm_packus_epi32(_mm256_castsi256_si128(v),
                                          _mm256_extracti128_si256(v, 1)));
}

INLINE void store_bytes(void *to, __m256i v)
{
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(v),
                                           _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64(to, _mm_packus_epi16(words, words));
}

#include "cpu/resample_lanes.h"

#endif
