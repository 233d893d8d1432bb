// The host conversion of pictures that are turned or mirrored. A tile of the
// picture is converted as it stands, by the routines for upright ones, into
// memory that stays in the innermost cache, and goes from there to its place.
//
// Everything is written upwards, tiles, rows and pixels, whichever way it is
// read: downwards was seen to take twice as long.
#include "cpu/convert.h"

#include <stddef.h>
#include <string.h>

// Rows become runs of this many pixels where the picture is transposed: whole
// cache lines. Both numbers are even.
#define TILE_ROWS 64
#define TILE_COLUMNS 64
#define BLOCK 8 // rows and columns that are transposed at once

// Padded, so that it is no power of two and packed pixels can be read as words.
#define TILE_STRIDE (TILE_COLUMNS + 8)
#define TILE_AREA (TILE_STRIDE * TILE_ROWS)

// Part of a picture: three planes, or packed pixels. Its rows are in the order
// of their places, so the last is first where `place` has them downwards.
struct tile {
    const gvd_placement *place;
    int x, y, width, height;
    ptrdiff_t stride; // bytes from row to row
    uint8_t data[TILE_AREA * 3];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static uint8_t *tile_row(struct tile *t, int row)
{
    return t->data +
           (t->place->row < 0 ? t->height - 1 - row : row) * t->stride;
}

static void load_tile(struct tile *t, const struct gvd_convert_ops *ops,
                      const gvd_conversion *c, const gvd_frame *frame,
                      bool planes)
{
    const gvd_plane *y = &frame->planes[0], *u = gvd_conversion_u(c, frame),
                    *v = gvd_conversion_v(c, frame);
    const ptrdiff_t chroma_x = (ptrdiff_t)(t->x / 2) * u->step;
    for (int row = 0; row < t->height; row += 2) {
        const ptrdiff_t chroma_y = (t->y + row) / 2;
        struct gvd_convert_pair pair = {
            .u = u->data + chroma_y * u->stride + chroma_x,
            .v = v->data + chroma_y * v->stride + chroma_x,
            .chroma_step = u->step,
            .width = t->width,
        };
        for (int i = 0; i < 2; i++) {
            int at = row + i < t->height ? row + i : row;
            uint8_t *out = tile_row(t, at);
            pair.y[i] = y->data + (t->y + at) * y->stride + t->x;
            pair.out[i][0] = out;
            pair.out[i][1] = planes ? out + TILE_AREA : NULL;
            pair.out[i][2] = planes ? out + (ptrdiff_t)TILE_AREA * 2 : NULL;
        }
        (planes ? ops->pair_to_planes : ops->pair_to_packed)(&c->matrix, &pair,
                                                             0);
    }
}

static uint64_t load_word(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

// Exchanges what `mask` selects of *b with what lies `shift` higher in *a.
static inline void exchange(uint64_t *a, uint64_t *b, int shift, uint64_t mask)
{
    uint64_t changed = ((*a >> shift) ^ *b) & mask;
    *b ^= changed;
    *a ^= changed << shift;
}

// Row i of a block becomes column i of the other: of 2x2 quarters two change
// places, then the same is done within them. A word's lowest byte is its first.
static inline void transpose_block(uint8_t *to, ptrdiff_t to_step,
                                   const uint8_t *from, ptrdiff_t from_step)
{
    uint64_t w[BLOCK];
#pragma GCC unroll 8
    for (int i = 0; i < BLOCK; i++)
        w[i] = load_word(from + i * from_step);
#pragma GCC unroll 8
    for (int i = 0; i < 4; i++)
        exchange(&w[i], &w[i + 4], 32, UINT64_C(0x00000000ffffffff));
#pragma GCC unroll 8
    for (int i = 0; i < BLOCK; i += i % 2 ? 3 : 1)
        exchange(&w[i], &w[i + 2], 16, UINT64_C(0x0000ffff0000ffff));
#pragma GCC unroll 8
    for (int i = 0; i < BLOCK; i += 2)
        exchange(&w[i], &w[i + 1], 8, UINT64_C(0x00ff00ff00ff00ff));
#pragma GCC unroll 8
    for (int i = 0; i < BLOCK; i++)
        memcpy(to + i * to_step, &w[i], sizeof w[i]);
}

// Where the tile's first row begins, of the first channel.
static ptrdiff_t tile_place(const struct tile *t)
{
    const gvd_placement *p = t->place;
    const int row = p->row < 0 ? t->y + t->height - 1 : t->y;
    return p->first + t->x * p->column + row * p->row;
}

// One plane of a tile whose rows become columns. A last block that does not fit
// is moved back until it does.
static void transpose_plane(uint8_t *to, const struct tile *t,
                            const uint8_t *from)
{
    const ptrdiff_t column = t->place->column;
    if (t->width < BLOCK || t->height < BLOCK) {
        for (int x = 0; x < t->width; x++)
            for (int y = 0; y < t->height; y++)
                to[x * column + y] = from[y * t->stride + x];
        return;
    }
    for (int i = 0; i < t->width; i += BLOCK) {
        int x = min_int(i, t->width - BLOCK);
        x = column < 0 ? t->width - BLOCK - x : x;
        for (int j = 0; j < t->height; j += BLOCK) {
            int y = min_int(j, t->height - BLOCK);
            transpose_block(to + x * column + y, column,
                            from + y * t->stride + x, t->stride);
        }
    }
}

// One plane of a tile whose columns go from right to left.
static void mirror_plane(uint8_t *to, const struct tile *t, const uint8_t *from)
{
    const ptrdiff_t next = t->place->row < 0 ? -t->place->row : t->place->row;
    to -= t->width - 1;
    for (int y = 0; y < t->height; y++, to += next, from += t->stride) {
        int x = 0;
        for (; x + BLOCK <= t->width; x += BLOCK) {
            uint64_t word =
                __builtin_bswap64(load_word(from + t->width - BLOCK - x));
            memcpy(to + x, &word, sizeof word);
        }
        for (; x < t->width; x++)
            to[x] = from[t->width - 1 - x];
    }
}

// Pixels that become neighbours. Each but the last is written with a byte too
// many, which the next one sets right.
static inline void copy_pixels(uint8_t *to, const uint8_t *from,
                               ptrdiff_t from_step, int count)
{
    for (; count > 1; count--, to += 3, from += from_step)
        memcpy(to, from, 4);
    memcpy(to, from, 3);
}

static void transpose_packed(uint8_t *to, const struct tile *t)
{
    const ptrdiff_t column = t->place->column;
    for (int i = 0; i < t->width; i++) {
        int x = column < 0 ? t->width - 1 - i : i;
        copy_pixels(to + x * column, t->data + (ptrdiff_t)x * 3, t->stride,
                    t->height);
    }
}

static void mirror_packed(uint8_t *to, const struct tile *t)
{
    const ptrdiff_t next = t->place->row < 0 ? -t->place->row : t->place->row;
    const ptrdiff_t last = (ptrdiff_t)(t->width - 1) * 3;
    for (int y = 0; y < t->height; y++)
        copy_pixels(to - last + y * next, t->data + y * t->stride + last, -3,
                    t->width);
}

static void store_tile(const struct tile *t, uint8_t *dst, bool transposed)
{
    uint8_t *to = dst + tile_place(t);
    if (t->place->channel == 1) {
        (transposed ? transpose_packed : mirror_packed)(to, t);
        return;
    }
    for (int c = 0; c < 3; c++)
        (transposed ? transpose_plane : mirror_plane)(
            to + c * t->place->channel, t, t->data + (ptrdiff_t)TILE_AREA * c);
}

// The n-th tile's first column or row, in the order of `step`. A tile that
// would not be full is moved back, to an even place, since narrow ones are
// slow.
static int tile_start(int n, int tile, int size, ptrdiff_t step)
{
    const int count = (size + tile - 1) / tile;
    const int at = (step < 0 ? count - 1 - n : n) * tile;
    const int last = (size - tile + 1) & ~1;
    return last > 0 ? min_int(at, last) : at;
}

void gvd_convert_turned(const struct gvd_convert_ops *ops,
                        const gvd_conversion *c, const gvd_frame *frame,
                        uint8_t *dst, const gvd_placement *place)
{
    const int width = frame->width, height = frame->height;
    const bool planes = place->channel != 1;
    struct tile t = {.place = place};
    t.stride = planes ? TILE_STRIDE : TILE_STRIDE * 3;
    for (int i = 0; i * TILE_ROWS < height; i++)
        for (int j = 0; j * TILE_COLUMNS < width; j++) {
            t.x = tile_start(j, TILE_COLUMNS, width, place->column);
            t.y = tile_start(i, TILE_ROWS, height, place->row);
            t.width = min_int(TILE_COLUMNS, width - t.x);
            t.height = min_int(TILE_ROWS, height - t.y);
            load_tile(&t, ops, c, frame, planes);
            store_tile(&t, dst, c->orientation & GVD_TRANSPOSE);
        }
}
