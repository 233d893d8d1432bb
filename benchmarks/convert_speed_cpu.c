// One thread of the CPU, in turns with libswscale.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "cpu/convert.h"
#include "thread.h"

enum {
    SOURCES = 8, // frames that are converted by turns
    BILINEAR = 2,
    FULL_CHROMA = 0x2000,
    ACCURATE = 0x40000,
    LOG_ERRORS = 16,
};

// What libswscale and libavutil give; all of it NULL without them.
typedef struct swscale {
    void *(*get_context)(int, int, int, int, int, int, int, void *, void *,
                         const double *);
    int (*scale)(void *, const uint8_t *const *, const int *, int, int,
                 uint8_t *const *, const int *);
    void (*free_context)(void *);
    unsigned (*version)(void);
    int (*find_format)(const char *);
    void (*log_level)(int);
} swscale;

static void *find(void *library, const char *name)
{
    void *function = dlsym(library, name);
    if (!function)
        die("libswscale: no %s", name);
    return function;
}

static swscale load_swscale(const char *path)
{
    swscale s = {0};
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (path && !library)
        die("%s", dlerror());
    if (!library)
        return s;
    *(void **)&s.get_context = find(library, "sws_getContext");
    *(void **)&s.scale = find(library, "sws_scale");
    *(void **)&s.free_context = find(library, "sws_freeContext");
    *(void **)&s.version = find(library, "swscale_version");
    *(void **)&s.find_format = find(library, "av_get_pix_fmt");
    *(void **)&s.log_level = find(library, "av_log_set_level");
    s.log_level(LOG_ERRORS);
    return s;
}

// --- subjects ---

typedef struct measurement measurement;
struct measurement {
    const speed_case *c;
    gvd_frame *const *sources;
    int source_count;
    gvd_conversion *conversion;
    const swscale *sws;
    void *contexts[2]; // fast and accurate
    size_t bytes;      // of one picture
    uint8_t *pictures; // one after the other
    int picture_count;
};

typedef void convert_one(const measurement *m, const gvd_frame *frame,
                         uint8_t *dst);

static void convert_ours(const measurement *m, const gvd_frame *frame,
                         uint8_t *dst)
{
    gvd_error err = {0};
    must(gvd_cpu_convert(m->conversion, frame, dst, &err), &err);
}

// To rgb24 or, for planes, gbrp: the same places, G, B and R being the planes.
static void convert_sws(const measurement *m, int which, const gvd_frame *frame,
                        uint8_t *dst)
{
    const gvd_plane *p = frame->planes;
    const uint8_t *const from[4] = {p[0].data, p[1].data, p[2].data};
    const int strides[4] = {(int)p[0].stride, (int)p[1].stride,
                            (int)p[2].stride};
    const int width = m->conversion->width;
    const size_t plane = (size_t)width * (size_t)m->conversion->height;
    if (m->c->order == GVD_NHWC)
        m->sws->scale(m->contexts[which], from, strides, 0, frame->height,
                      (uint8_t *const[4]){dst}, (const int[4]){3 * width});
    else
        m->sws->scale(m->contexts[which], from, strides, 0, frame->height,
                      (uint8_t *const[4]){dst + plane, dst + 2 * plane, dst},
                      (const int[4]){width, width, width});
}

static void convert_fast(const measurement *m, const gvd_frame *frame,
                         uint8_t *dst)
{
    convert_sws(m, 0, frame, dst);
}

static void convert_accurate(const measurement *m, const gvd_frame *frame,
                             uint8_t *dst)
{
    convert_sws(m, 1, frame, dst);
}

static const struct {
    const char *name;
    convert_one *convert;
} subjects[] = {
    {"gvdecode cpu 1 thread", convert_ours},
    {"swscale 1 thread", convert_fast},
    {"swscale accurate 1 thread", convert_accurate},
};

// --- what they give, and how fast ---

static void open_contexts(measurement *m)
{
    const int flags[2] = {BILINEAR, BILINEAR | ACCURATE | FULL_CHROMA};
    const char *to = m->c->order == GVD_NHWC ? "rgb24" : "gbrp";
    for (int i = 0; i < 2; i++) {
        m->contexts[i] = m->sws->get_context(
            SPEED_WIDTH, SPEED_HEIGHT, m->sws->find_format("yuv420p"),
            m->conversion->width, m->conversion->height,
            m->sws->find_format(to), flags[i], NULL, NULL, NULL);
        if (!m->contexts[i])
            die("libswscale does not convert to %s", to);
    }
}

// Levels between our bytes and the subject's, on average.
static double mean_difference(const measurement *m, convert_one *convert)
{
    const size_t bytes =
        (size_t)m->conversion->width * (size_t)m->conversion->height * 3;
    uint8_t *ours = allocate(m->bytes), *theirs = allocate(bytes);
    int64_t sum = 0;
    convert_ours(m, m->sources[0], ours);
    convert(m, m->sources[0], theirs);
    for (size_t i = 0; i < bytes; i++)
        sum += abs(ours[i] - theirs[i]);
    free(ours);
    free(theirs);
    return (double)sum / (double)bytes;
}

