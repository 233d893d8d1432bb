#include "axis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The coefficient of torch's cubic filters, with and without antialiasing.
#define CUBIC_SMOOTH (-0.5)
#define CUBIC_SHARP (-0.75)
#define ALIGNMENT 64

// One sample in the making: weights of samples `from` to below `end`.
typedef struct window {
    int from, end;
    double *weights;
} window;

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return 0;
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

// Samples of a part of the input, as a share of each.
static void weigh_area(window *w, int size, double scale, int at)
{
    double left = at * scale, right = left + scale;
    w->from = clamp((int)floor(left), 0, size - 1);
    w->end = clamp((int)ceil(right), w->from + 1, size);
    for (int i = w->from; i < w->end; i++)
        w->weights[i - w->from] = fmin(i + 1, right) - fmax(i, left);
}

// A filter that is as wide as a sample written; nothing outside is read.
static void weigh_smooth(window *w, int size, double scale, int at,
                         bool bicubic)
{
    double stretch = scale > 1 ? scale : 1, centre = (at + 0.5) * scale;
    double reach = (bicubic ? 2 : 1) * stretch;
    w->from = clamp((int)(centre - reach + 0.5), 0, size - 1);
    w->end = clamp((int)(centre + reach + 0.5), w->from + 1, size);
    for (int i = w->from; i < w->end; i++) {
        double x = (i - centre + 0.5) / stretch;
        w->weights[i - w->from] =
            bicubic ? cubic(x, CUBIC_SMOOTH) : triangle(x);
    }
}

// The samples beside a point; those outside repeat the outermost one.
static void weigh_sharp(window *w, int size, double scale, int at, bool bicubic)
{
    double centre = (at + 0.5) * scale - 0.5;
    int taps = bicubic ? 4 : 2, left = (int)floor(centre) - (taps / 2 - 1);
    w->from = clamp(left, 0, size - 1);
    w->end = clamp(left + taps, w->from + 1, size);
    int last = w->end - w->from - 1;
    for (int i = 0; i <= last; i++)
        w->weights[i] = 0;
    for (int i = left; i < left + taps; i++) {
        double x = i - centre;
        int tap = i - w->from < last ? i - w->from : last;
        w->weights[tap > 0 ? tap : 0] +=
            bicubic ? cubic(x, CUBIC_SHARP) : triangle(x);
    }
}

static void weigh(window *w, const gvd_axis_params *p, int at)
{
    double scale = (double)p->size / p->picture;
    bool bicubic = p->filter == GVD_FILTER_BICUBIC;
    if (p->size == p->picture || p->filter == GVD_FILTER_NEAREST) {
        w->from = (int)((2 * (int64_t)at + 1) * p->size / (2 * p->picture));
        w->end = w->from + 1;
        w->weights[0] = 1;
    } else if (p->filter == GVD_FILTER_AREA) {
        weigh_area(w, p->size, scale, at);
    } else if (p->antialias) {
        weigh_smooth(w, p->size, scale, at, bicubic);
    } else {
        weigh_sharp(w, p->size, scale, at, bicubic);
    }
    double sum = 0;
    for (int i = 0; i < w->end - w->from; i++)
        sum += w->weights[i];
    for (int i = 0; i < w->end - w->from; i++)
        w->weights[i] /= sum;
}

