// A dense copy of a tensor in host memory, from either device.
#pragma once

#include "tensor.h"

// Waits until the contents are ready, then writes them to `host` in C order,
// gvd_tensor_bytes of them. Blocks; needs no GIL.
int gvd_tensor_copy_dense(gvd_tensor *tensor, void *host, gvd_error *err);

// The same into a new tensor, which the caller owns.
int gvd_tensor_copy_to_host(gvd_tensor *tensor, gvd_tensor **out,
                            gvd_error *err);
