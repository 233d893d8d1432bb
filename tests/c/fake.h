// A made-up stream and decoders for it, to drive the scheduler without media.
//
// The decoders give frames late and in presentation order, lose what they
// cannot decode, and misbehave where they are told to.
#pragma once

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backend.h"
#include "gops.h"
#include "packets.h"
#include "plan.h"

enum {
    FAKE_WIDTH = 4,
    FAKE_HEIGHT = 2,
    FAKE_FRAME_BYTES = FAKE_WIDTH * FAKE_HEIGHT * 3 / 2,
    FAKE_REORDER = 6, // pictures that wait for others
};

enum fake_fault {
    FAKE_SOUND,
    FAKE_ERROR,   // push fails
    FAKE_MISSING, // no frame comes out
    FAKE_CORRUPT,
    FAKE_LATE,  // comes out after the frame behind it
    FAKE_STRAY, // and with it one that no packet has
};

typedef struct fake {
    gvd_stream stream; // the first member: sessions find the rest behind it
    gops gops;
    bool fields;
    bool sparse;          // disposable pictures may be left out
    uint8_t *faults;      // of the first decoder, one a packet
    int64_t fallback_bad; // the packet at which the fallback fails, or -1
    int jitter;           // at most so many microseconds now and then
    uint64_t seed;
    size_t packet_bytes;

    // What opening a session gives; NULL: GVD_OK. nth counts from 0.
    int (*open)(struct fake *fake, int nth, bool may_create);
    atomic_int told; // what a session would save
    atomic_int opens, opened;

    // Reading: feeder thread only.
    gvd_plan plan;
    int next;
    int read_fails_at;         // GVD_ERR_DECODE there, or -1
    atomic_int read_blocks_at; // until it is aborted, or -1
    atomic_bool aborted;

    int gate_at;           // the first decoder stops before this packet, or -1,
    bool gate_keys;        // or before every key picture,
    atomic_bool gate_open; // until this is set
    atomic_bool at_gate;   // a decoder stands there
    atomic_int placed;
} fake;

// What is alive of all fakes: none when a test is over.
static atomic_int fake_packets, fake_frames, fake_sessions;

static inline void fake_init(fake *f, const gop_style *style, uint64_t seed)
{
    *f = (fake){
        .fallback_bad = -1,
        .seed = seed,
        .packet_bytes = 100,
        .read_fails_at = -1,
        .read_blocks_at = -1,
        .gate_at = -1,
    };
    gvd_plan_init(&f->plan);
    f->gops = make_gops(style, &f->seed);
    f->fields = style->fields;
    f->faults = calloc((size_t)f->gops.count, 1);
    REQUIRE(f->faults);
    f->stream.media.width = FAKE_WIDTH;
    f->stream.media.height = FAKE_HEIGHT;
    f->stream.media.time_base = (gvd_rational){1, 1000};
    f->stream.media.average_frame_rate = (gvd_rational){25, 1};
}

static inline void fake_free(fake *f)
{
    REQUIRE(atomic_load(&fake_packets) == 0);
    REQUIRE(atomic_load(&fake_frames) == 0);
    REQUIRE(atomic_load(&fake_sessions) == 0);
    free(f->faults);
    free_gops(&f->gops);
}

static inline void fake_pause(const fake *f, uint64_t *seed)
{
    if (f->jitter > 0 && chance(seed, 20))
        usleep((useconds_t)draw_below(seed, f->jitter));
}

// --- packets ---

static inline void fake_release_packet(gvd_packet *packet)
{
    atomic_fetch_sub(&fake_packets, 1);
    free(packet);
}

static inline gvd_packet *fake_packet(const fake *f, int number)
{
    gvd_packet *packet = calloc(1, sizeof *packet);
    REQUIRE(packet);
    *packet = packet_of(&f->gops, number);
    packet->release = fake_release_packet;
    packet->size = f->packet_bytes;
    packet->dts = GVD_NO_PTS;
    gvd_ref_init(&packet->ref);
    atomic_fetch_add(&fake_packets, 1);
    return packet;
}

// The scheduler's read.
static inline int fake_read(void *context, gvd_packet **out, gvd_route *route,
                            gvd_error *err)
{
    fake *f = context;
    uint64_t seed = f->seed + (uint64_t)f->next;
    fake_pause(f, &seed);
    while (f->next == atomic_load(&f->read_blocks_at) &&
           !atomic_load(&f->aborted))
        usleep(500);
    if (atomic_load(&f->aborted))
        return gvd_fail(err, GVD_ERR_CLOSED, "aborted");
    if (f->next == f->read_fails_at)
        return gvd_fail(err, GVD_ERR_DECODE, "the disk is on fire");
    if (f->next == f->gops.count)
        return GVD_EOF;
    *out = fake_packet(f, f->next++);
    *route = gvd_plan_route(&f->plan, *out);
    return GVD_OK;
}

