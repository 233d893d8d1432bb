// Random frames and outputs, and their description in words.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"

#define FAMILY(bits, suffix)                                                   \
    {"yuv420p" suffix, 3, bits, 1, 1, false},                                  \
        {"yuv422p" suffix, 3, bits, 1, 0, false},                              \
        {"yuv444p" suffix, 3, bits, 0, 0, false},                              \
        {"yuv440p" suffix, 3, bits, 0, 1, false},                              \
    {                                                                          \
        "gray" suffix, 1, bits, 0, 0, false                                    \
    }

const pixel_format pixel_formats[] = {
    FAMILY(8, ""),
    FAMILY(10, "10"),
    FAMILY(12, "12"),
    FAMILY(16, "16"),
    {"yuv410p", 3, 8, 2, 2, false},
    {"yuv411p", 3, 8, 2, 0, false},
    {"yuv420p9", 3, 9, 1, 1, false},
    {"gbrp", 3, 8, 0, 0, true},
    {"gbrp10", 3, 10, 0, 0, true},
    {"gbrp12", 3, 12, 0, 0, true},
    {"gbrp16", 3, 16, 0, 0, true},
};
const int pixel_format_count = LENGTH(pixel_formats);

uint64_t draw(uint64_t *state) // splitmix64
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int draw_below(uint64_t *state, int limit)
{
    return (int)(draw(state) % (uint64_t)limit);
}

// --- frames ---

static void release_frame(gvd_frame *frame)
{
    for (int i = 0; i < frame->plane_count; i++)
        free(frame->planes[i].data);
    free(frame);
}

gvd_frame *make_frame(const pixel_format *format, int width, int height,
                      int padding)
{
    gvd_frame *f = allocate(sizeof *f);
    *f = (gvd_frame){
        .release = release_frame,
        .memory = GVD_MEMORY_HOST,
        .layout = GVD_LAYOUT_YUV,
        .pixel_format = format->name,
        .width = width,
        .height = height,
        .plane_count = format->planes,
        .sample_bytes = format->depth > 8 ? 2 : 1,
        .depth = format->depth,
        .pts = GVD_NO_PTS,
    };
    gvd_ref_init(&f->ref);
    for (int i = 0; i < f->plane_count; i++) {
        const int right = i ? format->shift_x : 0,
                  down = i ? format->shift_y : 0;
        gvd_plane *p = &f->planes[i];
        p->width = (width + (1 << right) - 1) >> right;
        p->height = (height + (1 << down) - 1) >> down;
        p->step = f->sample_bytes;
        p->stride = (ptrdiff_t)(p->width + padding) * p->step;
        p->data = allocate((size_t)(p->stride * p->height));
    }
    return f;
}

enum {
    RANDOM,
    RAMP,
    SATURATED,
    CONTENTS,
};

static int draw_sample(int content, int most, double place, uint64_t *seed)
{
    if (content == RANDOM)
        return draw_below(seed, most + 1);
    if (content == SATURATED)
        return draw_below(seed, 2) ? most : 0;
    return (int)(place * most + 0.5);
}

static void fill(gvd_frame *f, int content, uint64_t *seed)
{
    const int most = (1 << f->depth) - 1;
    for (int i = 0; i < f->plane_count; i++) {
        const gvd_plane *p = &f->planes[i];
        const double last =
            p->width + p->height > 2 ? p->width + p->height - 2 : 1;
        for (int y = 0; y < p->height; y++)
            for (int x = 0; x < p->width; x++) {
                // U and V go other ways than Y.
                int at = i == 0   ? x + y
                         : i == 1 ? x + p->height - 1 - y
                                  : p->width - 1 - x + y;
                int value = draw_sample(content, most, at / last, seed);
                uint16_t word = (uint16_t)value;
                uint8_t byte = (uint8_t)value;
                memcpy(p->data + y * p->stride + (ptrdiff_t)x * p->step,
                       f->depth > 8 ? (void *)&word : &byte, (size_t)p->step);
            }
    }
}

static gvd_color draw_color(const convert_case *c, uint64_t *seed)
{
    static const int matrices[] = {1, 2, 4, 5, 6, 7, 8, 9};
    gvd_color color = {.matrix = matrices[draw_below(seed, LENGTH(matrices))]};
    const gvd_frame *f = c->frame;
    // Subsampled RGB is not RGB, and of one sample nobody can tell.
    if (c->format->rgb ||
        (f->width > 2 && f->height > 2 && draw_below(seed, 9) == 0))
        color.matrix = 0;
    color.full_range = draw_below(seed, 2);
    color.limited_range = !color.full_range && draw_below(seed, 2);
    return color;
}

static void draw_size(uint64_t *seed, int *width, int *height)
{
    static const int sizes[][2] = {{1, 1}, {2, 3}, {17, 33}, {64, 48}};
    const int kind = draw_below(seed, 200);
    *width = kind < 100 ? sizes[kind % 4][0] : 1 + draw_below(seed, 250);
    *height = kind < 100 ? sizes[kind % 4][1] : 1 + draw_below(seed, 150);
    if (kind == 199) {
        *width = 1920;
        *height = 1080;
    }
}

// --- outputs ---

