// Host frames to dense 8-bit RGB.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "status.h"
#include "tensor.h"
#include "yuv.h"

// Converts one host frame to RGB, three bytes a pixel without padding: planes
// R, G, B of width * height bytes each (GVD_NCHW) or packed pixels (GVD_NHWC).
// dst has room for 3 * width * height bytes, needs no alignment and must not
// overlap the frame. Chroma is replicated; the colour tags are the frame's. The
// picture is turned on the way: its size there is that of gvd_tensor_rgb_shape.
//
// Takes 8-bit 4:2:0, planar or with interleaved chroma, and RGB24; all else is
// GVD_ERR_UNSUPPORTED and leaves dst alone. Any thread; frames may be shared.
int gvd_cpu_convert(const gvd_frame *frame, uint8_t *dst,
                    enum gvd_dimension_order order,
                    enum gvd_orientation orientation, gvd_error *err);

// The rest is internal to cpu/convert*.c and its test.

// Two rows of a 4:2:0 picture and the row of chroma that they share, with the
// places that they go to. A last row that has no partner stands in both halves
// and is written twice with the same bytes.
struct gvd_convert_pair {
    const uint8_t *y[2];
    const uint8_t *u, *v;
    int chroma_step;    // bytes from sample to sample
    int width;          // pixels
    uint8_t *out[2][3]; // of each row: R, G, B; packed rows use only the first
    bool stream;        // better written past the caches, where aligned
};

// One set of routines. `from`, an even number, is the column to begin at. They
// may write a pixel more than once.
struct gvd_convert_ops {
    const char *name;
    // Called after the last pair of a frame that has `stream` set, by the same
    // thread: makes those writes visible like any other. May be NULL.
    void (*end_stream)(void);
    void (*pair_to_planes)(const struct gvd_yuv_matrix *m,
                           const struct gvd_convert_pair *pair, int from);
    void (*pair_to_packed)(const struct gvd_yuv_matrix *m,
                           const struct gvd_convert_pair *pair, int from);
    void (*split_rgb)(const uint8_t *rgb, uint8_t *const out[3], int width,
                      int from);
};

extern const struct gvd_convert_ops gvd_convert_scalar;
#if defined(__x86_64__)
extern const struct gvd_convert_ops gvd_convert_avx2; // needs the instructions
#endif

// The fastest routines that this processor runs.
const struct gvd_convert_ops *gvd_convert_best(void);

// gvd_cpu_convert with the routines given.
int gvd_convert_frame(const struct gvd_convert_ops *ops, const gvd_frame *frame,
                      uint8_t *dst, enum gvd_dimension_order order,
                      enum gvd_orientation orientation, gvd_error *err);

// Its part for pictures that are mirrored left to right or transposed; the
// frame is one that can be converted. `m` is not used for RGB24.
void gvd_convert_turned(const struct gvd_convert_ops *ops,
                        const gvd_frame *frame, const struct gvd_yuv_matrix *m,
                        uint8_t *dst, const gvd_placement *place,
                        bool transposed);