// --- frames ---

static inline void fake_release_frame(gvd_frame *frame)
{
    atomic_fetch_sub(&fake_frames, 1);
    free(frame->owner);
    free(frame);
}

// The frame is gray: what every byte of its luma is, and of its RGB.
static inline uint8_t fake_pixel(int64_t ordinal)
{
    return (uint8_t)(ordinal * 37 + 11);
}

static inline size_t fake_bytes(int width, int height)
{
    size_t chroma = (size_t)(width + 1) / 2 * ((size_t)height + 1) / 2;
    return (size_t)width * (size_t)height + 2 * chroma;
}

// Fills `pixels`, fake_bytes of them, which become the frame's.
static inline void fake_fill(gvd_frame *frame, int64_t ordinal, uint8_t *pixels,
                             int width, int height)
{
    const int w = (width + 1) / 2, h = (height + 1) / 2;
    uint8_t *u = pixels + (ptrdiff_t)width * height, *v = u + (ptrdiff_t)w * h;
    memset(pixels, fake_pixel(ordinal), (size_t)(u - pixels));
    memset(u, 128, 2 * (size_t)(v - u));
    frame->owner = pixels;
    frame->width = width;
    frame->height = height;
    frame->planes[0] = (gvd_plane){pixels, width, width, height, 1};
    frame->planes[1] = (gvd_plane){u, w, w, h, 1};
    frame->planes[2] = (gvd_plane){v, w, w, h, 1};
}

static inline gvd_frame *fake_frame(int64_t ordinal, const char *backend)
{
    gvd_frame *frame = calloc(1, sizeof *frame);
    uint8_t *pixels = malloc(FAKE_FRAME_BYTES);
    REQUIRE(frame && pixels);
    *frame = (gvd_frame){
        .release = fake_release_frame,
        .held = FAKE_FRAME_BYTES,
        .layout = GVD_LAYOUT_YUV,
        .pixel_format = "yuv420p",
        .plane_count = 3,
        .sample_bytes = 1,
        .depth = 8,
        .color = {.matrix = 1, .full_range = true},
        .ordinal = ordinal,
        .backend = backend,
    };
    fake_fill(frame, ordinal, pixels, FAKE_WIDTH, FAKE_HEIGHT);
    gvd_ref_init(&frame->ref);
    atomic_fetch_add(&fake_frames, 1);
    return frame;
}

// The scheduler's place: counts the frames that it moves.
static inline int fake_place(void *context, gvd_frame **frame, gvd_error *err)
{
    fake *f = context;
    (void)err;
    REQUIRE((*frame)->memory == GVD_MEMORY_HOST);
    atomic_fetch_add(&f->placed, 1);
    return GVD_OK;
}

// --- sessions ---

struct gvd_session {
    gvd_session_params params;
    fake *fake;
    bool fallback;
    uint64_t seed;
    bool began, first;
    int start_gop;    // where this job began, -1 before its first packet
    int last;         // the packet before, in this job
    int waiting[256]; // pictures, unsorted
    int waiting_count;
    int late; // a picture that was held back, or -1
};

static inline gvd_session *fake_session(const gvd_session_params *params,
                                        bool fallback)
{
    gvd_session *s = calloc(1, sizeof *s);
    REQUIRE(s);
    s->params = *params;
    s->fake = (fake *)params->stream;
    s->fallback = fallback;
    s->seed = s->fake->seed + (uint64_t)atomic_load(&s->fake->opens) * 977;
    atomic_fetch_add(&fake_sessions, 1);
    return s;
}

// A fake's open.
static inline int fake_no_driver(fake *f, int nth, bool may_create)
{
    (void)f, (void)nth, (void)may_create;
    return GVD_ERR_DRIVER;
}

static inline int fake_open(const gvd_session_params *params, double saves,
                            gvd_session **out, gvd_error *err)
{
    fake *f = (fake *)params->stream;
    atomic_fetch_add(&f->told, saves > 0 && !isinf(saves));
    int nth = atomic_fetch_add(&f->opens, 1);
    int rc = f->open ? f->open(f, nth, isinf(saves)) : GVD_OK;
    if (rc < 0)
        return gvd_fail(err, rc, "session %d does not open", nth);
    if (rc > 0)
        return rc;
    *out = fake_session(params, false);
    atomic_fetch_add(&f->opened, 1);
    return GVD_OK;
}

static inline int fake_open_fallback(const gvd_session_params *params,
                                     double saves, gvd_session **out,
                                     gvd_error *err)
{
    (void)err;
    REQUIRE(isinf(saves));
    *out = fake_session(params, true);
    return GVD_OK;
}

