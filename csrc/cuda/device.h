// One GPU as the reader sees it: may it decode this, how far does it reach, and
// frames on it made into a batch. No CUDA header is needed to read this.
//
// A build without CUDA has stub.c in place of this folder: there is no device,
// and nothing else is ever called.
#pragma once

#include "backend.h"
#include "tensor.h"

// Loads the driver and retains the device's primary context, for good.
int gvd_cuda_use(int device, gvd_error *err);

typedef struct gvd_cuda_use_case {
    bool native;  // the decoded planes are wanted, and no RGB of them
    bool inexact; // where the standard leaves rounding open, NVDEC's will do
} gvd_cuda_use_case;

// GVD_OK, or GVD_ERR_UNSUPPORTED with the reason why the CPU must decode this.
int gvd_cuda_can_decode(int device, const gvd_media *media,
                        const gvd_cuda_use_case *use, gvd_error *reason);

// Sessions at once that are worth having for this stream.
int gvd_cuda_session_count(int device, const gvd_media *media);

// A quarter of the free memory, 8 GiB at most.
int64_t gvd_cuda_memory_default(int device);

// Copies a host frame to the device and puts the copy in its place.
int gvd_cuda_place(int device, gvd_frame **frame, gvd_error *err);

// Converts frames of one size to an RGB tensor: one launch, no host wait. Its
// shape is gvd_tensor_rgb_shape's, with the frames' width and height.
int gvd_cuda_convert(int device, gvd_frame *const *frames, int count,
                     enum gvd_dimension_order order,
                     enum gvd_orientation orientation,
                     const gvd_allocator *allocator, gvd_tensor **out,
                     gvd_error *err);

void gvd_cuda_trim(void);
