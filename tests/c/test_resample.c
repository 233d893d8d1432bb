// Resampling on the host: the routines for vectors give the bytes of those that
// define them, whatever the format, the sizes and the type.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/convert.h"
#include "cpu/resample.h"
#include "harness.h"
#include "thread.h"

// Muted ones make no level that is clipped, but for one sample of 400.
static void fill(uint8_t *bytes, size_t count, int depth, bool muted,
                 uint64_t *seed)
{
    const int style = draw_below(seed, 3);
    for (size_t i = 0; i < count; i++)
        if (muted && draw_below(seed, 400))
            bytes[i] = (uint8_t)(112 + draw_below(seed, 32));
        else
            bytes[i] = style == 0   ? (uint8_t)draw_below(seed, 256)
                       : style == 1 ? (uint8_t)i
                                    : (uint8_t)-(draw_below(seed, 2));
    for (size_t i = 1; depth > 8 && i < count; i += 2)
        bytes[i] &= (uint8_t)((1 << (depth - 8)) - 1);
}

// A frame of any planar format; free_planes frees it.
static gvd_frame make_frame(int width, int height, uint64_t *seed)
{
    static const int depths[] = {8, 8, 8, 9, 10, 12, 16};
    gvd_frame f = {.width = width, .height = height};
    f.depth = depths[draw_below(seed, 7)];
    f.sample_bytes = f.depth > 8 ? 2 : 1;
    f.plane_count = draw_below(seed, 5) ? 3 : 1;
    f.color.full_range = draw_below(seed, 2);
    f.color.matrix = (const int[]){1, 2, 9, 0, 8}[draw_below(seed, 5)];
    const int shift_x = draw_below(seed, 3), shift_y = draw_below(seed, 3);
    const bool muted = draw_below(seed, 2);
    for (int i = 0; i < f.plane_count; i++) {
        gvd_plane *p = &f.planes[i];
        p->width = i ? (width + (1 << shift_x) - 1) >> shift_x : width;
        p->height = i ? (height + (1 << shift_y) - 1) >> shift_y : height;
        p->step = f.sample_bytes;
        p->stride = (ptrdiff_t)p->width * p->step + 2 * draw_below(seed, 9);
        size_t bytes = (size_t)(p->stride * p->height);
        p->data = malloc(bytes);
        REQUIRE(p->data);
        fill(p->data, bytes, f.depth, muted, seed);
    }
    return f;
}

static void free_planes(gvd_frame *f)
{
    for (int i = 0; i < f->plane_count; i++)
        free(f->planes[i].data);
}

static int draw_size(uint64_t *seed)
{
    static const int most[] = {4, 40, 300};
    return 1 + draw_below(seed, most[draw_below(seed, 3)]);
}

static gvd_output make_output(const gvd_frame *f, bool turned, uint64_t *seed)
{
    gvd_output o = {
        .channels = (enum gvd_channels)draw_below(seed, 3),
        .dtype = (enum gvd_dtype)draw_below(seed, 5),
        .order = (enum gvd_dimension_order)draw_below(seed, 2),
        .filter = (enum gvd_filter)draw_below(seed, 4),
        .antialias = draw_below(seed, 2),
        .matrix = -1,
        .limited = draw_below(seed, 4) == 0,
        .unit = 255,
        .normalized = draw_below(seed, 2),
        .mean = {0.485f, 0.456f, 0.406f},
        .std = {0.229f, 0.224f, 0.225f},
    };
    const int width = turned ? f->height : f->width,
              height = turned ? f->width : f->height;
    if (draw_below(seed, 2)) {
        o.cropped = true;
        o.crop_width = 1 + draw_below(seed, width);
        o.crop_height = 1 + draw_below(seed, height);
        o.crop_left = draw_below(seed, width - o.crop_width + 1);
        o.crop_top = draw_below(seed, height - o.crop_height + 1);
    }
    if (draw_below(seed, 4)) {
        o.rule = GVD_SIZE_EXACT;
        o.width = draw_size(seed);
        o.height = draw_size(seed);
        if (draw_below(seed, 4) == 0) {
            o.canvas_width = o.width + draw_below(seed, 20);
            o.canvas_height = o.height + draw_below(seed, 20);
        }
    }
    return o;
}

#define GUARD 64

