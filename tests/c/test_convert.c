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
    double kr, kb, y_offset, luma, chroma;
};

static struct reference reference_for(gvd_color color)
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
    r.y_offset = color.full_range ? 0 : 16;
    r.luma = 255.0 / (color.full_range ? 255 : 219);
    r.chroma = 255.0 / (color.full_range ? 255 : 224);
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
    double pb = (u - 128) * r->chroma * 2 * (1 - r->kb);
    double pr = (v - 128) * r->chroma * 2 * (1 - r->kr);
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
    gvd_error err;
    REQUIRE(gvd_convert_frame(ops, f, out->data, order, GVD_UPRIGHT, &err) ==
            GVD_OK);
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

// The largest distance of an output from the reference, before its rounding.
static double distance(const gvd_frame *f, const struct output *out,
                       enum gvd_dimension_order order)
{
    const struct reference r = reference_for(f->color);
    const gvd_plane *p = f->planes;
    double worst = 0;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            double rgb[3];
            ptrdiff_t at = x / 2 * p[1].step;
            reference_rgb(&r, p[0].data[y * p[0].stride + x],
                          p[1].data[y / 2 * p[1].stride + at],
                          p[2].data[y / 2 * p[2].stride + at], rgb);
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
        gvd_color color = {matrices[i / 2], i % 2 != 0};
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

static void test_unspecified_is_bt601(void)
{
    for (int full = 0; full < 2; full++) {
        struct gvd_yuv_matrix m[3];
        REQUIRE(!gvd_yuv_matrix_init(&m[0], (gvd_color){2, full}, NULL));
        REQUIRE(!gvd_yuv_matrix_init(&m[1], (gvd_color){5, full}, NULL));
        REQUIRE(!gvd_yuv_matrix_init(&m[2], (gvd_color){6, full}, NULL));
        REQUIRE(memcmp(&m[0], &m[1], sizeof m[0]) == 0);
        REQUIRE(memcmp(&m[0], &m[2], sizeof m[0]) == 0);
    }
}

// A short holds a coefficient only if its double does, so compare them.
static void test_coefficients_fit(void)
{
    for (int i = 0; i < MATRIX_COUNT * 2; i++) {
        gvd_color color = {matrices[i / 2], i % 2 != 0};
        struct reference r = reference_for(color);
        struct gvd_yuv_matrix m;
        REQUIRE(!gvd_yuv_matrix_init(&m, color, NULL));
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
        {{2, false}, {16, 128, 128}, {0, 0, 0}},
        {{2, false}, {235, 128, 128}, {255, 255, 255}},
        {{2, false}, {0, 128, 128}, {0, 0, 0}},
        {{2, false}, {255, 128, 128}, {255, 255, 255}},
        {{2, false}, {81, 90, 240}, {254, 0, 0}},
        {{1, false}, {63, 102, 240}, {255, 1, 0}},
        {{1, true}, {255, 128, 128}, {255, 255, 255}},
        {{1, true}, {77, 128, 128}, {77, 77, 77}},
        {{5, true}, {76, 85, 255}, {254, 0, 0}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        gvd_frame f = make_planar(1, 1, known[i].color, 0);
        for (int p = 0; p < 3; p++)
            f.planes[p].data[0] = known[i].yuv[p];
        uint8_t rgb[3];
        REQUIRE(gvd_cpu_convert(&f, rgb, GVD_NHWC, GVD_UPRIGHT, NULL) ==
                GVD_OK);
        REQUIRE(memcmp(rgb, known[i].rgb, 3) == 0);
        free_planar(&f);
    }
}

static void check_picture(int width, int height, int padding, size_t offset)
{
    gvd_color color = {matrices[(width + height) % MATRIX_COUNT],
                       padding % 2 != 0};
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

static void check_rgb24(int width, int height, int padding)
{
    gvd_frame f = make_frame(width, height, (gvd_color){0, true});
    f.layout = GVD_LAYOUT_RGB24;
    f.plane_count = 1;
    f.planes[0] = make_plane(width, height, 3, padding);
    for (int order = GVD_NCHW; order <= GVD_NHWC; order++) {
        const size_t bytes = (size_t)width * (size_t)height * 3;
        struct output a = make_output(bytes, 0), b = make_output(bytes, 1);
        convert(&gvd_convert_scalar, &f, &a, order);
        convert(vector_ops(), &f, &b, order);
        REQUIRE(same(&a, &b));
        for (int y = 0; y < height; y++)
            for (int i = 0; i < width * 3; i++)
                REQUIRE(a.data[index_of(&f, order, i / 3, y, i % 3)] ==
                        f.planes[0].data[y * f.planes[0].stride + i]);
        free(a.block);
        free(b.block);
    }
    free_planar(&f);
}

static void test_packed_rgb(void)
{
    for (int width = 1; width < 200; width += 7)
        for (int height = 1; height < 4; height++)
            check_rgb24(width, height, width % 5);
    check_rgb24(64, 2, 0);
    check_rgb24(1024, 704, 0);
}

static void check_refused(const gvd_frame *f, const char *words)
{
    for (int order = GVD_NCHW; order <= GVD_NHWC; order++) {
        struct output out = make_output(0, 0); // all of it is guard
        gvd_error err = {0};
        int rc = gvd_cpu_convert(f, out.data, order, GVD_UPRIGHT, &err);
        REQUIRE(rc == GVD_ERR_UNSUPPORTED && err.code == rc);
        REQUIRE(strstr(err.text, words));
        REQUIRE(gvd_cpu_convert(f, out.data, order, GVD_UPRIGHT, NULL) == rc);
        check_guards(&out);
        free(out.block);
    }
}

static void test_other_frames_are_refused(void)
{
    const gvd_frame good = make_planar(8, 8, (gvd_color){1, false}, 0);
    gvd_frame f = good;
    f.memory = GVD_MEMORY_CUDA;
    check_refused(&f, "device memory");

    f = good;
    f.sample_bytes = 2;
    f.pixel_format = "yuv420p10";
    check_refused(&f, "yuv420p10");

    f = good;
    f.pixel_format = "yuv444p";
    f.planes[1].width = f.planes[1].height = 8;
    check_refused(&f, "yuv444p");

    f = good;
    f.pixel_format = NULL;
    f.plane_count = 1;
    check_refused(&f, "unknown");

    const int unknown[] = {-1, 0, 3, 8, 10, 11, 14};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char words[32];
        snprintf(words, sizeof words, "matrix %d ", unknown[i]);
        f = good;
        f.color.matrix = unknown[i];
        check_refused(&f, words);
    }
    f = good;
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
    test_packed_rgb();
    test_other_frames_are_refused();
    test_every_matrix();
    print_speed(GVD_NCHW, GVD_UPRIGHT, "NCHW");
    print_speed(GVD_NHWC, GVD_UPRIGHT, "NHWC");
    return 0;
}
