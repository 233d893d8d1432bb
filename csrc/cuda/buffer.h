// Device memory for frames and batches, recycled within the process.
//
// A buffer carries one event: recorded after the last work that touches its
// memory, waited for before the next. So buffers go from stream to stream and
// back without the host ever waiting.
//
// Thread-safety: all functions. The GPU's context must be current, save where a
// function says that it need not.
#pragma once

#include "cuda/gpu.h"
#include "cuda/late.h"
#include "memory.h"

#define GVD_MAX_USERS 16

typedef struct gvd_buffer gvd_buffer;
struct gvd_buffer {
    gvd_gpu *gpu;
    CUdeviceptr memory;
    size_t capacity;
    CUevent event;
    // While it is idle.
    gvd_buffer *next;
    int64_t put; // when it became so, counted
    gvd_charge charge;
    gvd_late late; // before it is

    pthread_mutex_t lock;
    // Guarded by lock. Streams that were handed the contents and whose work
    // with them must be over before the memory is used again.
    CUstream users[GVD_MAX_USERS];
    int user_count;
    bool more_users; // than are named: all streams must be over
};

// At least `bytes`, or with 0 a buffer for its event alone; what `stream` does
// next comes after the former use.
int gvd_buffer_get(gvd_gpu *gpu, size_t bytes, CUstream stream,
                   gvd_buffer **out, gvd_error *err);

// The contents are ready, or were last used, where `stream` is now.
int gvd_buffer_mark(gvd_buffer *buffer, CUstream stream, gvd_error *err);

// A reader outside of the core: `stream` waits for the contents, and the memory
// will wait for it. Whatever context is current.
int gvd_buffer_order(gvd_buffer *buffer, CUstream stream, gvd_error *err);

// The same for work that is in the stream's order anyway.
void gvd_buffer_add_user(gvd_buffer *buffer, CUstream stream);

// Carries out a copy from the buffer's memory to the host's once the contents
// are ready and what such readers have queued is done, and waits for it. One
// row may have any length, each of several no more than the largest pitch of 2
// GiB. Whatever context is current.
int gvd_buffer_download(gvd_buffer *buffer, const CUDA_MEMCPY2D *copy,
                        gvd_error *err);

// Makes `stream` wait for all that readers outside of the core have queued:
// false where one of them is capturing a graph, or where only the host could
// wait and this thread may not.
bool gvd_buffer_settle(gvd_buffer *buffer, CUstream stream);

// Gives it back. Any thread, whatever context is current.
void gvd_buffer_put(gvd_buffer **buffer);

void gvd_buffer_trim(void);
// Frees idle ones of one GPU, so many bytes or all there are: how many it were.
int64_t gvd_buffer_trim_some(gvd_gpu *gpu, int64_t bytes);