static uint8_t *convert(const gvd_resample_ops *ops, const gvd_conversion *c,
                        const gvd_frame *f)
{
    const size_t bytes = (size_t)gvd_conversion_bytes(c);
    uint8_t *dst = malloc(bytes + GUARD);
    REQUIRE(dst);
    memset(dst, 0xa5, bytes + GUARD);
    REQUIRE(gvd_resample_frame(ops, c, f, dst, NULL) == GVD_OK);
    for (int i = 0; i < GUARD; i++)
        REQUIRE(dst[bytes + (size_t)i] == 0xa5);
    return dst;
}

static int usable(const gvd_resample_ops *found[3])
{
    int count = 0;
    found[count++] = &gvd_resample_scalar;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))
        found[count++] = &gvd_resample_avx2;
    if (gvd_resample_best() == &gvd_resample_avx512)
        found[count++] = &gvd_resample_avx512;
#endif
    return count;
}

static size_t compare_one(uint64_t seed)
{
    const gvd_resample_ops *all[3];
    const int count = usable(all);
    gvd_frame f = make_frame(draw_size(&seed), draw_size(&seed), &seed);
    const enum gvd_orientation turn =
        (enum gvd_orientation)(draw_below(&seed, 3) ? 0 : draw_below(&seed, 8));
    gvd_output o = make_output(&f, turn & GVD_TRANSPOSE, &seed);
    gvd_conversion *c = NULL;
    gvd_error err = {0};
    int rc = gvd_conversion_create(&o, turn, &f, &c, &err);
    REQUIRE(rc == GVD_OK);
    if (c->arithmetic == GVD_ARITHMETIC_BYTES)
        c->arithmetic = GVD_ARITHMETIC_SHORT; // which must give the same
    uint8_t *expected = convert(all[0], c, &f);
    const size_t bytes = (size_t)gvd_conversion_bytes(c);
    for (int i = 1; i < count; i++) {
        uint8_t *found = convert(all[i], c, &f);
        REQUIRE(memcmp(found, expected, bytes) == 0);
        free(found);
    }
    free(expected);
    gvd_conversion_unref(&c);
    free_planes(&f);
    return bytes;
}

static void test_all_routines_agree(void)
{
    size_t bytes = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        test_begin("routines", seed, 20);
        bytes += compare_one(seed);
    }
    printf("%zu bytes are the same\n", bytes);
}

// A crop, or another type, goes by the other arithmetic: to the same bytes.
static void test_bytes_equal_shorts(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        test_begin("bytes", seed, 20);
        uint64_t draw = seed;
        gvd_frame f = {.plane_count = 0};
        do {
            free_planes(&f);
            f = make_frame(draw_size(&draw), draw_size(&draw), &draw);
            f.color.matrix = 1;
            f.layout = GVD_LAYOUT_YUV;
        } while (!gvd_frame_is_420p8(&f));
        gvd_output o = {.matrix = -1, .unit = 255, .order = seed % 2};
        o.channels = seed % 4 > 1 ? GVD_CHANNELS_BGR : GVD_CHANNELS_RGB;
        gvd_conversion *c = NULL;
        REQUIRE(gvd_conversion_create(&o, (enum gvd_orientation)(seed % 8), &f,
                                      &c, NULL) == GVD_OK);
        REQUIRE(c->arithmetic == GVD_ARITHMETIC_BYTES);
        size_t bytes = (size_t)gvd_conversion_bytes(c);
        uint8_t *plain = malloc(bytes);
        REQUIRE(plain);
        REQUIRE(gvd_cpu_convert(c, &f, plain, NULL) == GVD_OK);
        uint8_t *other = convert(gvd_resample_best(), c, &f);
        c->arithmetic = GVD_ARITHMETIC_SHORT;
        uint8_t *shorts = convert(gvd_resample_best(), c, &f);
        REQUIRE(memcmp(plain, shorts, bytes) == 0);
        free(other);
        free(shorts);
        free(plain);
        gvd_conversion_unref(&c);
        free_planes(&f);
    }
}

// --- what can be made ---

static gvd_frame make_like(int width, int height)
{
    gvd_frame f = {
        .width = width,
        .height = height,
        .plane_count = 3,
        .sample_bytes = 1,
        .depth = 8,
        .color.matrix = 1,
    };
    for (int i = 0; i < 3; i++) {
        f.planes[i].width = i ? (width + 1) / 2 : width;
        f.planes[i].height = i ? (height + 1) / 2 : height;
    }
    return f;
}

