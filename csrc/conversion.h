// How frames of one kind become pictures of an output: made once, used for all
// frames of that size, format and colour, on both devices. Immutable,
// refcounted.
//
// Thread-safety: all functions.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "axis.h"
#include "frame.h"
#include "pixels.h"

enum gvd_arithmetic {
    GVD_ARITHMETIC_BYTES, // 8-bit 4:2:0 to bytes, all of it: yuv.h
    GVD_ARITHMETIC_SHORT, // 8 bits, yuv.h's terms resampled as whole numbers
    GVD_ARITHMETIC_FLOAT,
};

typedef struct gvd_conversion {
    gvd_ref ref;
    gvd_output output;
    enum gvd_orientation orientation;
    gvd_frame like; // what the frames are like

    enum gvd_arithmetic arithmetic;
    bool swaps_chroma; // what `matrix` calls U is the frame's V
    struct gvd_yuv_matrix matrix;
    struct gvd_color_matrix colors;
    struct gvd_finish finish;
    int shift_x, shift_y; // log2 of the chroma's subsampling
    int channels;
    int width, height; // of what is written
    // Along the frame's rows and columns as they are coded.
    gvd_axis x, y;
    // Where it goes, in elements: sample i of x, j of y and channel c to
    // i * column + j * row + c * channel.
    ptrdiff_t column, row, channel;
    // The axes' copy on a device: cuda/launch.c's.
    _Atomic(void *) device_axes;
    void (*release_axes)(void *device_axes);
} gvd_conversion;

int gvd_conversion_create(const gvd_output *output,
                          enum gvd_orientation orientation,
                          const gvd_frame *frame, gvd_conversion **out,
                          gvd_error *err);
gvd_conversion *gvd_conversion_ref(gvd_conversion *conversion);
void gvd_conversion_unref(gvd_conversion **conversion);

int64_t gvd_conversion_bytes(const gvd_conversion *conversion);

// The planes that the matrix calls U and V.
static inline const gvd_plane *gvd_conversion_u(const gvd_conversion *c,
                                                const gvd_frame *frame)
{
    return &frame->planes[c->swaps_chroma ? 2 : 1];
}

static inline const gvd_plane *gvd_conversion_v(const gvd_conversion *c,
                                                const gvd_frame *frame)
{
    return &frame->planes[c->swaps_chroma ? 1 : 2];
}

// Those of one reader, the last few that were used.
#define GVD_CONVERSIONS 4

typedef struct gvd_conversions {
    gvd_output output;
    enum gvd_orientation orientation;
    pthread_mutex_t lock;
    // Guarded by lock.
    gvd_conversion *list[GVD_CONVERSIONS]; // used last first
} gvd_conversions;

void gvd_conversions_init(gvd_conversions *conversions,
                          const gvd_output *output,
                          enum gvd_orientation orientation);
void gvd_conversions_destroy(gvd_conversions *conversions);
// With a reference for the caller.
int gvd_conversions_get(gvd_conversions *conversions, const gvd_frame *frame,
                        gvd_conversion **out, gvd_error *err);

// The size of what frames of this size make: GVD_ERR_ARGUMENT where the crop
// lies outside of them or the canvas is too small.
int gvd_output_measure(const gvd_output *output,
                       enum gvd_orientation orientation, gvd_size coded,
                       gvd_size *out, gvd_error *err);

// Of the picture that the frame makes, or is.
int gvd_output_size(gvd_conversions *conversions, const gvd_frame *frame,
                    gvd_size *size, gvd_error *err);
