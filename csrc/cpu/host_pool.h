// Large blocks of host memory, for decoded pictures and for batches, recycled
// within the process: the pages of a fresh block cost more than what is done
// with them.
//
// Thread-safety: all functions.
#pragma once

#include <stddef.h>

#include "frame.h"
#include "tensor.h"

typedef struct gvd_host_block gvd_host_block;

// At least `bytes`, uninitialised, or NULL without memory.
gvd_host_block *gvd_host_block_get(size_t bytes);
uint8_t *gvd_host_block_data(gvd_host_block *block);
size_t gvd_host_block_capacity(const gvd_host_block *block);
void gvd_host_block_put(gvd_host_block *block);

// The frame's planes lie in the block, which goes back with the frame.
void gvd_host_block_own(gvd_host_block *block, gvd_frame *frame);

// A dense tensor, uninitialised.
int gvd_host_tensor_create(enum gvd_dtype dtype, int ndim, const int64_t *shape,
                           gvd_tensor **out, gvd_error *err);

// One in memory of somebody else's, which it takes over, also where it fails.
int gvd_host_tensor_take(enum gvd_dtype dtype, int ndim, const int64_t *shape,
                         gvd_block *block, gvd_tensor **out, gvd_error *err);

void gvd_host_pool_trim(void);
