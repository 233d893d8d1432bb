// Random pictures for the tests of conversion, and guarded memory for results.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/convert.h"
#include "require.h"
#include "thread.h"

#define GUARD 64
#define CANARY 0xA5

// Output with guard bytes around it; `offset` spoils its alignment.
struct output {
    uint8_t *block, *data;
    size_t bytes, block_bytes;
};

static inline struct output make_output(size_t bytes, size_t offset)
{
    struct output o = {.bytes = bytes};
    o.block_bytes = (bytes + offset + 3 * GUARD) / GUARD * GUARD;
    o.block = aligned_alloc(GUARD, o.block_bytes);
    REQUIRE(o.block);
    o.data = o.block + GUARD + offset;
    memset(o.block, CANARY, o.block_bytes);
    return o;
}

static inline void check_guards(const struct output *o)
{
    const uint8_t *end = o->block + o->block_bytes;
    for (const uint8_t *p = o->block; p < o->data; p++)
        REQUIRE(*p == CANARY);
    for (const uint8_t *p = o->data + o->bytes; p < end; p++)
        REQUIRE(*p == CANARY);
}

static inline uint8_t random_byte(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (uint8_t)(state >> 24);
}

// A plane of random bytes that ends with its last sample, so that the address
// sanitizer sees every read beyond.
static inline gvd_plane make_plane(int width, int height, int step, int padding)
{
    gvd_plane p = {.width = width, .height = height, .step = step};
    p.stride = (ptrdiff_t)width * step + padding;
    size_t bytes = (size_t)(p.stride * (height - 1) + (ptrdiff_t)width * step);
    p.data = malloc(bytes);
    REQUIRE(p.data);
    for (size_t i = 0; i < bytes; i++)
        p.data[i] = random_byte();
    return p;
}

static inline gvd_frame make_frame(int width, int height, gvd_color color)
{
    return (gvd_frame){
        .memory = GVD_MEMORY_HOST,
        .layout = GVD_LAYOUT_YUV,
        .pixel_format = "yuv420p",
        .width = width,
        .height = height,
        .plane_count = 3,
        .sample_bytes = 1,
        .depth = 8,
        .color = color,
    };
}

// To whole pictures of bytes.
static inline gvd_conversion *make_conversion(const gvd_frame *frame,
                                              enum gvd_dimension_order order,
                                              enum gvd_orientation orientation)
{
    gvd_output output = {.order = order, .matrix = -1, .unit = 255};
    gvd_conversion *c = NULL;
    REQUIRE(gvd_conversion_create(&output, orientation, frame, &c, NULL) ==
            GVD_OK);
    return c;
}

static inline gvd_frame make_planar(int width, int height, gvd_color color,
                                    int padding)
{
    gvd_frame f = make_frame(width, height, color);
    f.planes[0] = make_plane(width, height, 1, padding);
    for (int i = 1; i < 3; i++)
        f.planes[i] = make_plane((width + 1) / 2, (height + 1) / 2, 1, padding);
    return f;
}

// The same picture with interleaved chroma, U first or V first. It shares the
// planar frame's luma.
static inline gvd_frame interleave(const gvd_frame *planar, int padding,
                                   bool v_first)
{
    gvd_frame f = *planar;
    const gvd_plane *u = &planar->planes[1], *v = &planar->planes[2];
    gvd_plane both = make_plane(u->width, u->height, 2, padding);
    f.planes[1] = f.planes[2] = both;
    f.planes[v_first ? 1 : 2].data++;
    for (int y = 0; y < u->height; y++)
        for (int x = 0; x < u->width; x++) {
            ptrdiff_t at = y * both.stride + x * 2;
            f.planes[1].data[at] = u->data[y * u->stride + x];
            f.planes[2].data[at] = v->data[y * v->stride + x];
        }
    return f;
}

static inline void free_planar(gvd_frame *f)
{
    for (int i = 0; i < f->plane_count; i++)
        free(f->planes[i].data);
}

static inline bool same(const struct output *a, const struct output *b)
{
    return memcmp(a->data, b->data, a->bytes) == 0;
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Prints what one core converts; how fast that is, is the machine's affair.
static inline void print_speed(enum gvd_dimension_order order,
                               enum gvd_orientation orientation,
                               const char *name)
{
    enum {
        RUNS = 99,
        BATCH = 32,
    };
    gvd_frame f = make_planar(1920, 1080, (gvd_color){.matrix = 1}, 0);
    gvd_conversion *c = make_conversion(&f, order, orientation);
    size_t bytes = (size_t)1920 * 1080 * 3;
    uint8_t *batch = calloc(BATCH, bytes);
    REQUIRE(batch);
    double rates[RUNS];
    for (int i = -BATCH; i < RUNS; i++) {
        double start = gvd_seconds();
        uint8_t *to = batch + (size_t)((i + BATCH) % BATCH) * bytes;
        REQUIRE(gvd_cpu_convert(c, &f, to, NULL) == GVD_OK);
        if (i >= 0)
            rates[i] = (double)bytes / (gvd_seconds() - start) * 1e-9;
    }
    qsort(rates, RUNS, sizeof *rates, by_size);
    printf("1080p to %s, one core: %.1f GB/s of RGB (%.1f-%.1f)\n", name,
           rates[RUNS / 2], rates[0], rates[RUNS - 1]);
    free(batch);
    gvd_conversion_unref(&c);
    free_planar(&f);
}
