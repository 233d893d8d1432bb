// Turned and mirrored pictures: every orientation of every size gives the bytes
// of the upright picture, each moved by a loop that knows only what the bits
// mean.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/convert.h"
#include "frames.h"
#include "require.h"
#include "tensor.h"

// Packed pixels of a picture with its size.
struct picture {
    int width, height;
    uint8_t *rgb;
};

static struct picture make_picture(int width, int height)
{
    struct picture p = {width, height, malloc((size_t)width * height * 3)};
    REQUIRE(p.rgb);
    return p;
}

static uint8_t *pixel(const struct picture *p, int x, int y)
{
    return p->rgb + ((size_t)y * (size_t)p->width + (size_t)x) * 3;
}

// One step at a time, each into a picture of its own.
static void apply(struct picture *p, enum gvd_orientation step)
{
    bool transpose = step == GVD_TRANSPOSE;
    struct picture out = make_picture(transpose ? p->height : p->width,
                                      transpose ? p->width : p->height);
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            int to_x = x, to_y = y;
            if (step == GVD_TRANSPOSE)
                to_x = y, to_y = x;
            else if (step == GVD_FLIP_X)
                to_x = p->width - 1 - x;
            else
                to_y = p->height - 1 - y;
            memcpy(pixel(&out, to_x, to_y), pixel(p, x, y), 3);
        }
    free(p->rgb);
    *p = out;
}

// The frame upright by the scalar routines, whose bytes test_convert.c checks,
// then turned.
static struct picture make_expected(const gvd_frame *f,
                                    enum gvd_orientation orientation)
{
    struct picture p = make_picture(f->width, f->height);
    gvd_conversion *c = make_conversion(f, GVD_NHWC, GVD_UPRIGHT);
    gvd_convert_frame(&gvd_convert_scalar, c, f, p.rgb);
    gvd_conversion_unref(&c);
    if (orientation & GVD_TRANSPOSE)
        apply(&p, GVD_TRANSPOSE);
    if (orientation & GVD_FLIP_X)
        apply(&p, GVD_FLIP_X);
    if (orientation & GVD_FLIP_Y)
        apply(&p, GVD_FLIP_Y);
    return p;
}

static void check_shape(const gvd_conversion *c, const struct picture *want)
{
    const gvd_size size = {c->height, c->width};
    int64_t shape[GVD_MAX_DIMS];
    gvd_output_shape(&c->output, 7, size, shape);
    bool planes = c->output.order == GVD_NCHW;
    REQUIRE(shape[0] == 7 && shape[planes ? 1 : 3] == 3);
    REQUIRE(shape[planes ? 2 : 1] == want->height);
    REQUIRE(shape[planes ? 3 : 2] == want->width);
}

static void check_bytes(const struct output *out, const struct picture *want,
                        enum gvd_dimension_order order)
{
    const size_t area = out->bytes / 3;
    if (order == GVD_NHWC) {
        REQUIRE(memcmp(out->data, want->rgb, out->bytes) == 0);
        return;
    }
    for (size_t i = 0; i < out->bytes; i++)
        REQUIRE(out->data[i % 3 * area + i / 3] == want->rgb[i]);
}

static void check_frame(const gvd_frame *f, size_t offset)
{
    const struct gvd_convert_ops *const ops[] = {&gvd_convert_scalar,
                                                 gvd_convert_best()};
    const size_t bytes = (size_t)f->width * (size_t)f->height * 3;
    for (int orientation = 0; orientation < GVD_ORIENTATIONS; orientation++) {
        struct picture want = make_expected(f, orientation);
        for (int order = GVD_NCHW; order <= GVD_NHWC; order++) {
            gvd_conversion *c = make_conversion(f, order, orientation);
            REQUIRE(gvd_conversion_bytes(c) == (int64_t)bytes);
            check_shape(c, &want);
            for (int i = 0; i < 2; i++) {
                struct output out = make_output(bytes, offset);
                gvd_convert_frame(ops[i], c, f, out.data);
                check_guards(&out);
                check_bytes(&out, &want, order);
                free(out.block);
            }
            gvd_conversion_unref(&c);
        }
        free(want.rgb);
    }
}

