#include "presenter.h"

#include <stdio.h>

static int fail_corrupt(const gvd_presenter *p, const gvd_frame *frame,
                        gvd_error *err)
{
    char when[48] = "";
    if (frame->pts != GVD_NO_PTS && p->time_base.den > 0)
        snprintf(when, sizeof when, " at %.3f s",
                 (double)frame->pts * p->time_base.num / p->time_base.den);
    return gvd_fail(
        err, GVD_ERR_DECODE,
        "frame %lld%s is corrupt: data of it or of a frame that it "
        "refers to is damaged or missing; on_corrupt=\"keep\" gives "
        "it as the decoder concealed it%s",
        (long long)frame->number, when,
        p->request ? "" : ", \"skip\" leaves it out");
}

static int next_of_all(gvd_presenter *p, int timeout_ms, gvd_delivery *out,
                       gvd_error *err)
{
    for (;;) {
        *out = (gvd_delivery){.place_count = 1};
        int rc = gvd_scheduler_next(p->scheduler, timeout_ms, &out->frame, err);
        if (rc != GVD_OK)
            return rc;
        out->number = out->frame->number;
        if (!out->frame->corrupt || p->on_corrupt == GVD_CORRUPT_KEEP)
            return GVD_OK;
        if (p->on_corrupt == GVD_CORRUPT_RAISE)
            rc = fail_corrupt(p, out->frame, err);
        gvd_frame_unref(&out->frame);
        if (rc < 0)
            return rc;
    }
}

static int next_decoded(gvd_presenter *p, int timeout_ms, gvd_delivery *out,
                        gvd_error *err)
{
    for (;;) {
        gvd_frame *frame = NULL;
        int rc = gvd_scheduler_next(p->scheduler, timeout_ms, &frame, err);
        if (rc == GVD_EOF)
            return gvd_request_fail_missing(p->request, err);
        if (rc == GVD_ERR_DECODE)
            return gvd_request_fail_broken(p->request, err);
        if (rc == GVD_OK)
            rc = gvd_request_accept(p->request, frame, out, err);
        if (rc == GVD_OK) {
            out->frame = frame;
            frame->number = out->number;
            const gvd_index *index = gvd_request_index(p->request);
            frame->pts = index->pts[out->number];
            frame->duration =
                gvd_index_duration(index, out->number, frame->duration);
            return GVD_OK;
        }
        if (!frame)
            return rc;
        gvd_frame_unref(&frame);
        if (rc < 0)
            return rc;
    }
}

// A frame that only its reading's claim covers is counted by itself from now
// on.
static bool may_keep(const gvd_presenter *p, gvd_frame *frame)
{
    return !p->budget || frame->charge.bytes > 0 ||
           gvd_charge_take(&frame->charge, p->budget, frame->held,
                           GVD_CHARGE_IDLE);
}

int gvd_presenter_next(gvd_presenter *presenter, int timeout_ms,
                       gvd_delivery *out, gvd_error *err)
{
    gvd_presenter *p = presenter;
    *out = (gvd_delivery){0};
    if (!p->request)
        return next_of_all(p, timeout_ms, out, err);
    if (gvd_request_is_over(p->request))
        return GVD_EOF;
    int rc = GVD_OK;
    if (!gvd_request_take_ready(p->request, out))
        rc = next_decoded(p, timeout_ms, out, err);
    if (rc == GVD_OK && p->cache && may_keep(p, out->frame))
        gvd_frame_cache_put(p->cache, out->frame);
    if (rc == GVD_OK && out->frame->corrupt && out->place_count > 0 &&
        p->on_corrupt != GVD_CORRUPT_KEEP) {
        rc = fail_corrupt(p, out->frame, err);
        gvd_frame_unref(&out->frame);
    }
    return rc;
}
