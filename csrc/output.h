// What pixels a reader makes of its frames. Pure data, filled in once.
//
// The order of things is fixed: colour matrix, clip to RGB's range, crop and
// resize, clip and round. Turning comes before the crop, padding after the
// resize.
#pragma once

#include <stdbool.h>

#include "status.h"
#include "tensor.h"

enum gvd_channels {
    GVD_CHANNELS_RGB,
    GVD_CHANNELS_BGR,
    GVD_CHANNELS_GRAY, // luma, in full range
};

enum gvd_filter {
    GVD_FILTER_BILINEAR,
    GVD_FILTER_BICUBIC,
    GVD_FILTER_NEAREST, // the pixel in whose middle or nearest to it
    GVD_FILTER_AREA,    // each pixel by how much of it is covered
};

// How large the picture is to be.
enum gvd_size_rule {
    GVD_SIZE_KEPT,
    GVD_SIZE_EXACT,   // height and width
    GVD_SIZE_SHORTER, // the shorter side is `height`, the other follows
    GVD_SIZE_LONGER,
};

typedef struct gvd_output {
    bool native; // the decoded planes themselves: nothing below counts
    enum gvd_channels channels;
    enum gvd_dtype dtype;
    enum gvd_dimension_order order;

    bool cropped; // to a part of the picture as it is turned
    int crop_top, crop_left, crop_height, crop_width;
    enum gvd_size_rule rule;
    int height, width;
    enum gvd_filter filter;
    bool antialias; // where it gets smaller; NEAREST and AREA do not ask
    int canvas_height, canvas_width; // black around the picture; 0: none

    int matrix;      // H.273's, in place of the frames' own; -1: theirs
    bool limited;    // black is 16 and white 235 of 255
    float unit;      // levels of 255 that make 1.0 in a float type: 255 / scale
    bool normalized; // then (x - mean) / std, for each channel as it is given
    float mean[3], std[3];
} gvd_output;

// All of the frame, as large as it is.
static inline bool gvd_output_is_whole(const gvd_output *output)
{
    return !output->cropped && output->rule == GVD_SIZE_KEPT &&
           output->canvas_height == 0;
}

static inline int gvd_output_channels(const gvd_output *output)
{
    return output->channels == GVD_CHANNELS_GRAY ? 1 : 3;
}

// A picture's two sides, as it is seen.
typedef struct gvd_size {
    int height, width;
} gvd_size;

static inline void gvd_output_shape(const gvd_output *output, int count,
                                    gvd_size size, int64_t shape[GVD_MAX_DIMS])
{
    const int channels = gvd_output_channels(output);
    const bool planes = output->order == GVD_NCHW;
    shape[0] = count;
    shape[1] = planes ? channels : size.height;
    shape[2] = planes ? size.height : size.width;
    shape[3] = planes ? size.width : channels;
}
