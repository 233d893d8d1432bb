// What both devices' speed is measured with.
#include <stdio.h>
#include <string.h>

#include "convert.h"

const speed_case speed_cases[] = {
    {"1080p rgb24 uint8", false, GVD_UINT8, GVD_NCHW},
    {"1080p rgb24 uint8 NHWC", false, GVD_UINT8, GVD_NHWC},
    {"1080p rgb24 fp16", false, GVD_FLOAT16, GVD_NCHW},
    {"1080p 224x224 uint8", true, GVD_UINT8, GVD_NCHW},
    {"1080p 224x224 uint8 NHWC", true, GVD_UINT8, GVD_NHWC},
    {"1080p 224x224 fp16", true, GVD_FLOAT16, GVD_NCHW},
};
const int speed_case_count = LENGTH(speed_cases);

gvd_output speed_output(const speed_case *c)
{
    gvd_output o = {
        .dtype = c->dtype,
        .order = c->order,
        .antialias = true,
        .matrix = -1,
        .unit = 255,
        .normalized = c->dtype != GVD_UINT8,
        .mean = {0.485f, 0.456f, 0.406f},
        .std = {0.229f, 0.224f, 0.225f},
    };
    if (c->resized) {
        o.rule = GVD_SIZE_EXACT;
        o.height = o.width = 224;
    }
    return o;
}

gvd_frame *speed_frame(int number)
{
    static const pixel_format format = {"yuv420p", 3, 8, 1, 1, false};
    uint64_t state = (uint64_t)number;
    gvd_frame *f = make_frame(&format, SPEED_WIDTH, SPEED_HEIGHT, 0);
    f->color.matrix = 6; // libswscale's default
    for (int i = 0; i < 3; i++) {
        const gvd_plane *p = &f->planes[i];
        for (int y = 0; y < p->height; y++)
            for (int x = 0; x < p->width; x++) {
                int level = i == 0 ? 40 + 150 * x / p->width
                                   : 110 + 35 * (i == 1 ? x : y) / p->width;
                p->data[y * p->stride + x] =
                    (uint8_t)(level + (int)(draw(&state) & 7));
            }
    }
    return f;
}

void print_speed(const char *name, const char *subject, int64_t bytes,
                 const double *seconds, int runs, const char *note)
{
    printf("{\"case\": \"%s\", \"subject\": \"%s\", \"bytes\": %lld, \"note\": "
           "\"%s\", \"seconds\": [",
           name, subject, (long long)bytes, note);
    for (int i = 0; i < runs; i++)
        printf("%s%.9g", i ? ", " : "", seconds[i]);
    printf("]}\n");
    fflush(stdout);
}
