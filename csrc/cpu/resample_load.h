// How short levels are loaded: a part of resample_lanes.h, which says what the
// names in capitals are.
//
// A BLOCK of columns is a vector of words, each of an even and an odd column.
// Of two rows it makes four vectors of numbers in which a row's number lies
// beside the other's: those of the even and of the odd columns of the words
// that unpacking takes first, then those of the others. So the chroma of a word
// serves both of its columns as it lies.
#define BLOCK (2 * SHORTS)
#define LINE 64 // bytes that the processor fetches
#define NEAR 2  // to the second cache: the first one could not await as many

struct coefficients {
    V y_offset, cy, crv, cgu, cgv, cbu;
};

// Of a row: of the even columns, and of the odd ones.
struct luma {
    V of[2];
};

struct chroma {
    V of[2][3]; // what it adds to each channel
};

INLINE struct coefficients load_matrix(const struct gvd_yuv_matrix *m)
{
    return (struct coefficients){
        INT(set1_epi16)((short)(m->y_offset * GVD_YUV_LUMA_SCALE)),
        INT(set1_epi16)(m->cy),
        INT(set1_epi16)(m->crv),
        INT(set1_epi16)(m->cgu),
        INT(set1_epi16)(m->cgv),
        INT(set1_epi16)(m->cbu),
    };
}

// Of what a stream has: constants, so that each has a loop of its own.
enum chroma_kind {
    CHROMA_NONE,
    CHROMA_FULL,
    CHROMA_HALF,   // one for two columns
    CHROMA_SHARED, // and for two rows
};

INLINE struct luma load_luma(const struct coefficients *k, const uint8_t *from)
{
    const V words = LOAD(from);
    const V samples[2] = {INT(slli_epi16)(words, 8),
                          AND(words, INT(set1_epi16)((short)0xff00))};
    struct luma luma;
#pragma GCC unroll 2
    for (int e = 0; e < 2; e++) {
        const V scaled = INT(srli_epi16)(samples[e], 1);
        luma.of[e] =
            INT(mulhrs_epi16)(INT(sub_epi16)(scaled, k->y_offset), k->cy);
    }
    return luma;
}

// From samples in the upper halves of words.
INLINE void chroma_terms(const struct coefficients *k, V u, V v, V out[3])
{
    const V flip = INT(set1_epi16)((short)0x8000);
    u = XOR(u, flip);
    v = XOR(v, flip);
    out[0] = INT(mulhrs_epi16)(v, k->crv);
    out[1] = INT(add_epi16)(INT(mulhrs_epi16)(u, k->cgu),
                            INT(mulhrs_epi16)(v, k->cgv));
    out[2] = INT(mulhrs_epi16)(u, k->cbu);
}

INLINE void half_terms(const struct coefficients *k, const gvd_sample_row *row,
                       int x, V out[3])
{
    const V u = WIDEN(LOAD_H(row->u + x / 2)),
            v = WIDEN(LOAD_H(row->v + x / 2));
    chroma_terms(k, INT(slli_epi16)(u, 8), INT(slli_epi16)(v, 8), out);
}

INLINE struct chroma load_chroma(const struct coefficients *k,
                                 const gvd_sample_row *row, int x,
                                 enum chroma_kind kind)
{
    const V zero = INT(set1_epi16)(0);
    struct chroma t = {{{zero, zero, zero}, {zero, zero, zero}}};
    if (kind == CHROMA_FULL) {
        const V odd = INT(set1_epi16)((short)0xff00);
        const V u = LOAD(row->u + x), v = LOAD(row->v + x);
        chroma_terms(k, INT(slli_epi16)(u, 8), INT(slli_epi16)(v, 8), t.of[0]);
        chroma_terms(k, AND(u, odd), AND(v, odd), t.of[1]);
    } else if (kind != CHROMA_NONE) {
        half_terms(k, row, x, t.of[0]);
        memcpy(t.of[1], t.of[0], sizeof t.of[0]);
    }
    return t;
}

// The processor sees a row coming, not the next one.
INLINE void prefetch_luma(const gvd_sample_row *row, int x)
{
    __builtin_prefetch(row->y + row->ahead_y + x, 0, NEAR);
}

INLINE void prefetch_chroma(const gvd_sample_row *row, int x)
{
    const int at = x >> row->shift_x;
    __builtin_prefetch(row->u + row->ahead_uv + at, 0, NEAR);
    __builtin_prefetch(row->v + row->ahead_uv + at, 0, NEAR);
}

INLINE V clip_short(V level)
{
    level = INT(max_epi16)(level, INT(set1_epi16)(0));
    return INT(min_epi16)(level, INT(set1_epi16)(GVD_SHORT_MAX));
}

// Even or odd columns' numbers of two rows, to the places of their kind.
INLINE void store_beside(int16_t *to, int e, V above, V below)
{
    STORE(to + (ptrdiff_t)e * SHORTS, INT(unpacklo_epi16)(above, below));
    STORE(to + (ptrdiff_t)(2 + e) * SHORTS, INT(unpackhi_epi16)(above, below));
}

