#include "source_media.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "av.h"
#include "tensor.h"

bool gvd_stream_is_video(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
           !(stream->disposition &
             (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS));
}

enum gvd_bitstream gvd_media_bitstream(int codec_id)
{
    switch (codec_id) {
    case AV_CODEC_ID_H264:
        return GVD_BITSTREAM_H264;
    case AV_CODEC_ID_HEVC:
        return GVD_BITSTREAM_HEVC;
    case AV_CODEC_ID_VP8:
        return GVD_BITSTREAM_VP8;
    case AV_CODEC_ID_VP9:
        return GVD_BITSTREAM_VP9;
    case AV_CODEC_ID_AV1:
        return GVD_BITSTREAM_AV1;
    case AV_CODEC_ID_MJPEG:
    case AV_CODEC_ID_PRORES:
    case AV_CODEC_ID_DNXHD:
    case AV_CODEC_ID_HUFFYUV:
    case AV_CODEC_ID_FFVHUFF:
    case AV_CODEC_ID_UTVIDEO:
    case AV_CODEC_ID_PNG:
        return GVD_BITSTREAM_INTRA;
    default:
        return GVD_BITSTREAM_OTHER;
    }
}

bool gvd_media_read_header(const AVFormatContext *format)
{
    bool mp4 = strstr(format->iformat->name, "mp4");
    if (!mp4 && !strstr(format->iformat->name, "matroska"))
        return false;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *stream = format->streams[i];
        AVCodecParameters *codec = stream->codecpar;
        if (!gvd_stream_is_video(stream))
            continue;
        // How far H.264 pictures are reordered stands in the index of MP4; in
        // Matroska it must be found by decoding.
        enum gvd_bitstream bitstream = gvd_media_bitstream(codec->codec_id);
        if ((bitstream == GVD_BITSTREAM_H264 && !mp4) ||
            stream->avg_frame_rate.num <= 0 || codec->width <= 0 ||
            codec->height <= 0 ||
            !gvd_extradata_is_420p8(bitstream, codec->extradata,
                                    (size_t)codec->extradata_size))
            return false;
        codec->format = AV_PIX_FMT_YUV420P;
        // For packets whose duration the container leaves out.
        if (stream->r_frame_rate.num <= 0)
            format->streams[i]->r_frame_rate = stream->avg_frame_rate;
    }
    return true;
}

static void copy_word(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static gvd_rational from_av(AVRational r)
{
    return (gvd_rational){r.num, r.den};
}

static void describe_pixels(gvd_media *media, const AVCodecParameters *codec)
{
    // An audio stream's format is another thing under the same name.
    const AVPixFmtDescriptor *pixels = codec->codec_type == AVMEDIA_TYPE_VIDEO
                                           ? av_pix_fmt_desc_get(codec->format)
                                           : NULL;
    if (!pixels)
        return;
    copy_word(media->pixel_format, sizeof media->pixel_format, pixels->name);
    media->bit_depth = pixels->comp[0].depth;
    media->chroma_width = pixels->log2_chroma_w;
    media->chroma_height = pixels->log2_chroma_h;
    uint64_t other = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL |
                     AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL;
    int planes = av_pix_fmt_count_planes(codec->format);
    if (!(pixels->flags & other) && planes == pixels->nb_components)
        media->planes = planes > GVD_MAX_PLANES ? GVD_MAX_PLANES : planes;
}

static void describe_color(gvd_media *media, const AVCodecParameters *codec)
{
    copy_word(media->color_primaries, sizeof media->color_primaries,
              av_color_primaries_name(codec->color_primaries));
    copy_word(media->color_space, sizeof media->color_space,
              av_color_space_name(codec->color_space));
    copy_word(media->color_transfer, sizeof media->color_transfer,
              av_color_transfer_name(codec->color_trc));
    copy_word(media->color_range, sizeof media->color_range,
              av_color_range_name(codec->color_range));
    media->color.matrix = (int)codec->color_space;
    media->color.full_range = codec->color_range == AVCOL_RANGE_JPEG ||
                              codec->format == AV_PIX_FMT_YUVJ420P;
    media->color.limited_range = codec->color_range == AVCOL_RANGE_MPEG;
}

// The matrix gives a pixel's place as x' = ax + cy, y' = bx + dy. Its rotation
// looks at where the x axis goes (a and b); where the y axis goes tells whether
// there is a mirror in it. As the ffmpeg tool has it, what is no quarter turn
// to the nearest degree is not applied (the tool itself resamples then).
static void describe_rotation(gvd_media *media, const AVStream *stream)
{
    const int32_t *matrix = gvd_av_display_matrix(stream);
    if (!matrix)
        return;
    double degrees = av_display_rotation_get(matrix);
    if (isnan(degrees))
        return;
    media->rotation = ((int)lround(degrees) % 360 + 360) % 360;
    const int a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    if (media->rotation % 180 == 0)
        media->orientation =
            (a < 0 ? GVD_FLIP_X : 0) | (d < 0 ? GVD_FLIP_Y : 0);
    else if (media->rotation % 90 == 0)
        media->orientation =
            GVD_TRANSPOSE | (c < 0 ? GVD_FLIP_X : 0) | (b < 0 ? GVD_FLIP_Y : 0);
}

static void describe_time(gvd_media *media, const AVFormatContext *format,
                          AVStream *stream)
{
    media->time_base = from_av(stream->time_base);
    media->average_frame_rate = from_av(stream->avg_frame_rate);
    if (stream->avg_frame_rate.num <= 0)
        media->average_frame_rate = from_av(stream->r_frame_rate);
    media->pixel_aspect_ratio = from_av(
        av_guess_sample_aspect_ratio((AVFormatContext *)format, stream, NULL));
    media->start_pts =
        stream->start_time == AV_NOPTS_VALUE ? GVD_NO_PTS : stream->start_time;
    media->header_frames = stream->nb_frames;
    if (stream->duration != AV_NOPTS_VALUE)
        media->header_duration =
            (double)stream->duration * av_q2d(stream->time_base);
    else if (format->duration != AV_NOPTS_VALUE)
        media->header_duration = (double)format->duration / AV_TIME_BASE;
}

void gvd_media_describe(gvd_media *media, const AVFormatContext *format,
                        AVStream *stream)
{
    const AVCodecParameters *codec = stream->codecpar;
    *media = (gvd_media){
        .codec_id = (int)codec->codec_id,
        .stream_index = stream->index,
        .width = codec->width,
        .height = codec->height,
        .bit_rate = codec->bit_rate,
    };
    copy_word(media->format, sizeof media->format, format->iformat->name);
    copy_word(media->kind, sizeof media->kind,
              av_get_media_type_string(codec->codec_type));
    if (codec->codec_type == AVMEDIA_TYPE_VIDEO && !gvd_stream_is_video(stream))
        copy_word(media->kind, sizeof media->kind, "picture");
    copy_word(media->codec, sizeof media->codec,
              avcodec_get_name(codec->codec_id));
    copy_word(media->profile, sizeof media->profile,
              avcodec_profile_name(codec->codec_id, codec->profile));
    describe_rotation(media, stream);
    describe_pixels(media, codec);
    describe_color(media, codec);
    describe_time(media, format, stream);
}
