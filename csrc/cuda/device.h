// One GPU as the reader sees it: may it decode this, how far does it reach, and
// frames on it made into a batch. No CUDA header is needed to read this.
//
// A build without CUDA has stub.c in place of this folder: there is no device,
// and nothing else is ever called.
#pragma once

#include "backend.h"
#include "conversion.h"
#include "tensor.h"

// Loads the driver and retains the device's primary context, for good.
int gvd_cuda_use(int device, gvd_error *err);

typedef struct gvd_cuda_use_case {
    bool inexact; // where the standard leaves rounding open, NVDEC's will do
} gvd_cuda_use_case;

// GVD_OK, or GVD_ERR_UNSUPPORTED with the reason why the CPU must decode this.
int gvd_cuda_can_decode(int device, const gvd_media *media,
                        const gvd_cuda_use_case *use, gvd_error *reason);

typedef struct gvd_cuda_sessions {
    int enough; // keep the engines busy but for gaps
    int most;   // that are worth having at all
} gvd_cuda_sessions;

// How many at once are good for this stream.
gvd_cuda_sessions gvd_cuda_session_counts(int device, const gvd_media *media);

// A quarter of the free memory, 8 GiB at most.
int64_t gvd_cuda_memory_default(int device);
// Three quarters of its memory.
int64_t gvd_cuda_memory_most(int device);
// About what a session for this stream takes of it.
int64_t gvd_cuda_session_bytes(const gvd_media *media);

// Copies a host frame to the device and puts the copy in its place.
int gvd_cuda_place(int device, gvd_frame **frame, gvd_error *err);

// A copy on the same device.
int gvd_cuda_duplicate(const gvd_frame *frame, gvd_frame **out, gvd_error *err);

// Puts the picture that the conversion makes of a frame in its place.
int gvd_cuda_shrink(int device, gvd_conversion *conversion, gvd_frame **frame,
                    gvd_error *err);

typedef struct gvd_cuda_batch {
    int device;
    gvd_frame *const *frames; // on the device
    int count;
    gvd_size size; // of the pictures that they make
    gvd_conversions *conversions;
    const gvd_allocator *allocator; // or NULL: memory and stream of ours
    // Memory to take in place of the allocator's, left empty then; without data
    // there is none. It goes with an allocator, whose stream counts.
    gvd_block *target;
} gvd_cuda_batch;

// Makes the frames into one tensor, without a wait of the host's.
int gvd_cuda_convert(const gvd_cuda_batch *batch, gvd_tensor **out,
                     gvd_error *err);

void gvd_cuda_trim(void);
