// What a case should give, in doubles and from the definitions: the standards'
// matrices, chroma repeated, filters as torch and its documentation have them.
// Nothing of the core's arithmetic is used here.
#include <math.h>
#include <stdlib.h>

#include "convert.h"

// --- colour ---

typedef struct exact_color {
    int matrix;
    double red, blue;                   // shares of luma
    double black, white, middle, reach; // chroma is middle +- reach / 2
    int shift_x, shift_y;
} exact_color;

static void find_shares(int matrix, double *red, double *blue)
{
    static const double table[10][2] = {
        [1] = {0.2126, 0.0722}, [4] = {0.30, 0.11},   [5] = {0.299, 0.114},
        [6] = {0.299, 0.114},   [7] = {0.212, 0.087}, [9] = {0.2627, 0.0593},
    };
    const double *shares = table[matrix];
    if (shares[0] == 0)
        shares = table[6];
    *red = shares[0];
    *blue = shares[1];
}

static exact_color find_color(const convert_case *c)
{
    const gvd_color *tags = &c->frame->color;
    const pixel_format *f = c->format;
    const bool full_planes = f->planes == 3 && f->shift_x + f->shift_y == 0;
    exact_color k = {.shift_x = f->shift_x, .shift_y = f->shift_y};
    k.matrix = c->output.matrix >= 0 ? c->output.matrix : tags->matrix;
    if (k.matrix == 0 && !full_planes)
        k.matrix = 6;
    find_shares(k.matrix, &k.red, &k.blue);
    const bool full =
        tags->full_range || (k.matrix == 0 && !tags->limited_range);
    const double most = ldexp(1, f->depth) - 1, unit = ldexp(1, f->depth - 8);
    k.black = full ? 0 : 16 * unit;
    k.white = full ? most : 235 * unit;
    k.middle = 128 * unit;
    k.reach = full ? most : 224 * unit;
    return k;
}

static double sample_at(const gvd_frame *f, int plane, int x, int y)
{
    const gvd_plane *p = &f->planes[plane];
    const uint8_t *at = p->data + y * p->stride + (ptrdiff_t)x * p->step;
    return f->depth > 8 ? at[0] + 256.0 * at[1] : at[0];
}

static double clip(double level)
{
    return fmin(fmax(level, 0), 255);
}

// Red, green and blue of a pixel, or its luma.
static void find_pixel(const convert_case *c, const exact_color *k, int x,
                       int y, double out[3])
{
    const gvd_frame *f = c->frame;
    const double range = k->white - k->black;
    double s[3] = {sample_at(f, 0, x, y), k->middle, k->middle};
    for (int i = 1; i < f->plane_count; i++)
        s[i] = sample_at(f, i, x >> k->shift_x, y >> k->shift_y);
    double luma = (s[0] - k->black) / range, r, g, b;
    const double u = (s[1] - k->middle) / k->reach,
                 v = (s[2] - k->middle) / k->reach;
    if (k->matrix == 0) {
        g = luma;
        b = (s[1] - k->black) / range;
        r = (s[2] - k->black) / range;
        luma = k->red * r + k->blue * b + (1 - k->red - k->blue) * g;
    } else if (k->matrix == 8) { // Y, Cg, Co
        g = luma + u;
        b = luma - u - v;
        r = luma - u + v;
    } else {
        r = luma + 2 * (1 - k->red) * v;
        b = luma + 2 * (1 - k->blue) * u;
        g = (luma - k->red * r - k->blue * b) / (1 - k->red - k->blue);
    }
    const double rgb[3] = {r, g, b};
    for (int i = 0; i < 3; i++)
        out[i] =
            clip(255 * rgb[c->output.channels == GVD_CHANNELS_BGR ? 2 - i : i]);
    if (c->output.channels == GVD_CHANNELS_GRAY)
        out[0] = clip(255 * luma);
}

// --- sizes ---

static gvd_size turned_size(const convert_case *c)
{
    const gvd_frame *f = c->frame;
    if (c->orientation & GVD_TRANSPOSE)
        return (gvd_size){f->width, f->height};
    return (gvd_size){f->height, f->width};
}

static gvd_size part_size(const convert_case *c)
{
    const gvd_output *o = &c->output;
    return o->cropped ? (gvd_size){o->crop_height, o->crop_width}
                      : turned_size(c);
}

// As torchvision's Resize has it: the other side rounded down.
static gvd_size picture_size(const convert_case *c)
{
    const gvd_output *o = &c->output;
    const gvd_size part = part_size(c);
    if (o->rule == GVD_SIZE_KEPT)
        return part;
    if (o->rule == GVD_SIZE_EXACT)
        return (gvd_size){o->height, o->width};
    const bool by_width =
        (o->rule == GVD_SIZE_SHORTER) == (part.width <= part.height);
    gvd_size size = {o->height, o->height};
    if (by_width)
        size.height = (int)((long long)o->height * part.height / part.width);
    else
        size.width = (int)((long long)o->height * part.width / part.height);
    size.height = size.height > 1 ? size.height : 1;
    size.width = size.width > 1 ? size.width : 1;
    return size;
}

// The part that is to be resized, as it is seen, a pixel's channels together.
static double *load_part(const convert_case *c, int channels)
{
    const exact_color k = find_color(c);
    const gvd_size whole = turned_size(c), part = part_size(c);
    const gvd_output *o = &c->output;
    double *levels = allocate((size_t)part.width * (size_t)part.height *
                              (size_t)channels * sizeof *levels);
    double *to = levels;
    for (int row = 0; row < part.height; row++)
        for (int column = 0; column < part.width; column++) {
            int x = column + (o->cropped ? o->crop_left : 0);
            int y = row + (o->cropped ? o->crop_top : 0);
            x = c->orientation & GVD_FLIP_X ? whole.width - 1 - x : x;
            y = c->orientation & GVD_FLIP_Y ? whole.height - 1 - y : y;
            const bool turned = c->orientation & GVD_TRANSPOSE;
            double pixel[3];
            find_pixel(c, &k, turned ? y : x, turned ? x : y, pixel);
            for (int i = 0; i < channels; i++)
                *to++ = pixel[i];
        }
    return levels;
}