// The status, and that the text has these words; with NULL for it too.
static int create(const gvd_output *o, enum gvd_orientation turn,
                  const gvd_frame *f, gvd_size *size, const char *words)
{
    gvd_conversion *c = NULL;
    gvd_error err = {0};
    int rc = gvd_conversion_create(o, turn, f, &c, &err);
    REQUIRE((rc == GVD_OK) == (c != NULL) && err.code == rc);
    REQUIRE(rc == GVD_OK || strstr(err.text, words));
    if (c && size)
        *size = (gvd_size){c->height, c->width};
    gvd_conversion_unref(&c);
    REQUIRE(gvd_conversion_create(o, turn, f, &c, NULL) == rc);
    gvd_conversion_unref(&c);
    return rc;
}

// Of a picture of 40 by 30 as it is seen: turned, it is coded as 30 by 40.
static void test_crops_must_lie_inside(void)
{
    static const struct {
        int top, left, height, width, status;
    } crops[] = {
        {0, 0, 40, 30, GVD_OK},
        {39, 29, 1, 1, GVD_OK},
        {1, 0, 40, 30, GVD_ERR_ARGUMENT},
        {0, 1, 40, 30, GVD_ERR_ARGUMENT},
        {0, 0, 41, 30, GVD_ERR_ARGUMENT},
        {0, 0, 40, 31, GVD_ERR_ARGUMENT},
        {40, 0, 1, 1, GVD_ERR_ARGUMENT},
        {0, 30, 1, 1, GVD_ERR_ARGUMENT},
        {10, 20, 30, 10, GVD_OK},
        {10, 20, 30, 11, GVD_ERR_ARGUMENT},
        {INT_MAX, 0, 1, 1, GVD_ERR_ARGUMENT},
        {1, 1, INT_MAX, INT_MAX, GVD_ERR_ARGUMENT},
    };
    for (int turn = 0; turn < GVD_ORIENTATIONS; turn++) {
        bool turned = turn & GVD_TRANSPOSE;
        gvd_frame f = make_like(turned ? 40 : 30, turned ? 30 : 40);
        for (size_t i = 0; i < sizeof crops / sizeof crops[0]; i++) {
            gvd_output o = {.matrix = -1, .unit = 255, .cropped = true};
            o.crop_top = crops[i].top;
            o.crop_left = crops[i].left;
            o.crop_height = crops[i].height;
            o.crop_width = crops[i].width;
            gvd_size size = {o.crop_height, o.crop_width};
            REQUIRE(create(&o, (enum gvd_orientation)turn, &f, &size, "crop") ==
                    crops[i].status);
            REQUIRE(size.height == o.crop_height && size.width == o.crop_width);
        }
    }
}

static void test_pad_must_hold_the_picture(void)
{
    gvd_frame f = make_like(30, 40);
    gvd_output o = {.matrix = -1, .unit = 255};
    gvd_size size;
    for (int height = 39; height < 42; height++)
        for (int width = 29; width < 32; width++) {
            o.canvas_height = height;
            o.canvas_width = width;
            bool fits = height >= 40 && width >= 30;
            REQUIRE(create(&o, GVD_UPRIGHT, &f, &size, "pad") ==
                    (fits ? GVD_OK : GVD_ERR_ARGUMENT));
            REQUIRE(!fits || (size.height == height && size.width == width));
        }
    o.rule = GVD_SIZE_SHORTER; // the picture is 15 by 20 now
    o.height = 15;
    o.canvas_height = o.canvas_width = 20;
    REQUIRE(create(&o, GVD_UPRIGHT, &f, &size, "pad") == GVD_OK);
    o.canvas_height = 19;
    REQUIRE(create(&o, GVD_UPRIGHT, &f, &size, "pad") == GVD_ERR_ARGUMENT);
}

