// A batch's pictures leave one by one through these views. They share the
// batch's memory, its stream order and its lifetime.
#include "tensor_view.h"

#include <stdlib.h>

typedef struct tensor_view {
    gvd_tensor tensor;
    gvd_tensor *parent;
} tensor_view;

static void view_release(gvd_tensor *tensor)
{
    tensor_view *view = (tensor_view *)tensor;
    gvd_tensor_unref(&view->parent);
    free(view);
}

static int view_order(gvd_tensor *tensor, void *stream, gvd_error *err)
{
    gvd_tensor *parent = ((tensor_view *)tensor)->parent;
    return parent->ops->order(parent, stream, err);
}

static int view_to_host(gvd_tensor *tensor, const gvd_tensor *part, void *host,
                        gvd_error *err)
{
    gvd_tensor *parent = ((tensor_view *)tensor)->parent;
    return parent->ops->to_host(parent, part, host, err);
}

static const gvd_tensor_ops host_ops = {.release = view_release};
static const gvd_tensor_ops cuda_ops = {
    .release = view_release,
    .order = view_order,
    .to_host = view_to_host,
};

int gvd_tensor_select(gvd_tensor *tensor, int64_t index, gvd_tensor **out,
                      gvd_error *err)
{
    if (tensor->ndim < 2 || index < 0 || index >= tensor->shape[0])
        return gvd_fail(err, GVD_ERR_ARGUMENT, "there is no picture %lld",
                        (long long)index);
    if (tensor->ops->to_host && !gvd_tensor_is_contiguous(tensor))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "a plane on the GPU has no views of its rows");
    tensor_view *view = calloc(1, sizeof *view);
    if (!view)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    view->parent = gvd_tensor_ref(tensor);
    int64_t offset =
        index * tensor->strides[0] * gvd_dtype_bytes(tensor->dtype);
    view->tensor = (gvd_tensor){
        .ops = tensor->ops->to_host ? &cuda_ops : &host_ops,
        .data = tensor->data + offset,
        .ndim = tensor->ndim - 1,
        .dtype = tensor->dtype,
        .device = tensor->device,
    };
    gvd_ref_init(&view->tensor.ref);
    for (int i = 1; i < tensor->ndim; i++) {
        view->tensor.shape[i - 1] = tensor->shape[i];
        view->tensor.strides[i - 1] = tensor->strides[i];
    }
    *out = &view->tensor;
    return GVD_OK;
}