// --- where things are in a quad ---
//
// Where rows share their chroma by twos, the sum of levels is luma's sum and
// chroma's: one channel and three of a quarter of the columns, instead of
// three. So such a block has no levels but these terms, PARTS vectors behind
// the levels' place: two rows' luma, the other two's, and each channel's chroma
// of the first two beside that of the others. In the levels' place is what
// clipping makes of them, as far as there is any. Behind it all is a mark for
// each block: which channels of which two rows have a place with something in
// it, and whether there are terms.
#define LUMA_PARTS 4
#define PARTS 14
#define NO_TERMS 64
#define ALL_LEVELS 63

INLINE int16_t *terms_at(int16_t *quad, int room, int x)
{
    return quad + (ptrdiff_t)GVD_QUAD_LEVELS * room +
           x / BLOCK * PARTS * SHORTS;
}

INLINE int16_t *mark_at(int16_t *quad, int room, int x)
{
    return quad + (ptrdiff_t)(GVD_QUAD_NUMBERS - 1) * room + x / BLOCK;
}

// Of a channel of two rows, with the bit of the mark.
INLINE int16_t *levels_at(int16_t *quad, int room, int pair, int channel, int x)
{
    return quad + (ptrdiff_t)2 * ((3 * pair + channel) * room + x);
}

INLINE int bit_of(int pair, int channel)
{
    return 1 << (3 * pair + channel);
}

// --- levels ---

// A block of two rows.
INLINE void load_levels(const struct coefficients *k,
                        const gvd_sample_row rows[2], int x, int16_t *quad,
                        int room, int pair, int to, enum chroma_kind kind)
{
    const struct luma y[2] = {load_luma(k, rows[0].y + x),
                              load_luma(k, rows[1].y + x)};
    const struct chroma t[2] = {load_chroma(k, &rows[0], x, kind),
                                load_chroma(k, &rows[1], x, kind)};
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++)
#pragma GCC unroll 2
        for (int e = 0; e < 2; e++)
            store_beside(
                levels_at(quad, room, pair, c, to), e,
                clip_short(INT(adds_epi16)(y[0].of[e], t[0].of[e][c])),
                clip_short(INT(adds_epi16)(y[1].of[e], t[1].of[e][c])));
}

// Of a quad; the mark.
INLINE int load_all_levels(const struct coefficients *k,
                           const gvd_sample_row rows[GVD_QUAD], int x,
                           int16_t *quad, int room, int to,
                           enum chroma_kind kind)
{
    for (int p = 0; p < 2; p++)
        load_levels(k, rows + (ptrdiff_t)2 * p, x, quad, room, p, to, kind);
    return NO_TERMS | ALL_LEVELS;
}

// --- terms ---

struct extremes {
    V high, low;
};

// Of each word.
INLINE struct extremes luma_extremes(const struct luma *y, int rows)
{
    struct extremes found = {y[0].of[0], y[0].of[0]};
#pragma GCC unroll 8
    for (int i = 1; i < 2 * rows; i++) {
        found.high = INT(max_epi16)(found.high, y[i / 2].of[i % 2]);
        found.low = INT(min_epi16)(found.low, y[i / 2].of[i % 2]);
    }
    return found;
}

INLINE bool is_clipped(struct extremes luma, V most, V least)
{
    const V room = INT(subs_epi16)(INT(set1_epi16)(GVD_SHORT_MAX),
                                   INT(adds_epi16)(luma.high, most));
    return NEGATIVE(INT(min_epi16)(room, INT(adds_epi16)(luma.low, least)));
}

// Whether any level of a quad may be.
INLINE bool may_be_clipped(const struct luma y[GVD_QUAD], V terms[2][3])
{
    V most = terms[0][0], least = most;
#pragma GCC unroll 6
    for (int i = 1; i < 6; i++) {
        most = INT(max_epi16)(most, terms[i / 3][i % 3]);
        least = INT(min_epi16)(least, terms[i / 3][i % 3]);
    }
    return is_clipped(luma_extremes(y, GVD_QUAD), most, least);
}

// What clipping adds.
INLINE V clipping(V luma, V chroma)
{
    const V level = clip_short(INT(adds_epi16)(luma, chroma));
    return INT(sub_epi16)(INT(sub_epi16)(level, luma), chroma);
}

// The mark's bits of two rows. Their luma is loaded again: to keep it until
// here would take more registers than there are.
INLINE int store_clipping(const struct coefficients *k,
                          const gvd_sample_row rows[2], int x, const V terms[3],
                          int16_t *quad, int room, int pair, int to)
{
    const struct luma y[2] = {load_luma(k, rows[0].y + x),
                              load_luma(k, rows[1].y + x)};
    const struct extremes luma = luma_extremes(y, 2);
    int bits = 0;
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++) {
        if (!is_clipped(luma, terms[c], terms[c]))
            continue;
        bits |= bit_of(pair, c);
#pragma GCC unroll 2
        for (int e = 0; e < 2; e++)
            store_beside(levels_at(quad, room, pair, c, to), e,
                         clipping(y[0].of[e], terms[c]),
                         clipping(y[1].of[e], terms[c]));
    }
    return bits;
}