static void test_matrices(void)
{
    gvd_frame f = make_like(8, 8);
    gvd_output o = {.matrix = -1, .unit = 255};
    const char *words = "colour matrix 10 ";
    f.color.matrix = 10;
    REQUIRE(create(&o, GVD_UPRIGHT, &f, NULL, words) == GVD_ERR_UNSUPPORTED);
    REQUIRE(create(&o, GVD_UPRIGHT, &f, NULL, "colorspace=") ==
            GVD_ERR_UNSUPPORTED);
    o.matrix = 1;
    REQUIRE(create(&o, GVD_UPRIGHT, &f, NULL, words) == GVD_OK);
    o.matrix = 10;
    f.color.matrix = 1;
    REQUIRE(create(&o, GVD_UPRIGHT, &f, NULL, words) == GVD_ERR_UNSUPPORTED);
    o.channels = GVD_CHANNELS_GRAY; // luma is luma
    REQUIRE(create(&o, GVD_UPRIGHT, &f, NULL, words) == GVD_OK);
    o.channels = GVD_CHANNELS_RGB;
    f.plane_count = 1;
    REQUIRE(create(&o, GVD_UPRIGHT, &f, NULL, words) == GVD_OK);
}

// As torchvision: int(n * long / short).
static void test_sides_that_follow(void)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        test_begin("sides", seed, 20);
        uint64_t state = seed;
        const int n = draw_size(&state);
        gvd_size seen = {draw_size(&state), draw_size(&state)}, size;
        const bool turned = chance(&state, 50);
        gvd_frame f = make_like(turned ? seen.height : seen.width,
                                turned ? seen.width : seen.height);
        const bool tall = seen.height > seen.width;
        const int longer = tall ? seen.height : seen.width,
                  shorter = tall ? seen.width : seen.height;
        gvd_output o = {.matrix = -1, .unit = 255, .height = n};
        for (int i = 0; i < 2; i++) {
            o.rule = i ? GVD_SIZE_LONGER : GVD_SIZE_SHORTER;
            int other = (int)((double)n * (i ? shorter : longer) /
                              (i ? longer : shorter));
            other = other < 1 ? 1 : other;
            REQUIRE(create(&o, turned ? GVD_TURN_RIGHT : GVD_UPRIGHT, &f, &size,
                           "") == GVD_OK);
            REQUIRE((tall == !i ? size.width : size.height) == n);
            REQUIRE((tall == !i ? size.height : size.width) == other);
        }
    }
}

static void measure(const char *what, gvd_output o)
{
    uint64_t seed = 1;
    gvd_frame f;
    do
        f = make_frame(1920, 1080, &seed);
    while (f.depth != 8 || f.plane_count != 3 || f.planes[1].width != 960 ||
           f.planes[1].height != 540 || f.color.matrix != 1);
    f.layout = GVD_LAYOUT_YUV;
    const gvd_resample_ops *all[3];
    const int count = usable(all);
    gvd_conversion *c = NULL;
    REQUIRE(gvd_conversion_create(&o, GVD_UPRIGHT, &f, &c, NULL) == GVD_OK);
    for (int i = 0; i < count; i++) {
        double best = 1e9;
        for (int turn = 0; turn < (i ? 30 : 2); turn++) {
            double start = gvd_seconds();
            uint8_t *dst = convert(all[i], c, &f);
            start = gvd_seconds() - start;
            best = start < best ? start : best;
            free(dst);
        }
        printf("1080p to %s, %s: %.3f ms\n", what, all[i]->name, best * 1e3);
    }
    gvd_conversion_unref(&c);
    free_planes(&f);
}

int main(int argc, char **argv)
{
    test_all_routines_agree();
    test_bytes_equal_shorts();
    test_crops_must_lie_inside();
    test_pad_must_hold_the_picture();
    test_matrices();
    test_sides_that_follow();
    if (argc > 1 && !strcmp(argv[1], "speed")) {
        gvd_output o = {.matrix = -1, .unit = 255, .rule = GVD_SIZE_EXACT};
        o.antialias = true;
        o.width = o.height = 224;
        measure("224x224 uint8 NCHW", o);
        o.order = GVD_NHWC;
        measure("224x224 uint8 NHWC", o);
        o.order = GVD_NCHW;
        o.dtype = GVD_FLOAT16;
        measure("224x224 float16", o);
        o.rule = GVD_SIZE_KEPT;
        measure("float16", o);
        o.dtype = GVD_FLOAT32;
        measure("float32", o);
    }
    puts("resample: ok");
    return 0;
}
