// Opening: the container's format, its streams, and what is known of the one
// that is read.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "source_impl.h"
#include "source_io.h"
#include "source_media.h"

// What libav has said last, in this thread, about the source that is opened.
static _Thread_local char said[160];
// And the last refusal of a web server, behind which libav says other things.
static _Thread_local char refused[160];

static void log_line(void *context, int level, const char *format, va_list args)
{
    // A server's refusal is no more than a warning, since it is asked again.
    const bool refusal = !strncmp(format, "HTTP error", 10);
    if (level > AV_LOG_ERROR && !refusal)
        return;
    char line[256];
    int prefix = 1;
    av_log_format_line2(context, level, format, args, line, sizeof line,
                        &prefix);
    gvd_log(level <= AV_LOG_FATAL ? GVD_LOG_ERROR : GVD_LOG_WARNING, "%s",
            line);
    const char *text = *line == '[' ? strstr(line, "] ") : NULL;
    text = text ? text + 2 : line;
    snprintf(said, sizeof said, "%.*s", (int)strcspn(text, "\n"), text);
    if (refusal)
        memcpy(refused, said, sizeof refused);
}

void gvd_source_forget_said(void)
{
    *said = *refused = '\0';
}

void gvd_source_add_said(const gvd_source *source, gvd_error *err)
{
    const gvd_source *s = source;
    if (!s->url || !err)
        return;
    size_t used = strlen(err->text);
    bool network = err->code == GVD_ERR_TIMEOUT || err->os_errno == EIO;
    bool told = strstr(err->text, "Server returned"); // in libav's words
    const char *words = network ? said : told ? "" : refused;
    if (*words)
        snprintf(err->text + used, sizeof err->text - used, " (%s)", words);
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

static int is_over(void *opaque)
{
    gvd_source *s = opaque;
    return gvd_limit_check(&s->limit, &s->failure) < 0;
}

int gvd_source_fail(gvd_source *source, int code, gvd_error *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE];
    const gvd_error *failure = &source->failure;
    if (failure->code < 0) {
        if (err)
            *err = *failure;
        return failure->code;
    }
    if (code == AVERROR(ENOMEM))
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    if (code == AVERROR(ENOENT))
        gvd_fail(err, GVD_ERR_NOT_FOUND, "there is no such file");
    else if (code == AVERROR(EISDIR))
        gvd_fail(err, GVD_ERR_OPEN, "it is a directory");
    else if (avio_size(source->io ? source->io : source->file) == 0)
        gvd_fail(err, GVD_ERR_OPEN, "it is empty");
    else if (code == AVERROR_INVALIDDATA || code == AVERROR_EOF)
        gvd_fail(err, GVD_ERR_OPEN,
                 "it holds no video that FFmpeg can read (%s)",
                 gvd_av_error(code, text));
    else
        gvd_fail(err, GVD_ERR_OPEN, "%s", gvd_av_error(code, text));
    if (err && (code == AVERROR(ENOENT) || code == AVERROR(EIO)))
        err->os_errno = AVUNERROR(code);
    return err ? err->code : GVD_ERR_OPEN;
}

// --- what is read ---

// To ask every demuxer takes longer than to read the header of an MP4 file. The
// two that most videos are in say who they are in their first bytes.
static const AVInputFormat *recognise(AVIOContext *io)
{
    uint8_t head[8];
    const char *name = NULL;
    if (avio_read(io, head, sizeof head) == sizeof head) {
        if (!memcmp(head + 4, "ftyp", 4))
            name = "mov";
        else if (!memcmp(head, "\x1a\x45\xdf\xa3", 4))
            name = "matroska";
    }
    avio_seek(io, 0, SEEK_SET);
    return name ? av_find_input_format(name) : NULL;
}

static bool is_url(const char *url, const gvd_input *input)
{
    return !input && strstr(url, "://");
}

bool gvd_source_may_wait(const char *url, const gvd_input *input)
{
    if (input)
        return !gvd_input_is_memory(input);
    return is_url(url, NULL) || gvd_io_is_pipe(url);
}

