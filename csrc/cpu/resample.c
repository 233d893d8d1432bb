// The way of the bytes: the picture is made in blocks of rows whose sums stay
// in the cache, these in strips so narrow that what a few rows need of the
// frame does so too, in a ring: each frame row of a strip is loaded once, or
// once a block where there are several strips. Then the block's rows, which are
// as long as the frame's, are resampled along their length and finished. What
// the ring holds of a row the routines know: its levels, or what these are made
// of.
#include "cpu/resample.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/host_pool.h"

#define GROUP 4                 // rows that are summed at once, at most
#define GROUP_SOURCE 64         // frame rows that they should need
#define RING_BYTES (512 << 10)  // of levels: wide strips, read row by row
#define BLOCK_BYTES (256 << 10) // of sums
#define STRIP_STEP 64
#define AHEAD 4 // rows that are asked of the memory early

typedef struct resampling {
    const gvd_resample_ops *ops;
    const gvd_conversion *c;
    const gvd_frame *frame;
    uint8_t *dst;
    bool whole;           // numbers are short, of three channels
    size_t size;          // of a number
    int from, width;      // the frame's columns that count
    ptrdiff_t row_length; // of a row of sums, in numbers
    int block;            // rows
    int ring;             // frame rows that it holds
    int strip;            // columns

    int start;                 // of the block: a row of the picture
    int first, end;            // rows of the group,
    int low, high;             // and the frame rows that it needs
    int loaded_low, loaded;    // frame rows of the strip that are in the ring
    uint8_t *levels;           // the ring: by frame row, or quad of them
    void *sums;                // of the block: by row, then by channel
    gvd_host_block *blocks[2]; // of both
    const float **rows;        // of levels that are floats
    float *lines;              // a row of the picture, by channel
} resampling;

