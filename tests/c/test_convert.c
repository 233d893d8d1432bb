// Host conversion: the vector routines equal the scalar ones for every input
// that there is, and both stay within one level of a double reference that
// shares no code with them.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/convert.h"
#include "frames.h"
#include "require.h"

static const int matrices[] = {1, 2, 4, 5, 6, 7, 9};
#define MATRIX_COUNT ((int)(sizeof matrices / sizeof matrices[0]))

struct reference {
    double kr, kb, y_offset, middle, luma, chroma;
};

static struct reference reference_for(gvd_color color, int depth)
{
    struct reference r = {.kr = 0.299, .kb = 0.114};
    switch (color.matrix) {
    case 1:
        r.kr = 0.2126, r.kb = 0.0722;
        break;
    case 4:
        r.kr = 0.3, r.kb = 0.11;
        break;
    case 7:
        r.kr = 0.212, r.kb = 0.087;
        break;
    case 9:
        r.kr = 0.2627, r.kb = 0.0593;
        break;
    default:
        break;
    }
    const int one = 1 << (depth - 8), most = (1 << depth) - 1;
    r.y_offset = color.full_range ? 0 : 16 * one;
    r.middle = 128 * one;
    r.luma = 255.0 / (color.full_range ? most : 219 * one);
    r.chroma = 255.0 / (color.full_range ? most : 224 * one);
    return r;
}

static double clip(double level)
{
    return level < 0 ? 0 : level > 255 ? 255 : level;
}

static void reference_rgb(const struct reference *r, int y, int u, int v,
                          double rgb[3])
{
    double luma = (y - r->y_offset) * r->luma;
    double pb = (u - r->middle) * r->chroma * 2 * (1 - r->kb);
    double pr = (v - r->middle) * r->chroma * 2 * (1 - r->kr);
    rgb[0] = clip(luma + pr);
    rgb[1] = clip(luma - (r->kr * pr + r->kb * pb) / (1 - r->kr - r->kb));
    rgb[2] = clip(luma + pb);
}

static double max_double(double a, double b)
{
    return a > b ? a : b;
}

static const struct gvd_convert_ops *vector_ops(void)
{
    return gvd_convert_best();
}

static void convert(const struct gvd_convert_ops *ops, const gvd_frame *f,
                    struct output *out, enum gvd_dimension_order order)
{
    gvd_conversion *c = make_conversion(f, order, GVD_UPRIGHT);
    REQUIRE(c->arithmetic == GVD_ARITHMETIC_BYTES);
    gvd_convert_frame(ops, c, f, out->data);
    gvd_conversion_unref(&c);
    check_guards(out);
}

// Where channel c of pixel x, y of a picture lies in a dense array.
static size_t index_of(const gvd_frame *f, enum gvd_dimension_order order,
                       int x, int y, int c)
{
    size_t pixel = (size_t)y * (size_t)f->width + (size_t)x;
    size_t area = (size_t)f->width * (size_t)f->height;
    return order == GVD_NCHW ? area * (size_t)c + pixel : pixel * 3 + (size_t)c;
}

// The plane's sample at pixel x, y; chroma covers 1, 2 or 4 pixels each way.
static int sample(const gvd_frame *f, int plane, int x, int y)
{
    const gvd_plane *p = &f->planes[plane];
    int across = 1, down = 1;
    while ((f->width + across - 1) / across > p->width)
        across *= 2;
    while ((f->height + down - 1) / down > p->height)
        down *= 2;
    const uint8_t *at =
        p->data + y / down * p->stride + (ptrdiff_t)(x / across) * p->step;
    return f->sample_bytes == 1 ? at[0] : at[0] | at[1] << 8;
}

// The largest distance of an output from the reference, before its rounding.
static double distance(const gvd_frame *f, const struct output *out,
                       enum gvd_dimension_order order)
{
    const struct reference r = reference_for(f->color, f->depth);
    double worst = 0;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            double rgb[3];
            reference_rgb(&r, sample(f, 0, x, y), sample(f, 1, x, y),
                          sample(f, 2, x, y), rgb);
            for (int c = 0; c < 3; c++) {
                double got = out->data[index_of(f, order, x, y, c)];
                worst = max_double(worst, fabs(got - rgb[c]));
            }
        }
    return worst;
}

// All 2^24 inputs: V is the frame's, U the row pair's, and the 256 pixels of a
// row pair have every Y.
static double test_every_triple(gvd_color color)
{
    enum {
        width = 128,
        height = 512,
        bytes = width * height * 3
    };
    gvd_frame f = make_planar(width, height, color, 0);
    struct output out[2][2];
    for (int i = 0; i < 4; i++)
        out[i / 2][i % 2] = make_output(bytes, 0);
    for (int i = 0; i < width * height; i++)
        f.planes[0].data[i] = (uint8_t)i;
    for (int y = 0; y < height / 2; y++)
        memset(f.planes[1].data + y * f.planes[1].stride, y, (size_t)width / 2);

    double worst = 0;
    for (int v = 0; v < 256; v++) {
        memset(f.planes[2].data, v, bytes / 12);
        for (int order = GVD_NCHW; order <= GVD_NHWC; order++) {
            convert(&gvd_convert_scalar, &f, &out[0][order], order);
            convert(vector_ops(), &f, &out[1][order], order);
            REQUIRE(same(&out[0][order], &out[1][order]));
        }
        worst = max_double(worst, distance(&f, &out[0][v % 2], v % 2));
    }
    for (int i = 0; i < 4; i++)
        free(out[i / 2][i % 2].block);
    free_planar(&f);
    return worst;
}