// As many weights as any sample can have.
static int count_taps(const gvd_axis_params *p)
{
    if (p->size == p->picture || p->filter == GVD_FILTER_NEAREST)
        return 1;
    double scale = (double)p->size / p->picture;
    double stretch = scale > 1 ? scale : 1;
    bool bicubic = p->filter == GVD_FILTER_BICUBIC;
    int taps = (int)ceil((bicubic ? 4 : 2) * stretch) + 2;
    return taps < p->size ? taps : p->size;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *place(const gvd_axis *a, size_t at)
{
    return (char *)a->block + at;
}

// Weights lie as vectors like it best.
static int allocate(gvd_axis *a, gvd_error *err)
{
    const size_t count = (size_t)a->count, weights = count * (size_t)a->stride;
    const size_t numbers = aligned(count * sizeof(int32_t)),
                 floats = aligned(weights * sizeof(float)),
                 shorts = aligned(weights * sizeof(int16_t));
    a->bytes = 2 * numbers + floats + shorts;
    a->block = aligned_alloc(ALIGNMENT, a->bytes);
    if (!a->block)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    memset(a->block, 0, a->bytes);
    a->starts = a->block;
    a->counts = place(a, numbers);
    a->short_weights = place(a, 2 * numbers);
    a->weights = place(a, 2 * numbers + shorts);
    return GVD_OK;
}

static void store(gvd_axis *a, const gvd_axis_params *p, int at,
                  const window *w)
{
    int count = w->end - w->from;
    float *weights = a->weights + (size_t)at * (size_t)a->stride;
    a->counts[at] = count;
    a->starts[at] =
        p->mirrored ? p->length - p->start - w->end : p->start + w->from;
    for (int i = 0; i < count; i++)
        weights[p->mirrored ? count - 1 - i : i] = (float)w->weights[i];
    if (a->starts[at] < a->first)
        a->first = a->starts[at];
    if (a->starts[at] + count > a->end)
        a->end = a->starts[at] + count;
}

// What rounding takes from one weight the next one gets: the sum is right, and
// so are wide areas.
static void shorten(gvd_axis *a)
{
    float largest = 0;
    size_t places = (size_t)a->count * (size_t)a->stride;
    for (size_t i = 0; i < places; i++)
        largest = fmaxf(largest, fabsf(a->weights[i]));
    a->shift = 16;
    while (a->shift > 14 && largest * (float)(1 << a->shift) > 32000)
        a->shift--;
    for (int at = 0; at < a->count; at++) {
        size_t base = (size_t)at * (size_t)a->stride;
        double left = 0, done = 0;
        for (int i = 0; i < a->counts[at]; i++) {
            left += (double)a->weights[base + (size_t)i] * (1 << a->shift);
            bool last = i == a->counts[at] - 1;
            double whole = last ? (1 << a->shift) - done : rint(left);
            a->short_weights[base + (size_t)i] = (int16_t)whole;
            left -= whole;
            done += whole;
        }
    }
}

static bool is_plain(const gvd_axis_params *p)
{
    return p->size == p->picture && p->picture == p->canvas &&
           (!p->mirrored || p->canvas == 1);
}

int gvd_axis_init(gvd_axis *axis, const gvd_axis_params *params, gvd_error *err)
{
    const gvd_axis_params *p = params;
    int taps = count_taps(p);
    *axis = (gvd_axis){
        .count = p->canvas,
        .stride = (taps + GVD_AXIS_STEP - 1) / GVD_AXIS_STEP * GVD_AXIS_STEP,
        .first = p->length,
        .plain = is_plain(p),
    };
    if (axis->plain)
        axis->stride = 1;
    window w = {.weights = calloc((size_t)taps + 2, sizeof(double))};
    int rc = w.weights ? allocate(axis, err)
                       : gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    for (int i = 0; rc == GVD_OK && i < p->picture; i++) {
        weigh(&w, p, i);
        store(axis, p, (p->canvas - p->picture) / 2 + i, &w);
        if (w.end - w.from > axis->taps)
            axis->taps = w.end - w.from;
    }
    free(w.weights);
    if (rc < 0)
        return rc;
    for (int i = 0; i < axis->count; i++)
        if (axis->counts[i] == 0) // so that nobody looks outside
            axis->starts[i] = axis->first;
    shorten(axis);
    return GVD_OK;
}

void gvd_axis_free(gvd_axis *axis)
{
    free(axis->block);
    *axis = (gvd_axis){0};
}