// By its content: what would open other files is refused before it can.
static int find_format(gvd_source *s, const gvd_source_params *params,
                       const AVInputFormat **format, gvd_error *err)
{
    *format = recognise(s->format->pb);
    // Of a file that grows the end says nothing: libav is not to look for it.
    if (params->follow)
        s->format->pb->seekable = 0;
    if (*format)
        return GVD_OK;
    int code =
        av_probe_input_buffer2(s->format->pb, format, params->url, s->format, 0,
                               s->format->format_probesize);
    if (code < 0)
        return gvd_source_fail(s, code, err);
    if (params->protocols || !gvd_protocols_names_others((*format)->name))
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "it is a playlist (%s), which may name other files and "
                    "hosts: pass protocols=[\"file\"], \"https\" ... to allow "
                    "what it may use",
                    (*format)->name);
}

// Opens all but URLs, whose protocols libavformat opens itself.
static int open_io(gvd_source *s, const gvd_source_params *params,
                   const char *target, gvd_error *err)
{
    const gvd_io_params io = {
        .limit = &s->limit,
        .failure = &s->failure,
        .follow = params->follow,
    };
    int rc = GVD_OK;
    s->pipe = !params->input && gvd_io_is_pipe(params->url);
    if (params->input) {
        rc = gvd_io_open_input(params->input, &io, &s->io, err);
    } else if (s->pipe) {
        rc = gvd_io_open_pipe(params->url, &io, &s->io, err);
    } else {
        AVDictionary *options = NULL;
        av_dict_set_int(&options, "follow", params->follow, 0);
        int code = avio_open2(&s->file, target, AVIO_FLAG_READ,
                              &s->format->interrupt_callback, &options);
        av_dict_free(&options);
        rc = code < 0 ? gvd_source_fail(s, code, err) : GVD_OK;
    }
    s->format->pb = s->io ? s->io : s->file;
    s->format->flags |= AVFMT_FLAG_CUSTOM_IO; // it is not the format's to close
    return rc;
}

// What a web server and a camera are asked for.
static void set_options(const gvd_source *s, const gvd_source_params *params,
                        AVDictionary **options)
{
    av_dict_set(options, "protocol_whitelist", s->protocols, 0);
    if (!s->url)
        return;
    if (!params->protocols)
        av_dict_set(options, "format_whitelist", gvd_protocols_demuxers(), 0);
    av_dict_set(options, "rtsp_flags", "prefer_tcp", 0);
    if (!gvd_protocols_is_web(params->url))
        return;
    // Where a connection breaks: once more, from there on.
    av_dict_set(options, "reconnect", "1", 0);
    av_dict_set(options, "reconnect_on_network_error", "1", 0);
    av_dict_set(options, "reconnect_on_http_error", "5xx", 0);
    av_dict_set(options, "reconnect_delay_max", "4", 0);
}

static int open_input(gvd_source *s, const gvd_source_params *params,
                      const char *target, gvd_error *err)
{
    const AVInputFormat *format = NULL;
    int rc = s->url ? GVD_OK : open_io(s, params, target, err);
    if (rc == GVD_OK && !s->url)
        rc = find_format(s, params, &format, err);
    if (rc < 0)
        return rc;
    AVDictionary *options = NULL;
    set_options(s, params, &options);
    int code = avformat_open_input(&s->format, target, format, &options);
    av_dict_free(&options);
    return code < 0 ? gvd_source_fail(s, code, err) : GVD_OK;
}

