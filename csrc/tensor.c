#include "tensor.h"

#include "thread.h"

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

void gvd_tensor_drop(gvd_tensor **tensor)
{
    gvd_no_wait_begin();
    gvd_tensor_unref(tensor);
    gvd_no_wait_end();
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

int64_t gvd_bytes_times(int64_t bytes, int64_t count)
{
    int64_t product;
    bool over = __builtin_mul_overflow(bytes, count, &product);
    return over || product > GVD_BYTES_MAX ? GVD_BYTES_MAX : product;
}

int64_t gvd_array_bytes(enum gvd_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t bytes = gvd_dtype_bytes(dtype);
    for (int i = 0; i < ndim; i++)
        bytes = gvd_bytes_times(bytes, shape[i]);
    return bytes;
}

int64_t gvd_tensor_bytes(const gvd_tensor *tensor)
{
    return gvd_array_bytes(tensor->dtype, tensor->ndim, tensor->shape);
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

gvd_placement gvd_placement_for(enum gvd_dimension_order order,
                                enum gvd_orientation orientation, int width,
                                int height)
{
    const bool transposed = orientation & GVD_TRANSPOSE;
    const ptrdiff_t columns = transposed ? height : width;
    const ptrdiff_t rows = transposed ? width : height;
    // First the steps along a row and down a column of what is written.
    ptrdiff_t first = 0, right = order == GVD_NCHW ? 1 : 3;
    ptrdiff_t down = right * columns;
    if (orientation & GVD_FLIP_X) {
        first += right * (columns - 1);
        right = -right;
    }
    if (orientation & GVD_FLIP_Y) {
        first += down * (rows - 1);
        down = -down;
    }
    return (gvd_placement){
        .first = first,
        .column = transposed ? down : right,
        .row = transposed ? right : down,
        .channel = order == GVD_NCHW ? columns * rows : 1,
    };
}
