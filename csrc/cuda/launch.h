// The kernels' arguments for frames of one conversion, and their launch.
#pragma once

#include "conversion.h"
#include "cuda/buffer.h"

// Where pictures go, and the stream that makes them.
typedef struct gvd_launch {
    gvd_gpu *gpu;
    CUstream stream;
    uint8_t *dst; // on the device, dense
} gvd_launch;

// Converts frames from the first on, as many as are of its kind and one launch
// takes: how many, or an error. The stream waits for the frames, and their
// memory for it.
int gvd_launch_convert(const gvd_launch *launch, gvd_conversion *conversion,
                       gvd_frame *const *frames, int count, gvd_error *err);

// Copies pictures of so many bytes that are made already, likewise.
int gvd_launch_gather(const gvd_launch *launch, int64_t bytes,
                      gvd_frame *const *frames, int count, gvd_error *err);