// What the subject gives must be the same picture.
static void write_note(const measurement *m, int subject, char *note,
                       size_t size)
{
    note[0] = 0;
    if (subject == 0)
        return;
    if (m->c->dtype != GVD_UINT8) {
        snprintf(note, size, "uint8: it has no float16");
        return;
    }
    double off = mean_difference(m, subjects[subject].convert);
    if (off > 2)
        die("%s, %s: %.2f levels from ours on average", m->c->name,
            subjects[subject].name, off);
    snprintf(note, size, "%.2f levels from ours on average", off);
}

// Seconds for a frame.
static double time_run(const measurement *m, int subject, int turn)
{
    const double start = gvd_seconds();
    for (int i = 0; i < SOURCES; i++) {
        const int at = turn * SOURCES + i;
        subjects[subject].convert(
            m, m->sources[at % m->source_count],
            m->pictures + (size_t)(at % m->picture_count) * m->bytes);
    }
    return (gvd_seconds() - start) / SOURCES;
}

static void measure(const measurement *m, const char *suffix)
{
    static double seconds[LENGTH(subjects)][SPEED_RUNS];
    const int count = m->sws->scale ? LENGTH(subjects) : 1;
    const int warm = m->picture_count / SOURCES + 1;
    for (int turn = -warm; turn < SPEED_RUNS; turn++)
        for (int i = 0; i < count; i++) {
            double time = time_run(m, i, turn + warm);
            if (turn >= 0)
                seconds[i][turn] = time;
        }
    for (int i = 0; i < count; i++) {
        char name[96], note[96];
        const bool words = i > 0 && m->c->dtype != GVD_UINT8;
        snprintf(name, sizeof name, "%s%s", m->c->name, suffix);
        write_note(m, i, note, sizeof note);
        print_speed(name, subjects[i].name,
                    gvd_frame_bytes(m->sources[0]) +
                        (int64_t)m->bytes / (words ? 2 : 1),
                    seconds[i], SPEED_RUNS, note);
    }
}

// `content` says what the frames show, after the case's name.
static void run_speed_case(const speed_case *c, gvd_frame *const *sources,
                           const char *content, const swscale *sws)
{
    char apart[64];
    const gvd_output output = speed_output(c);
    measurement m = {.c = c, .sources = sources, .sws = sws};
    gvd_error err = {0};
    must(gvd_conversion_create(&output, GVD_UPRIGHT, sources[0], &m.conversion,
                               &err),
         &err);
    m.bytes = (size_t)gvd_conversion_bytes(m.conversion);
    m.pictures = allocate(m.bytes * SPEED_BATCH);
    memset(m.pictures, 1, m.bytes * SPEED_BATCH);
    if (sws->scale)
        open_contexts(&m);
    m.source_count = SOURCES;
    m.picture_count = SPEED_BATCH;
    measure(&m, content);
    m.source_count = m.picture_count = 1;
    snprintf(apart, sizeof apart, "%s, one destination", content);
    measure(&m, apart);
    for (int i = 0; sws->scale && i < 2; i++)
        sws->free_context(m.contexts[i]);
    free(m.pictures);
    gvd_conversion_unref(&m.conversion);
}

static void run_speed_cases(gvd_frame **sources, const char *content,
                            const swscale *sws)
{
    for (int i = 0; i < speed_case_count; i++)
        run_speed_case(&speed_cases[i], sources, content, sws);
    for (int i = 0; i < SOURCES; i++)
        gvd_frame_unref(&sources[i]);
}

static void read_frame(gvd_frame *frame, FILE *file, const char *path)
{
    for (int i = 0; i < frame->plane_count; i++) {
        const gvd_plane *p = &frame->planes[i];
        const size_t bytes = (size_t)(p->stride * p->height);
        if (fread(p->data, 1, bytes, file) != bytes)
            die("%s is not %d raw frames of %dx%d yuv420p", path, SOURCES,
                SPEED_WIDTH, SPEED_HEIGHT);
    }
}

void speed_cpu(const char *path, const char *clip)
{
    const swscale sws = load_swscale(path);
    gvd_frame *sources[SOURCES];
    if (sws.version) {
        const unsigned v = sws.version();
        printf("{\"swscale\": \"%u.%u.%u\"}\n", v >> 16, v >> 8 & 255, v & 255);
    }
    for (int i = 0; i < SOURCES; i++)
        sources[i] = speed_frame(i);
    run_speed_cases(sources, "", &sws);
    if (!clip)
        return;
    FILE *file = fopen(clip, "rb");
    if (!file)
        die("%s cannot be opened", clip);
    for (int i = 0; i < SOURCES; i++) {
        sources[i] = speed_frame(i);
        read_frame(sources[i], file, clip);
    }
    fclose(file);
    run_speed_cases(sources, ", of a clip", &sws);
}
