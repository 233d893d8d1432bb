// One picture, or some, of a batch as a tensor of its own.
#pragma once

#include "tensor.h"

// A view of tensor[index], one dimension fewer, that keeps the tensor alive.
// Fails with GVD_ERR_ARGUMENT outside 0 <= index < shape[0]. Needs no GIL.
int gvd_tensor_select(gvd_tensor *tensor, int64_t index, gvd_tensor **out,
                      gvd_error *err);

// The same of tensor[start : start + count], of at least one picture.
int gvd_tensor_slice(gvd_tensor *tensor, int64_t start, int64_t count,
                     gvd_tensor **out, gvd_error *err);
