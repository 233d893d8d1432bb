// The reference of `make exact`: what libavformat and libavcodec give for a
// file when nothing is clever: one thread, from front to back.
//
//     reference FILE >FILE.ref
//
// Lines that begin with a word each, `-` for what is not known:
//     libav VERSION
//     stream INDEX CODEC TIME_BASE AVERAGE_RATE
//     packet PTS DTS KEY DISCARD POS SIZE
//     frame PTS DTS DURATION WIDTH HEIGHT FORMAT KEY KIND MD5
//     end WHAT_ENDED_IT
// Packets stand in the order of the file, frames in the order in which they
// come out, each behind the packet that brought it. KIND is `planes` where the
// MD5 is of the dense planes of planar YUV or gray without alpha, samples
// little endian; else `image`, of what av_image_copy_to_buffer gives.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/imgutils.h>
#include <libavutil/md5.h>
#include <libavutil/pixdesc.h>

// Lost pictures in a row before a decoder counts as stuck.
#define LOST_MAX 1000

static const char *time_text(int64_t time, char text[24])
{
    snprintf(text, 24, "%" PRId64, time);
    return time == AV_NOPTS_VALUE ? "-" : text;
}

static bool is_video(const AVStream *stream)
{
    return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
           !(stream->disposition &
             (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS));
}

// The best video stream, never a picture that is attached; all others are
// discarded.
static AVStream *choose_stream(AVFormatContext *format)
{
    int best = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best < 0 || !is_video(format->streams[best])) {
        best = 0;
        while (best < (int)format->nb_streams &&
               !is_video(format->streams[best]))
            best++;
    }
    for (int i = 0; i < (int)format->nb_streams; i++)
        if (i != best)
            format->streams[i]->discard = AVDISCARD_ALL;
    return best < (int)format->nb_streams ? format->streams[best] : NULL;
}

static int open_decoder(const AVStream *stream, AVCodecContext **out)
{
    const AVCodec *decoder = avcodec_find_decoder(stream->codecpar->codec_id);
    if (!decoder)
        return AVERROR_DECODER_NOT_FOUND;
    AVCodecContext *codec = *out = avcodec_alloc_context3(decoder);
    if (!codec)
        return AVERROR(ENOMEM);
    int code = avcodec_parameters_to_context(codec, stream->codecpar);
    if (code < 0)
        return code;
    codec->thread_count = 1;
    codec->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_UNALIGNED;
    return avcodec_open2(codec, decoder, NULL);
}

static bool is_planar(const AVPixFmtDescriptor *format)
{
    if (format->flags &
        (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
         AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT))
        return false;
    for (int i = 0; i < format->nb_components; i++)
        if (format->comp[i].plane != i || format->comp[i].shift)
            return false;
    return true;
}

static void hash_planes(struct AVMD5 *md5, const AVFrame *frame,
                        const AVPixFmtDescriptor *format)
{
    int count = format->nb_components < 3 ? 1 : 3;
    for (int i = 0; i < count; i++) {
        int width = frame->width, height = frame->height;
        if (i > 0) {
            width = AV_CEIL_RSHIFT(width, format->log2_chroma_w);
            height = AV_CEIL_RSHIFT(height, format->log2_chroma_h);
        }
        for (int y = 0; y < height; y++)
            av_md5_update(md5, frame->data[i] + y * frame->linesize[i],
                          (size_t)width * (size_t)format->comp[i].step);
    }
}

static void hash_image(struct AVMD5 *md5, const AVFrame *frame)
{
    int size =
        av_image_get_buffer_size(frame->format, frame->width, frame->height, 1);
    uint8_t *image = size < 0 ? NULL : malloc((size_t)size);
    if (!image)
        return;
    av_image_copy_to_buffer(image, size, (const uint8_t *const *)frame->data,
                            frame->linesize, frame->format, frame->width,
                            frame->height, 1);
    av_md5_update(md5, image, (size_t)size);
    free(image);
}

// As native frames call it: no j, no alpha, no byte order.
static void planar_name(const AVPixFmtDescriptor *format, char name[32])
{
    av_strlcpy(name, format->name, 32);
    if (av_strstart(name, "yuvj", NULL) || av_strstart(name, "yuva", NULL))
        memmove(name + 3, name + 4, strlen(name + 3));
    size_t length = strlen(name);
    if (length > 2 && !strcmp(name + length - 2, "le"))
        name[length - 2] = 0;
}

