// Random cases: the CPU's numbers against the exact ones, the GPU's bytes
// against the CPU's.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "cpu/convert.h"

enum {
    DTYPES = 5,
    MAX_FORMATS = 32,
    TRIM_EVERY = 256, // cases: each size has a buffer of its own
};

static const char *const dtype_names[DTYPES] = {"uint8", "uint16", "float16",
                                                "bfloat16", "float32"};

// How far off a number may be, in levels: one for bytes, else a 1000th of
// white.
static const double limits[DTYPES] = {1, 0.255 + 0.5 / 257, 0.255, 0.255,
                                      0.255};

enum {
    PLANAR,
    INTERLEAVED,
    WAYS,
};

typedef struct tally {
    int cases;
    double error[DTYPES]; // the largest, in levels
    int64_t numbers[DTYPES];
    int64_t other_bytes; // than the exact level rounded
    int64_t compared[WAYS], differing[WAYS];
    int faulty; // the smallest faulty frame that was shown, in pixels
} tally;

// --- numbers to levels ---

static double float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double half_of(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 31 ? INFINITY
                   : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
    return bits & 0x8000 ? -value : value;
}

static double read_number(const uint8_t *data, int64_t at, enum gvd_dtype dtype)
{
    uint16_t word;
    uint32_t bits;
    switch (dtype) {
    case GVD_UINT8:
        return data[at];
    case GVD_FLOAT32:
        memcpy(&bits, data + 4 * at, sizeof bits);
        return float_of(bits);
    default:
        memcpy(&word, data + 2 * at, sizeof word);
    }
    return dtype == GVD_UINT16    ? word
           : dtype == GVD_FLOAT16 ? half_of(word)
                                  : float_of((uint32_t)word << 16);
}

// Half of the distance between neighbours in a short float type.
static double half_step(enum gvd_dtype dtype, double value)
{
    int exponent;
    if (dtype != GVD_FLOAT16 && dtype != GVD_BFLOAT16)
        return 0;
    frexp(value, &exponent);
    const int bits = dtype == GVD_FLOAT16 ? 11 : 8;
    const double step = ldexp(1, exponent - bits);
    return 0.5 * (dtype == GVD_FLOAT16 ? fmax(step, ldexp(1, -24)) : step);
}

// How many levels a number is off. A short float type may round: that is not
// counted.
static double error_of(const gvd_output *o, int channel, double number,
                       double level)
{
    if (o->dtype == GVD_UINT8)
        return fabs(number - level);
    if (o->dtype == GVD_UINT16)
        return fabs(number / 257 - level);
    const double unit = (double)o->unit,
                 std = o->normalized ? (double)o->std[channel] : 1,
                 mean = o->normalized ? (double)o->mean[channel] : 0;
    const double exact = (level / unit - mean) / std;
    const double off = fabs(number - exact) - half_step(o->dtype, exact);
    return fmax(off, 0) * std * unit;
}

// --- one case ---

typedef struct fault {
    int x, y, channel;
    double number, level, error;
} fault;

static int64_t place_of(const gvd_output *o, const exact_picture *e, int x,
                        int y, int channel)
{
    const int64_t w = e->width, h = e->height, n = e->channels;
    return o->order == GVD_NCHW ? (channel * h + y) * w + x
                                : (y * w + x) * n + channel;
}

static void compare_exact(const convert_case *c, const exact_picture *e,
                          const uint8_t *data, tally *t, fault *worst)
{
    const gvd_output *o = &c->output;
    const double *level = e->levels;
    for (int y = 0; y < e->height; y++)
        for (int x = 0; x < e->width; x++)
            for (int k = 0; k < e->channels; k++, level++) {
                double number =
                    read_number(data, place_of(o, e, x, y, k), o->dtype);
                double error = error_of(o, k, number, *level);
                if (o->dtype == GVD_UINT8)
                    t->other_bytes += number != floor(*level + 0.5);
                if (!(error <= worst->error)) // also what is not a number
                    *worst = (fault){x, y, k, number, *level, error};
            }
    t->numbers[o->dtype] += (int64_t)e->width * e->height * e->channels;
    if (!(worst->error <= t->error[o->dtype]))
        t->error[o->dtype] = worst->error;
}

static bool is_new_fault(const convert_case *c, tally *t)
{
    const int pixels = c->frame->width * c->frame->height;
    if (t->faulty && pixels >= t->faulty)
        return false;
    t->faulty = pixels;
    return true;
}

static void show_fault(const convert_case *c, const char *words)
{
    char text[512];
    describe_case(c, text, sizeof text);
    printf("{\"fault\": \"%s; %s\"}\n", text, words);
}

