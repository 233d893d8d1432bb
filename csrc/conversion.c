#include "conversion.h"

#include <stdlib.h>
#include <string.h>

#define MATRIX_RGB 0
#define MATRIX_UNSPECIFIED 2
#define MATRIX_YCGCO 8
#define MATRIX_BT601 6

// --- colour ---

// RGB has the full range unless it says otherwise.
static bool is_full(const gvd_conversion *c, int matrix)
{
    const gvd_color *color = &c->like.color;
    return color->full_range || (matrix == MATRIX_RGB && !color->limited_range);
}

static int matrix_of(const gvd_conversion *c)
{
    const gvd_frame *f = &c->like;
    int matrix = c->output.matrix >= 0 ? c->output.matrix : f->color.matrix;
    bool full = f->plane_count == 3 && c->shift_x == 0 && c->shift_y == 0;
    return matrix == MATRIX_RGB && !full ? MATRIX_UNSPECIFIED : matrix;
}

static void set_row(float row[3], double first, double second, double third)
{
    row[0] = (float)first;
    row[1] = (float)second;
    row[2] = (float)third;
}

// Planes G, B, R.
static void fill_rgb(struct gvd_color_matrix *m, double luma, bool gray,
                     const gvd_yuv_weights *w)
{
    set_row(m->row[0], 0, 0, luma);
    set_row(m->row[1], luma, 0, 0);
    set_row(m->row[2], 0, luma, 0);
    if (gray)
        set_row(m->row[0], luma * (1 - w->red - w->blue), luma * w->blue,
                luma * w->red);
}

// Planes Y, Cg, Co.
static void fill_ycgco(struct gvd_color_matrix *m, double luma, double chroma)
{
    set_row(m->row[0], luma, -chroma, chroma);
    set_row(m->row[1], luma, chroma, 0);
    set_row(m->row[2], luma, -chroma, -chroma);
}

static void fill_ycbcr(struct gvd_color_matrix *m, double luma, double chroma,
                       const gvd_yuv_weights *w)
{
    double green = 1 - w->red - w->blue, red = 2 * (1 - w->red),
           blue = 2 * (1 - w->blue);
    set_row(m->row[0], luma, 0, chroma * red);
    set_row(m->row[1], luma, -chroma * blue * w->blue / green,
            -chroma * red * w->red / green);
    set_row(m->row[2], luma, chroma * blue, 0);
}

static void swap_rows(float a[3], float b[3])
{
    for (int i = 0; i < 3; i++) {
        float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static int fill_colors(gvd_conversion *c, gvd_error *err)
{
    struct gvd_color_matrix *m = &c->colors;
    const gvd_frame *f = &c->like;
    const int matrix = matrix_of(c), up = f->depth - 8;
    const bool full = is_full(c, matrix), gray = c->channels == 1;
    gvd_yuv_weights w;
    bool known = gvd_yuv_find_weights(
        matrix == MATRIX_RGB || matrix == MATRIX_YCGCO ? MATRIX_BT601 : matrix,
        &w);
    if (!known && !gray && f->plane_count == 3)
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "colour matrix %d cannot be converted to RGB; "
                        "colorspace= takes another one",
                        matrix);
    const double most = (double)((INT64_C(1) << f->depth) - 1);
    const double luma = 255 / (full ? most : 219.0 * (1 << up));
    const double chroma = 255 / (full ? most : 224.0 * (1 << up));
    const float black = full ? 0 : (float)(16 << up);
    const float middle =
        matrix == MATRIX_RGB ? black : (float)(1 << (f->depth - 1));
    m->offset[0] = black;
    m->offset[1] = m->offset[2] = middle;
    for (int i = 0; i < 3; i++)
        set_row(m->row[i], luma, 0, 0);
    if (matrix == MATRIX_RGB)
        fill_rgb(m, luma, gray, &w);
    else if (matrix == MATRIX_YCGCO && !gray && f->plane_count == 3)
        fill_ycgco(m, luma, chroma);
    else if (!gray && f->plane_count == 3)
        fill_ycbcr(m, luma, chroma, &w);
    if (c->output.channels == GVD_CHANNELS_BGR)
        swap_rows(m->row[0], m->row[2]);
    return GVD_OK;
}

// BGR is RGB of a frame whose U and V have changed places.
static void swap_chroma(gvd_conversion *c)
{
    struct gvd_yuv_matrix *m = &c->matrix;
    const struct gvd_yuv_matrix was = *m;
    c->swaps_chroma = true;
    m->crv = was.cbu;
    m->cbu = was.crv;
    m->cgu = was.cgv;
    m->cgv = was.cgu;
}

// yuv.h's, where it can do this.
static bool fill_matrix(gvd_conversion *c)
{
    gvd_yuv_weights w;
    gvd_color color = {.matrix = matrix_of(c),
                       .full_range = c->like.color.full_range};
    if (c->like.plane_count == 1)
        color.matrix = MATRIX_UNSPECIFIED;
    if (c->channels != 3 || c->like.depth != 8 ||
        !gvd_yuv_find_weights(color.matrix, &w))
        return false;
    gvd_yuv_matrix_init(&c->matrix, color, &w);
    if (c->output.channels == GVD_CHANNELS_BGR)
        swap_chroma(c);
    return true;
}

// --- sizes ---

static int follow(int side, int long_side, int short_side)
{
    // Of a stream whose header does not know its size.
    if (short_side <= 0)
        return side;
    int64_t other = (int64_t)side * long_side / short_side;
    return other < 1 ? 1 : other > 1 << 16 ? 1 << 16 : (int)other;
}

static gvd_size picture_size(const gvd_output *o, gvd_size from)
{
    const bool tall = from.height > from.width;
    if (o->rule == GVD_SIZE_KEPT)
        return from;
    if (o->rule == GVD_SIZE_EXACT)
        return (gvd_size){o->height, o->width};
    if ((o->rule == GVD_SIZE_SHORTER) == tall)
        return (gvd_size){follow(o->height, from.height, from.width),
                          o->height};
    return (gvd_size){o->height, follow(o->height, from.width, from.height)};
}

static int check_crop(const gvd_output *o, gvd_size whole, gvd_error *err)
{
    if (!o->cropped || (o->crop_top <= whole.height - o->crop_height &&
                        o->crop_left <= whole.width - o->crop_width))
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_ARGUMENT,
                    "crop: top %d, left %d, height %d, width %d is not inside "
                    "of pictures of height %d and width %d",
                    o->crop_top, o->crop_left, o->crop_height, o->crop_width,
                    whole.height, whole.width);
}

