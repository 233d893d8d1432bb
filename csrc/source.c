// First station of the data's way: container in, packets of one stream out.
#include "source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "source_impl.h"
#include "source_io.h"
#include "source_media.h"

// What a path may open, and what a URL may: no playlist can reach elsewhere.
#define PATH_PROTOCOLS "file,pipe,fd"
#define URL_PROTOCOLS "file,pipe,fd,http,https,tls,tcp,httpproxy,crypto"

static void log_line(void *context, int level, const char *format, va_list args)
{
    if (level > AV_LOG_ERROR)
        return;
    char line[256];
    int prefix = 1;
    av_log_format_line2(context, level, format, args, line, sizeof line,
                        &prefix);
    gvd_log(level <= AV_LOG_FATAL ? GVD_LOG_ERROR : GVD_LOG_WARNING, "%s",
            line);
}

// The C library learns from the largest block that was freed so far which sizes
// to keep instead of giving them back to the kernel. Opening a file takes and
// frees blocks of some 100 KiB, and their page faults would be most of its
// time.
static void teach_allocator(void)
{
    void *volatile block = malloc((size_t)16 << 20);
    free(block);
}

static void set_up(void)
{
    av_log_set_callback(log_line);
    teach_allocator();
}

const char *gvd_source_libav_version(void)
{
    return av_version_info();
}

static int is_aborted(void *opaque)
{
    return atomic_load((atomic_bool *)opaque);
}

// --- opening ---

static int fail_open(int code, gvd_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE];
    if (code == AVERROR_EXIT)
        return gvd_fail_closed(err);
    if (code == AVERROR(ENOMEM))
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    if (code == AVERROR(ENOENT))
        gvd_fail(err, GVD_ERR_NOT_FOUND, "there is no such file");
    else if (code == AVERROR(EISDIR))
        gvd_fail(err, GVD_ERR_OPEN, "it is a directory");
    else if (code == AVERROR_INVALIDDATA || code == AVERROR_EOF)
        gvd_fail(err, GVD_ERR_OPEN,
                 "it holds no video that FFmpeg can read (%s)",
                 gvd_av_error(code, text));
    else
        gvd_fail(err, GVD_ERR_OPEN, "%s", gvd_av_error(code, text));
    if (err && code == AVERROR(ENOENT))
        err->os_errno = ENOENT;
    return err ? err->code : GVD_ERR_OPEN;
}

// To ask every demuxer takes longer than to read the header of an MP4 file. The
// two that most videos are in say who they are in their first bytes.
static const AVInputFormat *recognise(AVIOContext *file)
{
    uint8_t head[8];
    const char *name = NULL;
    if (avio_read(file, head, sizeof head) == sizeof head) {
        if (!memcmp(head + 4, "ftyp", 4))
            name = "mov";
        else if (!memcmp(head, "\x1a\x45\xdf\xa3", 4))
            name = "matroska";
    }
    avio_seek(file, 0, SEEK_SET);
    return name ? av_find_input_format(name) : NULL;
}

static int open_input(gvd_source *s, const char *target, bool url,
                      AVDictionary **options)
{
    const AVInputFormat *format = NULL;
    if (!url && !s->pipe) {
        int code = avio_open2(&s->file, target, AVIO_FLAG_READ,
                              &s->format->interrupt_callback, NULL);
        if (code < 0)
            return code;
        s->format->pb = s->file;
        format = recognise(s->file);
    }
    return avformat_open_input(&s->format, target, format, options);
}

static int open_format(gvd_source *s, const gvd_source_params *params,
                       gvd_error *err)
{
    bool url = strstr(params->url, "://") != NULL;
    s->format = avformat_alloc_context();
    if (!s->format)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    s->format->interrupt_callback = (AVIOInterruptCB){is_aborted, &s->aborted};
    if (!url && gvd_pipe_is(params->url)) {
        int rc = gvd_pipe_open(params->url, &s->aborted, &s->pipe, err);
        if (rc < 0)
            return rc;
        s->format->pb = s->pipe;
    }
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist",
                url ? URL_PROTOCOLS : PATH_PROTOCOLS, 0);
    if (url) {
        av_dict_set(&options, "tls_verify", "1", 0);
        av_dict_set(&options, "ca_file", params->ca_file, 0);
    }
    // A path may begin with something that looks like a protocol.
    char *target = av_asprintf("%s%s", url ? "" : "file:", params->url);
    int code = target ? open_input(s, target, url, &options) : AVERROR(ENOMEM);
    av_free(target);
    av_dict_free(&options);
    return code < 0 ? fail_open(code, err) : GVD_OK;
}

static int count_videos(const AVFormatContext *format)
{
    int count = 0;
    for (unsigned i = 0; i < format->nb_streams; i++)
        count += gvd_stream_is_video(format->streams[i]);
    return count;
}