static inline void fake_close(gvd_session **session, bool failed)
{
    (void)failed;
    gvd_session *s = *session;
    *session = NULL;
    if (!s)
        return;
    fake_pause(s->fake, &s->seed);
    atomic_fetch_sub(&fake_sessions, 1);
    free(s);
}

static inline int fake_begin(gvd_session *s, const gvd_job_start *start,
                             gvd_error *err)
{
    (void)err;
    REQUIRE(start->threads >= 1);
    s->began = true;
    s->first = start->first;
    s->start_gop = s->last = s->late = -1;
    s->waiting_count = 0;
    return GVD_OK;
}

static inline int fake_emit(gvd_session *s, int number, bool corrupt)
{
    gvd_frame *frame = fake_frame(number, s->fallback ? "fallback" : "fake");
    frame->corrupt = corrupt;
    return s->params.emit(s->params.context, frame);
}

// Gives the picture, or does what its fault says.
static inline int fake_give(gvd_session *s, int number)
{
    const picture *p = &s->fake->gops.list[number];
    int fault = s->fallback ? FAKE_SOUND : s->fake->faults[number];
    bool lost = p->leading && p->gop == s->start_gop;
    if (fault == FAKE_MISSING || (lost && (p->skippable || s->first)))
        return GVD_OK;
    if (fault == FAKE_LATE && s->late < 0) {
        s->late = number;
        return GVD_OK;
    }
    int rc = fake_emit(s, number, lost || fault == FAKE_CORRUPT);
    if (rc == GVD_OK && fault == FAKE_STRAY)
        rc = fake_emit(s, 1 << 20, false);
    if (rc == GVD_OK && s->late >= 0) {
        rc = fake_emit(s, s->late, false);
        s->late = -1;
    }
    return rc;
}

// Gives pictures in order until no more than `keep` wait.
static inline int fake_flush(gvd_session *s, int keep)
{
    const picture *list = s->fake->gops.list;
    while (s->waiting_count > keep) {
        int at = 0;
        for (int i = 1; i < s->waiting_count; i++)
            if (list[s->waiting[i]].show < list[s->waiting[at]].show)
                at = i;
        int number = s->waiting[at];
        s->waiting[at] = s->waiting[--s->waiting_count];
        int rc = fake_give(s, number);
        if (rc < 0)
            return rc;
    }
    return GVD_OK;
}

// A job's packets are those of the file without a hole, but for the leading
// pictures of its start that cannot be decoded, and what nothing refers to.
static inline void fake_check_packet(gvd_session *s, int number)
{
    const picture *list = s->fake->gops.list;
    REQUIRE(s->began);
    if (s->last < 0)
        s->start_gop = list[number].gop;
    for (int i = s->last + 1; s->last >= 0 && i < number; i++)
        REQUIRE((list[i].skippable && list[i].gop == s->start_gop) ||
                (s->fake->sparse && list[i].disposable));
    REQUIRE(number > s->last);
    s->last = number;
}

static inline int fake_push(gvd_session *s, const gvd_packet *packet,
                            bool shown, gvd_error *err)
{
    fake *f = s->fake;
    (void)shown;
    fake_pause(f, &s->seed);
    if (!packet) {
        s->began = false;
        int rc = fake_flush(s, 0);
        if (rc == GVD_OK && s->late >= 0)
            rc = fake_emit(s, s->late, false);
        return rc;
    }
    int number = (int)packet->ordinal;
    fake_check_packet(s, number);
    bool gate =
        number == f->gate_at || (f->gate_keys && f->gops.list[number].key);
    while (gate && !s->fallback && !atomic_load(&f->gate_open)) {
        atomic_store(&f->at_gate, true);
        usleep(200);
    }
    if (s->fallback ? number == f->fallback_bad
                    : f->faults[number] == FAKE_ERROR)
        return gvd_fail(err, GVD_ERR_DECODE, "packet %d is broken", number);
    if (!f->gops.list[number].no_frame)
        s->waiting[s->waiting_count++] = number;
    return fake_flush(s, FAKE_REORDER);
}

static const gvd_backend fake_plain = {
    .name = "fake",
    .open = fake_open,
    .begin = fake_begin,
    .push = fake_push,
    .close = fake_close,
};
static const gvd_backend fake_checked = {
    .name = "checked",
    .checked = true,
    .open = fake_open,
    .begin = fake_begin,
    .push = fake_push,
    .close = fake_close,
};
static const gvd_backend fake_fallback = {
    .name = "fallback",
    .open = fake_open_fallback,
    .begin = fake_begin,
    .push = fake_push,
    .close = fake_close,
};