static void test_every_matrix(void)
{
    for (int i = 0; i < MATRIX_COUNT * 2; i++) {
        gvd_color color = {.matrix = matrices[i / 2], .full_range = i % 2 != 0};
        if (color.matrix == 2 || color.matrix == 6)
            continue; // as 5, see test_unspecified_is_bt601
#if defined(__SANITIZE_THREAD__)
        if (i > 0)
            continue; // there are no threads here, and it would take a minute
#endif
        double worst = test_every_triple(color);
        printf("matrix %d %s range: within %.3f levels before rounding\n",
               color.matrix, color.full_range ? "full" : "limited", worst);
        REQUIRE(worst < 0.5 + 0.1);
    }
}

static struct gvd_yuv_matrix matrix_for(gvd_color color)
{
    struct gvd_yuv_matrix m;
    gvd_yuv_weights weights;
    REQUIRE(gvd_yuv_find_weights(color.matrix, &weights));
    gvd_yuv_matrix_init(&m, color, &weights);
    return m;
}

static void test_unspecified_is_bt601(void)
{
    for (int full = 0; full < 2; full++) {
        struct gvd_yuv_matrix m[3];
        const int as[] = {2, 5, 6};
        for (int i = 0; i < 3; i++)
            m[i] = matrix_for((gvd_color){.matrix = as[i], .full_range = full});
        REQUIRE(memcmp(&m[0], &m[1], sizeof m[0]) == 0);
        REQUIRE(memcmp(&m[0], &m[2], sizeof m[0]) == 0);
    }
}

// A short holds a coefficient only if its double does, so compare them.
static void test_coefficients_fit(void)
{
    for (int i = 0; i < MATRIX_COUNT * 2; i++) {
        gvd_color color = {.matrix = matrices[i / 2], .full_range = i % 2 != 0};
        struct reference r = reference_for(color, 8);
        struct gvd_yuv_matrix m = matrix_for(color);
        double one = 8192 * r.chroma * 2, green = 1 - r.kr - r.kb;
        double red = one * (1 - r.kr), blue = one * (1 - r.kb);
        REQUIRE(fabs(m.cy - 16384 * r.luma) <= 0.5);
        REQUIRE(fabs(m.crv - red) <= 0.5);
        REQUIRE(fabs(m.cbu - blue) <= 0.5);
        REQUIRE(fabs(m.cgv + red * r.kr / green) <= 0.5);
        REQUIRE(fabs(m.cgu + blue * r.kb / green) <= 0.5);
    }
}

