// The colour arithmetic, for C and CUDA alike: both give the same bytes.
//
// Everything is what 16-bit SIMD lanes do with pmulhrsw (multiply, round,
// shift by 15). The terms of a sum are in 1/64 levels: luma enters shifted by 7
// and chroma by 8, and the coefficients have 14 and 13 fractional bits, which
// is the most that fits a short for every matrix. NVRTC compiles this file too,
// so it includes nothing there and uses only the language's own types.
#pragma once

#if defined(__CUDACC__)
#define GVD_YUV_INLINE static __device__ __forceinline__
#else
#define GVD_YUV_INLINE static inline
#endif

#define GVD_YUV_LUMA_SCALE 128   // the shift by 7; a product, as Y may be < 16
#define GVD_YUV_CHROMA_SCALE 256 // the shift by 8
#define GVD_YUV_FRACTION 6       // fractional bits of the terms
#define GVD_YUV_ROUND (1 << (GVD_YUV_FRACTION - 1))

// YCbCr to RGB for one matrix and range. 12 bytes, passed to kernels as it is.
struct gvd_yuv_matrix {
    short y_offset; // 16 or 0
    short cy;       // luma's scale, 2^14 being 1
    short crv;      // chroma's: V in red, U and V in green (negative), U in
    short cgu;      // blue, 2^13 being 1
    short cgv;
    short cbu;
};

// What one chroma pair adds to red, green and blue, in 1/64 levels. The half
// level of the final rounding is in it, since up to four pixels share it.
struct gvd_yuv_chroma {
    int r, g, b;
};

// pmulhrsw. The shift of a negative number is arithmetic with every compiler
// that builds this. a == b == -32768 does not occur.
GVD_YUV_INLINE int gvd_yuv_mulhrs(int a, int b)
{
    return (a * b + 0x4000) >> 15;
}

// The luma term of one sample, in 1/64 levels.
GVD_YUV_INLINE int gvd_yuv_luma(const struct gvd_yuv_matrix *m, int y)
{
    return gvd_yuv_mulhrs((y - m->y_offset) * GVD_YUV_LUMA_SCALE, m->cy);
}

GVD_YUV_INLINE struct gvd_yuv_chroma
gvd_yuv_chroma_terms(const struct gvd_yuv_matrix *m, int u, int v)
{
    struct gvd_yuv_chroma c;
    u = (u - 128) * GVD_YUV_CHROMA_SCALE;
    v = (v - 128) * GVD_YUV_CHROMA_SCALE;
    c.r = gvd_yuv_mulhrs(v, m->crv) + GVD_YUV_ROUND;
    c.g = gvd_yuv_mulhrs(u, m->cgu) + gvd_yuv_mulhrs(v, m->cgv) + GVD_YUV_ROUND;
    c.b = gvd_yuv_mulhrs(u, m->cbu) + GVD_YUV_ROUND;
    return c;
}

// One channel of one pixel: the sum of its luma and its chroma term, as a byte.
GVD_YUV_INLINE unsigned char gvd_yuv_clip(int sum)
{
    int level = sum >> GVD_YUV_FRACTION;
    level = level < 0 ? 0 : level;
    return (unsigned char)(level > 255 ? 255 : level);
}

#if !defined(__CUDACC_RTC__)

#include "frame.h"
#include "status.h"

// The shares of red and of blue in luma.
typedef struct gvd_yuv_weights {
    double red, blue;
} gvd_yuv_weights;

// Those of H.273's table 4; unspecified (2) is BT.601, as in FFmpeg. False for
// matrices that are no plain YCbCr or that have no definition (0, 3, 8, 10
// ...).
bool gvd_yuv_find_weights(int matrix, gvd_yuv_weights *weights);

void gvd_yuv_matrix_init(struct gvd_yuv_matrix *m, gvd_color color,
                         const gvd_yuv_weights *weights);

#endif
