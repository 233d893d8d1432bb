#include "cpu/session.h"

#include <stdlib.h>

#include <libswscale/swscale.h>

#include "av.h"
#include "cpu/picture.h"
#include "cpu/picture_memory.h"
#include "log.h"

struct gvd_session {
    gvd_session_params params;
    AVCodecContext *codec;
    bool first;   // how codec was opened
    int threads;  // likewise
    bool started; // a key packet of this job has come
    bool counts;  // the packet in hand is to give a frame
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *sws;
};

int gvd_cpu_session_open(const gvd_session_params *params, double saves,
                         gvd_session **out, gvd_error *err)
{
    (void)saves; // a decoder costs nothing worth saving
    gvd_session *s = calloc(1, sizeof *s);
    if (!s)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    s->params = *params;
    s->packet = av_packet_alloc();
    s->frame = av_frame_alloc();
    if (!s->packet || !s->frame) {
        gvd_cpu_session_close(&s, true);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    *out = s;
    return GVD_OK;
}

void gvd_cpu_session_close(gvd_session **session, bool failed)
{
    (void)failed;
    gvd_session *s = *session;
    *session = NULL;
    if (!s)
        return;
    avcodec_free_context(&s->codec);
    av_packet_free(&s->packet);
    av_frame_free(&s->frame);
    sws_freeContext(s->sws);
    free(s);
}

static int open_codec(gvd_session *s, const gvd_job_start *start,
                      gvd_error *err)
{
    const AVCodecParameters *parameters = s->params.stream->codec;
    const AVCodec *decoder = avcodec_find_decoder(parameters->codec_id);
    if (!decoder)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "this FFmpeg has no decoder for %s",
                        avcodec_get_name(parameters->codec_id));
    avcodec_free_context(&s->codec);
    s->codec = avcodec_alloc_context3(decoder);
    int code = s->codec ? avcodec_parameters_to_context(s->codec, parameters)
                        : AVERROR(ENOMEM);
    if (code >= 0) {
        // With frame threads, interlaced MPEG-4 comes out otherwise.
        bool steady = parameters->codec_id != AV_CODEC_ID_MPEG4;
        s->codec->thread_count = steady ? start->threads : 1;
        s->codec->get_buffer2 = gvd_picture_get_buffer;
        // Behaviour 21 and 23 in docs/design.md say what these are for.
        s->codec->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_UNALIGNED;
        s->codec->max_pixels = s->params.stream->max_pixels;
        if (!start->first)
            s->codec->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
        code = avcodec_open2(s->codec, decoder, NULL);
    }
    if (code < 0) {
        char text[AV_ERROR_MAX_STRING_SIZE];
        avcodec_free_context(&s->codec);
        // AVERROR(EAGAIN): no thread could be had.
        bool full = code == AVERROR(ENOMEM) || code == AVERROR(EAGAIN);
        return gvd_fail(err, full ? GVD_ERR_NO_MEMORY : GVD_ERR_DECODE,
                        "the %s decoder does not open: %s", decoder->name,
                        gvd_av_error(code, text));
    }
    s->first = start->first;
    s->threads = start->threads;
    return GVD_OK;
}

int gvd_cpu_session_begin(gvd_session *session, const gvd_job_start *start,
                          gvd_error *err)
{
    gvd_session *s = session;
    s->started = false;
    if (s->codec && s->first == start->first && s->threads == start->threads) {
        avcodec_flush_buffers(s->codec);
        return GVD_OK;
    }
    return open_codec(s, start, err);
}

// Pictures in a row that may be lost before a decoder counts as stuck.
#define LOST_MAX 1000

// Before the first key packet of a stream a decoder lacks what to begin with,
// and an H.264 packet may be sound and hold no slice.
static bool wants_frame(gvd_session *s, const gvd_packet *packet, bool shown)
{
    s->started |= !s->first || packet->key;
    const bool picture =
        packet->picture_type || s->codec->codec_id != AV_CODEC_ID_H264;
    return shown && (packet->damaged || (s->started && picture));
}

static void count_lost(gvd_session *s)
{
    if (s->params.lost && s->counts)
        ++*s->params.lost;
}

// Emits what the decoder has: GVD_OK when it wants more packets, GVD_EOF when
// it is drained.
static int receive(gvd_session *s, gvd_error *err)
{
    for (int lost = 0;;) {
        int code = avcodec_receive_frame(s->codec, s->frame);
        if (code == AVERROR(EAGAIN))
            return GVD_OK;
        if (code == AVERROR_EOF || lost == LOST_MAX)
            return GVD_EOF;
        if (code == AVERROR(ENOMEM))
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        if (code < 0) { // this picture is lost, libavcodec has logged it
            lost++;
            count_lost(s);
            continue;
        }
        lost = 0;
        gvd_frame *frame = NULL;
        int rc = gvd_picture_wrap(s->frame, &s->params.stream->media,
                                  s->params.pixels, &s->sws, &frame, err);
        av_frame_unref(s->frame);
        if (rc == GVD_OK)
            rc = s->params.emit(s->params.context, frame);
        if (rc < 0)
            return rc;
    }
}

int gvd_cpu_session_push(gvd_session *session, const gvd_packet *packet,
                         bool shown, gvd_error *err)
{
    gvd_session *s = session;
    if (packet) {
        s->counts = wants_frame(s, packet, shown);
        if (av_packet_ref(s->packet, packet->owner) < 0)
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        // Decoders hand timestamps through: so a frame tells its packet.
        s->packet->pts = s->packet->dts = packet->ordinal;
    }
    for (;;) {
        int code = avcodec_send_packet(s->codec, packet ? s->packet : NULL);
        int rc = code == AVERROR(ENOMEM)
                     ? gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory")
                     : receive(s, err);
        if (rc < 0 || code != AVERROR(EAGAIN)) {
            if (code < 0 && code != AVERROR(EAGAIN) && code != AVERROR_EOF)
                count_lost(s);
            av_packet_unref(s->packet);
            return rc < 0 ? rc : GVD_OK;
        }
    }
}
