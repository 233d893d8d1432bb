// Made-up streams: pictures in the order of a file, grouped as encoders do.
#pragma once

#include "harness.h"
#include "packet.h"

typedef struct picture {
    int64_t show; // its place in presentation order
    int64_t pts;  // from show, or GVD_NO_PTS
    int gop;
    enum gvd_entry entry;
    bool key, discard, parameters, all_parameters;
    bool leading;   // refers to pictures before its entry
    bool skippable; // so, and named as such by the bitstream (RASL)
    bool no_frame;  // a second field, or never shown
    bool field, second_field;
    bool disposable; // nothing refers to it
} picture;

typedef struct gop_style {
    int gops;
    int max_length;                            // references in a GOP
    int max_b;                                 // between two references
    int open, closed_leading, discard, hidden; // percent
    bool hevc;       // leading pictures are RASL or RADL
    bool fields;     // two packets a picture
    bool parameters; // repeated at every entry
    int disposable;  // percent of the B pictures
    bool intra;      // every picture is an entry, and none a reference
} gop_style;

typedef struct gops {
    picture *list;
    int count, capacity;
    int64_t shown; // places given in presentation order
    int64_t pts_step;
} gops;

static inline picture *add_packet(gops *g, picture p)
{
    if (g->count == g->capacity) {
        g->capacity = g->capacity * 2 + 64;
        picture *grown =
            realloc(g->list, (size_t)g->capacity * sizeof *g->list);
        REQUIRE(grown);
        g->list = grown;
    }
    g->list[g->count] = p;
    return &g->list[g->count++];
}

static inline void add_picture(gops *g, const gop_style *style, picture p)
{
    p.pts = p.show * g->pts_step;
    p.field = style->fields;
    if (style->intra) {
        p.key = p.disposable = true;
        p.entry = GVD_ENTRY_CLOSED;
    }
    add_packet(g, p);
    if (!style->fields)
        return;
    p.no_frame = p.second_field = true;
    p.key = false;
    p.entry = GVD_ENTRY_NONE;
    p.parameters = p.all_parameters = false;
    add_packet(g, p);
}

static inline bool is_disposable(const gop_style *style, uint64_t *seed)
{
    return style->disposable > 0 && chance(seed, style->disposable);
}

// The pictures that are shown before their entry and stand behind it.
static inline void add_leading(gops *g, const gop_style *style, uint64_t *seed,
                               int count, bool open)
{
    for (int i = 0; i < count; i++) {
        bool rasl = style->hevc && chance(seed, 60);
        picture p = {
            .show = g->shown + i,
            .gop = g->list[g->count - 1].gop,
            .discard = chance(seed, style->discard),
            .leading = open && (rasl || !style->hevc),
            .skippable = open && rasl,
            .disposable = is_disposable(style, seed),
        };
        add_picture(g, style, p);
    }
}

static inline void add_group(gops *g, const gop_style *style, uint64_t *seed,
                             int gop)
{
    int b = style->max_b ? draw_below(seed, style->max_b + 1) : 0;
    picture p = {.show = g->shown + b, .gop = gop};
    p.discard = chance(seed, style->discard);
    add_picture(g, style, p);
    for (int i = 0; i < b; i++) {
        p.show = g->shown + i;
        p.discard = chance(seed, style->discard);
        p.disposable = is_disposable(style, seed);
        add_picture(g, style, p);
    }
    g->shown += b + 1;
    if (!chance(seed, style->hidden))
        return;
    p = (picture){.show = g->shown - 1, .gop = gop, .no_frame = true};
    p.pts = p.show * g->pts_step + 1;
    add_packet(g, p);
}

static inline void add_gop(gops *g, const gop_style *style, uint64_t *seed,
                           int gop)
{
    bool open = chance(seed, style->open);
    bool leads = open || chance(seed, style->closed_leading);
    int leading =
        leads && style->max_b ? draw_below(seed, style->max_b + 1) : 0;
    picture key = {
        .show = g->shown + leading,
        .gop = gop,
        .entry = open ? GVD_ENTRY_OPEN : GVD_ENTRY_CLOSED,
        .key = true,
        .parameters = style->parameters,
        .all_parameters = style->parameters,
    };
    add_picture(g, style, key);
    add_leading(g, style, seed, leading, open);
    g->shown += leading + 1;
    int groups = 1 + draw_below(seed, style->max_length);
    for (int i = 0; i < groups; i++)
        add_group(g, style, seed, gop);
}

static inline gops make_gops(const gop_style *style, uint64_t *seed)
{
    gops g = {.pts_step = 2 + draw_below(seed, 1001)};
    for (int i = 0; i < style->gops; i++)
        add_gop(&g, style, seed, i);
    return g;
}

static inline gop_style random_style(uint64_t *seed)
{
    return (gop_style){
        .gops = 1 + draw_below(seed, 12),
        .max_length = 1 + draw_below(seed, 20),
        .max_b = draw_below(seed, 4),
        .open = draw_below(seed, 3) * 50,
        .closed_leading = draw_below(seed, 2) * 30,
        .discard = chance(seed, 20) ? 10 : 0,
        .hidden = chance(seed, 20) ? 10 : 0,
        .hevc = chance(seed, 50),
        .fields = chance(seed, 20),
        .parameters = chance(seed, 50),
    };
}

static inline void free_gops(gops *g)
{
    free(g->list);
    *g = (gops){0};
}

// --- what is to be shown ---

// A decoder that starts at the first entry has nothing before it.
static inline bool is_seen(const gops *g, int i)
{
    const picture *p = &g->list[i];
    return !p->discard && !p->no_frame && !(p->leading && p->gop == 0);
}

static inline int compare_places(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

// The packets whose frames are shown, in presentation order; the caller frees.
static inline int64_t *shown_ordinals(const gops *g, int *count)
{
    int64_t (*pairs)[2] = malloc(((size_t)g->count + 1) * sizeof *pairs);
    int64_t *ordinals = malloc(((size_t)g->count + 1) * sizeof *ordinals);
    REQUIRE(pairs && ordinals);
    int n = 0;
    for (int i = 0; i < g->count; i++) {
        if (!is_seen(g, i))
            continue;
        pairs[n][0] = g->list[i].show;
        pairs[n++][1] = i;
    }
    qsort(pairs, (size_t)n, sizeof *pairs, compare_places);
    for (int i = 0; i < n; i++)
        ordinals[i] = pairs[i][1];
    free(pairs);
    *count = n;
    return ordinals;
}
