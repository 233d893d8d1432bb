// One GPU of the process: its primary context, what its NVDEC can do, and the
// streams and kernels that are shared by all who use it.
//
// A gvd_gpu is made on first use and stays: its context, its streams and its
// caches live as long as the process.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "cuda/driver.h"

#define GVD_MAX_GPUS 64
#define GVD_MAX_CAPS 64

enum gvd_kernel {
    GVD_KERNEL_YUV_NCHW,
    GVD_KERNEL_YUV_NHWC,
    GVD_KERNEL_YUV_TURNED,
    GVD_KERNEL_SHIFT,
    GVD_KERNEL_RESAMPLE_SHORT,
    GVD_KERNEL_RESAMPLE_SHRINK,
    GVD_KERNEL_RESAMPLE_FLOAT,
    GVD_KERNEL_GATHER,
    GVD_KERNEL_COUNT,
};

typedef struct gvd_gpu {
    // Immutable after creation.
    const gvd_driver *drv;
    int index;
    CUdevice device;
    int compute_capability; // 90 for 9.0
    CUcontext context;
    CUfunction kernels[GVD_KERNEL_COUNT];
    CUstream convert_stream; // for batches that have no stream of a caller's
    CUstream copy_stream;    // uploads and downloads
    CUstream release_stream; // waits for the last users of what is released

    // Held while frames are waited for, used and marked as used: of two streams
    // that use one frame the second waits for the first.
    pthread_mutex_t launching;

    pthread_mutex_t lock;
    // Guarded by lock.
    CUVIDDECODECAPS caps[GVD_MAX_CAPS];
    int caps_count;
} gvd_gpu;

int gvd_gpu_get(int index, gvd_gpu **out, gvd_error *err);

// Every entry from outside: push, work, pop. In between, what we allocate does
// not break a graph that another thread is capturing.
int gvd_gpu_push(gvd_gpu *gpu, gvd_error *err);
void gvd_gpu_pop(gvd_gpu *gpu);

// gvd_gpu_get and gvd_gpu_push in one: the caller pops, unless it failed.
int gvd_gpu_enter(int index, gvd_gpu **out, gvd_error *err);

// The context must be current.
bool gvd_gpu_is_capturing(const gvd_gpu *gpu, CUstream stream);
// GVD_ERR_UNSUPPORTED for a stream that is capturing a graph.
int gvd_gpu_check_stream(gvd_gpu *gpu, CUstream stream, gvd_error *err);

// NVDEC's word on a format, asked for once: the call costs milliseconds.
int gvd_gpu_caps(gvd_gpu *gpu, cudaVideoCodec codec,
                 cudaVideoChromaFormat chroma, int bit_depth,
                 CUVIDDECODECAPS *caps, gvd_error *err);
