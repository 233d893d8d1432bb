// libav headers and what differs between FFmpeg 5.1 and 8.
#pragma once

#include <stdbool.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

// The stream's display matrix, 9 numbers, or NULL.
static inline const int32_t *gvd_av_display_matrix(const AVStream *stream)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
    const AVPacketSideData *side = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data,
        AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= 36 ? (const int32_t *)side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data =
        av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return size >= 36 ? (const int32_t *)data : NULL;
#endif
}

static inline bool gvd_av_is_interlaced(const AVFrame *frame)
{
#ifdef AV_FRAME_FLAG_INTERLACED
    return frame->flags & AV_FRAME_FLAG_INTERLACED;
#else
    return frame->interlaced_frame;
#endif
}

static inline bool gvd_av_is_top_first(const AVFrame *frame)
{
#ifdef AV_FRAME_FLAG_TOP_FIELD_FIRST
    return frame->flags & AV_FRAME_FLAG_TOP_FIELD_FIRST;
#else
    return frame->top_field_first;
#endif
}

static inline const char *gvd_av_error(int code,
                                       char text[AV_ERROR_MAX_STRING_SIZE])
{
    av_strerror(code, text, AV_ERROR_MAX_STRING_SIZE);
    return text;
}