static void test_known_colours(void)
{
    static const struct {
        gvd_color color;
        uint8_t yuv[3], rgb[3];
    } known[] = {
        {{2, false, false}, {16, 128, 128}, {0, 0, 0}},
        {{2, false, false}, {235, 128, 128}, {255, 255, 255}},
        {{2, false, false}, {0, 128, 128}, {0, 0, 0}},
        {{2, false, false}, {255, 128, 128}, {255, 255, 255}},
        {{2, false, false}, {81, 90, 240}, {254, 0, 0}},
        {{1, false, false}, {63, 102, 240}, {255, 1, 0}},
        {{1, true, false}, {255, 128, 128}, {255, 255, 255}},
        {{1, true, false}, {77, 128, 128}, {77, 77, 77}},
        {{5, true, false}, {76, 85, 255}, {254, 0, 0}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        gvd_frame f = make_planar(1, 1, known[i].color, 0);
        for (int p = 0; p < 3; p++)
            f.planes[p].data[0] = known[i].yuv[p];
        uint8_t rgb[3];
        gvd_conversion *c = make_conversion(&f, GVD_NHWC, GVD_UPRIGHT);
        REQUIRE(gvd_cpu_convert(c, &f, rgb, NULL) == GVD_OK);
        gvd_conversion_unref(&c);
        REQUIRE(memcmp(rgb, known[i].rgb, 3) == 0);
        free_planar(&f);
    }
}

static void check_picture(int width, int height, int padding, size_t offset)
{
    gvd_color color = {.matrix = matrices[(width + height) % MATRIX_COUNT],
                       .full_range = padding % 2 != 0};
    gvd_frame planar = make_planar(width, height, color, padding);
    gvd_frame frames[] = {planar, interleave(&planar, padding, false),
                          interleave(&planar, padding, true)};
    for (int order = GVD_NCHW; order <= GVD_NHWC; order++) {
        const size_t bytes = (size_t)width * (size_t)height * 3;
        struct output want = make_output(bytes, 0);
        convert(&gvd_convert_scalar, &planar, &want, order);
        REQUIRE(distance(&planar, &want, order) < 0.5 + 0.1);
        for (int i = 0; i < 3; i++) {
            struct output a = make_output(bytes, offset);
            struct output b = make_output(bytes, offset);
            convert(&gvd_convert_scalar, &frames[i], &a, order);
            convert(vector_ops(), &frames[i], &b, order);
            REQUIRE(same(&a, &want) && same(&b, &want));
            free(a.block);
            free(b.block);
        }
        free(want.block);
    }
    free(frames[1].planes[1].data);
    free(frames[2].planes[2].data);
    free_planar(&planar);
}

static void test_odd_sizes_strides_and_interleaving(void)
{
    static const int sizes[][2] = {
        {1, 1},   {1, 2},   {2, 1},     {2, 2},   {3, 5},    {31, 4},
        {32, 1},  {33, 7},  {34, 2},    {63, 3},  {64, 4},   {65, 6},
        {96, 32}, {97, 31}, {161, 121}, {854, 6}, {1920, 3},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int padding = 0; padding < 35; padding += 17)
            for (size_t offset = 0; offset < 3; offset++)
                check_picture(sizes[i][0], sizes[i][1], padding, offset);
}

// Large enough to be written past the caches, in rows that are aligned, that
// are not, and that are now and then.
static void test_streamed_frames(void)
{
    check_picture(1024, 704, 0, 0);
    check_picture(1024, 704, 3, 1);
    check_picture(1025, 703, 0, 0);
    check_picture(1080, 701, 0, 0);
}

// Planes of any depth and subsampling.
static gvd_frame make_other(int width, int height, int shift_x, int shift_y,
                            int depth)
{
    gvd_color color = {.matrix = 9, .full_range = depth == 12};
    gvd_frame f = make_frame(width, height, color);
    f.depth = depth;
    f.sample_bytes = depth > 8 ? 2 : 1;
    for (int i = 0; i < 3; i++) {
        int w = i ? (width + (1 << shift_x) - 1) >> shift_x : width;
        int h = i ? (height + (1 << shift_y) - 1) >> shift_y : height;
        gvd_plane p = make_plane(w, h, f.sample_bytes, 6);
        for (int at = 0; depth > 8 && at < w * h; at++)
            p.data[at / w * p.stride + at % w * 2 + 1] &=
                (uint8_t)((1 << (depth - 8)) - 1);
        f.planes[i] = p;
    }
    return f;
}

// Formats that have no routines of their own are as close to the reference.
static void check_other(int shift_x, int shift_y, int depth)
{
    enum {
        width = 37,
        height = 23,
        bytes = width * height * 3
    };
    gvd_frame f = make_other(width, height, shift_x, shift_y, depth);
    for (int order = GVD_NCHW; order <= GVD_NHWC; order++) {
        gvd_conversion *c = make_conversion(&f, order, GVD_UPRIGHT);
        struct output out = make_output(bytes, 0);
        REQUIRE(c->arithmetic != GVD_ARITHMETIC_BYTES);
        REQUIRE(c->shift_x == shift_x && c->shift_y == shift_y);
        REQUIRE(gvd_cpu_convert(c, &f, out.data, NULL) == GVD_OK);
        check_guards(&out);
        REQUIRE(distance(&f, &out, order) < 0.5 + 0.1);
        free(out.block);
        gvd_conversion_unref(&c);
    }
    free_planar(&f);
}

static void test_other_formats(void)
{
    static const int depths[] = {8, 9, 10, 12, 16};
    for (int i = 0; i < 5; i++)
        for (int shifts = 0; shifts < 9; shifts++)
            if (depths[i] > 8 || shifts != 4)
                check_other(shifts / 3, shifts % 3, depths[i]);
}

static void test_unknown_matrices_are_refused(void)
{
    gvd_frame f = make_planar(8, 8, (gvd_color){.matrix = 1}, 0);
    const int unknown[] = {-1, 3, 10, 11, 14};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char words[32];
        snprintf(words, sizeof words, "matrix %d ", unknown[i]);
        f.color.matrix = unknown[i];
        gvd_output output = {.matrix = -1, .unit = 255};
        gvd_conversion *c = NULL;
        gvd_error err = {0};
        int rc = gvd_conversion_create(&output, GVD_UPRIGHT, &f, &c, &err);
        REQUIRE(rc == GVD_ERR_UNSUPPORTED && err.code == rc && !c);
        REQUIRE(strstr(err.text, words));
        REQUIRE(gvd_conversion_create(&output, GVD_UPRIGHT, &f, &c, NULL) ==
                rc);
    }
    free_planar(&f);
}

int main(void)
{
    printf("routines: %s\n", gvd_convert_best()->name);
    test_unspecified_is_bt601();
    test_coefficients_fit();
    test_known_colours();
    test_odd_sizes_strides_and_interleaving();
    test_streamed_frames();
    test_other_formats();
    test_unknown_matrices_are_refused();
    test_every_matrix();
    print_speed(GVD_NCHW, GVD_UPRIGHT, "NCHW");
    print_speed(GVD_NHWC, GVD_UPRIGHT, "NHWC");
    return 0;
}
