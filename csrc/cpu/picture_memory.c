#include "cpu/picture_memory.h"

#include <stdbool.h>
#include <string.h>

#include "av.h"
#include "cpu/host_pool.h"

// What libavcodec's SIMD may read or write beyond a plane.
#define PADDING 64

// NOLINTNEXTLINE(readability-non-const-parameter): libavutil's signature
static void free_block(void *block, uint8_t *data)
{
    (void)data;
    gvd_host_block_put(block);
}

// Row lengths as libavcodec wants them: multiples of its alignment for every
// plane, and still in the format's proportions.
static int fill_strides(AVCodecContext *codec, AVFrame *frame, int *height)
{
    int width = frame->width;
    int align[AV_NUM_DATA_POINTERS];
    *height = frame->height;
    avcodec_align_dimensions2(codec, &width, height, align);
    bool aligned = false;
    while (!aligned) {
        int code =
            av_image_fill_linesizes(frame->linesize, frame->format, width);
        if (code < 0)
            return code;
        width += width & -width;
        aligned = true;
        for (int i = 0; i < 4; i++)
            if (frame->linesize[i] % align[i])
                aligned = false;
    }
    return 0;
}

int gvd_picture_get_buffer(AVCodecContext *codec, AVFrame *frame, int flags)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    if (!(codec->codec->capabilities & AV_CODEC_CAP_DR1) || !format ||
        format->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL))
        return avcodec_default_get_buffer2(codec, frame, flags);
    int height = 0;
    int code = fill_strides(codec, frame, &height);
    if (code < 0)
        return code;
    ptrdiff_t strides[4];
    size_t sizes[4], offsets[4], total = 0;
    for (int i = 0; i < 4; i++)
        strides[i] = frame->linesize[i];
    code = av_image_fill_plane_sizes(sizes, frame->format, height, strides);
    if (code < 0)
        return code;
    for (int i = 0; i < 4; i++) {
        offsets[i] = total;
        if (sizes[i] > 0)
            total += (sizes[i] + 2 * PADDING - 1) / PADDING * PADDING;
    }
    gvd_host_block *block = gvd_host_block_get(total);
    if (!block)
        return AVERROR(ENOMEM);
    // As large as it is: gvd_picture_wrap counts it.
    const size_t capacity = gvd_host_block_capacity(block);
    uint8_t *data = gvd_host_block_data(block);
    // What a damaged stream leaves undecoded must not show another picture.
    memset(data, 0, total);
    frame->buf[0] = av_buffer_create(data, capacity, free_block, block, 0);
    if (!frame->buf[0]) {
        gvd_host_block_put(block);
        return AVERROR(ENOMEM);
    }
    for (int i = 0; i < 4; i++)
        frame->data[i] = sizes[i] > 0 ? data + offsets[i] : NULL;
    frame->extended_data = frame->data;
    return 0;
}
