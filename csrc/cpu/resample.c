// The way of the bytes: a few rows of the picture that is made at a time, in
// strips so narrow that the levels of all frame rows that they need stay in the
// innermost cache. Then each of these rows, which is as long as the frame's, is
// resampled along its length and finished.
#include "cpu/resample.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/host_pool.h"

#define GROUP 16         // rows that are made at once, at most
#define GROUP_SOURCE 96      // frame rows that they should need
#define STRIP_BYTES (256 << 10) // of levels that a strip should have
#define STRIP_STEP 32

typedef struct resampling {
    const gvd_resample_ops *ops;
    const gvd_conversion *c;
    const gvd_frame *frame;
    uint8_t *dst;
    bool whole;           // numbers are short
    size_t size;          // of a number
    int from, width;      // the frame's columns that count
    ptrdiff_t row_length; // of a row of sums, in numbers

    // Rows [first, end) of the picture, and of the frame what they need.
    int first, end, low, high;
    int strip;     // columns of one
    void *levels;  // of a strip: by frame row, then by channel
    void *sums;    // of the group: by row, then by channel
    gvd_host_block *blocks[2]; // of both
    const void **rows;
    float *line; // a row of the picture
} resampling;

static const gvd_resample_ops *choose_ops(void)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    if (avx2 && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return &gvd_resample_avx512;
    if (avx2)
        return &gvd_resample_avx2;
#endif
    return &gvd_resample_scalar;
}

const gvd_resample_ops *gvd_resample_best(void)
{
    // Threads that race here store the same pointer to constant data.
    static _Atomic(const gvd_resample_ops *) best;
    const gvd_resample_ops *ops =
        atomic_load_explicit(&best, memory_order_relaxed);
    if (!ops) {
        ops = choose_ops();
        atomic_store_explicit(&best, ops, memory_order_relaxed);
    }
    return ops;
}

// The next rows to make: fewer where each needs many of the frame's.
static void choose_group(resampling *r)
{
    const gvd_axis *y = &r->c->y;
    r->first = r->end;
    r->low = r->high = 0;
    while (r->end < y->count && r->end - r->first < GROUP) {
        int start = y->starts[r->end], stop = start + y->counts[r->end];
        int low = r->low, high = r->high;
        if (y->counts[r->end] > 0) {
            low = low == high || start < low ? start : low;
            high = stop > high ? stop : high;
        }
        if (r->end > r->first && high - low > GROUP_SOURCE)
            break;
        r->low = low;
        r->high = high;
        r->end++;
    }
    if (r->whole) { // in pairs
        r->low &= ~1;
        r->high = (r->high + 1) & ~1;
    }
}

static int strip_width(const resampling *r)
{
    size_t column = (size_t)(r->high - r->low + 2) * (size_t)r->c->channels *
                    r->size;
    int width = (int)(STRIP_BYTES / column) / STRIP_STEP * STRIP_STEP;
    return width > 2 * STRIP_STEP ? width : 2 * STRIP_STEP;
}

static gvd_sample_row frame_row(const resampling *r, int y)
{
    const gvd_frame *f = r->frame;
    const gvd_conversion *c = r->c;
    gvd_sample_row row = {
        .y = f->planes[0].data + y * f->planes[0].stride,
        .sample_bytes = f->sample_bytes,
        .shift_x = c->shift_x,
    };
    if (f->plane_count == 3) {
        const gvd_plane *u = &f->planes[c->swaps_chroma ? 2 : 1],
                        *v = &f->planes[c->swaps_chroma ? 1 : 2];
        row.u = u->data + (y >> c->shift_y) * u->stride;
        row.v = v->data + (y >> c->shift_y) * v->stride;
    }
    return row;
}

// Where the levels of a frame row lie, of one channel; short ones with those of
// the row below.
static void *levels_at(const resampling *r, int y, int channel)
{
    size_t row = (size_t)(y - r->low) * (size_t)r->c->channels;
    row += (size_t)channel * (r->whole ? 2 : 1);
    return (char *)r->levels +
           row * (size_t)(r->strip + GVD_ROW_PADDING) * r->size;
}

static void *sums_at(const resampling *r, int y, int channel)
{
    size_t row =
        (size_t)(y - r->first) * (size_t)r->c->channels + (size_t)channel;
    return (char *)r->sums + row * (size_t)r->row_length * r->size;
}

static void load_strip(const resampling *r, int x, int n)
{
    for (int y = r->low; y < r->high; y += r->whole ? 2 : 1) {
        void *out[3] = {0};
        for (int k = 0; k < r->c->channels; k++)
            out[k] = levels_at(r, y, k);
        const int below = y + 1 < r->frame->height ? y + 1 : y;
        const gvd_sample_row rows[2] = {frame_row(r, y), frame_row(r, below)};
        if (r->whole)
            r->ops->load_short(r->c, rows, x, n,
                               (int16_t *const[]){out[0], out[1], out[2]});
        else
            r->ops->load_float(r->c, rows, x, n,
                               (float *const[]){out[0], out[1], out[2]});
    }
}