const gvd_resample_ops *gvd_resample_best(void)
{
#if defined(__x86_64__)
    bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    if (avx2 && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return &gvd_resample_avx512;
    if (avx2)
        return &gvd_resample_avx2;
#endif
    return &gvd_resample_scalar;
}

// The next rows before `stop`: fewer where each needs many of the frame's.
static void choose_group(resampling *r, int stop_row)
{
    const gvd_axis *y = &r->c->y;
    r->first = r->end;
    r->low = r->high = 0;
    while (r->end < stop_row && r->end - r->first < GROUP) {
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
    if (r->whole) {
        r->low -= r->low % GVD_QUAD;
        r->high += (GVD_QUAD - r->high % GVD_QUAD) % GVD_QUAD;
    }
}

static gvd_sample_row frame_row(const resampling *r, int y)
{
    const gvd_frame *f = r->frame;
    const gvd_conversion *c = r->c;
    const int ahead = y + AHEAD < f->height ? AHEAD : 0;
    gvd_sample_row row = {
        .y = f->planes[0].data + y * f->planes[0].stride,
        .sample_bytes = f->sample_bytes,
        .shift_x = c->shift_x,
        .ahead_y = ahead * f->planes[0].stride,
    };
    if (f->plane_count == 3) {
        const gvd_plane *u = gvd_conversion_u(c, f),
                        *v = gvd_conversion_v(c, f);
        row.u = u->data + (y >> c->shift_y) * u->stride;
        row.v = v->data + (y >> c->shift_y) * v->stride;
        row.ahead_uv = (ahead >> c->shift_y) * u->stride;
    }
    return row;
}

static int room_of(const resampling *r)
{
    return r->strip + GVD_ROW_PADDING;
}

// Numbers of a slot of the ring: of a frame row, or of a quad.
static size_t slot_numbers(const resampling *r)
{
    return (size_t)room_of(r) *
           (size_t)(r->whole ? GVD_QUAD_NUMBERS : r->c->channels);
}

// Frame rows of a slot.
static int step_of(const resampling *r)
{
    return r->whole ? GVD_QUAD : 1;
}

static void *slot_at(const resampling *r, int slot)
{
    return r->levels + (size_t)(slot / step_of(r)) * slot_numbers(r) * r->size;
}

static void *sums_at(const resampling *r, int y, int channel)
{
    size_t row =
        (size_t)(y - r->start) * (size_t)r->c->channels + (size_t)channel;
    return (char *)r->sums + row * (size_t)r->row_length * r->size;
}

static void load_slot(const resampling *r, int y, int x, int n)
{
    void *slot = slot_at(r, y % r->ring);
    if (r->whole) {
        const int last = r->frame->height - 1; // stands for what is below it
        gvd_sample_row rows[GVD_QUAD];
        for (int k = 0; k < GVD_QUAD; k++)
            rows[k] = frame_row(r, y + k < last ? y + k : last);
        r->ops->load_short(r->c, rows, x, n, slot, room_of(r));
        return;
    }
    const gvd_sample_row row = frame_row(r, y);
    float *out[3] = {slot};
    for (int k = 1; k < r->c->channels; k++)
        out[k] = out[k - 1] + room_of(r);
    r->ops->load_float(r->c, &row, x, n, out);
}

// What the group needs and is not there yet.
static void load_strip(resampling *r, int x, int n)
{
    if (r->low < r->loaded_low || r->low > r->loaded)
        r->loaded = r->low;
    r->loaded_low = r->low;
    for (; r->loaded < r->high; r->loaded += step_of(r))
        load_slot(r, r->loaded, x, n);
}

static void weigh_shared(gvd_quad_sum *s)
{
    for (int j = 0; j < s->count * GVD_QUAD / 2; j++) {
        const int first = s->weights[2 * j], second = s->weights[2 * j + 1];
        s->shared[0][j] = (int16_t)(first + second);
        s->apart |= s->shared[0][j] != first + second;
    }
    for (int j = 0; s->apart && j < s->count * GVD_QUAD / 2; j++)
        for (int k = 0; k < 2; k++)
            s->shared[k][j] = s->weights[2 * j + k];
}

static void plan_sum(const resampling *r, int y, int at, gvd_quad_sum *out)
{
    const gvd_axis *axis = &r->c->y;
    const int taps = axis->counts[y], first = axis->starts[y] % GVD_QUAD;
    *out = (gvd_quad_sum){
        .count = taps ? (taps + first + GVD_QUAD - 1) / GVD_QUAD : 0,
    };
    memcpy(out->weights + first,
           axis->short_weights + (ptrdiff_t)y * axis->stride,
           (size_t)taps * sizeof *out->weights);
    weigh_shared(out);
    int slot = (axis->starts[y] - first) % r->ring;
    for (int j = 0; j < out->count; j++, slot = (slot + GVD_QUAD) % r->ring)
        out->quads[j] = slot_at(r, slot);
    for (int k = 0; k < 3; k++)
        out->out[k] = (int16_t *)sums_at(r, y, k) + at;
}

static void sum_quads(const resampling *r, int at, int n)
{
    gvd_quad_sum sums[GROUP];
    for (int y = r->first; y < r->end; y++)
        plan_sum(r, y, at, &sums[y - r->first]);
    r->ops->down_short(sums, r->end - r->first, room_of(r), r->c->y.shift, n);
}

static void sum_row(const resampling *r, int y, int at, int n)
{
    const gvd_axis *axis = &r->c->y;
    const int count = axis->counts[y];
    int slot = axis->starts[y] % r->ring;
    for (int j = 0; j < count; j++, slot = (slot + 1) % r->ring)
        r->rows[j] = slot_at(r, slot);
    for (int k = 0; k < r->c->channels; k++) {
        r->ops->down_float((float *)sums_at(r, y, k) + at, r->rows,
                           axis->weights + (ptrdiff_t)y * axis->stride, count,
                           n);
        for (int j = 0; j < count; j++)
            r->rows[j] += room_of(r);
    }
}

static void sum_strip(const resampling *r, int x, int n)
{
    const int at = x - r->from;
    if (r->whole) {
        sum_quads(r, at, n);
        return;
    }
    for (int y = r->first; y < r->end; y++)
        sum_row(r, y, at, n);
}

static void write_rows(const resampling *r, int stop)
{
    const gvd_conversion *c = r->c;
    const ptrdiff_t size = gvd_dtype_bytes(c->output.dtype);
    float *lines[3] = {r->lines};
    for (int k = 1; k < c->channels; k++)
        lines[k] = lines[k - 1] + c->x.count + GVD_ROW_PADDING;
    for (int y = r->start; y < stop; y++) {
        if (r->whole)
            r->ops->across_short(lines,
                                 (const int16_t *const[]){sums_at(r, y, 0),
                                                          sums_at(r, y, 1),
                                                          sums_at(r, y, 2)},
                                 &c->x, r->from);
        for (int k = 0; k < c->channels; k++) {
            if (!r->whole)
                r->ops->across_float(lines[k], sums_at(r, y, k), &c->x,
                                     r->from);
            r->ops->finish(&c->finish, k, lines[k], c->x.count,
                           r->dst + (y * c->row + k * c->channel) * size,
                           c->column);
        }
    }
}

static void choose_sizes(resampling *r)
{
    const size_t channels = (size_t)r->c->channels;
    const size_t row = (size_t)r->row_length * channels * r->size;
    r->block = BLOCK_BYTES / row > GROUP ? (int)(BLOCK_BYTES / row) : GROUP;
    r->block = r->block < r->c->y.count ? r->block : r->c->y.count;
    r->ring = GVD_QUAD;
    for (int start = 0; start < r->c->y.count; start += r->block) {
        int stop = start + r->block;
        stop = stop < r->c->y.count ? stop : r->c->y.count;
        for (r->end = start; r->end < stop;) {
            choose_group(r, stop);
            int needed = r->high - r->low;
            r->ring = needed > r->ring ? needed : r->ring;
        }
    }
    const size_t column = (size_t)r->ring * channels * r->size;
    r->strip = (int)(RING_BYTES / column) / STRIP_STEP * STRIP_STEP;
    r->strip = r->strip > 2 * STRIP_STEP ? r->strip : 2 * STRIP_STEP;
}

static int allocate(resampling *r, gvd_error *err)
{
    const size_t channels = (size_t)r->c->channels;
    const size_t slots = (size_t)(r->ring / step_of(r));
    const size_t sum = (size_t)r->row_length * r->size;
    r->blocks[0] = gvd_host_block_get(slots * slot_numbers(r) * r->size);
    r->blocks[1] = gvd_host_block_get((size_t)r->block * channels * sum);
    r->rows = malloc((size_t)r->ring * sizeof *r->rows);
    r->lines = malloc((size_t)(r->c->x.count + GVD_ROW_PADDING) * channels *
                      sizeof *r->lines);
    if (!r->blocks[0] || !r->blocks[1] || !r->rows || !r->lines)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    r->levels = gvd_host_block_data(r->blocks[0]);
    r->sums = gvd_host_block_data(r->blocks[1]);
    return GVD_OK;
}

static void make_block(resampling *r, int stop)
{
    for (int at = 0; at < r->width; at += r->strip) {
        int n = r->width - at < r->strip ? r->width - at : r->strip;
        if (r->strip < r->width)
            r->loaded_low = r->loaded = 0;
        for (r->end = r->start; r->end < stop;) {
            choose_group(r, stop);
            load_strip(r, r->from + at, n);
            sum_strip(r, r->from + at, n);
        }
    }
    write_rows(r, stop);
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
    choose_sizes(&r);
    int rc = allocate(&r, err);
    for (; rc == GVD_OK && r.start < c->y.count; r.start += r.block) {
        int stop = r.start + r.block;
        make_block(&r, stop < c->y.count ? stop : c->y.count);
    }
    for (int i = 0; i < 2; i++)
        if (r.blocks[i])
            gvd_host_block_put(r.blocks[i]);
    free(r.rows);
    free(r.lines);
    return rc;
}