INLINE void store_terms(int16_t *to, const struct luma y[GVD_QUAD],
                        V terms[2][3])
{
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        store_beside(to + (ptrdiff_t)(i / 2 * LUMA_PARTS) * SHORTS, i % 2,
                     y[i / 2 * 2].of[i % 2], y[i / 2 * 2 + 1].of[i % 2]);
    to += (ptrdiff_t)2 * LUMA_PARTS * SHORTS;
#pragma GCC unroll 3
    for (int c = 0; c < 3; c++, to += (ptrdiff_t)2 * SHORTS) {
        STORE(to, INT(unpacklo_epi16)(terms[0][c], terms[1][c]));
        STORE(to + SHORTS, INT(unpackhi_epi16)(terms[0][c], terms[1][c]));
    }
}

// A block of a quad whose rows share their chroma; the mark.
INLINE int load_terms(const struct coefficients *k,
                      const gvd_sample_row rows[GVD_QUAD], int x, int16_t *quad,
                      int room, int to)
{
    struct luma y[GVD_QUAD];
    V terms[2][3];
#pragma GCC unroll 4
    for (int i = 0; i < GVD_QUAD; i++)
        y[i] = load_luma(k, rows[i].y + x);
    half_terms(k, &rows[0], x, terms[0]);
    half_terms(k, &rows[2], x, terms[1]);
    const bool clipped = may_be_clipped(y, terms);
    store_terms(terms_at(quad, room, to), y, terms);
    if (!clipped)
        return 0;
    return store_clipping(k, rows, x, terms[0], quad, room, 0, to) |
           store_clipping(k, rows + 2, x, terms[1], quad, room, 1, to);
}

// --- a row of blocks ---

// Whole ones, and how many columns these are.
INLINE int load_blocks(const struct coefficients *k,
                       const gvd_sample_row from[GVD_QUAD], int x, int n,
                       int16_t *quad, int room, enum chroma_kind kind)
{
    gvd_sample_row rows[GVD_QUAD];
    memcpy(rows, from, sizeof rows);
    int i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        for (int y = 0; y < GVD_QUAD; y++)
            for (int j = 0; j < BLOCK; j += LINE)
                prefetch_luma(&rows[y], x + i + j);
        for (int y = 0; kind != CHROMA_NONE && y < GVD_QUAD; y += 2)
            prefetch_chroma(&rows[y], x + i);
        const int mark =
            kind == CHROMA_SHARED
                ? load_terms(k, rows, x + i, quad, room, i)
                : load_all_levels(k, rows, x + i, quad, room, i, kind);
        *mark_at(quad, room, i) = (int16_t)mark;
    }
    return i;
}

// Less than a block, however chroma lies.
TARGET static void load_rest(const struct coefficients *k,
                             const gvd_sample_row rows[GVD_QUAD], int x, int n,
                             int16_t *quad, int room, int to)
{
    uint8_t samples[GVD_QUAD][3][BLOCK] = {0};
    gvd_sample_row copies[GVD_QUAD] = {{0}};
    for (int i = 0; i < GVD_QUAD; i++) {
        const gvd_sample_row *row = &rows[i];
        memcpy(samples[i][0], row->y + x, (size_t)n);
        for (int j = 0; j < n; j++) {
            const int from = (x + j) >> row->shift_x;
            samples[i][1][j] = row->u ? row->u[from] : 128;
            samples[i][2][j] = row->v ? row->v[from] : 128;
        }
        copies[i].y = samples[i][0];
        copies[i].u = samples[i][1];
        copies[i].v = samples[i][2];
    }
    const int mark = load_all_levels(k, copies, 0, quad, room, to, CHROMA_FULL);
    *mark_at(quad, room, to) = (int16_t)mark;
}

TARGET static void load_short(const gvd_conversion *c,
                              const gvd_sample_row rows[GVD_QUAD], int x, int n,
                              int16_t *quad, int room)
{
    const struct coefficients k = load_matrix(&c->matrix);
    const bool half = rows[0].u && rows[0].shift_x == 1;
    int i = 0;
    if (!rows[0].u)
        i = load_blocks(&k, rows, x, n, quad, room, CHROMA_NONE);
    else if (rows[0].shift_x == 0)
        i = load_blocks(&k, rows, x, n, quad, room, CHROMA_FULL);
    else if (half && rows[0].u == rows[1].u && rows[2].u == rows[3].u)
        i = load_blocks(&k, rows, x, n, quad, room, CHROMA_SHARED);
    else if (half)
        i = load_blocks(&k, rows, x, n, quad, room, CHROMA_HALF);
    for (; i < n; i += BLOCK)
        load_rest(&k, rows, x + i, n - i < BLOCK ? n - i : BLOCK, quad, room,
                  i);
}
