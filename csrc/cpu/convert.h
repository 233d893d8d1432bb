// Host frames to the pictures that a conversion makes: the last step of the CPU
// backend.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conversion.h"

// Converts one host frame, which is like the one that the conversion was made
// for. dst has room for gvd_conversion_bytes, is aligned to its numbers and
// must not overlap the frame. Any thread; frames may be shared.
int gvd_cpu_convert(const gvd_conversion *conversion, const gvd_frame *frame,
                    uint8_t *dst, gvd_error *err);

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
};

extern const struct gvd_convert_ops gvd_convert_scalar;
#if defined(__x86_64__)
extern const struct gvd_convert_ops gvd_convert_avx2; // needs the instructions
#endif

// The fastest routines that this processor runs.
const struct gvd_convert_ops *gvd_convert_best(void);

// Where the arithmetic is BYTES, with the routines given.
void gvd_convert_frame(const struct gvd_convert_ops *ops,
                       const gvd_conversion *c, const gvd_frame *frame,
                       uint8_t *dst);

// Its part for pictures that are mirrored left to right or transposed.
void gvd_convert_turned(const struct gvd_convert_ops *ops,
                        const gvd_conversion *c, const gvd_frame *frame,
                        uint8_t *dst, const gvd_placement *place);