// Pairs begin at even rows: where the first row counts for nothing, nor does
// the last maybe.
static void sum_pairs(const resampling *r, int y, int channel, int16_t *out,
                      int n)
{
    const gvd_axis *axis = &r->c->y;
    const int16_t *from = axis->short_weights + (size_t)y * (size_t)axis->stride;
    int16_t weights[GVD_AXIS_SHORT_TAPS + 2] = {0};
    const int start = axis->starts[y] & ~1, odd = axis->starts[y] & 1;
    const int count = axis->counts[y] ? (axis->counts[y] + odd + 1) / 2 : 0;
    memcpy(weights + odd, from, (size_t)axis->counts[y] * sizeof *weights);
    for (int j = 0; j < count; j++)
        r->rows[j] = levels_at(r, start + 2 * j, channel);
    r->ops->down_short(out, (const int16_t *const *)r->rows, weights, count,
                       axis->shift, n);
}

static void sum_rows(const resampling *r, int y, int channel, float *out, int n)
{
    const gvd_axis *axis = &r->c->y;
    for (int j = 0; j < axis->counts[y]; j++)
        r->rows[j] = levels_at(r, axis->starts[y] + j, channel);
    r->ops->down_float(out, (const float *const *)r->rows,
                       axis->weights + (size_t)y * (size_t)axis->stride,
                       axis->counts[y], n);
}

static void sum_strip(const resampling *r, int x, int n)
{
    for (int y = r->first; y < r->end; y++)
        for (int k = 0; k < r->c->channels; k++) {
            void *out = (char *)sums_at(r, y, k) + (size_t)(x - r->from) * r->size;
            if (r->whole)
                sum_pairs(r, y, k, out, n);
            else
                sum_rows(r, y, k, out, n);
        }
}

static void write_rows(const resampling *r)
{
    const gvd_conversion *c = r->c;
    const ptrdiff_t size = gvd_dtype_bytes(c->output.dtype);
    for (int y = r->first; y < r->end; y++)
        for (int k = 0; k < c->channels; k++) {
            if (r->whole)
                r->ops->across_short(r->line, sums_at(r, y, k), &c->x, r->from);
            else
                r->ops->across_float(r->line, sums_at(r, y, k), &c->x, r->from);
            r->ops->finish(&c->finish, k, r->line, c->x.count,
                           r->dst + (y * c->row + k * c->channel) * size,
                           c->column);
        }
}

static int allocate(resampling *r, gvd_error *err)
{
    const gvd_conversion *c = r->c;
    int source = 0;
    size_t most = 0;
    for (r->end = 0; r->end < c->y.count;) {
        choose_group(r);
        r->strip = strip_width(r);
        size_t row = (size_t)(r->strip + GVD_ROW_PADDING) * (size_t)c->channels;
        size_t levels = (size_t)(r->high - r->low) * row;
        most = levels > most ? levels : most;
        source = r->high - r->low > source ? r->high - r->low : source;
    }
    size_t sums = (size_t)(GROUP * c->channels) * (size_t)r->row_length;
    r->blocks[0] = gvd_host_block_get((most + 1) * r->size);
    r->blocks[1] = gvd_host_block_get(sums * r->size);
    r->rows = malloc((size_t)(source + 1) * sizeof *r->rows);
    r->line = malloc((size_t)(c->x.count + GVD_ROW_PADDING) * sizeof *r->line);
    if (!r->blocks[0] || !r->blocks[1] || !r->rows || !r->line)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    r->levels = gvd_host_block_data(r->blocks[0]);
    r->sums = gvd_host_block_data(r->blocks[1]);
    return GVD_OK;
}

int gvd_resample_frame(const gvd_resample_ops *ops, const gvd_conversion *c,
                       const gvd_frame *frame, uint8_t *dst, gvd_error *err)
{
    resampling r = {
        .ops = ops,
        .c = c,
        .frame = frame,
        .dst = dst,
        .whole = c->arithmetic == GVD_ARITHMETIC_SHORT,
        .from = c->x.first & ~3,
    };
    r.size = r.whole ? sizeof(int16_t) : sizeof(float);
    r.width = c->x.end - r.from;
    r.row_length = r.width + GVD_ROW_PADDING;
    int rc = allocate(&r, err);
    for (r.end = 0; rc == GVD_OK && r.end < c->y.count;) {
        choose_group(&r);
        r.strip = strip_width(&r);
        for (int at = 0; at < r.width; at += r.strip) {
            int n = r.width - at < r.strip ? r.width - at : r.strip;
            load_strip(&r, r.from + at, n);
            sum_strip(&r, r.from + at, n);
        }
        write_rows(&r);
    }
    for (int i = 0; i < 2; i++)
        if (r.blocks[i])
            gvd_host_block_put(r.blocks[i]);
    free(r.rows);
    free(r.line);
    return rc;
}

int gvd_cpu_resample(const gvd_conversion *conversion, const gvd_frame *frame,
                     uint8_t *dst, gvd_error *err)
{
    return gvd_resample_frame(gvd_resample_best(), conversion, frame, dst, err);
}
