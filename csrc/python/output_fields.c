// The words of gvdecode/output.py become the core's gvd_output.
#include <string.h>

#include "module.h"

#define LENGTH(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define WORDS(table) (table), LENGTH(table)

static const gvd_py_dtype dtypes[] = {
    [GVD_UINT8] = {"uint8", "B", "|u1"},
    [GVD_UINT16] = {"uint16", "H", "<u2"},
    [GVD_FLOAT16] = {"float16", "e", "<f2"},
    [GVD_BFLOAT16] = {.name = "bfloat16"},
    [GVD_FLOAT32] = {"float32", "f", "<f4"},
};

static const char *const channel_words[] = {
    [GVD_CHANNELS_RGB] = "rgb24",
    [GVD_CHANNELS_BGR] = "bgr24",
    [GVD_CHANNELS_GRAY] = "gray8",
};

static const char *const order_words[] = {
    [GVD_NCHW] = "NCHW",
    [GVD_NHWC] = "NHWC",
};

static const char *const rule_words[] = {
    [GVD_SIZE_KEPT] = "kept",
    [GVD_SIZE_EXACT] = "exact",
    [GVD_SIZE_SHORTER] = "shorter",
    [GVD_SIZE_LONGER] = "longer",
};

static const char *const filter_words[] = {
    [GVD_FILTER_BILINEAR] = "bilinear",
    [GVD_FILTER_BICUBIC] = "bicubic",
    [GVD_FILTER_NEAREST] = "nearest",
    [GVD_FILTER_AREA] = "area",
};

// The words of an output as they come.
typedef struct words {
    const char *pixels, *dtype, *order, *rule, *filter;
} words;

const gvd_py_dtype *gvd_py_dtype_of(enum gvd_dtype dtype)
{
    return &dtypes[dtype];
}

static int refuse(const char *word)
{
    PyErr_Format(PyExc_ValueError, "\"%s\" is no word of an output", word);
    return -1;
}

static int dtype_of(const char *name)
{
    for (int i = 0; i < LENGTH(dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return i;
    return refuse(name);
}

// The word's place in a table, which is the enum's number; -1 with ValueError
// set.
static int number_of(const char *word, const char *const *table, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(table[i], word) == 0)
            return i;
    return refuse(word);
}

static int read_words(const words *w, gvd_output *output)
{
    output->native = strcmp(w->pixels, "native") == 0;
    int channels = output->native ? GVD_CHANNELS_RGB
                                  : number_of(w->pixels, WORDS(channel_words));
    int dtype = channels < 0 ? -1 : dtype_of(w->dtype);
    int order = dtype < 0 ? -1 : number_of(w->order, WORDS(order_words));
    int rule = order < 0 ? -1 : number_of(w->rule, WORDS(rule_words));
    int filter = rule < 0 ? -1 : number_of(w->filter, WORDS(filter_words));
    if (filter < 0)
        return -1;
    output->channels = (enum gvd_channels)channels;
    output->dtype = (enum gvd_dtype)dtype;
    output->order = (enum gvd_dimension_order)order;
    output->rule = (enum gvd_size_rule)rule;
    output->filter = (enum gvd_filter)filter;
    return 0;
}

static bool is_normalized(const gvd_output *output)
{
    for (int i = 0; i < 3; i++)
        if (output->mean[i] != 0 || output->std[i] != 1)
            return true;
    return false;
}

int gvd_py_output_read(PyObject *fields, gvd_output *output)
{
    static char *names[] = {"pixel_format", "dtype", "dimension_order",
                            "crop",         "size",  "interpolation",
                            "antialias",    "pad",   "colorspace",
                            "out_range",    "scale", "mean",
                            "std",          NULL};
    words w = {0};
    const char *range;
    int antialias;
    double scale;
    float *mean = output->mean, *std = output->std;
    PyObject *nothing = PyTuple_New(0);
    if (!nothing)
        return -1;
    int found = PyArg_ParseTupleAndKeywords(
        nothing, fields, "$sss(iiii)(sii)sp(ii)isd(fff)(fff):output", names,
        &w.pixels, &w.dtype, &w.order, &output->crop_top, &output->crop_left,
        &output->crop_height, &output->crop_width, &w.rule, &output->height,
        &output->width, &w.filter, &antialias, &output->canvas_height,
        &output->canvas_width, &output->matrix, &range, &scale, &mean[0],
        &mean[1], &mean[2], &std[0], &std[1], &std[2]);
    Py_DECREF(nothing);
    if (!found || read_words(&w, output) < 0)
        return -1;
    output->cropped = output->crop_height > 0;
    output->antialias = antialias;
    output->limited = strcmp(range, "limited") == 0;
    output->unit = (float)(255 / scale);
    output->normalized = is_normalized(output);
    return 0;
}