static void draw_rule(gvd_output *o, int width, int height, uint64_t *seed)
{
    static const int most[] = {4, 40, 300};
    const bool round = width <= 8 * height && height <= 8 * width;
    const int kind = draw_below(seed, 8);
    o->rule = GVD_SIZE_EXACT;
    o->width = 1 + draw_below(seed, most[draw_below(seed, 3)]);
    o->height = 1 + draw_below(seed, most[draw_below(seed, 3)]);
    if (kind == 0) { // along one side only
        o->width = width;
    } else if (kind == 1) {
        o->height = height;
    } else if (kind < 4 && round) {
        o->rule = kind == 2 ? GVD_SIZE_SHORTER : GVD_SIZE_LONGER;
        o->width = 0;
    } else if (draw_below(seed, 3) == 0) {
        o->canvas_width = o->width + draw_below(seed, 20);
        o->canvas_height = o->height + draw_below(seed, 20);
    }
}

static void draw_place(gvd_output *o, int width, int height, uint64_t *seed)
{
    int wide = width, high = height;
    if (draw_below(seed, 2)) {
        o->cropped = true;
        o->crop_width = wide = 1 + draw_below(seed, width);
        o->crop_height = high = 1 + draw_below(seed, height);
        o->crop_left = draw_below(seed, width - wide + 1);
        o->crop_top = draw_below(seed, height - high + 1);
    }
    if (draw_below(seed, 5)) {
        draw_rule(o, wide, high, seed);
    } else if (draw_below(seed, 3) == 0) {
        o->canvas_width = wide + draw_below(seed, 20);
        o->canvas_height = high + draw_below(seed, 20);
    }
}

static void draw_output(convert_case *c, uint64_t *seed)
{
    static const int matrices[] = {1, 6, 9, 4, 7, 8, 0};
    static const float units[] = {255, 255, 255, 1, 127.5f};
    const gvd_frame *f = c->frame;
    const bool turned = c->orientation & GVD_TRANSPOSE;
    const bool plain = draw_below(seed, 4) == 0;
    gvd_output *o = &c->output;
    *o = (gvd_output){
        .channels = (enum gvd_channels)draw_below(seed, plain ? 2 : 3),
        .order = (enum gvd_dimension_order)draw_below(seed, 2),
        .matrix = -1,
        .unit = 255,
    };
    if (f->width > 2 && f->height > 2 && draw_below(seed, 8) == 0)
        o->matrix = matrices[draw_below(seed, LENGTH(matrices))];
    if (plain)
        return;
    o->dtype = (enum gvd_dtype)draw_below(seed, 5);
    o->filter = (enum gvd_filter)draw_below(seed, 4);
    o->antialias = draw_below(seed, 2);
    o->limited = draw_below(seed, 4) == 0;
    o->unit = units[draw_below(seed, LENGTH(units))];
    o->normalized = draw_below(seed, 2);
    for (int i = 0; o->normalized && i < 3; i++) {
        o->mean[i] = (const float[]){0.485f, 0.456f, 0.406f}[i];
        o->std[i] = (const float[]){0.229f, 0.224f, 0.225f}[i];
    }
    draw_place(o, turned ? f->height : f->width, turned ? f->width : f->height,
               seed);
}

void make_case(uint64_t seed, uint64_t number, convert_case *c)
{
    static const char *const contents[] = {"random", "ramp", "saturated"};
    uint64_t state = seed << 32 ^ number;
    int width, height;
    draw_size(&state, &width, &height);
    *c = (convert_case){
        .number = number,
        .format = &pixel_formats[number % (uint64_t)pixel_format_count],
    };
    c->frame = make_frame(c->format, width, height, draw_below(&state, 9));
    const int content = draw_below(&state, CONTENTS);
    c->content = contents[content];
    fill(c->frame, content, &state);
    c->frame->color = draw_color(c, &state);
    c->orientation = (enum gvd_orientation)(
        draw_below(&state, 2) ? draw_below(&state, 8) : 0);
    draw_output(c, &state);
}

void free_case(convert_case *c)
{
    gvd_frame_unref(&c->frame);
}

void describe_case(const convert_case *c, char *text, size_t size)
{
    static const char *const dtypes[] = {"uint8", "uint16", "float16",
                                         "bfloat16", "float32"};
    static const char *const filters[] = {"bilinear", "bicubic", "nearest",
                                          "area"};
    static const char *const rules[] = {"kept", "exact", "shorter", "longer"};
    static const char *const channels[] = {"rgb", "bgr", "gray"};
    const gvd_frame *f = c->frame;
    const gvd_output *o = &c->output;
    snprintf(
        text, size,
        "case %llu: %s %dx%d %s, matrix %d%s%s, orientation %d, crop %d "
        "%d %d %d, size %s %dx%d, pad %dx%d, %s%s, to %s %s %s, matrix %d, "
        "limited %d, unit %g, normalized %d",
        (unsigned long long)c->number, c->format->name, f->width, f->height,
        c->content, f->color.matrix, f->color.full_range ? " full" : "",
        f->color.limited_range ? " limited" : "", c->orientation, o->crop_top,
        o->crop_left, o->crop_height, o->crop_width, rules[o->rule], o->width,
        o->height, o->canvas_width, o->canvas_height, filters[o->filter],
        o->antialias ? " antialias" : "", channels[o->channels],
        dtypes[o->dtype], o->order == GVD_NCHW ? "NCHW" : "NHWC", o->matrix,
        o->limited, (double)o->unit, o->normalized);
}
