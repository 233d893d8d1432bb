// What the parts of the conversion benchmark share; convert.c says what it
// does.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversion.h"

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

// Prints the words and ends the program.
_Noreturn void die(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void must(int rc, const gvd_error *err);
void *allocate(size_t bytes);

// --- cases: convert_case.c ---

typedef struct pixel_format {
    const char *name; // libav's
    int planes, depth, shift_x, shift_y;
    bool rgb; // planes G, B, R
} pixel_format;

extern const pixel_format pixel_formats[];
extern const int pixel_format_count;

// A host frame, its planes not filled in.
gvd_frame *make_frame(const pixel_format *format, int width, int height,
                      int padding);

uint64_t draw(uint64_t *state);
int draw_below(uint64_t *state, int limit);

typedef struct convert_case {
    uint64_t number;
    const pixel_format *format;
    gvd_frame *frame; // on the host
    const char *content;
    gvd_output output;
    enum gvd_orientation orientation;
} convert_case;

// The same number and seed give the same case.
void make_case(uint64_t seed, uint64_t number, convert_case *c);
void free_case(convert_case *c);
void describe_case(const convert_case *c, char *text, size_t size);

// --- what they should give: convert_exact.c ---

// Levels of 255 as they are before they are rounded to a type: clipped, in the
// output's range, row by row, the channels of a pixel together.
typedef struct exact_picture {
    int width, height, channels;
    double *levels;
} exact_picture;

void make_exact(const convert_case *c, exact_picture *out);

// --- the GPU: convert_device.c ---

// False with the reason where there is none.
bool device_open(gvd_error *reason);
gvd_frame *device_planar(gvd_frame *host);
// U and V by turns, in rows that begin anywhere.
gvd_frame *device_interleaved(const gvd_frame *host, uint64_t *seed);
// Makes them into a batch and copies it to the host.
void device_convert(gvd_conversions *conversions, gvd_frame *const *frames,
                    int count, gvd_size size, uint8_t *host);
void device_trim(void);

// --- the modes ---

// Cases [first, first + count).
void run_grid(uint64_t seed, uint64_t first, uint64_t count);
// The library's path and raw frames of 1080p yuv420p, or NULL for either.
void speed_cpu(const char *swscale, const char *clip);
void speed_gpu(void);

// --- what is timed: convert_speed.c ---

enum {
    SPEED_WIDTH = 1920,
    SPEED_HEIGHT = 1080,
    SPEED_BATCH = 32,
    SPEED_RUNS = 41,
};

typedef struct speed_case {
    const char *name;
    bool resized; // to 224x224, bilinear, antialiased
    enum gvd_dtype dtype;
    enum gvd_dimension_order order;
} speed_case;

extern const speed_case speed_cases[];
extern const int speed_case_count;

gvd_output speed_output(const speed_case *c);
// A smooth picture with some noise.
gvd_frame *speed_frame(int number);
// One line: seconds for a frame, of each run.
void print_speed(const char *name, const char *subject, int64_t bytes,
                 const double *seconds, int runs, const char *note);