// --- resampling ---

typedef struct exact_filter {
    enum gvd_filter filter;
    bool antialias;
    int size, count; // samples that there are, and that are made
} exact_filter;

static double triangle(double x)
{
    return fmax(1 - fabs(x), 0);
}

// Keys' cubic convolution.
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x >= 2)
        return 0;
    if (x >= 1)
        return a * (x * x * x - 5 * x * x + 8 * x - 4);
    return (a + 2) * x * x * x - (a + 3) * x * x + 1;
}

// How much sample k, which may lie outside, counts for sample i of the result.
static double weigh(const exact_filter *f, int i, int k)
{
    const double scale = (double)f->size / f->count;
    const double stretch = f->antialias && scale > 1 ? scale : 1;
    const double x = (k + 0.5 - (i + 0.5) * scale) / stretch;
    if (f->size == f->count)
        return k == i;
    switch (f->filter) {
    case GVD_FILTER_NEAREST:
        return k ==
               (2 * (long long)i + 1) * f->size / (2 * (long long)f->count);
    case GVD_FILTER_AREA:
        return fmax(fmin(k + 1, (i + 1) * scale) - fmax(k, i * scale), 0);
    case GVD_FILTER_BICUBIC:
        return cubic(x, f->antialias ? -0.5 : -0.75);
    default:
        return triangle(x);
    }
}

// Weights of all samples for result i, and which of them are not 0.
static void find_weights(const exact_filter *f, int i, double *weights,
                         int span[2])
{
    const double scale = (double)f->size / f->count;
    const double centre = (i + 0.5) * scale, reach = 2 * fmax(scale, 1) + 2;
    const int low = (int)floor(centre - reach),
              high = (int)ceil(centre + reach);
    double sum = 0;
    span[0] = low < 0 ? 0 : low;
    span[1] = high > f->size ? f->size : high;
    for (int k = span[0]; k < span[1]; k++)
        weights[k] = 0;
    for (int k = low; k < high; k++) {
        int at = k < 0 ? 0 : k < f->size ? k : f->size - 1;
        if (at != k && f->antialias) // what lies outside does not count
            continue;
        if (at != k && f->filter == GVD_FILTER_AREA)
            continue;
        weights[at] += weigh(f, i, k);
        sum += weigh(f, i, k);
    }
    for (int k = span[0]; k < span[1]; k++)
        weights[k] /= sum;
}

// Of `lines` lines, number n beginning at n * line, samples `step` apart; the
// result likewise, to a picture of the same steps.
typedef struct exact_pass {
    exact_filter filter;
    int lines;
    size_t line, step, line_out, step_out;
} exact_pass;

static void resample(const exact_pass *p, const double *in, double *out)
{
    double *weights = allocate((size_t)p->filter.size * sizeof *weights);
    for (int i = 0; i < p->filter.count; i++) {
        int span[2];
        find_weights(&p->filter, i, weights, span);
        for (int n = 0; n < p->lines; n++) {
            const double *from = in + (size_t)n * p->line;
            double sum = 0;
            for (int k = span[0]; k < span[1]; k++)
                sum += weights[k] * from[(size_t)k * p->step];
            out[(size_t)n * p->line_out + (size_t)i * p->step_out] = sum;
        }
    }
    free(weights);
}

static double *resize(const convert_case *c, double *part, int channels)
{
    const gvd_size from = part_size(c), to = picture_size(c);
    const size_t n = (size_t)channels, row = (size_t)from.width * n,
                 row_out = (size_t)to.width * n;
    const exact_filter filter = {c->output.filter, c->output.antialias, 0, 0};
    double *tall = allocate(row * (size_t)to.height * sizeof *tall);
    double *out = allocate(row_out * (size_t)to.height * sizeof *out);
    exact_pass down = {filter, (int)row, 1, row, 1, row};
    down.filter.size = from.height;
    down.filter.count = to.height;
    resample(&down, part, tall);
    for (int i = 0; i < channels; i++) {
        exact_pass across = {filter, to.height, row, n, row_out, n};
        across.filter.size = from.width;
        across.filter.count = to.width;
        resample(&across, tall + i, out + i);
    }
    free(tall);
    free(part);
    return out;
}

void make_exact(const convert_case *c, exact_picture *out)
{
    const gvd_output *o = &c->output;
    const int n = o->channels == GVD_CHANNELS_GRAY ? 1 : 3;
    const gvd_size size = picture_size(c);
    double *picture = resize(c, load_part(c, n), n);
    out->channels = n;
    out->width = o->canvas_height ? o->canvas_width : size.width;
    out->height = o->canvas_height ? o->canvas_height : size.height;
    out->levels = allocate((size_t)out->width * (size_t)out->height *
                           (size_t)n * sizeof(double));
    const int left = (out->width - size.width) / 2,
              top = (out->height - size.height) / 2;
    for (int y = 0; y < out->height; y++)
        for (int i = 0; i < out->width * n; i++) {
            const int row = y - top, column = i - left * n;
            const bool inside = row >= 0 && row < size.height && column >= 0 &&
                                column < size.width * n;
            double level =
                inside ? clip(picture[row * size.width * n + column]) : 0;
            out->levels[y * out->width * n + i] =
                o->limited ? 16 + level * 219 / 255 : level;
        }
    free(picture);
}
