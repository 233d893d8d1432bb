#include "plane.h"

#include <stdlib.h>
#include <string.h>

typedef struct plane_view {
    gvd_tensor tensor;
    gvd_frame *frame;
    int plane;
} plane_view;

static void view_release(gvd_tensor *tensor)
{
    plane_view *view = (plane_view *)tensor;
    gvd_frame_unref(&view->frame);
    free(view);
}

static int view_order(gvd_tensor *tensor, void *stream, gvd_error *err)
{
    plane_view *view = (plane_view *)tensor;
    return view->frame->order(view->frame, stream, err);
}

// A frame gives whole planes only.
static int view_to_host(gvd_tensor *tensor, const gvd_tensor *part, void *host,
                        gvd_error *err)
{
    plane_view *view = (plane_view *)tensor;
    const size_t bytes = (size_t)gvd_tensor_bytes(part);
    const size_t all = (size_t)gvd_tensor_bytes(tensor);
    if (bytes == all)
        return view->frame->to_host(view->frame, view->plane, host, err);
    uint8_t *whole = malloc(all);
    if (!whole)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    int rc = view->frame->to_host(view->frame, view->plane, whole, err);
    if (rc == GVD_OK)
        memcpy(host, whole + (part->data - tensor->data), bytes);
    free(whole);
    return rc;
}

static const gvd_tensor_ops host_ops = {.release = view_release};
static const gvd_tensor_ops cuda_ops = {
    .release = view_release,
    .order = view_order,
    .to_host = view_to_host,
};

int gvd_plane_tensor(gvd_frame *frame, int plane, gvd_tensor **out,
                     gvd_error *err)
{
    if (plane < 0 || plane >= frame->plane_count)
        return gvd_fail(err, GVD_ERR_ARGUMENT, "the frame has no plane %d",
                        plane);
    plane_view *view = calloc(1, sizeof *view);
    if (!view)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    const gvd_plane *p = &frame->planes[plane];
    bool host = frame->memory == GVD_MEMORY_HOST;
    view->frame = gvd_frame_ref(frame);
    view->plane = plane;
    view->tensor = (gvd_tensor){
        .ops = host ? &host_ops : &cuda_ops,
        .data = p->data,
        .ndim = 2,
        .shape = {p->height, p->width},
        .strides = {p->stride / frame->sample_bytes,
                    p->step / frame->sample_bytes},
        .dtype = frame->sample_bytes == 2 ? GVD_UINT16 : GVD_UINT8,
        .device = {host ? GVD_DEVICE_CPU : GVD_DEVICE_CUDA, frame->device},
    };
    gvd_ref_init(&view->tensor.ref);
    *out = &view->tensor;
    return GVD_OK;
}
