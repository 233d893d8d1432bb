// The weights of a side: those of plain doubles that know only the filters'
// definitions, and what readers of gvd_axis rely on.
#include "axis.h"

#include <math.h>
#include <stdlib.h>

#include "harness.h"

enum {
    LONGEST = 400, // samples
};

static double triangle(double x)
{
    return fmax(0, 1 - fabs(x));
}

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x >= 2)
        return 0;
    return x < 1 ? (a + 2) * x * x * x - (a + 3) * x * x + 1
                 : a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a;
}

static double filter(const gvd_axis_params *p, double x)
{
    if (p->filter == GVD_FILTER_BILINEAR)
        return triangle(x);
    return cubic(x, p->antialias ? -0.5 : -0.75);
}

// What part of sample k the sample written covers.
static double covered(double left, double right, int k)
{
    return fmax(0, fmin(right, k + 1) - fmax(left, k));
}

// The weight of every sample of the part that makes the picture, for one that
// is written.
static void reference(const gvd_axis_params *p, int at, double weights[LONGEST])
{
    const double scale = (double)p->size / p->picture,
                 centre = (at + 0.5) * scale, wide = fmax(scale, 1);
    const int last = p->size - 1;
    double sum = 0;
    memset(weights, 0, LONGEST * sizeof *weights);
    if (p->size == p->picture)
        weights[at] = 1;
    else if (p->filter == GVD_FILTER_NEAREST)
        weights[(2 * at + 1) * p->size / (2 * p->picture)] = 1;
    else if (p->filter == GVD_FILTER_AREA)
        for (int k = 0; k <= last; k++)
            weights[k] = covered(at * scale, (at + 1) * scale, k);
    else if (p->antialias)
        for (int k = 0; k <= last; k++)
            weights[k] = filter(p, (k + 0.5 - centre) / wide);
    else
        for (int k = -3; k <= last + 3; k++)
            weights[k < 0      ? 0
                    : k > last ? last
                               : k] += filter(p, k + 0.5 - centre);
    for (int k = 0; k <= last; k++)
        sum += weights[k];
    for (int k = 0; k <= last; k++)
        weights[k] /= sum;
}

// --- one sample written ---

static size_t place_of(const gvd_axis *a, int at)
{
    return (size_t)at * (size_t)a->stride;
}

// As many as the picture's own place in the canvas.
static int padding_of(const gvd_axis_params *p)
{
    return (p->canvas - p->picture) / 2;
}

static void check_weights(const gvd_axis *a, const gvd_axis_params *p, int at)
{
    double want[LONGEST];
    reference(p, at - padding_of(p), want);
    const float *weights = a->weights + place_of(a, at);
    for (int k = 0; k < p->size; k++) {
        int sample = p->mirrored ? p->length - 1 - p->start - k : p->start + k;
        int i = sample - a->starts[at];
        double got = i >= 0 && i < a->counts[at] ? (double)weights[i] : 0;
        REQUIRE(fabs(got - want[k]) < 1e-6);
    }
}

// Short weights round the sum of all up to each, so that nothing is lost.
static void check_sums(const gvd_axis *a, int at)
{
    const float *weights = a->weights + place_of(a, at);
    const int16_t *shorts = a->short_weights + place_of(a, at);
    double sum = 0;
    int whole = 0;
    for (int i = 0; i < a->counts[at]; i++) {
        sum += (double)weights[i];
        whole += shorts[i];
        REQUIRE(fabs(sum * (1 << a->shift) - whole) < 0.6);
    }
    REQUIRE(fabs(sum - 1) < 1e-6);
    REQUIRE(whole == 1 << a->shift);
}

static void check_rest(const gvd_axis *a, int at)
{
    for (int i = a->counts[at]; i < a->stride; i++)
        REQUIRE(a->weights[place_of(a, at) + (size_t)i] == 0 &&
                a->short_weights[place_of(a, at) + (size_t)i] == 0);
}

// --- an axis ---

static void check_range(const gvd_axis *a, const gvd_axis_params *p)
{
    const int low = p->mirrored ? p->length - p->start - p->size : p->start;
    int first = p->length, end = 0, taps = 0;
    for (int at = 0; at < a->count; at++) {
        const int from = a->starts[at], to = from + a->counts[at];
        if (a->counts[at] == 0)
            continue;
        REQUIRE(from >= low && to <= low + p->size);
        first = from < first ? from : first;
        end = to > end ? to : end;
        taps = to - from > taps ? to - from : taps;
    }
    REQUIRE(a->first == first && a->end == end && a->taps == taps);
    REQUIRE(a->taps <= a->stride);
    REQUIRE(a->plain ? a->stride == 1 : a->stride % GVD_AXIS_STEP == 0);
}

static void check_axis(const gvd_axis *a, const gvd_axis_params *p)
{
    const int before = padding_of(p);
    REQUIRE(a->count == p->canvas);
    REQUIRE(a->shift >= 14 && a->shift <= 16);
    check_range(a, p);
    for (int at = 0; at < a->count; at++) {
        const bool inside = at >= before && at < before + p->picture;
        REQUIRE((a->counts[at] > 0) == inside);
        check_rest(a, at);
        if (inside) {
            check_weights(a, p, at);
            check_sums(a, at);
        } else {
            REQUIRE(a->starts[at] >= a->first && a->starts[at] <= a->end);
        }
    }
}

