// Going to a packet that was seen before.
//
// After a seek a container may give other timestamps, and it may land before
// or behind the place. So the packet is recognised by its position in the file,
// or by its timestamps where packets have no position.
#include "source_impl.h"

// Packets to be looked at for one seek: more than a long GOP has.
#define LOOK_PACKETS 2000

static bool is_marked(const AVPacket *packet, const gvd_source_mark *mark)
{
    if (mark->position >= 0 && packet->pos >= 0)
        return packet->pos == mark->position;
    return packet->pts == mark->pts && packet->dts == mark->dts;
}

static bool is_behind(const AVPacket *packet, const gvd_source_mark *mark)
{
    if (mark->position >= 0 && packet->pos >= 0)
        return packet->pos > mark->position;
    return packet->dts != AV_NOPTS_VALUE && packet->dts > mark->dts;
}

// Reads on to the packet: GVD_AGAIN if it does not come.
static int find(gvd_source *s, const gvd_source_mark *mark, gvd_error *err)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    for (int i = 0; i < LOOK_PACKETS; i++) {
        int code = gvd_source_read_av(s, packet);
        if (s->failure.code < 0) {
            av_packet_free(&packet);
            return gvd_source_fail(s, code, err);
        }
        if (code >= 0 && is_marked(packet, mark)) {
            s->found = packet;
            s->next_ordinal = mark->ordinal;
            s->ended = false;
            return GVD_OK;
        }
        if (code < 0 || is_behind(packet, mark))
            break;
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return GVD_AGAIN;
}

// Containers count by pts or by dts; where the packet is not found, a little
// earlier may do.
int gvd_source_seek(gvd_source *source, const gvd_source_mark *mark,
                    gvd_error *err)
{
    gvd_source *s = source;
    AVRational base = s->av_stream->time_base;
    int64_t second = base.num > 0 ? base.den / base.num : 0;
    int64_t earlier = GVD_NO_PTS;
    if (mark->dts == GVD_NO_PTS ||
        __builtin_sub_overflow(mark->dts, 2 * second, &earlier))
        earlier = GVD_NO_PTS;
    const int64_t times[] = {mark->pts, mark->dts, earlier};
    if (s->next_ordinal == mark->ordinal)
        return GVD_OK;
    gvd_limit_begin(&s->limit);
    s->ended = true; // unless the packet is found
    av_packet_free(&s->found);
    gvd_classifier_forget(&s->classifier);
    if (s->filter)
        av_bsf_flush(s->filter);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (times[i] == GVD_NO_PTS ||
            av_seek_frame(s->format, s->av_stream->index, times[i],
                          AVSEEK_FLAG_BACKWARD) < 0)
            continue;
        int rc = find(s, mark, err);
        if (rc != GVD_AGAIN)
            return rc;
    }
    return GVD_AGAIN;
}