static int choose_stream(gvd_source *s, int wanted, gvd_error *err)
{
    AVFormatContext *format = s->format;
    int videos = count_videos(format);
    if (videos == 0)
        return gvd_fail(err, GVD_ERR_OPEN,
                        "it holds no video stream (%u stream%s of other kinds)",
                        format->nb_streams, format->nb_streams == 1 ? "" : "s");
    if (wanted >= 0 && (wanted >= (int)format->nb_streams ||
                        !gvd_stream_is_video(format->streams[wanted])))
        return gvd_fail(err, GVD_ERR_ARGUMENT,
                        "stream_index %d is no video stream of the file's %u "
                        "streams",
                        wanted, format->nb_streams);
    int best =
        av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, wanted, -1, NULL, 0);
    for (int i = 0; best < 0 || !gvd_stream_is_video(format->streams[best]);
         i++)
        best = i;
    s->av_stream = format->streams[best];
    for (unsigned i = 0; i < format->nb_streams; i++)
        format->streams[i]->discard =
            (int)i == best ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    return GVD_OK;
}

int gvd_source_read_av(gvd_source *source, AVPacket *packet)
{
    gvd_source *s = source;
    int code;
    if (s->found) {
        av_packet_move_ref(packet, s->found);
        av_packet_free(&s->found);
        return 0;
    }
    while ((code = av_read_frame(s->format, packet)) >= 0) {
        if (packet->stream_index == s->av_stream->index)
            return 0;
        av_packet_unref(packet);
    }
    return code;
}

static int probe(gvd_source *s, const gvd_source_params *params, gvd_error *err)
{
    s->stream.media.partial = !params->full_probe &&
                              count_videos(s->format) == 1 &&
                              gvd_media_read_header(s->format);
    if (!s->stream.media.partial) {
        int code = avformat_find_stream_info(s->format, NULL);
        if (code < 0)
            return fail_open(code, err);
    }
    return choose_stream(s, params->stream_index, err);
}

static void describe(gvd_source *s)
{
    const AVCodecParameters *codec = s->av_stream->codecpar;
    bool partial = s->stream.media.partial;
    gvd_media_describe(&s->stream.media, s->format, s->av_stream);
    s->stream.media.partial = partial;
    s->stream.media.seekable = !s->pipe;
    s->stream.codec = s->av_stream->codecpar;
    enum gvd_bitstream bitstream = gvd_media_bitstream(codec->codec_id);
    gvd_classifier_init(&s->classifier, bitstream, codec->extradata,
                        (size_t)codec->extradata_size);
    s->stream.opaque = bitstream == GVD_BITSTREAM_OTHER;
    bool in_front = bitstream == GVD_BITSTREAM_H264 ||
                    bitstream == GVD_BITSTREAM_HEVC ||
                    codec->codec_id == AV_CODEC_ID_MPEG4 ||
                    codec->codec_id == AV_CODEC_ID_MPEG1VIDEO ||
                    codec->codec_id == AV_CODEC_ID_MPEG2VIDEO;
    if (in_front && s->classifier.length_size == 0 &&
        codec->extradata_size > 0) {
        s->stream.headers = codec->extradata;
        s->stream.headers_size = (size_t)codec->extradata_size;
    }
}

int gvd_source_open(const gvd_source_params *params, gvd_source **out,
                    gvd_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    gvd_source *s = calloc(1, sizeof *s);
    if (!s)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    atomic_init(&s->aborted, false);
    int rc = open_format(s, params, err);
    if (rc == GVD_OK)
        rc = probe(s, params, err);
    if (rc < 0) {
        gvd_source_close(&s);
        return rc;
    }
    describe(s);
    *out = s;
    return GVD_OK;
}

void gvd_source_close(gvd_source **source)
{
    gvd_source *s = *source;
    *source = NULL;
    if (!s)
        return;
    av_packet_free(&s->found);
    av_bsf_free(&s->filter);
    avformat_close_input(&s->format);
    avio_closep(&s->file);
    gvd_pipe_close(&s->pipe);
    free(s);
}

const gvd_stream *gvd_source_stream(const gvd_source *source)
{
    return &source->stream;
}

int gvd_source_describe_all(const gvd_source *source, gvd_media **out,
                            int *count, gvd_error *err)
{
    const AVFormatContext *format = source->format;
    *out = calloc(format->nb_streams, sizeof **out);
    if (!*out)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    *count = (int)format->nb_streams;
    for (int i = 0; i < *count; i++)
        gvd_media_describe(&(*out)[i], format, format->streams[i]);
    return GVD_OK;
}

void gvd_source_abort(gvd_source *source)
{
    atomic_store(&source->aborted, true);
}

int gvd_source_use_annexb(gvd_source *source, gvd_error *err)
{
    gvd_source *s = source;
    if (s->classifier.length_size == 0)
        return GVD_OK;
    const char *name = s->classifier.bitstream == GVD_BITSTREAM_HEVC
                           ? "hevc_mp4toannexb"
                           : "h264_mp4toannexb";
    int code = av_bsf_alloc(av_bsf_get_by_name(name), &s->filter);
    if (code >= 0)
        code =
            avcodec_parameters_copy(s->filter->par_in, s->av_stream->codecpar);
    if (code >= 0) {
        s->filter->time_base_in = s->av_stream->time_base;
        code = av_bsf_init(s->filter);
    }
    if (code < 0)
        return fail_open(code, err);
    AVCodecParameters *codec = s->filter->par_out;
    s->stream.codec = codec;
    s->stream.headers = codec->extradata;
    s->stream.headers_size = (size_t)codec->extradata_size;
    return GVD_OK;
}

