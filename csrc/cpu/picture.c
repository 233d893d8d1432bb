#include "cpu/picture.h"

#include <stdlib.h>
#include <string.h>

#include <libswscale/swscale.h>

#include "av.h"

static void release_picture(gvd_frame *frame)
{
    AVFrame *av = frame->owner;
    av_frame_free(&av);
    free(frame);
}

// "yuvj420p" is yuv420p with a range tag, and the byte order is the machine's.
static const char *planar_name(const AVPixFmtDescriptor *format)
{
    static const char *const known[][2] = {
        {"yuvj420p", "yuv420p"},      {"yuvj422p", "yuv422p"},
        {"yuvj444p", "yuv444p"},      {"yuvj440p", "yuv440p"},
        {"yuvj411p", "yuv411p"},      {"yuv420p9le", "yuv420p9"},
        {"yuv420p10le", "yuv420p10"}, {"yuv420p12le", "yuv420p12"},
        {"yuv420p14le", "yuv420p14"}, {"yuv420p16le", "yuv420p16"},
        {"yuv422p9le", "yuv422p9"},   {"yuv422p10le", "yuv422p10"},
        {"yuv422p12le", "yuv422p12"}, {"yuv422p14le", "yuv422p14"},
        {"yuv422p16le", "yuv422p16"}, {"yuv444p9le", "yuv444p9"},
        {"yuv444p10le", "yuv444p10"}, {"yuv444p12le", "yuv444p12"},
        {"yuv444p14le", "yuv444p14"}, {"yuv444p16le", "yuv444p16"},
        {"gray9le", "gray9"},         {"gray10le", "gray10"},
        {"gray12le", "gray12"},       {"gray14le", "gray14"},
        {"gray16le", "gray16"},       {"yuva420p", "yuv420p"},
        {"yuv440p10le", "yuv440p10"}, {"yuv440p12le", "yuv440p12"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(format->name, known[i][0]))
            return known[i][1];
    return format->name;
}

static bool is_planar_yuv(const AVPixFmtDescriptor *format)
{
    if (format->flags &
        (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
         AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT))
        return false;
    for (int i = 0; i < format->nb_components; i++)
        if (format->comp[i].plane != i || format->comp[i].shift != 0)
            return false;
    return true;
}

static void set_color(gvd_frame *frame, const AVFrame *av,
                      const gvd_media *media)
{
    frame->color.matrix = av->colorspace == AVCOL_SPC_UNSPECIFIED
                              ? media->color.matrix
                              : (int)av->colorspace;
    frame->color.full_range = av->color_range == AVCOL_RANGE_JPEG;
    if (av->color_range == AVCOL_RANGE_UNSPECIFIED)
        frame->color.full_range = media->color.full_range;
    if (av->format == AV_PIX_FMT_YUVJ420P ||
        av->format == AV_PIX_FMT_YUVJ422P || av->format == AV_PIX_FMT_YUVJ444P)
        frame->color.full_range = true;
}

// Alpha, a fourth plane or a gray picture's second, is left out.
static void set_planes(gvd_frame *frame, const AVFrame *av,
                       const AVPixFmtDescriptor *format)
{
    frame->layout = GVD_LAYOUT_YUV;
    frame->plane_count = format->nb_components >= 3 ? 3 : 1;
    frame->sample_bytes = format->comp[0].step;
    for (int i = 0; i < frame->plane_count; i++) {
        int w = i ? format->log2_chroma_w : 0,
            h = i ? format->log2_chroma_h : 0;
        frame->planes[i] = (gvd_plane){
            .data = av->data[i],
            .stride = av->linesize[i],
            .width = AV_CEIL_RSHIFT(av->width, w),
            .height = AV_CEIL_RSHIFT(av->height, h),
            .step = format->comp[i].step,
        };
    }
}

static void set_rgb_plane(gvd_frame *frame, const AVFrame *av)
{
    frame->layout = GVD_LAYOUT_RGB24;
    frame->plane_count = 1;
    frame->sample_bytes = 1;
    frame->planes[0] = (gvd_plane){
        .data = av->data[0],
        .stride = av->linesize[0],
        .width = av->width,
        .height = av->height,
        .step = 3,
    };
}

static int to_rgb(AVFrame *av, const gvd_color *color, struct SwsContext **sws,
                  gvd_error *err)
{
    *sws = sws_getCachedContext(*sws, av->width, av->height, av->format,
                                av->width, av->height, AV_PIX_FMT_RGB24,
                                SWS_POINT | SWS_ACCURATE_RND |
                                    SWS_FULL_CHR_H_INT | SWS_BITEXACT,
                                NULL, NULL, NULL);
    AVFrame *rgb = av_frame_alloc();
    if (!*sws || !rgb)
        goto fail;
    const int *table = sws_getCoefficients(color->matrix);
    sws_setColorspaceDetails(*sws, table, color->full_range, table, 1, 0,
                             1 << 16, 1 << 16);
    rgb->format = AV_PIX_FMT_RGB24;
    rgb->width = av->width;
    rgb->height = av->height;
    if (av_frame_get_buffer(rgb, 0) < 0 ||
        sws_scale(*sws, (const uint8_t *const *)av->data, av->linesize, 0,
                  av->height, rgb->data, rgb->linesize) < 0)
        goto fail;
    av_frame_unref(av);
    av_frame_move_ref(av, rgb);
    av_frame_free(&rgb);
    return GVD_OK;
fail:
    av_frame_free(&rgb);
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "its pixel format %s cannot be converted to RGB",
                    av_get_pix_fmt_name(av->format));
}

static gvd_frame *create_frame(AVFrame *av, const gvd_media *media)
{
    gvd_frame *frame = calloc(1, sizeof *frame);
    AVFrame *moved = frame ? av_frame_alloc() : NULL;
    if (!moved) {
        free(frame);
        return NULL;
    }
    gvd_ref_init(&frame->ref);
    frame->release = release_picture;
    frame->owner = moved;
    frame->memory = GVD_MEMORY_HOST;
    frame->backend = "cpu";
    frame->width = av->width;
    frame->height = av->height;
    frame->ordinal = av->pts;
    frame->corrupt =
        av->decode_error_flags || (av->flags & AV_FRAME_FLAG_CORRUPT);
    set_color(frame, av, media);
    return frame;
}

int gvd_picture_wrap(AVFrame *av, const gvd_media *media, bool rgb_only,
                     struct SwsContext **sws, gvd_frame **out, gvd_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    bool planar = format && is_planar_yuv(format);
    if (!format || (!planar && !rgb_only))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "pixel_format=\"native\" cannot give %s, which is not "
                        "planar YUV; \"rgb24\" can",
                        format ? format->name : "its pixel format");
    gvd_frame *frame = create_frame(av, media);
    if (!frame)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    frame->pixel_format = planar_name(format);
    if (planar)
        set_planes(frame, av, format);
    if (rgb_only && !(planar && gvd_frame_is_420p8(frame))) {
        int rc = to_rgb(av, &frame->color, sws, err);
        if (rc < 0) {
            gvd_frame_unref(&frame);
            return rc;
        }
        set_rgb_plane(frame, av);
    }
    av_frame_move_ref(frame->owner, av);
    *out = frame;
    return GVD_OK;
}
