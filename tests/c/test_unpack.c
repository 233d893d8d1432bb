// Packed pictures taken apart: every sample is what a reading by hand of the
// format's bytes gives.
#include <math.h>
#include <stdlib.h>

#include <libswscale/swscale.h>

#include "av.h"
#include "cpu/unpack.h"
#include "harness.h"

// The sample of a plane at x, y, in the depth that the frame is to have.
typedef int reading(const AVFrame *av, int plane, int x, int y);

static const uint8_t *row_of(const AVFrame *av, int plane, int y)
{
    return av->data[plane] + (ptrdiff_t)y * av->linesize[plane];
}

static int little(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static int big(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

// --- by hand ---

static int read_yuyv(const AVFrame *av, int plane, int x, int y)
{
    const uint8_t *row = row_of(av, 0, y);
    return plane == 0 ? row[2 * x] : row[4 * x + 2 * plane - 1];
}

static int read_uyvy(const AVFrame *av, int plane, int x, int y)
{
    const uint8_t *row = row_of(av, 0, y);
    return plane == 0 ? row[2 * x + 1] : row[4 * x + 2 * plane - 2];
}

static int read_nv12(const AVFrame *av, int plane, int x, int y)
{
    return plane == 0 ? row_of(av, 0, y)[x]
                      : row_of(av, 1, y)[2 * x + plane - 1];
}

static int read_p010(const AVFrame *av, int plane, int x, int y)
{
    return plane == 0 ? little(row_of(av, 0, y) + 2 * x) >> 6
                      : little(row_of(av, 1, y) + 4 * x + 2 * plane - 2) >> 6;
}

// Of RGB, planes 0, 1 and 2 are G, B and R.
static int read_rgb24(const AVFrame *av, int plane, int x, int y)
{
    return row_of(av, 0, y)[3 * x + (plane + 1) % 3];
}

static int read_bgr0(const AVFrame *av, int plane, int x, int y)
{
    static const int at[] = {1, 0, 2};
    return row_of(av, 0, y)[4 * x + at[plane]];
}

static int scale_up(int value, int most)
{
    return (int)lrint(value * 255.0 / most);
}

static int read_rgb565(const AVFrame *av, int plane, int x, int y)
{
    int pixel = little(row_of(av, 0, y) + 2 * x);
    return plane == 0   ? scale_up(pixel >> 5 & 63, 63)
           : plane == 1 ? scale_up(pixel & 31, 31)
                        : scale_up(pixel >> 11, 31);
}

static int read_rgb48be(const AVFrame *av, int plane, int x, int y)
{
    return big(row_of(av, 0, y) + 6 * x + 2 * ((plane + 1) % 3));
}

static int read_x2rgb10(const AVFrame *av, int plane, int x, int y)
{
    const uint8_t *p = row_of(av, 0, y) + 4 * x;
    unsigned pixel = (unsigned)little(p) | (unsigned)little(p + 2) << 16;
    static const int shifts[] = {10, 0, 20};
    return (int)(pixel >> shifts[plane] & 1023);
}

static int read_pal8(const AVFrame *av, int plane, int x, int y)
{
    uint32_t color; // alpha, red, green and blue from the top
    memcpy(&color, av->data[1] + 4 * row_of(av, 0, y)[x], sizeof color);
    static const int shifts[] = {8, 0, 16};
    return (int)(color >> shifts[plane] & 255);
}

static int read_monow(const AVFrame *av, int plane, int x, int y)
{
    REQUIRE(plane == 0);
    return row_of(av, 0, y)[x / 8] & 0x80 >> x % 8 ? 0 : 255;
}

static int read_monob(const AVFrame *av, int plane, int x, int y)
{
    return 255 - read_monow(av, plane, x, y);
}

static int read_gray10be(const AVFrame *av, int plane, int x, int y)
{
    REQUIRE(plane == 0);
    return big(row_of(av, 0, y) + 2 * x) & 1023;
}

// --- pictures ---

static void fill(AVFrame *av, uint64_t *seed)
{
    for (int i = 0; i < AV_NUM_DATA_POINTERS && av->buf[i]; i++)
        for (size_t at = 0; at < (size_t)av->buf[i]->size; at++)
            av->buf[i]->data[at] = (uint8_t)draw(seed);
}

static AVFrame *make_av(enum AVPixelFormat format, int width, int height)
{
    AVFrame *av = av_frame_alloc();
    REQUIRE(av);
    av->format = format;
    av->width = width;
    av->height = height;
    REQUIRE(av_frame_get_buffer(av, 0) == 0);
    return av;
}

static void release_nothing(gvd_frame *frame)
{
    free(frame);
}

static gvd_frame *make_frame(int width, int height)
{
    gvd_frame *frame = calloc(1, sizeof *frame);
    REQUIRE(frame);
    gvd_ref_init(&frame->ref);
    frame->release = release_nothing;
    frame->width = width;
    frame->height = height;
    frame->color.matrix = 9;
    return frame;
}

static int sample(const gvd_frame *f, int plane, int x, int y)
{
    const gvd_plane *p = &f->planes[plane];
    const uint8_t *at = p->data + y * p->stride + (ptrdiff_t)x * p->step;
    uint16_t wide; // as the machine has them
    memcpy(&wide, at, f->sample_bytes == 2 ? sizeof wide : 0);
    return f->sample_bytes == 2 ? wide : at[0];
}

// --- tests ---

typedef struct format {
    reading *read;
    enum AVPixelFormat format;
    int planes, depth, shift_x, shift_y;
    bool rgb, full; // what is known of the colour beyond the file's words
} format;

static const format formats[] = {
    {read_yuyv, AV_PIX_FMT_YUYV422, 3, 8, 1, 0, false, false},
    {read_uyvy, AV_PIX_FMT_UYVY422, 3, 8, 1, 0, false, false},
    {read_nv12, AV_PIX_FMT_NV12, 3, 8, 1, 1, false, false},
    {read_p010, AV_PIX_FMT_P010LE, 3, 10, 1, 1, false, false},
    {read_rgb24, AV_PIX_FMT_RGB24, 3, 8, 0, 0, true, false},
    {read_bgr0, AV_PIX_FMT_BGR0, 3, 8, 0, 0, true, false},
    {read_rgb565, AV_PIX_FMT_RGB565LE, 3, 8, 0, 0, true, false},
    {read_rgb48be, AV_PIX_FMT_RGB48BE, 3, 16, 0, 0, true, false},
    {read_x2rgb10, AV_PIX_FMT_X2RGB10LE, 3, 10, 0, 0, true, false},
    {read_pal8, AV_PIX_FMT_PAL8, 3, 8, 0, 0, true, false},
    {read_monow, AV_PIX_FMT_MONOWHITE, 1, 8, 0, 0, false, true},
    {read_monob, AV_PIX_FMT_MONOBLACK, 1, 8, 0, 0, false, true},
    {read_gray10be, AV_PIX_FMT_GRAY10BE, 1, 10, 0, 0, false, false},
};
#define FORMATS ((int)(sizeof formats / sizeof formats[0]))

static void check_plane(const format *of, const AVFrame *av,
                        const gvd_frame *frame, int plane)
{
    const gvd_plane *p = &frame->planes[plane];
    REQUIRE(p->width == AV_CEIL_RSHIFT(av->width, plane ? of->shift_x : 0));
    REQUIRE(p->height == AV_CEIL_RSHIFT(av->height, plane ? of->shift_y : 0));
    REQUIRE(p->step == frame->sample_bytes);
    REQUIRE(p->stride >= (ptrdiff_t)p->width * p->step);
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++)
            REQUIRE(sample(frame, plane, x, y) == of->read(av, plane, x, y));
}

static void check_format(const format *of, int width, int height,
                         uint64_t *seed)
{
    AVFrame *av = make_av(of->format, width, height);
    fill(av, seed);
    gvd_frame *frame = make_frame(width, height);
    struct SwsContext *sws = NULL;
    REQUIRE(gvd_picture_unpack(av, &sws, frame, NULL) == GVD_OK && !sws);
    REQUIRE(frame->layout == GVD_LAYOUT_YUV);
    REQUIRE(frame->plane_count == of->planes && frame->depth == of->depth);
    REQUIRE(frame->sample_bytes == (of->depth > 8 ? 2 : 1));
    REQUIRE(frame->color.matrix == (of->rgb ? 0 : 9));
    REQUIRE(frame->color.full_range == of->full);
    for (int i = 0; i < of->planes; i++)
        check_plane(of, av, frame, i);
    av_frame_free(&av);
    gvd_frame_unref(&frame);
}

static void test_every_format(void)
{
    static const int sizes[][2] = {{1, 1},  {2, 2},   {3, 5},  {17, 4},
                                   {64, 3}, {129, 7}, {8, 33}, {640, 9}};
    for (int i = 0; i < FORMATS; i++) {
        test_begin(av_get_pix_fmt_name(formats[i].format), 0, 20);
        uint64_t seed = (uint64_t)i;
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
            check_format(&formats[i], sizes[k][0], sizes[k][1], &seed);
    }
}

// Pictures may stand on their heads in memory.
static void test_rows_from_the_bottom_up(void)
{
    test_begin("negative strides", 0, 20);
    uint64_t seed = 1;
    const format of = {read_bgr0, AV_PIX_FMT_BGR0, 3, 8, 0, 0, true, false};
    AVFrame *av = make_av(of.format, 13, 6);
    fill(av, &seed);
    av->data[0] += (ptrdiff_t)5 * av->linesize[0];
    av->linesize[0] = -av->linesize[0];
    gvd_frame *frame = make_frame(13, 6);
    struct SwsContext *sws = NULL;
    REQUIRE(gvd_picture_unpack(av, &sws, frame, NULL) == GVD_OK);
    for (int i = 0; i < 3; i++)
        check_plane(&of, av, frame, i);
    av_frame_free(&av);
    gvd_frame_unref(&frame);
}

static uint8_t *float_at(const AVFrame *av, int plane, int x, int y)
{
    return av->data[plane] + (ptrdiff_t)y * av->linesize[plane] + 4 * x;
}

static AVFrame *make_floats(int width, int height, uint64_t *seed)
{
    AVFrame *av = make_av(AV_PIX_FMT_GBRPF32LE, width, height);
    for (int i = 0; i < 3 * width * height; i++) {
        float value = (float)draw_below(seed, 65536) / 65535;
        memcpy(float_at(av, i % 3, i / 3 % width, i / 3 / width), &value, 4);
    }
    return av;
}

// They go by libswscale's YUV: to less than a quarter of a level of 255. Its
// context is kept.
static void test_floats_become_16_bits(void)
{
    enum {
        width = 21,
        height = 5
    };
    test_begin("floats", 0, 20);
    uint64_t seed = 2;
    struct SwsContext *sws = NULL, *first = NULL;
    for (int turn = 0; turn < 2; turn++) {
        AVFrame *av = make_floats(width, height, &seed);
        gvd_frame *frame = make_frame(width, height);
        REQUIRE(gvd_picture_unpack(av, &sws, frame, NULL) == GVD_OK && sws);
        REQUIRE(frame->depth == 16 && frame->plane_count == 3);
        REQUIRE(frame->color.matrix == 0 && frame->sample_bytes == 2);
        REQUIRE(turn == 0 || first == sws);
        first = sws;
        for (int i = 0; i < 3 * width * height; i++) {
            int plane = i % 3, x = i / 3 % width, y = i / 3 / width;
            float value;
            memcpy(&value, float_at(av, plane, x, y), 4);
            REQUIRE(abs(sample(frame, plane, x, y) -
                        (int)lrintf(value * 65535)) < 64);
        }
        av_frame_free(&av);
        gvd_frame_unref(&frame);
    }
    sws_freeContext(sws);
}

// A picture in a device's memory has no bytes to be read.
static void test_what_cannot_be_read(void)
{
    test_begin("not to be read", 0, 20);
    av_log_set_level(AV_LOG_QUIET);
    AVFrame *av = av_frame_alloc();
    REQUIRE(av);
    av->format = AV_PIX_FMT_VAAPI;
    av->width = av->height = 16;
    gvd_frame *frame = make_frame(16, 16);
    struct SwsContext *sws = NULL;
    gvd_error err = {0};
    REQUIRE(gvd_picture_unpack(av, &sws, frame, &err) == GVD_ERR_UNSUPPORTED);
    REQUIRE(strstr(err.text, "vaapi"));
    gvd_frame_unref(&frame);
    av_frame_free(&av);
    sws_freeContext(sws);
}

int main(void)
{
    test_every_format();
    test_rows_from_the_bottom_up();
    test_floats_become_16_bits();
    test_what_cannot_be_read();
    puts("unpack: ok");
    return 0;
}
