// First station of the data's way: container in, packets of one stream out.
#include "source.h"

#include <stdlib.h>

#include "log.h"
#include "source_impl.h"
#include "source_io.h"
#include "source_media.h"

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
    gvd_io_close(&s->io);
    av_free(s->target);
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

void gvd_source_lend(gvd_source *source, const atomic_bool *user_stopped)
{
    source->limit.user_stopped = user_stopped;
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
        return gvd_source_fail(s, code, err);
    AVCodecParameters *codec = s->filter->par_out;
    s->stream.codec = codec;
    s->stream.headers = codec->extradata;
    s->stream.headers_size = (size_t)codec->extradata_size;
    return GVD_OK;
}

// --- reading ---

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
            break;
        av_packet_unref(packet);
    }
    s->described |= code >= 0 && av_packet_get_side_data(
                                     packet, AV_PKT_DATA_NEW_EXTRADATA, NULL);
    return code < 0 ? code : 0;
}

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
    if (code == AVERROR(ENOMEM))
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    if (code < 0)
        return gvd_fail(err, GVD_ERR_DECODE, "%s", gvd_av_error(code, text));
    packet->data = av->data;
    packet->size = (size_t)av->size;
    return GVD_OK;
}

// What av_read_frame's failure means to the reader of a damaged file: FFmpeg
// itself takes broken data as the end.
static int end_of_file(gvd_source *s, int code, gvd_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE];
    s->ended = true;
    if (s->failure.code < 0)
        return gvd_source_fail(s, code, err);
    if (code == AVERROR_EOF)
        return GVD_EOF;
    if (code == AVERROR_INVALIDDATA && s->next_ordinal > 0) {
        gvd_log(GVD_LOG_WARNING, "the file ends early: %s",
                gvd_av_error(code, text));
        s->ends_early = true;
        return GVD_EOF;
    }
    if (code == AVERROR(ENOMEM))
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    const AVIOContext *pb = s->format->pb;
    if (code == AVERROR_INVALIDDATA && pb &&
        !(pb->seekable & AVIO_SEEKABLE_NORMAL))
        return gvd_fail(err, GVD_ERR_DECODE,
                        "its frames cannot be reached: the file says behind "
                        "them where they are, and this source cannot go back "
                        "(a web server without ranges, a pipe, follow=True); "
                        "read it from a file, or write it with -movflags "
                        "+faststart");
    int rc = gvd_fail(
        err, code == AVERROR_INVALIDDATA ? GVD_ERR_DECODE : GVD_ERR_READ,
        "reading failed behind packet %lld: %s", (long long)s->next_ordinal,
        gvd_av_error(code, text));
    gvd_source_add_said(s, err);
    return rc;
}

static int read_packet(gvd_source *s, gvd_packet *packet, gvd_error *err)
{
    AVPacket *av = packet->owner;
    int code = gvd_source_read_av(s, av);
    // What a failure cut short libav may give as a packet.
    if (code < 0 || s->failure.code < 0)
        return end_of_file(s, code, err);
    packet->ordinal = s->next_ordinal++;
    fill_packet(s, packet);
    return s->filter ? filter_packet(s, packet, err) : GVD_OK;
}

int gvd_source_read(gvd_source *source, gvd_packet **out, gvd_error *err)
{
    int rc;
    gvd_limit_begin(&source->limit);
    gvd_source_forget_said();
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

// libavformat takes the end of the bytes as the file's, wherever it comes.
bool gvd_source_ends_early(const gvd_source *source)
{
    AVStream *stream = source->av_stream;
    const int64_t size = avio_size(source->format->pb);
    if (source->ends_early || size <= 0 ||
        !av_match_name("mov", source->format->iformat->name))
        return source->ends_early;
    for (int i = avformat_index_get_entries_count(stream) - 1; i >= 0; i--) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, i);
        if (entry && entry->pos + entry->size > size)
            return true;
    }
    return false;
}

bool gvd_source_is_over(const gvd_source *source)
{
    // libavformat tells a configuration once, even where it then seeks.
    return source->ended || source->described || source->failure.code < 0;
}

int64_t gvd_source_next(const gvd_source *source)
{
    return source->next_ordinal;
}

bool gvd_source_is_one_to_one(const gvd_source *source)
{
    return source->classifier.bitstream != GVD_BITSTREAM_OTHER;
}

const char *gvd_source_libav_version(void)
{
    return av_version_info();
}