// --- reading ---

static void release_packet(gvd_packet *packet)
{
    AVPacket *av = packet->owner;
    av_packet_free(&av);
    free(packet);
}

static int64_t from_av_time(int64_t time)
{
    return time == AV_NOPTS_VALUE ? GVD_NO_PTS : time;
}

static void fill_packet(gvd_source *s, gvd_packet *packet)
{
    const AVPacket *av = packet->owner;
    packet->data = av->data;
    packet->size = (size_t)av->size;
    packet->pts = from_av_time(av->pts);
    packet->dts = from_av_time(av->dts);
    packet->duration = av->duration;
    packet->position = av->pos;
    packet->file_size = packet->size;
    packet->key = av->flags & AV_PKT_FLAG_KEY;
    packet->discard = av->flags & AV_PKT_FLAG_DISCARD;
    packet->damaged = av->flags & AV_PKT_FLAG_CORRUPT;
    size_t size;
    const uint8_t *extradata =
        av_packet_get_side_data(av, AV_PKT_DATA_NEW_EXTRADATA, &size);
    if (extradata)
        gvd_classifier_learn(&s->classifier, extradata, size);
    gvd_packet_classify(packet, &s->classifier);
    if (extradata)
        packet->parameters = true;
}

// By hand where only the length fields differ, which needs no second copy: the
// parameter sets are the decoder's to put in front.
static int frame_as_annexb(gvd_source *s, AVPacket *av)
{
    if (s->classifier.length_size != 4) {
        int code = av_bsf_send_packet(s->filter, av);
        return code < 0 ? code : av_bsf_receive_packet(s->filter, av);
    }
    int code = av_packet_make_writable(av);
    if (code < 0)
        return code;
    // As in libavcodec, a wrong length spoils the packet, a few bytes behind
    // the last unit do not.
    size_t size = (size_t)av->size;
    size_t done = gvd_nal_to_annexb(av->data, size);
    av_shrink_packet(av, (int)done);
    return done > 0 && size - done <= 3 ? 0 : AVERROR_INVALIDDATA;
}

static int filter_packet(gvd_source *s, gvd_packet *packet, gvd_error *err)
{
    AVPacket *av = packet->owner;
    char text[AV_ERROR_MAX_STRING_SIZE];
    if (av_packet_get_side_data(av, AV_PKT_DATA_NEW_EXTRADATA, NULL))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "its parameter sets change at packet %lld; "
                        "device=\"cpu\" reads it",
                        (long long)packet->ordinal);
    int code = frame_as_annexb(s, av);
    if (code == AVERROR_INVALIDDATA || code == AVERROR(EAGAIN)) {
        gvd_log(GVD_LOG_WARNING, "packet %lld is damaged: %s",
                (long long)packet->ordinal, gvd_av_error(code, text));
        packet->damaged = packet->unreadable = true;
        return GVD_OK;
    }
    if (code < 0)
        return gvd_fail(err, GVD_ERR_DECODE, "%s", gvd_av_error(code, text));
    packet->data = av->data;
    packet->size = (size_t)av->size;
    return GVD_OK;
}

// What av_read_frame's failure means to the reader of a damaged file: FFmpeg
// itself takes broken data as the end.
static int end_of_file(int code, gvd_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE];
    if (code == AVERROR_EOF)
        return GVD_EOF;
    if (code == AVERROR_EXIT)
        return gvd_fail_closed(err);
    if (code == AVERROR_INVALIDDATA) {
        gvd_log(GVD_LOG_WARNING, "the file ends early: %s",
                gvd_av_error(code, text));
        return GVD_EOF;
    }
    return gvd_fail(err, GVD_ERR_DECODE, "reading failed: %s",
                    gvd_av_error(code, text));
}

static int read_packet(gvd_source *s, gvd_packet *packet, gvd_error *err)
{
    AVPacket *av = packet->owner;
    int code = gvd_source_read_av(s, av);
    if (code < 0)
        return end_of_file(code, err);
    packet->ordinal = s->next_ordinal++;
    fill_packet(s, packet);
    return s->filter ? filter_packet(s, packet, err) : GVD_OK;
}

int gvd_source_read(gvd_source *source, gvd_packet **out, gvd_error *err)
{
    int rc;
    do {
        gvd_packet *packet = calloc(1, sizeof *packet);
        AVPacket *av = packet ? av_packet_alloc() : NULL;
        if (!av) {
            free(packet);
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        }
        gvd_ref_init(&packet->ref);
        packet->release = release_packet;
        packet->owner = av;
        rc = read_packet(source, packet, err);
        if (rc != GVD_OK)
            gvd_packet_unref(&packet);
        *out = packet;
    } while (rc == GVD_AGAIN);
    return rc;
}

int64_t gvd_source_next(const gvd_source *source)
{
    return source->next_ordinal;
}

bool gvd_source_is_one_to_one(const gvd_source *source)
{
    return source->classifier.bitstream != GVD_BITSTREAM_OTHER;
}
