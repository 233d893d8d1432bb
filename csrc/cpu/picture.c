#include "cpu/picture.h"

#include <pthread.h>
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

#define NAME_SIZE 16

static char names[AV_PIX_FMT_NB][NAME_SIZE];

// "yuvj420p" is yuv420p with a range tag, "yuva420p" has a plane that is left
// out, and "le" is the machine's byte order.
static void fill_names(void)
{
    for (int i = 0; i < AV_PIX_FMT_NB; i++) {
        const char *from = av_get_pix_fmt_name(i);
        size_t length = from ? strlen(from) : 0;
        if (length == 0 || length >= NAME_SIZE)
            continue;
        char *to = names[i];
        memcpy(to, from, length + 1);
        if (length > 2 && !strcmp(to + length - 2, "le"))
            to[length - 2] = 0;
        if (!strncmp(to, "yuvj", 4) || !strncmp(to, "yuva", 4))
            memmove(to + 3, to + 4, strlen(to + 4) + 1);
    }
}

static const char *planar_name(enum AVPixelFormat format)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_names);
    bool known = format >= 0 && format < AV_PIX_FMT_NB && names[format][0];
    return known ? names[format] : av_get_pix_fmt_name(format);
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
    frame->interlaced = gvd_av_is_interlaced(av);
    frame->top_field_first = gvd_av_is_top_first(av);
    char type = av_get_picture_type_char(av->pict_type);
    frame->picture_type = type == 'I' || type == 'P' || type == 'B' ? type : 0;
    set_color(frame, av, media);
    return frame;
}

int gvd_picture_wrap(AVFrame *av, const gvd_media *media,
                     enum gvd_pixels pixels, struct SwsContext **sws,
                     gvd_frame **out, gvd_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    bool planar = format && is_planar_yuv(format);
    if (!format || (!planar && pixels == GVD_PIXELS_NATIVE))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "pixel_format=\"native\" cannot give %s, which is not "
                        "planar YUV; \"rgb24\" can",
                        format ? format->name : "its pixel format");
    gvd_frame *frame = create_frame(av, media);
    if (!frame)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    frame->pixel_format = planar_name(av->format);
    if (pixels == GVD_PIXELS_NONE) {
        av_frame_unref(av);
        *out = frame;
        return GVD_OK;
    }
    if (planar)
        set_planes(frame, av, format);
    if (pixels == GVD_PIXELS_RGB && !(planar && gvd_frame_is_420p8(frame))) {
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
