// Frames in device memory.
#pragma once

#include "cuda/buffer.h"
#include "frame.h"

// A frame without planes around a buffer, which it owns from now on.
int gvd_cuda_picture_create(gvd_buffer *buffer, gvd_frame **out,
                            gvd_error *err);

// The buffer behind a frame of gvd_cuda_picture_create.
gvd_buffer *gvd_cuda_picture_buffer(const gvd_frame *frame);

// Rows of device memory begin at multiples of this.
#define GVD_CUDA_STRIDE 256

static inline size_t gvd_cuda_stride(size_t row)
{
    return (row + GVD_CUDA_STRIDE - 1) / GVD_CUDA_STRIDE * GVD_CUDA_STRIDE;
}
