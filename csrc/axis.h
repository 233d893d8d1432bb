// Resampling along one side of a picture: which samples make each one that is
// written, and with which weights. Crop, padding and mirroring are in it too,
// so that whoever follows it need not know of them. Pure data.
#pragma once

#include <stdint.h>

#include "output.h"

typedef struct gvd_axis_params {
    int length;      // samples there are
    int start, size; // those that make the picture: a crop's, or all
    int picture;     // samples that are to come of these
    int canvas;      // and with the padding on both sides
    enum gvd_filter filter;
    bool antialias;
    bool mirrored; // the samples lie in the other direction
} gvd_axis_params;

// Weights are in two forms, `stride` places for each sample written: as numbers
// of 16 bits whose sum is exactly 1 << shift, and as floats. Places without a
// weight hold 0. What is padding has no weight at all.
typedef struct gvd_axis {
    int count;  // samples written
    int taps;   // weights of a sample, at most
    int stride; // a multiple of GVD_AXIS_STEP, or 1 where it is plain
    int shift;
    int first, end; // [first, end): samples that are read
    bool plain;     // each is one sample as it is, in order
    // Of each sample written: the first that it takes and how many.
    int32_t *starts, *counts;
    int16_t *short_weights;
    float *weights;
    // What holds all four, for whoever needs a copy elsewhere.
    void *block;
    size_t bytes;
} gvd_axis;

#define GVD_AXIS_STEP 32
// Beyond so many taps 16 bits are too few.
#define GVD_AXIS_SHORT_TAPS 64

int gvd_axis_init(gvd_axis *axis, const gvd_axis_params *params,
                  gvd_error *err);
void gvd_axis_free(gvd_axis *axis);
