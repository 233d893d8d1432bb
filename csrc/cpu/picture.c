#include "cpu/picture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "av.h"
#include "cpu/unpack.h"

static void release_picture(gvd_frame *frame)
{
    AVFrame *av = frame->owner;
    av_frame_free(&av);
    free(frame);
}

bool gvd_picture_is_shared(const gvd_frame *frame)
{
    return frame->release == release_picture && frame->owner &&
           !av_frame_is_writable(frame->owner);
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

// Whole samples in planes, in the machine's byte order.
static bool is_planar(const AVPixFmtDescriptor *format)
{
    if (format->flags &
        (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BE |
         AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT))
        return false;
    bool rgb = format->flags & AV_PIX_FMT_FLAG_RGB;
    for (int i = 0; i < format->nb_components; i++) {
        int plane = rgb && i < 3 ? (i + 2) % 3 : i;
        if (format->comp[i].plane != plane || format->comp[i].shift != 0)
            return false;
    }
    return true;
}

static void set_color(gvd_frame *frame, const AVFrame *av,
                      const gvd_media *media)
{
    frame->color.matrix = av->colorspace == AVCOL_SPC_UNSPECIFIED
                              ? media->color.matrix
                              : (int)av->colorspace;
    frame->color.full_range = av->color_range == AVCOL_RANGE_JPEG;
    frame->color.limited_range = av->color_range == AVCOL_RANGE_MPEG;
    if (av->color_range == AVCOL_RANGE_UNSPECIFIED) {
        frame->color.full_range = media->color.full_range;
        frame->color.limited_range = media->color.limited_range;
    }
    // A tag that cannot be true: G, B and R are never subsampled.
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    if (frame->color.matrix == AVCOL_SPC_RGB &&
        (format->log2_chroma_w > 0 || format->log2_chroma_h > 0))
        frame->color.matrix = AVCOL_SPC_UNSPECIFIED;
    if (av->format == AV_PIX_FMT_YUVJ420P ||
        av->format == AV_PIX_FMT_YUVJ422P || av->format == AV_PIX_FMT_YUVJ444P)
        frame->color.full_range = true;
}

// Alpha, a fourth plane or a gray picture's second, is left out. The planes of
// RGB are G, B and R, as they lie.
static void set_planes(gvd_frame *frame, const AVFrame *av,
                       const AVPixFmtDescriptor *format)
{
    frame->layout = GVD_LAYOUT_YUV;
    frame->plane_count = format->nb_components >= 3 ? 3 : 1;
    frame->sample_bytes = format->comp[0].step;
    frame->depth = format->comp[0].depth;
    if (format->flags & AV_PIX_FMT_FLAG_RGB)
        frame->color.matrix = AVCOL_SPC_RGB;
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

static int64_t held_bytes(const AVFrame *av)
{
    size_t bytes = 0;
    for (int i = 0; i < AV_NUM_DATA_POINTERS && av->buf[i]; i++)
        bytes += av->buf[i]->size;
    return (int64_t)bytes;
}

static int fill(AVFrame *av, gvd_frame *frame, struct SwsContext **sws,
                gvd_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    if (!is_planar(format)) {
        AVFrame *empty = frame->owner;
        av_frame_free(&empty);
        frame->owner = NULL;
        return gvd_picture_unpack(av, sws, frame, err);
    }
    set_planes(frame, av, format);
    frame->held = held_bytes(av);
    av_frame_move_ref(frame->owner, av);
    return GVD_OK;
}

int gvd_picture_wrap(AVFrame *av, const gvd_media *media,
                     enum gvd_pixels pixels, struct SwsContext **sws,
                     gvd_frame **out, gvd_error *err)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(av->format);
    bool yuv =
        format && !(format->flags & AV_PIX_FMT_FLAG_RGB) && is_planar(format);
    if (!format || (!yuv && pixels == GVD_PIXELS_NATIVE))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "pixel_format=\"native\" cannot give %s, which is not "
                        "planar YUV; \"rgb24\" can",
                        format ? format->name : "its pixel format");
    gvd_frame *frame = create_frame(av, media);
    if (!frame)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    frame->pixel_format = planar_name(av->format);
    int rc = GVD_OK;
    if (pixels != GVD_PIXELS_NONE)
        rc = fill(av, frame, sws, err);
    if (rc < 0)
        gvd_frame_unref(&frame);
    *out = frame;
    return rc;
}