// Plain is what may be left out altogether.
static void check_plain(const gvd_axis *a, const gvd_axis_params *p)
{
    bool plain = true;
    for (int at = 0; at < a->count; at++)
        plain = plain && a->counts[at] == 1 &&
                a->starts[at] == a->starts[0] + at && p->size == p->picture;
    REQUIRE(!a->plain || plain);
    if (!p->mirrored)
        REQUIRE(a->plain == plain);
}

// The same samples in the other direction have the same weights.
static void check_mirror(const gvd_axis *a, const gvd_axis_params *p)
{
    gvd_axis_params other = *p;
    other.mirrored = !p->mirrored;
    gvd_axis b;
    REQUIRE(gvd_axis_init(&b, &other, NULL) == GVD_OK);
    REQUIRE(b.count == a->count && b.taps == a->taps);
    for (int at = 0; at < a->count; at++) {
        const int count = a->counts[at];
        REQUIRE(b.counts[at] == count);
        if (count == 0)
            continue;
        REQUIRE(b.starts[at] == p->length - a->starts[at] - count);
        for (int i = 0; i < count; i++)
            REQUIRE(b.weights[place_of(&b, at) + (size_t)i] ==
                    a->weights[place_of(a, at) + (size_t)(count - 1 - i)]);
    }
    gvd_axis_free(&b);
}

static void check(const gvd_axis_params *p)
{
    gvd_axis a;
    REQUIRE(gvd_axis_init(&a, p, NULL) == GVD_OK);
    check_axis(&a, p);
    check_plain(&a, p);
    check_mirror(&a, p);
    gvd_axis_free(&a);
    REQUIRE(!a.block && !a.weights);
}

// --- tests ---

static gvd_axis_params random_params(uint64_t *seed)
{
    static const int most[] = {3, 20, 100, LONGEST};
    gvd_axis_params p = {
        .length = 1 + draw_below(seed, most[draw_below(seed, 4)]),
        .picture = 1 + draw_below(seed, most[draw_below(seed, 4)]),
        .filter = (enum gvd_filter)draw_below(seed, 4),
        .antialias = chance(seed, 50),
        .mirrored = chance(seed, 40),
    };
    p.size = chance(seed, 50) ? p.length : 1 + draw_below(seed, p.length);
    p.start = draw_below(seed, p.length - p.size + 1);
    if (chance(seed, 20))
        p.picture = p.size;
    p.canvas = p.picture + (chance(seed, 30) ? draw_below(seed, 40) : 0);
    return p;
}

static void test_random_axes(void)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        test_begin("axis", seed, 20);
        uint64_t state = seed;
        gvd_axis_params p = random_params(&state);
        check(&p);
    }
}

static void test_every_small_axis(void)
{
    test_begin("small axes", 0, 60);
    for (int filter = 0; filter < 8; filter++)
        for (int size = 1; size <= 16; size++)
            for (int picture = 1; picture <= 16; picture++) {
                gvd_axis_params p = {
                    .length = size,
                    .size = size,
                    .picture = picture,
                    .canvas = picture,
                    .filter = (enum gvd_filter)(filter / 2),
                    .antialias = filter % 2,
                };
                check(&p);
            }
}

static void check_known(const gvd_axis_params *p, int at, int start, int count,
                        const float *weights)
{
    gvd_axis a;
    REQUIRE(gvd_axis_init(&a, p, NULL) == GVD_OK);
    REQUIRE(a.starts[at] == start && a.counts[at] >= count);
    for (int i = 0; i < a.counts[at]; i++) {
        float want = i < count ? weights[i] : 0;
        REQUIRE(fabsf(a.weights[place_of(&a, at) + (size_t)i] - want) < 1e-6f);
    }
    gvd_axis_free(&a);
}

// Weights that torch has for these sizes.
static void test_known_weights(void)
{
    gvd_axis_params p = {.length = 4, .size = 4, .picture = 8, .canvas = 8};
    check_known(&p, 0, 0, 1, (const float[]){1});
    check_known(&p, 3, 1, 2, (const float[]){0.75f, 0.25f});
    p.filter = GVD_FILTER_BICUBIC;
    check_known(
        &p, 3, 0, 4,
        (const float[]){-0.10546875f, 0.87890625f, 0.26171875f, -0.03515625f});
    p = (gvd_axis_params){.length = 4, .size = 4, .picture = 2, .canvas = 2};
    check_known(&p, 0, 0, 2, (const float[]){0.5f, 0.5f});
    p.antialias = true;
    check_known(&p, 0, 0, 3, (const float[]){3 / 7.0f, 3 / 7.0f, 1 / 7.0f});
    p.antialias = false;
    p.filter = GVD_FILTER_NEAREST;
    check_known(&p, 0, 1, 1, (const float[]){1});
    check_known(&p, 1, 3, 1, (const float[]){1});
    p = (gvd_axis_params){.length = 5, .size = 5, .picture = 2, .canvas = 2};
    p.filter = GVD_FILTER_AREA;
    check_known(&p, 0, 0, 3, (const float[]){0.4f, 0.4f, 0.2f});
}

int main(void)
{
    test_begin("known weights", 0, 10);
    test_known_weights();
    test_every_small_axis();
    test_random_axes();
    puts("axis: ok");
    return 0;
}
