// What the resampling kernels take, for the C that launches them and for NVRTC.
#pragma once

#include "cuda/kernels.h"
#include "pixels.h"

#define GVD_RESAMPLE_THREADS 256
// A block makes so many rows of the picture, and of each as much as so many of
// the frame's columns give.
#define GVD_RESAMPLE_ROWS 4
#define GVD_RESAMPLE_SPAN 512
// gvd_resample_shrink makes more rows, as long as they need no more than so
// many of the frame's.
#define GVD_SHRINK_ROWS 8
#define GVD_SHRINK_WINDOW 512

// A gvd_axis in device memory.
struct gvd_kernel_axis {
    unsigned long long starts, counts, weights, short_weights;
    int count, stride, shift;
    int reserved; // 0
};

struct gvd_resample_frame {
    unsigned long long y, u, v;
    int y_stride, u_stride, v_stride; // bytes from row to row
    int reserved;                     // 0
};

// The only argument, by value: pictures of one conversion. dst is dense.
struct gvd_resample_params {
    unsigned long long dst;
    // Pairs of ints: the columns of each tile; the rows of each SHRINK_ROWS.
    unsigned long long tiles, groups;
    long long column, row, channel, frame; // elements of dst
    struct gvd_kernel_axis x, y;
    int tile; // of the picture, along x
    int channels;
    int width; // of the frames
    int sample_bytes, y_step, chroma_step;
    int shift_x, shift_y, has_chroma;
    struct gvd_yuv_matrix matrix;
    struct gvd_color_matrix colors;
    struct gvd_finish finish;
    int frame_count;
    struct gvd_resample_frame frames[GVD_KERNEL_MAX_FRAMES];
};

// For gvd_gather: pictures of `words` 4-byte words, or of `bytes` where that is
// 0, one after the other.
struct gvd_gather_params {
    unsigned long long dst;
    unsigned long long bytes;
    unsigned long long pictures[GVD_KERNEL_MAX_FRAMES];
};

#define GVD_GATHER_THREADS 256
#define GVD_GATHER_BYTES 16 // of a thread

#if defined(__cplusplus)
static_assert(sizeof(struct gvd_resample_params) <= 4096, "kernel arguments");
#else
_Static_assert(sizeof(struct gvd_resample_params) <= 4096, "kernel arguments");
#endif
