#include "cuda/surface.h"

#include "cuda/kernels.h"
#include "cuda/picture.h"

static const char *pixel_format(const gvd_decoder_format *f)
{
    static const char *const names[2][3] = {
        {"yuv420p", "yuv420p10", "yuv420p12"},
        {"yuv444p", "yuv444p10", "yuv444p12"},
    };
    bool full = f->chroma == cudaVideoChromaFormat_444;
    return names[full][(f->bit_depth - 8) / 2];
}

// The bitstream's tags before the container's; without a matrix it need not
// have told the range either.
static gvd_color color_of(const gvd_surface *surface)
{
    const gvd_color *container = &surface->media->color;
    int matrix = surface->format->video_signal_description.matrix_coefficients;
    bool full_range =
        surface->format->video_signal_description.video_full_range_flag;
    bool tagged = matrix != 0 && matrix != 2;
    return (gvd_color){
        .matrix = tagged ? matrix : container->matrix,
        .full_range = full_range || (!tagged && container->full_range),
        .limited_range = tagged ? !full_range : container->limited_range,
    };
}

// The visible part of the copy at `memory`.
static void describe_planes(const gvd_surface *surface, gvd_frame *frame,
                            CUdeviceptr memory, size_t stride)
{
    const gvd_decoder_format *d = &surface->decoder->format;
    bool full = d->chroma == cudaVideoChromaFormat_444;
    size_t left = (size_t)surface->visible.left,
           top = (size_t)surface->visible.top;
    size_t sample = gvd_decoder_sample_bytes(d);
    int step = (int)sample * (full ? 1 : 2), half = full ? 1 : 2;
    uint8_t *luma = (uint8_t *)(uintptr_t)memory;
    uint8_t *chroma = luma + stride * d->height + top / (size_t)half * stride +
                      left / (size_t)half * (size_t)step;
    int width = (frame->width + half - 1) / half;
    int height = (frame->height + half - 1) / half;
    frame->planes[0] =
        (gvd_plane){luma + top * stride + left * sample, (ptrdiff_t)stride,
                    frame->width, frame->height, (int)sample};
    frame->planes[1] =
        (gvd_plane){chroma, (ptrdiff_t)stride, width, height, step};
    frame->planes[2] = frame->planes[1];
    frame->planes[2].data += full ? stride * d->height : sample;
}

static void describe_frame(const gvd_surface *surface, gvd_frame *frame,
                           CUdeviceptr memory, size_t stride)
{
    frame->layout = GVD_LAYOUT_YUV;
    frame->pixel_format = pixel_format(&surface->decoder->format);
    frame->width = surface->visible.width;
    frame->height = surface->visible.height;
    frame->plane_count = 3;
    frame->sample_bytes =
        (int)gvd_decoder_sample_bytes(&surface->decoder->format);
    frame->depth = surface->decoder->format.bit_depth;
    frame->backend = "nvdec";
    frame->color = color_of(surface);
    describe_planes(surface, frame, memory, stride);
}

// Samples of deeper pictures come in the high bits and are given in the low.
static int shift_samples(const gvd_decoder *d, CUdeviceptr memory, size_t bytes,
                         gvd_error *err)
{
    if (d->format.bit_depth == 8)
        return GVD_OK;
    int shift = 16 - d->format.bit_depth;
    struct gvd_shift_params params = {
        .memory = (unsigned long long)memory,
        .words = bytes / 8,
        .mask = (0xffffull >> shift) * 0x0001000100010001ull,
        .shift = shift,
    };
    void *arguments[] = {&params};
    unsigned blocks =
        (unsigned)((params.words + GVD_SHIFT_BLOCK - 1) / GVD_SHIFT_BLOCK);
    return CU(err, d->gpu->drv->cuLaunchKernel(
                       d->gpu->kernels[GVD_KERNEL_SHIFT], blocks, 1, 1,
                       GVD_SHIFT_BLOCK, 1, 1, 0, d->stream, arguments, NULL));
}

int gvd_surface_copy(const gvd_surface *surface, gvd_frame **out,
                     gvd_error *err)
{
    const gvd_decoder *d = surface->decoder;
    const gvd_driver *drv = d->gpu->drv;
    size_t row = (size_t)d->format.width * gvd_decoder_sample_bytes(&d->format);
    size_t stride = gvd_cuda_stride(row), rows = gvd_decoder_rows(&d->format);
    gvd_buffer *buffer;
    int rc = gvd_buffer_get(d->gpu, stride * rows, d->stream, &buffer, err);
    if (rc < 0)
        return rc;
    rc = gvd_cuda_picture_create(buffer, out, err);
    if (rc < 0)
        return rc;
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_DEVICE,
        .srcDevice = surface->memory,
        .srcPitch = surface->pitch,
        .dstMemoryType = CU_MEMORYTYPE_DEVICE,
        .dstDevice = buffer->memory,
        .dstPitch = stride,
        .WidthInBytes = row,
        .Height = rows,
    };
    rc = CU(err, drv->cuMemcpy2DAsync(&copy, d->stream));
    if (rc == GVD_OK)
        rc = shift_samples(d, buffer->memory, stride * rows, err);
    // Also where that failed: the copy is on its way.
    int marked = gvd_buffer_mark(buffer, d->stream, rc < 0 ? NULL : err);
    rc = rc < 0 ? rc : marked;
    if (rc < 0) {
        gvd_frame_unref(out);
        return rc;
    }
    describe_frame(surface, *out, buffer->memory, stride);
    return GVD_OK;
}