static int check_canvas(const gvd_output *o, gvd_size picture, gvd_error *err)
{
    if (o->canvas_height == 0 || (o->canvas_height >= picture.height &&
                                  o->canvas_width >= picture.width))
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_ARGUMENT,
                    "pad: height %d, width %d is less than the picture's "
                    "height %d, width %d",
                    o->canvas_height, o->canvas_width, picture.height,
                    picture.width);
}

// From frames, as they are coded, to what is written.
typedef struct sizes {
    gvd_size whole, part, picture, canvas;
} sizes;

static int find_sizes(const gvd_output *o, enum gvd_orientation orientation,
                      gvd_size coded, sizes *s, gvd_error *err)
{
    s->whole = coded;
    if (orientation & GVD_TRANSPOSE)
        s->whole = (gvd_size){coded.width, coded.height};
    int rc = check_crop(o, s->whole, err);
    s->part = o->cropped ? (gvd_size){o->crop_height, o->crop_width} : s->whole;
    s->picture = picture_size(o, s->part);
    s->canvas = o->canvas_height ? (gvd_size){o->canvas_height, o->canvas_width}
                                 : s->picture;
    return rc < 0 ? rc : check_canvas(o, s->picture, err);
}

int gvd_output_measure(const gvd_output *output,
                       enum gvd_orientation orientation, gvd_size coded,
                       gvd_size *out, gvd_error *err)
{
    sizes s;
    int rc = find_sizes(output, orientation, coded, &s, err);
    *out = s.canvas;
    return rc;
}

static int fill_axes(gvd_conversion *c, gvd_error *err)
{
    const gvd_output *o = &c->output;
    const bool turned = c->orientation & GVD_TRANSPOSE;
    sizes s;
    int rc = find_sizes(o, c->orientation,
                        (gvd_size){c->like.height, c->like.width}, &s, err);
    if (rc < 0)
        return rc;
    c->height = s.canvas.height;
    c->width = s.canvas.width;
    gvd_axis_params across = {
        .length = s.whole.width,
        .start = o->cropped ? o->crop_left : 0,
        .size = s.part.width,
        .picture = s.picture.width,
        .canvas = c->width,
        .filter = o->filter,
        .antialias = o->antialias,
        .mirrored = c->orientation & GVD_FLIP_X,
    };
    gvd_axis_params down = across;
    down.length = s.whole.height;
    down.start = o->cropped ? o->crop_top : 0;
    down.size = s.part.height;
    down.picture = s.picture.height;
    down.canvas = c->height;
    down.mirrored = c->orientation & GVD_FLIP_Y;
    rc = gvd_axis_init(&c->x, turned ? &down : &across, err);
    if (rc == GVD_OK)
        rc = gvd_axis_init(&c->y, turned ? &across : &down, err);
    return rc;
}

static void fill_places(gvd_conversion *c)
{
    const bool planes = c->output.order == GVD_NCHW;
    const bool turned = c->orientation & GVD_TRANSPOSE;
    const ptrdiff_t right = planes ? 1 : c->channels;
    const ptrdiff_t down = right * c->width;
    c->column = turned ? down : right;
    c->row = turned ? right : down;
    c->channel = planes ? (ptrdiff_t)c->width * c->height : 1;
}

// --- the whole ---

// The smallest shift that gives the plane's length: where several do, they
// address the same samples.
static int find_shift(int length, int part)
{
    int shift = 0;
    while (shift < 8 &&
           (int)(((int64_t)length + (1 << shift) - 1) >> shift) > part)
        shift++;
    return shift;
}

