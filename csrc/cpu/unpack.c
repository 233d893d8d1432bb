#include "cpu/unpack.h"

#include <stdlib.h>
#include <string.h>

#include <libswscale/swscale.h>

#include "av.h"
#include "cpu/host_pool.h"

#define ALIGNMENT 64

// The component that is the frame's plane: of RGB the order is G, B, R.
static int component_of(const AVPixFmtDescriptor *format, int plane)
{
    bool rgb = format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
    return rgb ? (plane + 1) % 3 : plane;
}

// Samples of all components are given as many bits, at least 8.
static int common_depth(const AVPixFmtDescriptor *format)
{
    int depth = 8;
    for (int i = 0; i < format->nb_components && i < 3; i++)
        if (format->comp[i].depth > depth)
            depth = format->comp[i].depth;
    return depth;
}

static int allocate_planes(const AVFrame *av, const AVPixFmtDescriptor *format,
                           gvd_frame *frame, gvd_error *err)
{
    size_t at = 0, offsets[GVD_MAX_PLANES];
    for (int i = 0; i < frame->plane_count; i++) {
        int w = i ? format->log2_chroma_w : 0,
            h = i ? format->log2_chroma_h : 0;
        gvd_plane *p = &frame->planes[i];
        p->width = AV_CEIL_RSHIFT(av->width, w);
        p->height = AV_CEIL_RSHIFT(av->height, h);
        p->step = frame->sample_bytes;
        p->stride = FFALIGN((ptrdiff_t)p->width * p->step, ALIGNMENT);
        offsets[i] = at;
        at += (size_t)p->stride * (size_t)p->height;
    }
    gvd_host_block *block = gvd_host_block_get(at + ALIGNMENT);
    if (!block)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    for (int i = 0; i < frame->plane_count; i++)
        frame->planes[i].data = gvd_host_block_data(block) + offsets[i];
    gvd_host_block_own(block, frame);
    return GVD_OK;
}

// One row of a component in 16 bits.
static void read_row(const AVFrame *av, const AVPixFmtDescriptor *format,
                     int component, int y, int width, uint16_t *out)
{
    bool palette = format->flags & AV_PIX_FMT_FLAG_PAL;
    av_read_image_line2(out, (const uint8_t **)av->data, av->linesize, format,
                        0, y, palette ? 0 : component, width, 0, 2);
    for (int i = 0; palette && i < width; i++) {
        uint32_t color; // 0xAARRGGBB
        memcpy(&color, av->data[1] + (ptrdiff_t)out[i] * 4, sizeof color);
        out[i] = color >> (16 - 8 * component) & 255;
    }
    for (int i = 0; av->format == AV_PIX_FMT_MONOWHITE && i < width; i++)
        out[i] ^= 1;
}

static void unpack_plane(const AVFrame *av, const AVPixFmtDescriptor *format,
                         int index, gvd_frame *frame, uint16_t *row)
{
    const gvd_plane *p = &frame->planes[index];
    const int component = component_of(format, index);
    const bool palette = format->flags & AV_PIX_FMT_FLAG_PAL;
    const int depth = palette ? 8 : format->comp[component].depth;
    const unsigned most = (1u << depth) - 1, wanted = (1u << frame->depth) - 1;
    for (int y = 0; y < p->height; y++) {
        uint8_t *bytes = p->data + y * p->stride;
        read_row(av, format, component, y, p->width, row);
        for (int x = 0; x < p->width; x++) {
            unsigned value = row[x];
            if (depth != frame->depth)
                value = (value * wanted + most / 2) / most;
            row[x] = (uint16_t)value;
            if (frame->sample_bytes == 1)
                bytes[x] = (uint8_t)value;
        }
        if (frame->sample_bytes == 2)
            memcpy(bytes, row, (size_t)p->width * sizeof *row);
    }
}

static int take_apart(const AVFrame *av, gvd_frame *frame, gvd_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    const bool palette = format->flags & AV_PIX_FMT_FLAG_PAL;
    const bool rgb = palette || format->flags & AV_PIX_FMT_FLAG_RGB;
    frame->layout = GVD_LAYOUT_YUV;
    frame->plane_count = palette || format->nb_components >= 3 ? 3 : 1;
    frame->depth = common_depth(format);
    frame->sample_bytes = frame->depth > 8 ? 2 : 1;
    if (rgb)
        frame->color.matrix = AVCOL_SPC_RGB;
    if (format->nb_components == 1 && format->comp[0].depth == 1)
        frame->color.full_range = true;
    uint16_t *row = malloc((size_t)(av->width + ALIGNMENT) * sizeof *row);
    int rc = row ? allocate_planes(av, format, frame, err)
                 : gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    for (int i = 0; rc == GVD_OK && i < frame->plane_count; i++)
        unpack_plane(av, format, i, frame, row);
    free(row);
    return rc;
}

static int to_16_bits(const AVFrame *av, struct SwsContext **sws, AVFrame *out)
{
    *sws = sws_getCachedContext(*sws, av->width, av->height, av->format,
                                av->width, av->height, AV_PIX_FMT_GBRP16LE,
                                SWS_POINT | SWS_ACCURATE_RND |
                                    SWS_FULL_CHR_H_INT | SWS_BITEXACT,
                                NULL, NULL, NULL);
    out->format = AV_PIX_FMT_GBRP16LE;
    out->width = av->width;
    out->height = av->height;
    if (!*sws || av_frame_get_buffer(out, 0) < 0)
        return -1;
    return sws_scale(*sws, (const uint8_t *const *)av->data, av->linesize, 0,
                     av->height, out->data, out->linesize);
}

int gvd_picture_unpack(AVFrame *av, struct SwsContext **sws, gvd_frame *frame,
                       gvd_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    bool exact =
        !(format->flags & (AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER |
                           AV_PIX_FMT_FLAG_HWACCEL)) &&
        format->comp[0].depth <= 16 && av->format != AV_PIX_FMT_XYZ12LE &&
        av->format != AV_PIX_FMT_XYZ12BE;
    if (exact)
        return take_apart(av, frame, err);
    AVFrame *deep = av_frame_alloc();
    int rc = deep && to_16_bits(av, sws, deep) >= 0
                 ? take_apart(deep, frame, err)
                 : gvd_fail(err, GVD_ERR_UNSUPPORTED,
                            "its pixel format %s cannot be converted to RGB",
                            format->name);
    av_frame_free(&deep);
    return rc;
}
