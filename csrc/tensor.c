#include "tensor.h"

#include <stddef.h>

gvd_tensor *gvd_tensor_ref(gvd_tensor *tensor)
{
    gvd_ref_get(&tensor->ref);
    return tensor;
}

void gvd_tensor_unref(gvd_tensor **tensor)
{
    gvd_tensor *t = *tensor;
    *tensor = NULL;
    if (t && gvd_ref_put(&t->ref))
        t->ops->release(t);
}

void gvd_tensor_set_shape(gvd_tensor *tensor, int ndim, const int64_t *shape)
{
    tensor->ndim = ndim;
    int64_t stride = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        tensor->shape[i] = shape[i];
        tensor->strides[i] = stride;
        stride *= shape[i];
    }
}

int64_t gvd_tensor_bytes(const gvd_tensor *tensor)
{
    int64_t bytes = tensor->bits / 8;
    for (int i = 0; i < tensor->ndim; i++)
        bytes *= tensor->shape[i];
    return bytes;
}

bool gvd_tensor_is_contiguous(const gvd_tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        if (tensor->shape[i] > 1 && tensor->strides[i] != stride)
            return false;
        stride *= tensor->shape[i];
    }
    return true;
}

void gvd_tensor_rgb_shape(enum gvd_dimension_order order, int count, int width,
                          int height, int64_t shape[GVD_MAX_DIMS])
{
    shape[0] = count;
    shape[1] = order == GVD_NCHW ? 3 : height;
    shape[2] = order == GVD_NCHW ? height : width;
    shape[3] = order == GVD_NCHW ? width : 3;
}