static void check_size(int width, int height)
{
    const int padding = width % 5;
    const size_t offset = (size_t)height % 3;
    gvd_color color = {.matrix = 1};
    gvd_frame planar = make_planar(width, height, color, padding);
    gvd_frame both = interleave(&planar, padding, false);
    check_frame(&planar, offset);
    check_frame(&both, offset);
    free(both.planes[1].data);
    free_planar(&planar);
}

static void test_every_small_size(void)
{
    for (int height = 1; height <= 33; height++)
        for (int width = 1; width <= 17; width++) {
            check_size(width, height);
            check_size(height, width);
        }
}

// Around the tiles of the CPU and the blocks of the GPU.
static void test_several_tiles(void)
{
    static const int sizes[][2] = {
        {63, 65},   {64, 64},  {65, 63},  {66, 66},   {127, 129},
        {128, 128}, {129, 71}, {71, 130}, {256, 193}, {257, 17},
        {854, 9},   {5, 480},  {1, 300},  {300, 1},   {1080, 721},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_size(sizes[i][0], sizes[i][1]);
}

// What the words of tensor.h promise, on a picture of two by three pixels.
static void test_the_words_for_turns(void)
{
    static const struct {
        enum gvd_orientation orientation;
        const char *rows; // of the picture "ab", "cd", "ef"
    } known[] = {
        {GVD_UPRIGHT, "abcdef"},
        {GVD_FLIP_X, "badcfe"},
        {GVD_FLIP_Y, "efcdab"},
        {GVD_FLIP_X | GVD_FLIP_Y, "fedcba"},
        {GVD_TRANSPOSE, "acebdf"},
        {GVD_TRANSPOSE | GVD_FLIP_X, "ecafdb"}, // clockwise
        {GVD_TRANSPOSE | GVD_FLIP_Y, "bdface"}, // counter-clockwise
        {GVD_TRANSPOSE | GVD_FLIP_X | GVD_FLIP_Y, "fdbeca"},
    };
    uint8_t samples[6], gray[2] = {128, 128};
    for (int i = 0; i < 6; i++)
        samples[i] = (uint8_t)('a' + i);
    gvd_frame f =
        make_frame(2, 3, (gvd_color){.matrix = 1, .full_range = true});
    f.planes[0] = (gvd_plane){samples, 2, 2, 3, 1};
    f.planes[1] = f.planes[2] = (gvd_plane){gray, 1, 1, 2, 1};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint8_t out[18];
        gvd_conversion *c = make_conversion(&f, GVD_NCHW, known[i].orientation);
        REQUIRE(gvd_cpu_convert(c, &f, out, NULL) == GVD_OK);
        gvd_conversion_unref(&c);
        for (int channel = 0; channel < 3; channel++)
            REQUIRE(memcmp(out + 6 * channel, known[i].rows, 6) == 0);
    }
}

int main(void)
{
    test_the_words_for_turns();
    test_every_small_size();
    test_several_tiles();
    print_speed(GVD_NCHW, GVD_FLIP_X, "NCHW, mirrored");
    print_speed(GVD_NHWC, GVD_FLIP_X, "NHWC, mirrored");
    print_speed(GVD_NCHW, GVD_FLIP_X | GVD_FLIP_Y, "NCHW, 180 degrees");
    print_speed(GVD_NHWC, GVD_FLIP_X | GVD_FLIP_Y, "NHWC, 180 degrees");
    print_speed(GVD_NCHW, GVD_TRANSPOSE | GVD_FLIP_X, "NCHW, 90 degrees");
    print_speed(GVD_NHWC, GVD_TRANSPOSE | GVD_FLIP_X, "NHWC, 90 degrees");
    return 0;
}
