// What is known of a stream, as Python has it.
#include "module.h"

PyObject *gvd_py_rational(gvd_rational r)
{
    return Py_BuildValue("(ii)", r.num, r.den);
}

static int fill_words(PyObject *dict, const gvd_media *m)
{
    const struct {
        const char *name, *value;
    } words[] = {
        {"format", m->format},
        {"kind", m->kind},
        {"codec", m->codec},
        {"profile", m->profile},
        {"pixel_format", m->pixel_format},
        {"color_primaries", m->color_primaries},
        {"color_space", m->color_space},
        {"color_transfer", m->color_transfer},
        {"color_range", m->color_range},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof words / sizeof words[0]; i++)
        rc = gvd_py_dict_take(dict, words[i].name, gvd_py_text(words[i].value));
    return rc;
}

static int fill_numbers(PyObject *dict, const gvd_media *m)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"stream_index", m->stream_index},
        {"best_stream_index", m->best_stream},
        {"width", m->width},
        {"height", m->height},
        {"bit_depth", m->bit_depth},
        {"rotation", m->rotation},
        {"bit_rate", m->bit_rate},
        {"header_frames", m->header_frames},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof numbers / sizeof numbers[0]; i++)
        rc = gvd_py_dict_take(dict, numbers[i].name,
                              PyLong_FromLongLong(numbers[i].value));
    return rc;
}

PyObject *gvd_py_media_dict(const gvd_media *m)
{
    PyObject *dict = PyDict_New();
    if (!dict)
        return NULL;
    PyObject *start = m->start_pts == GVD_NO_PTS
                          ? Py_NewRef(Py_None)
                          : PyLong_FromLongLong(m->start_pts);
    if (gvd_py_dict_take(dict, "start_pts", start) < 0 ||
        fill_words(dict, m) < 0 || fill_numbers(dict, m) < 0 ||
        gvd_py_dict_take(dict, "time_base", gvd_py_rational(m->time_base)) <
            0 ||
        gvd_py_dict_take(dict, "average_frame_rate",
                         gvd_py_rational(m->average_frame_rate)) < 0 ||
        gvd_py_dict_take(dict, "pixel_aspect_ratio",
                         gvd_py_rational(m->pixel_aspect_ratio)) < 0 ||
        gvd_py_dict_take(dict, "header_duration",
                         PyFloat_FromDouble(m->header_duration)) < 0 ||
        gvd_py_dict_take(dict, "seekable", PyBool_FromLong(m->seekable)) < 0)
        Py_CLEAR(dict);
    return dict;
}

PyObject *gvd_py_media_list(const gvd_media *streams, int count)
{
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        PyObject *dict = gvd_py_media_dict(&streams[i]);
        if (!dict || PyList_SetItem(list, i, dict) < 0)
            Py_CLEAR(list);
    }
    return list;
}
