// A made-up stream with its index, and what somebody asks of it.
#pragma once

#include "fake.h"
#include "frame_cache.h"
#include "indexed.h"
#include "request.h"

enum {
    ASKED_PLACES = 200,
};

typedef struct asked {
    fake fake;
    gvd_packet *packets;
    model model; // its frames are those that are seen
    gvd_index *index;

    // The request.
    int64_t numbers[ASKED_PLACES];
    int count;
    int64_t extra, extra_end;
    gvd_frame_cache *cache; // what is there already, or NULL: as ready says
    bool *ready;            // by number: it is there
    bool *wanted;           // by number: it must be decoded
} asked;

// Hidden packets are known as such, but for their fields a stream is sound.
static inline void asked_init(asked *a, const gop_style *style, bool one_to_one,
                              uint64_t seed)
{
    *a = (asked){0};
    fake_init(&a->fake, style, seed);
    a->fake.sparse = true;
    gops *g = &a->fake.gops;
    for (int i = 0; i < g->count; i++)
        if (g->list[i].no_frame && !g->list[i].second_field)
            g->list[i].discard = true;
    a->packets = make_packets(g);
    a->model = make_model(a->packets, g->count);
    keep_seen_frames(&a->model, g);
    a->index = build_index(a->packets, g->count, one_to_one);
    learn_frames(a->index, a->packets, &a->model);
    REQUIRE(a->index->frame_count == a->model.frame_count);
    a->ready = new_array(a->model.frame_count, sizeof *a->ready);
    a->wanted = new_array(a->model.frame_count, sizeof *a->wanted);
}

static inline gop_style asked_style(uint64_t *seed)
{
    gop_style style = random_style(seed);
    style.disposable = draw_below(seed, 3) * 40;
    if (chance(seed, 10))
        style = (gop_style){.gops = style.gops,
                            .max_length = style.max_length,
                            .discard = style.discard,
                            .intra = true};
    return style;
}

static inline void asked_free(asked *a)
{
    free(a->ready);
    free(a->wanted);
    gvd_index_unref(&a->index);
    free_model(&a->model);
    free(a->packets);
    fake_free(&a->fake);
}

// Two frames claim one packet, so that packets tell nothing any more.
static inline void asked_make_counted(asked *a)
{
    int count;
    gvd_index_frame *frames =
        decoded_frames(a->packets, &a->model, a->model.job_count, &count);
    REQUIRE(a->index->trust == GVD_TRUST_NOTHING && count > 1);
    frames[1].ordinal = frames[0].ordinal;
    REQUIRE(gvd_index_correct(a->index, frames, count, NULL) == GVD_OK);
    REQUIRE(a->index->counted);
    free(frames);
}

static inline int draw_frame(const asked *a, uint64_t *seed)
{
    return draw_below(seed, a->model.frame_count);
}

// A few frames or many: neighbours, steps, any, with some of them twice.
static inline void ask(asked *a, uint64_t *seed)
{
    int way = draw_below(seed, 4), frames = a->model.frame_count;
    int64_t at = draw_frame(a, seed), step = 1 + draw_below(seed, 9);
    a->count = draw_below(seed, chance(seed, 50) ? 5 : ASKED_PLACES);
    if (way == 1)
        step = -step;
    for (int i = 0; i < a->count; i++) {
        if (way >= 2)
            at = draw_frame(a, seed);
        a->numbers[i] = way == 3 && i > 0 && chance(seed, 30)
                            ? a->numbers[draw_below(seed, i)]
                            : at;
        at = (at + step + frames) % frames;
        at = at < 0 ? 0 : at;
    }
    a->extra = a->extra_end = 0;
    if (a->count == 0 || chance(seed, 40)) {
        a->extra = draw_frame(a, seed);
        a->extra_end = a->extra + 1 + draw_below(seed, frames - (int)a->extra);
    }
    int percent = chance(seed, 50) ? draw_below(seed, 100) : 0;
    for (int i = 0; i < frames; i++)
        a->ready[i] = chance(seed, percent);
}

static inline bool is_asked(const asked *a, int64_t number)
{
    if (number >= a->extra && number < a->extra_end)
        return true;
    for (int i = 0; i < a->count; i++)
        if (a->numbers[i] == number)
            return true;
    return false;
}

static inline gvd_frame *give_ready(void *context, int64_t number)
{
    asked *a = context;
    if (a->cache) {
        gvd_frame *kept = gvd_frame_cache_get(a->cache, number);
        a->ready[number] = kept != NULL;
        return kept;
    }
    if (!a->ready[number])
        return NULL;
    gvd_frame *frame = fake_frame(a->model.frames[number], "ready");
    frame->number = number;
    frame->pts = a->index->pts[number];
    return frame;
}

static inline gvd_request *make_request(asked *a)
{
    gvd_request_params params = {
        .index = a->index,
        .numbers = a->numbers,
        .count = a->count,
        .extra = a->extra,
        .extra_end = a->extra_end,
        .have = give_ready,
        .context = a,
    };
    gvd_request *r = NULL;
    REQUIRE(gvd_request_create(&params, &r, NULL) == GVD_OK && r);
    for (int i = 0; i < a->model.frame_count; i++)
        a->wanted[i] = is_asked(a, i) && !a->ready[i];
    REQUIRE(gvd_request_index(r) == a->index);
    return r;
}
