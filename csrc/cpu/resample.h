// Host frames to pictures of any output that is not plain bytes: colour, then
// down the columns, then along the rows, then to the type that is wanted.
//
// Internal to cpu/ and its tests: gvd_cpu_convert calls it.
//
// Thread-safety: all functions.
#pragma once

#include "conversion.h"

// A row of a frame, and of its chroma.
typedef struct gvd_sample_row {
    const uint8_t *y, *u, *v; // u and v NULL where there is no chroma
    int sample_bytes, shift_x;
    // Bytes to a row that is wanted soon, and to its chroma.
    ptrdiff_t ahead_y, ahead_uv;
} gvd_sample_row;

// What a row buffer has beyond its end: vectors may read and write there.
#define GVD_ROW_PADDING 64

// Frame rows that are loaded together, from a multiple of it on, where levels
// are short. Of a column of them: the levels, and what else the routines keep.
#define GVD_QUAD 4
#define GVD_QUAD_LEVELS 12
#define GVD_QUAD_NUMBERS 20

// Quads that a row of the picture can need.
#define GVD_QUADS_MOST (GVD_AXIS_SHORT_TAPS / GVD_QUAD + 2)

// A row of sums, of three channels.
typedef struct gvd_quad_sum {
    int16_t *out[3];
    int16_t *quads[GVD_QUADS_MOST];
    int count; // of quads, each with the weights of its rows
    int16_t weights[GVD_QUADS_MOST * GVD_QUAD];
    // For what two rows share: their weights' sums, and nothing, or where that
    // takes more than 16 bits the first rows' weights and the second rows'.
    int16_t shared[2][GVD_QUADS_MOST * GVD_QUAD / 2];
    bool apart;
} gvd_quad_sum;

// One set of routines. Buffers are theirs alone; x is a multiple of 4.
typedef struct gvd_resample_ops {
    const char *name;
    // The levels of n pixels from column x on, of as many channels as there
    // are. Short ones are of three channels and a quad of rows, in a form that
    // only these routines know: GVD_QUAD_NUMBERS for each column that there is
    // room for.
    void (*load_short)(const gvd_conversion *c,
                       const gvd_sample_row rows[GVD_QUAD], int x, int n,
                       int16_t *quad, int room);
    void (*load_float)(const gvd_conversion *c, const gvd_sample_row *row,
                       int x, int n, float *const out[3]);
    // Columns [0, n) of so many rows of sums, each shifted back.
    void (*down_short)(const gvd_quad_sum *sums, int rows, int room, int shift,
                       int n);
    // The weighted sum of `count` rows.
    void (*down_float)(float *out, const float *const *rows,
                       const float *weights, int count, int n);
    // A row along an axis, of three channels or of one; in begins with sample
    // `from`. Levels come out.
    void (*across_short)(float *const out[3], const int16_t *const in[3],
                         const gvd_axis *x, int from);
    void (*across_float)(float *out, const float *in, const gvd_axis *x,
                         int from);
    // Levels, which are lost, to the type: n elements to dst, each `step`
    // elements after the one before.
    void (*finish)(const struct gvd_finish *f, int channel, float *levels,
                   int n, void *dst, ptrdiff_t step);
} gvd_resample_ops;

extern const gvd_resample_ops gvd_resample_scalar;
#if defined(__x86_64__)
extern const gvd_resample_ops gvd_resample_avx2; // needs AVX2 and F16C
extern const gvd_resample_ops
    gvd_resample_avx512; // needs AVX-512 BW and VL too
#endif

// The fastest routines that this processor runs.
const gvd_resample_ops *gvd_resample_best(void);

// Where the arithmetic is SHORT or FLOAT, with the routines given; the frame is
// like the one that the conversion was made for.
int gvd_resample_frame(const gvd_resample_ops *ops, const gvd_conversion *c,
                       const gvd_frame *frame, uint8_t *dst, gvd_error *err);