static enum gvd_arithmetic choose_arithmetic(gvd_conversion *c)
{
    const gvd_output *o = &c->output;
    if (c->x.taps > GVD_AXIS_SHORT_TAPS || c->y.taps > GVD_AXIS_SHORT_TAPS ||
        !fill_matrix(c))
        return GVD_ARITHMETIC_FLOAT;
    if (gvd_output_is_whole(o) && o->dtype == GVD_UINT8 && !o->limited &&
        gvd_frame_is_420p8(&c->like))
        return GVD_ARITHMETIC_BYTES;
    return GVD_ARITHMETIC_SHORT;
}

static void fill_finish(gvd_conversion *c)
{
    const gvd_output *o = &c->output;
    c->finish = (struct gvd_finish){
        .dtype = o->dtype,
        .limited = o->limited,
        .normalized = o->normalized,
        .unit = o->unit,
    };
    memcpy(c->finish.mean, o->mean, sizeof o->mean);
    memcpy(c->finish.std, o->std, sizeof o->std);
}

int gvd_conversion_create(const gvd_output *output,
                          enum gvd_orientation orientation,
                          const gvd_frame *frame, gvd_conversion **out,
                          gvd_error *err)
{
    gvd_conversion *c = calloc(1, sizeof *c);
    if (!c)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    gvd_ref_init(&c->ref);
    atomic_init(&c->device_axes, NULL);
    c->output = *output;
    c->orientation = orientation;
    c->like = *frame;
    c->channels = gvd_output_channels(output);
    if (frame->plane_count == 3) {
        c->shift_x = find_shift(frame->width, frame->planes[1].width);
        c->shift_y = find_shift(frame->height, frame->planes[1].height);
    }
    int rc = fill_colors(c, err);
    if (rc == GVD_OK)
        rc = fill_axes(c, err);
    if (rc < 0) {
        gvd_conversion_unref(&c);
        return rc;
    }
    fill_places(c);
    fill_finish(c);
    c->arithmetic = choose_arithmetic(c);
    *out = c;
    return GVD_OK;
}

gvd_conversion *gvd_conversion_ref(gvd_conversion *conversion)
{
    gvd_ref_get(&conversion->ref);
    return conversion;
}

void gvd_conversion_unref(gvd_conversion **conversion)
{
    gvd_conversion *c = *conversion;
    *conversion = NULL;
    if (!c || !gvd_ref_put(&c->ref))
        return;
    void *device_axes = atomic_load(&c->device_axes);
    if (device_axes)
        c->release_axes(device_axes);
    gvd_axis_free(&c->x);
    gvd_axis_free(&c->y);
    free(c);
}

int64_t gvd_conversion_bytes(const gvd_conversion *conversion)
{
    return (int64_t)conversion->width * conversion->height *
           conversion->channels * gvd_dtype_bytes(conversion->output.dtype);
}

int gvd_output_size(gvd_conversions *conversions, const gvd_frame *frame,
                    gvd_size *size, gvd_error *err)
{
    *size = (gvd_size){frame->output_height, frame->output_width};
    if (frame->layout == GVD_LAYOUT_OUTPUT)
        return GVD_OK;
    gvd_conversion *c = NULL;
    int rc = gvd_conversions_get(conversions, frame, &c, err);
    if (rc == GVD_OK)
        *size = (gvd_size){c->height, c->width};
    gvd_conversion_unref(&c);
    return rc;
}

// --- those of a reader ---

void gvd_conversions_init(gvd_conversions *conversions,
                          const gvd_output *output,
                          enum gvd_orientation orientation)
{
    *conversions =
        (gvd_conversions){.output = *output, .orientation = orientation};
    pthread_mutex_init(&conversions->lock, NULL);
}

void gvd_conversions_destroy(gvd_conversions *conversions)
{
    for (int i = 0; i < GVD_CONVERSIONS; i++)
        gvd_conversion_unref(&conversions->list[i]);
    pthread_mutex_destroy(&conversions->lock);
}

int gvd_conversions_get(gvd_conversions *conversions, const gvd_frame *frame,
                        gvd_conversion **out, gvd_error *err)
{
    gvd_conversion **list = conversions->list;
    int at = 0, rc = GVD_OK;
    pthread_mutex_lock(&conversions->lock);
    while (at < GVD_CONVERSIONS - 1 && list[at] &&
           !gvd_frame_is_like(&list[at]->like, frame))
        at++;
    gvd_conversion *found = list[at];
    if (!found || !gvd_frame_is_like(&found->like, frame)) {
        found = NULL;
        rc = gvd_conversion_create(
            &conversions->output, conversions->orientation, frame, &found, err);
    }
    if (rc == GVD_OK) {
        if (found != list[at])
            gvd_conversion_unref(&list[at]);
        memmove(list + 1, list, (size_t)at * sizeof *list);
        list[0] = found;
        *out = gvd_conversion_ref(found);
    }
    pthread_mutex_unlock(&conversions->lock);
    return rc;
}