static int open_format(gvd_source *s, const gvd_source_params *params,
                       gvd_error *err)
{
    s->url = is_url(params->url, params->input);
    int rc = gvd_protocols_choose(params->url, s->url, params->protocols,
                                  s->protocols, err);
    if (rc < 0)
        return rc;
    s->format = avformat_alloc_context();
    // A path may begin with something that looks like a protocol.
    char *target = av_asprintf("%s%s", s->url ? "" : "file:", params->url);
    if (!s->format || !target) {
        av_free(target);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    s->format->interrupt_callback = (AVIOInterruptCB){is_over, s};
    s->nesting.server = params->protocols || !s->url ? NULL : target;
    s->nesting.ca_file = params->ca_file;
    gvd_nesting_install(&s->nesting, s->format);
    rc = open_input(s, params, target, err);
    if (rc == GVD_OK)
        s->target = target;
    else
        av_free(target);
    return rc;
}

// --- its streams ---

static int count_videos(const AVFormatContext *format)
{
    int count = 0;
    for (unsigned i = 0; i < format->nb_streams; i++)
        count += gvd_stream_is_video(format->streams[i]);
    return count;
}

// FFmpeg's best of the videos, of which there is one at least.
static int find_best(AVFormatContext *format)
{
    int best = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    for (int i = 0; best < 0 || !gvd_stream_is_video(format->streams[best]);
         i++)
        best = i;
    return best;
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
    int chosen = wanted >= 0 ? wanted : find_best(format);
    s->av_stream = format->streams[chosen];
    for (unsigned i = 0; i < format->nb_streams; i++)
        format->streams[i]->discard =
            (int)i == chosen ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    return GVD_OK;
}

// Where streams may come at any time, libavformat looks for them for seconds,
// which a live source has to be waited for. What is not known so soon of a
// video that was joined between key frames its decoder finds: libavformat does
// not survive that it is asked to look at a stream again.
#define SHORT_PROBE_US (AV_TIME_BASE / 5)

static int find_streams(gvd_source *s, bool low_latency)
{
    if (low_latency) {
        s->format->fps_probe_size = 0; // frames that would tell the rate
        s->format->max_analyze_duration = SHORT_PROBE_US;
    }
    return avformat_find_stream_info(s->format, NULL);
}

static int probe(gvd_source *s, const gvd_source_params *params, gvd_error *err)
{
    s->stream.media.partial = !params->full_probe &&
                              count_videos(s->format) == 1 &&
                              gvd_media_read_header(s->format);
    if (!s->stream.media.partial) {
        int code = find_streams(s, params->low_latency);
        if (code < 0 || s->failure.code < 0)
            return gvd_source_fail(s, code, err);
    }
    return choose_stream(s, params->stream_index, err);
}

const char *gvd_source_once(const gvd_source *source)
{
    const AVIOContext *pb = source->format->pb;
    if (source->follows)
        return "a file that is still written to (follow=True)";
    if (pb && pb->seekable & AVIO_SEEKABLE_NORMAL)
        return NULL;
    if (source->url)
        return gvd_protocols_is_web(source->target) ? NULL : "a live stream";
    return source->pipe ? "a pipe" : "a source without seek()";
}

static void describe(gvd_source *s)
{
    const AVCodecParameters *codec = s->av_stream->codecpar;
    bool partial = s->stream.media.partial;
    gvd_media_describe(&s->stream.media, s->format, s->av_stream);
    s->stream.media.partial = partial;
    s->stream.media.best_stream = find_best(s->format);
    s->stream.media.seekable = !gvd_source_once(s);
    s->stream.max_pixels = s->max_pixels;
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

static int check_pixels(const gvd_source *s, gvd_error *err)
{
    const gvd_media *media = &s->stream.media;
    if ((int64_t)media->width * media->height <= s->max_pixels)
        return GVD_OK;
    return gvd_fail(
        err, GVD_ERR_UNSUPPORTED,
        "its pictures have %d x %d pixels, more than max_pixels=%lld "
        "allows",
        media->width, media->height, (long long)s->max_pixels);
}

int gvd_source_open(const gvd_source_params *params, gvd_source **out,
                    gvd_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
    gvd_source *s = calloc(1, sizeof *s);
    if (!s)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    gvd_limit_init(&s->limit, params->timeout, params->owner_stopped,
                   params->user_stopped);
    s->follows = params->follow;
    s->max_pixels = params->max_pixels > 0 ? params->max_pixels : INT64_MAX;
    const char *before = gvd_log_about(params->url);
    gvd_source_forget_said();
    int rc = open_format(s, params, err);
    if (rc == GVD_OK)
        rc = probe(s, params, err);
    if (rc == GVD_OK) {
        describe(s);
        rc = check_pixels(s, err);
    }
    gvd_log_about(before);
    if (rc < 0) {
        gvd_source_add_said(s, err);
        gvd_source_close(&s);
        return rc;
    }
    *out = s;
    return GVD_OK;
}