static void print_frame(const AVFrame *frame, struct AVMD5 *md5)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    bool planar = is_planar(format);
    char name[32], pts[24], dts[24];
    uint8_t digest[16];
    av_strlcpy(name, format->name, sizeof name);
    av_md5_init(md5);
    if (planar) {
        planar_name(format, name);
        hash_planes(md5, frame, format);
    } else {
        hash_image(md5, frame);
    }
    av_md5_final(md5, digest);
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
    int64_t duration = frame->duration;
    bool key = frame->flags & AV_FRAME_FLAG_KEY;
#else
    int64_t duration = frame->pkt_duration;
    bool key = frame->key_frame;
#endif
    printf("frame %s %s %" PRId64 " %d %d %s %d %s ",
           time_text(frame->pts, pts), time_text(frame->pkt_dts, dts), duration,
           frame->width, frame->height, name, key, planar ? "planes" : "image");
    for (int i = 0; i < 16; i++)
        printf("%02x", digest[i]);
    putchar('\n');
}

static void print_packet(const AVPacket *packet)
{
    char pts[24], dts[24];
    printf("packet %s %s %d %d %" PRId64 " %d\n", time_text(packet->pts, pts),
           time_text(packet->dts, dts), !!(packet->flags & AV_PKT_FLAG_KEY),
           !!(packet->flags & AV_PKT_FLAG_DISCARD), packet->pos, packet->size);
}

static int print_frames(AVCodecContext *codec, AVFrame *frame,
                        struct AVMD5 *md5)
{
    for (int lost = 0; lost < LOST_MAX;) {
        int code = avcodec_receive_frame(codec, frame);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return code;
        if (code >= 0)
            print_frame(frame, md5);
        lost = code < 0 ? lost + 1 : 0;
        av_frame_unref(frame);
    }
    return AVERROR_EOF;
}

// Why the packets end.
static int decode_all(AVFormatContext *format, const AVStream *stream,
                      AVCodecContext *codec)
{
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    struct AVMD5 *md5 = av_md5_alloc();
    int code = packet && frame && md5 ? 0 : AVERROR(ENOMEM);
    while (code >= 0 && (code = av_read_frame(format, packet)) >= 0) {
        if (packet->stream_index == stream->index) {
            print_packet(packet);
            // A packet that cannot be decoded is skipped. All frames of the
            // one before are out, so EAGAIN does not come.
            avcodec_send_packet(codec, packet);
            print_frames(codec, frame, md5);
        }
        av_packet_unref(packet);
    }
    if (packet && frame && md5) {
        avcodec_send_packet(codec, NULL);
        print_frames(codec, frame, md5);
    }
    av_free(md5);
    av_frame_free(&frame);
    av_packet_free(&packet);
    return code;
}

static int run(AVFormatContext *format)
{
    int code = avformat_find_stream_info(format, NULL);
    if (code < 0)
        return code;
    const AVStream *stream = choose_stream(format);
    if (!stream)
        return AVERROR_STREAM_NOT_FOUND;
    AVRational base = stream->time_base, rate = stream->avg_frame_rate;
    if (rate.num <= 0)
        rate = stream->r_frame_rate;
    printf("stream %d %s %d/%d %d/%d\n", stream->index,
           avcodec_get_name(stream->codecpar->codec_id), base.num, base.den,
           rate.num, rate.den);
    AVCodecContext *codec = NULL;
    code = open_decoder(stream, &codec);
    if (code >= 0)
        code = decode_all(format, stream, codec);
    avcodec_free_context(&codec);
    return code;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    av_log_set_level(AV_LOG_QUIET);
    printf("libav %s\n", av_version_info());
    char *url = av_asprintf("file:%s", argv[1]);
    AVFormatContext *format = NULL;
    int code = avformat_open_input(&format, url, NULL, NULL);
    if (code >= 0)
        code = run(format);
    char text[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, text, sizeof text);
    printf("end %s\n", text);
    avformat_close_input(&format);
    av_free(url);
    return 0;
}
