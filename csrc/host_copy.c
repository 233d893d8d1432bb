// Used where a consumer asks for memory of its own, or for host memory of a
// tensor on the GPU. The device's part is the tensor's `to_host`.
#include "host_copy.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static void copy_row(uint8_t *to, const gvd_tensor *t, const uint8_t *from)
{
    int last = t->ndim - 1;
    int64_t count = t->shape[last];
    size_t size = (size_t)gvd_dtype_bytes(t->dtype);
    ptrdiff_t step = (ptrdiff_t)(t->strides[last] * (int64_t)size);
    if (step == (ptrdiff_t)size) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(to + (size_t)i * size, from + i * step, size);
}

// Copies row by row, the outer numbers counted like an odometer.
static void copy_rows(uint8_t *to, const gvd_tensor *t)
{
    int64_t at[GVD_MAX_DIMS] = {0};
    int64_t size = gvd_dtype_bytes(t->dtype);
    int64_t row_bytes = t->shape[t->ndim - 1] * size;
    int64_t rows = row_bytes ? gvd_tensor_bytes(t) / row_bytes : 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t offset = 0;
        for (int i = 0; i < t->ndim - 1; i++)
            offset += at[i] * t->strides[i] * size;
        copy_row(to + row * row_bytes, t, t->data + offset);
        for (int i = t->ndim - 2; i >= 0 && ++at[i] == t->shape[i]; i--)
            at[i] = 0;
    }
}

int gvd_tensor_copy_dense(gvd_tensor *tensor, void *host, gvd_error *err)
{
    if (tensor->ops->to_host)
        return tensor->ops->to_host(tensor, tensor, host, err);
    if (gvd_tensor_is_contiguous(tensor))
        memcpy(host, tensor->data, (size_t)gvd_tensor_bytes(tensor));
    else
        copy_rows(host, tensor);
    return GVD_OK;
}

static void release_copy(gvd_tensor *tensor)
{
    free(tensor->data);
    free(tensor);
}

int gvd_tensor_copy_to_host(gvd_tensor *tensor, gvd_tensor **out,
                            gvd_error *err)
{
    static const gvd_tensor_ops ops = {.release = release_copy};
    size_t bytes = (size_t)gvd_tensor_bytes(tensor);
    size_t rounded = (bytes / ALIGNMENT + 1) * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded);
    gvd_tensor *copy = calloc(1, sizeof *copy);
    if (!copy || !memory) {
        free(memory);
        free(copy);
        return gvd_fail(err, GVD_ERR_NO_MEMORY,
                        "out of host memory: a copy needs %zu bytes", bytes);
    }
    gvd_ref_init(&copy->ref);
    copy->ops = &ops;
    copy->data = memory;
    copy->dtype = tensor->dtype;
    copy->device = (gvd_device){GVD_DEVICE_CPU, 0};
    gvd_tensor_set_shape(copy, tensor->ndim, tensor->shape);
    int rc = gvd_tensor_copy_dense(tensor, memory, err);
    if (rc < 0)
        gvd_tensor_unref(&copy);
    *out = copy;
    return rc;
}