static void check_exact(const convert_case *c, const uint8_t *data,
                        gvd_size size, tally *t)
{
    exact_picture e;
    fault worst = {.error = 0};
    make_exact(c, &e);
    if (size.width != e.width || size.height != e.height)
        die("case %llu: %dx%d instead of %dx%d", (unsigned long long)c->number,
            size.width, size.height, e.width, e.height);
    compare_exact(c, &e, data, t, &worst);
    if (!(worst.error <= limits[c->output.dtype]) && is_new_fault(c, t)) {
        char words[160];
        snprintf(words, sizeof words,
                 "column %d, row %d, channel %d is %g, off by %.4f levels from "
                 "level %.4f",
                 worst.x, worst.y, worst.channel, worst.number, worst.error,
                 worst.level);
        show_fault(c, words);
    }
    free(e.levels);
}

static void compare_bytes(const convert_case *c, const uint8_t *cpu,
                          const uint8_t *gpu, int64_t bytes, int way, tally *t)
{
    int64_t differing = 0, first = -1;
    for (int64_t i = 0; i < bytes; i++)
        if (cpu[i] != gpu[i]) {
            first = first < 0 ? i : first;
            differing++;
        }
    t->compared[way] += bytes;
    t->differing[way] += differing;
    if (differing && is_new_fault(c, t)) {
        char words[160];
        snprintf(words, sizeof words,
                 "%s on the GPU: %lld of %lld bytes differ, byte %lld is %d on "
                 "the CPU and %d on the GPU",
                 way == PLANAR ? "planar" : "interleaved", (long long)differing,
                 (long long)bytes, (long long)first, cpu[first], gpu[first]);
        show_fault(c, words);
    }
}

// Both ways in one batch.
static void check_gpu(const convert_case *c, gvd_conversions *conversions,
                      const uint8_t *cpu, int64_t bytes, gvd_size size,
                      tally *t)
{
    const int ways = c->frame->plane_count == 3 ? WAYS : 1;
    uint64_t state = c->number;
    gvd_frame *frames[WAYS] = {device_planar(c->frame)};
    if (ways > 1)
        frames[INTERLEAVED] = device_interleaved(c->frame, &state);
    uint8_t *gpu = allocate((size_t)(bytes * ways));
    device_convert(conversions, frames, ways, size, gpu);
    for (int i = 0; i < ways; i++) {
        compare_bytes(c, cpu, gpu + i * bytes, bytes, i, t);
        gvd_frame_unref(&frames[i]);
    }
    free(gpu);
}

static void run_case(const convert_case *c, bool gpu, tally *t)
{
    gvd_conversions conversions;
    gvd_conversion *conversion;
    gvd_error err = {0};
    gvd_conversions_init(&conversions, &c->output, c->orientation);
    if (gvd_conversions_get(&conversions, c->frame, &conversion, &err) < 0)
        die("case %llu: %s", (unsigned long long)c->number, err.text);
    const int64_t bytes = gvd_conversion_bytes(conversion);
    const gvd_size size = {conversion->height, conversion->width};
    uint8_t *cpu = allocate((size_t)bytes);
    memset(cpu, 0xa5, (size_t)bytes);
    must(gvd_cpu_convert(conversion, c->frame, cpu, &err), &err);
    check_exact(c, cpu, size, t);
    if (gpu)
        check_gpu(c, &conversions, cpu, bytes, size, t);
    t->cases++;
    free(cpu);
    gvd_conversion_unref(&conversion);
    gvd_conversions_destroy(&conversions);
}

// --- all ---

static void print_tally(const pixel_format *format, const tally *t, bool gpu)
{
    printf("{\"format\": \"%s\", \"cases\": %d, \"other_bytes\": %lld",
           format->name, t->cases, (long long)t->other_bytes);
    for (int i = 0; i < DTYPES; i++)
        if (t->numbers[i])
            printf(", \"%s\": {\"numbers\": %lld, \"max_levels\": %.9g}",
                   dtype_names[i], (long long)t->numbers[i], t->error[i]);
    for (int way = 0; gpu && way < WAYS; way++)
        if (t->compared[way])
            printf(", \"%s\": {\"compared\": %lld, \"differing\": %lld}",
                   way == PLANAR ? "planar" : "interleaved",
                   (long long)t->compared[way], (long long)t->differing[way]);
    printf("}\n");
}

void run_grid(uint64_t seed, uint64_t first, uint64_t count)
{
    static tally tallies[MAX_FORMATS];
    gvd_error reason = {0};
    const bool gpu = device_open(&reason);
    if (!gpu)
        printf("{\"gpu\": false, \"reason\": \"%s\"}\n",
               strcspn(reason.text, "\"\\") == strlen(reason.text) ? reason.text
                                                                   : "no GPU");
    for (uint64_t i = first; i < first + count; i++) {
        convert_case c;
        make_case(seed, i, &c);
        run_case(&c, gpu, &tallies[c.format - pixel_formats]);
        free_case(&c);
        if (gpu && i % TRIM_EVERY == 0)
            device_trim();
    }
    for (int i = 0; i < pixel_format_count; i++)
        if (tallies[i].cases)
            print_tally(&pixel_formats[i], &tallies[i], gpu);
}
