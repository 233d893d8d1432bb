// Host memory for output batches, recycled within the process: the pages of a
// fresh batch cost more than the conversion that fills it.
//
// Thread-safety: all functions.
#pragma once

#include "tensor.h"

// A dense uint8 tensor, uninitialised.
int gvd_host_tensor_create(int ndim, const int64_t *shape, gvd_tensor **out,
                           gvd_error *err);

void gvd_host_pool_trim(void);
