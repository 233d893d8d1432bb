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

// A view of the same shape that begins at tensor[start].
static int make_view(gvd_tensor *tensor, int64_t start, gvd_tensor **out,
                     gvd_error *err)
{
    if (tensor->ops->to_host && !gvd_tensor_is_contiguous(tensor))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "a plane on the GPU has no views of its rows");
    tensor_view *view = calloc(1, sizeof *view);
    if (!view)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    view->parent = gvd_tensor_ref(tensor);
    view->tensor = (gvd_tensor){
        .ops = tensor->ops->to_host ? &cuda_ops : &host_ops,
        .data = tensor->data +
                start * tensor->strides[0] * gvd_dtype_bytes(tensor->dtype),
        .ndim = tensor->ndim,
        .dtype = tensor->dtype,
        .device = tensor->device,
    };
    gvd_ref_init(&view->tensor.ref);
    for (int i = 0; i < tensor->ndim; i++) {
        view->tensor.shape[i] = tensor->shape[i];
        view->tensor.strides[i] = tensor->strides[i];
    }
    *out = &view->tensor;
    return GVD_OK;
}

int gvd_tensor_select(gvd_tensor *tensor, int64_t index, gvd_tensor **out,
                      gvd_error *err)
{
    if (tensor->ndim < 2 || index < 0 || index >= tensor->shape[0])
        return gvd_fail(err, GVD_ERR_ARGUMENT, "there is no picture %lld",
                        (long long)index);
    int rc = make_view(tensor, index, out, err);
    if (rc < 0)
        return rc;
    gvd_tensor *view = *out;
    view->ndim--;
    for (int i = 0; i < view->ndim; i++) {
        view->shape[i] = view->shape[i + 1];
        view->strides[i] = view->strides[i + 1];
    }
    return GVD_OK;
}

int gvd_tensor_slice(gvd_tensor *tensor, int64_t start, int64_t count,
                     gvd_tensor **out, gvd_error *err)
{
    if (tensor->ndim < 2 || start < 0 || count < 1 ||
        count > tensor->shape[0] - start)
        return gvd_fail(err, GVD_ERR_ARGUMENT,
                        "there are no %lld pictures from %lld on",
                        (long long)count, (long long)start);
    int rc = make_view(tensor, start, out, err);
    if (rc == GVD_OK)
        (*out)->shape[0] = count;
    return rc;
}
