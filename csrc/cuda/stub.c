// In place of this folder in a build without CUDA: there is no GPU.
#include "cuda/device.h"
#include "cuda/info.h"

static int no_cuda(gvd_error *err)
{
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "this gvdecode was built without CUDA");
}

static int open_session(const gvd_session_params *params, double saves,
                        gvd_session **out, gvd_error *err)
{
    (void)params, (void)saves, (void)out;
    return no_cuda(err);
}

const gvd_backend gvd_cuda = {.name = "nvdec", .open = open_session};

int gvd_cuda_device_count(gvd_error *err)
{
    no_cuda(err);
    return 0;
}

int gvd_cuda_driver_version(void)
{
    return 0;
}

int gvd_cuda_describe(int index, gvd_cuda_device *device, gvd_error *err)
{
    (void)index, (void)device;
    return no_cuda(err);
}

int gvd_cuda_use(int device, gvd_error *err)
{
    (void)device;
    return no_cuda(err);
}

int gvd_cuda_can_decode(int device, const gvd_media *media,
                        const gvd_cuda_use_case *use, gvd_error *reason)
{
    (void)device, (void)media, (void)use;
    return no_cuda(reason);
}

gvd_cuda_sessions gvd_cuda_session_counts(int device, const gvd_media *media)
{
    (void)device, (void)media;
    return (gvd_cuda_sessions){1, 1};
}

int64_t gvd_cuda_memory_default(int device)
{
    (void)device;
    return 0;
}

int64_t gvd_cuda_memory_most(int device)
{
    (void)device;
    return 0;
}

int64_t gvd_cuda_session_bytes(const gvd_media *media)
{
    (void)media;
    return 0;
}

int gvd_cuda_place(int device, gvd_frame **frame, gvd_error *err)
{
    (void)device, (void)frame;
    return no_cuda(err);
}

int gvd_cuda_duplicate(const gvd_frame *frame, gvd_frame **out, gvd_error *err)
{
    (void)frame, (void)out;
    return no_cuda(err);
}

int gvd_cuda_shrink(int device, gvd_conversion *conversion, gvd_frame **frame,
                    gvd_error *err)
{
    (void)device, (void)conversion, (void)frame;
    return no_cuda(err);
}

int gvd_cuda_convert(const gvd_cuda_batch *batch, gvd_tensor **out,
                     gvd_error *err)
{
    (void)batch, (void)out;
    return no_cuda(err);
}

void gvd_cuda_trim(void)
{
}
