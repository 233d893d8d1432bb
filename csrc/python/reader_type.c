// Reader: an open video. What opening tells is copied, so that it can be asked
// for after closing too; the rest is read when it is first asked for.
#include <stdlib.h>
#include <string.h>

#include "module.h"

typedef struct reader_object {
    PyObject_HEAD gvd_guard guard;
    // Immutable after create.
    gvd_reader *reader;
    enum gvd_dtype dtype; // of what is no native frame
    PyObject *time_base, *device, *backend, *fallback_reason;
} reader_object;

static PyObject *rational(gvd_rational r)
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

static PyObject *media_dict(const gvd_media *m)
{
    PyObject *dict = PyDict_New();
    if (!dict)
        return NULL;
    PyObject *start = m->start_pts == GVD_NO_PTS
                          ? Py_NewRef(Py_None)
                          : PyLong_FromLongLong(m->start_pts);
    if (gvd_py_dict_take(dict, "start_pts", start) < 0 ||
        fill_words(dict, m) < 0 || fill_numbers(dict, m) < 0 ||
        gvd_py_dict_take(dict, "time_base", rational(m->time_base)) < 0 ||
        gvd_py_dict_take(dict, "average_frame_rate",
                         rational(m->average_frame_rate)) < 0 ||
        gvd_py_dict_take(dict, "pixel_aspect_ratio",
                         rational(m->pixel_aspect_ratio)) < 0 ||
        gvd_py_dict_take(dict, "header_duration",
                         PyFloat_FromDouble(m->header_duration)) < 0 ||
        gvd_py_dict_take(dict, "seekable", PyBool_FromLong(m->seekable)) < 0)
        Py_CLEAR(dict);
    return dict;
}

static int copy_facts(reader_object *self)
{
    gvd_device device = gvd_reader_device(self->reader);
    self->time_base = rational(gvd_reader_time_base(self->reader));
    self->device = Py_BuildValue("(ii)", device.type, device.id);
    self->backend = gvd_py_text(gvd_reader_backend(self->reader));
    self->fallback_reason =
        gvd_py_text(gvd_reader_fallback_reason(self->reader));
    return self->time_base && self->device && self->backend &&
                   self->fallback_reason
               ? 0
               : -1;
}

// Fills params from the arguments; strings stay the arguments'. -1 with an
// exception set.
static int read_params(PyObject *args, PyObject *kwargs,
                       gvd_reader_params *params)
{
    static char *names[] = {"url",
                            "stream_index",
                            "device_type",
                            "device_id",
                            "output",
                            "sessions",
                            "memory_limit",
                            "ca_file",
                            "apply_rotation",
                            "allow_inexact",
                            NULL};
    int upright, inexact;
    PyObject *output;
    long long memory_limit;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "y$iiiO!iLzpp:Reader", names, &params->url,
            &params->stream_index, &params->device.type, &params->device.id,
            &PyDict_Type, &output, &params->sessions, &memory_limit,
            &params->ca_file, &upright, &inexact))
        return -1;
    params->upright = upright;
    params->allow_inexact = inexact;
    params->memory_limit = memory_limit;
    return gvd_py_output_read(output, &params->output);
}

static PyObject *reader_new(PyTypeObject *type, PyObject *args,
                            PyObject *kwargs)
{
    gvd_reader_params params = {0};
    if (read_params(args, kwargs, &params) < 0)
        return NULL;
    PyObject *op = PyType_GenericAlloc(type, 0);
    if (!op)
        return NULL;
    reader_object *self = (reader_object *)op;
    gvd_guard_init(&self->guard);
    self->dtype = params.output.dtype;
    gvd_error err = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_reader_open(&params, &self->reader, &err);
    PyEval_RestoreThread(thread);
    if (rc < 0)
        gvd_py_raise(PyType_GetModuleState(type), &err, params.url);
    if (rc < 0 || copy_facts(self) < 0)
        Py_CLEAR(op);
    return op;
}

void gvd_py_reader_leave(PyObject *op)
{
    reader_object *self = (reader_object *)op;
    if (!gvd_guard_leave(&self->guard))
        return;
    PyThreadState *thread = PyEval_SaveThread();
    gvd_reader_close(&self->reader);
    PyEval_RestoreThread(thread);
}

gvd_reader *gvd_py_reader_enter(PyObject *op)
{
    reader_object *self = (reader_object *)op;
    if (gvd_guard_is_closed(&self->guard) || !gvd_guard_enter(&self->guard)) {
        gvd_py_raise_closed(gvd_py_state_of(op));
        return NULL;
    }
    return self->reader;
}

static void reader_dealloc(PyObject *op)
{
    reader_object *self = (reader_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    if (gvd_guard_close(&self->guard))
        gvd_py_reader_leave(op);
    PyErr_Restore(kind, value, traceback);
    Py_CLEAR(self->time_base);
    Py_CLEAR(self->device);
    Py_CLEAR(self->backend);
    Py_CLEAR(self->fallback_reason);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(op);
    Py_DECREF(type);
}

// Every number must be a frame of the index; -1 with an exception set.
static int check_numbers(gvd_reader *reader, const gvd_pass_params *params)
{
    gvd_index *index = gvd_reader_index(reader);
    int64_t frames = index ? index->frame_count : 0;
    gvd_index_unref(&index);
    bool rising = true, inside = params->extra >= 0 &&
                                 params->extra <= params->extra_end &&
                                 params->extra_end <= frames;
    for (int64_t i = 0; i < params->count; i++) {
        int64_t number = params->numbers[i];
        inside &= number >= 0 && number < frames;
        rising &= i == 0 || number >= params->numbers[i - 1];
    }
    if (inside && (rising || params->batch_size >= params->count))
        return 0;
    PyErr_SetString(PyExc_ValueError,
                    inside ? "frames in any order must be one batch"
                           : "a frame's number is outside of the index");
    return -1;
}

static int find_shape(gvd_reader *reader, int count, int64_t *shape,
                      gvd_error *err)
{
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_reader_shape(reader, count, shape, err);
    PyEval_RestoreThread(thread);
    return rc;
}

// Takes the memory of `out` for the pass's batch or, without the dimension of
// the batch, for its only frame. -1 with an exception set.
static int take_target(PyObject *op, PyObject *out, bool one,
                       gvd_pass_params *params)
{
    reader_object *self = (reader_object *)op;
    gvd_py_state *state = gvd_py_state_of(op);
    int64_t shape[GVD_MAX_DIMS];
    gvd_error err = {0};
    if (find_shape(self->reader, params->batch_size, shape, &err) < 0) {
        gvd_py_raise(state, &err, NULL);
        return -1;
    }
    gvd_py_target target = {
        .device = gvd_reader_device(self->reader),
        .dtype = self->dtype,
        .ndim = GVD_MAX_DIMS - one,
    };
    memcpy(target.shape, shape + one,
           (size_t)target.ndim * sizeof target.shape[0]);
    params->target_bytes = gvd_dtype_bytes(self->dtype);
    for (int i = 0; i < GVD_MAX_DIMS; i++)
        params->target_bytes *= shape[i];
    return gvd_py_target_take(state, out, &target, &params->target);
}

static PyObject *start_request(PyObject *op, PyObject *numbers, PyObject *out,
                               bool one, gvd_pass_params *params)
{
    Py_buffer view;
    if (PyObject_GetBuffer(numbers, &view, PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    params->numbers = view.buf;
    params->count = view.len / (Py_ssize_t)sizeof(int64_t);
    PyObject *pass = NULL;
    gvd_reader *reader = NULL;
    if (view.itemsize != sizeof(int64_t))
        PyErr_SetString(PyExc_ValueError, "numbers must be int64");
    else
        reader = gvd_py_reader_enter(op);
    if (reader && check_numbers(reader, params) == 0 &&
        (out == Py_None || take_target(op, out, one, params) == 0))
        pass = gvd_py_pass_start(gvd_py_state_of(op), op, params);
    if (reader)
        gvd_py_reader_leave(op);
    PyBuffer_Release(&view);
    return pass;
}

static PyObject *reader_open_pass(PyObject *op, PyObject *args)
{
    gvd_pass_params params = {0};
    PyObject *numbers = Py_None, *out = Py_None;
    long long extra = 0, extra_end = 0;
    int one = 0;
    if (!PyArg_ParseTuple(args, "i|O(LL)Op:open_pass", &params.batch_size,
                          &numbers, &extra, &extra_end, &out, &one))
        return NULL;
    params.extra = extra;
    params.extra_end = extra_end;
    if (numbers != Py_None)
        return start_request(op, numbers, out, one, &params);
    return gvd_py_pass_start(gvd_py_state_of(op), op, &params);
}

static PyObject *reader_check_out(PyObject *op, PyObject *out)
{
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    gvd_pass_params params = {.batch_size = 0};
    int rc = take_target(op, out, false, &params);
    gvd_py_reader_leave(op);
    if (rc < 0)
        return NULL;
    params.target.release(params.target.handle);
    return Py_NewRef(Py_None);
}

static PyObject *reader_shape(PyObject *op, PyObject *args)
{
    int count;
    if (!PyArg_ParseTuple(args, "i:shape", &count))
        return NULL;
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    int64_t shape[GVD_MAX_DIMS];
    gvd_error err = {0};
    int rc = find_shape(reader, count, shape, &err);
    gvd_py_reader_leave(op);
    if (rc < 0)
        return gvd_py_raise(gvd_py_state_of(op), &err, NULL);
    return Py_BuildValue("(LLLL)", (long long)shape[0], (long long)shape[1],
                         (long long)shape[2], (long long)shape[3]);
}

static PyObject *reader_build_index(PyObject *op, PyObject *args)
{
    int timeout_ms;
    if (!PyArg_ParseTuple(args, "i:build_index", &timeout_ms))
        return NULL;
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    gvd_error err = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_reader_build_index(reader, timeout_ms, &err);
    PyEval_RestoreThread(thread);
    gvd_py_reader_leave(op);
    if (rc < 0)
        return gvd_py_raise(gvd_py_state_of(op), &err, NULL);
    return PyErr_CheckSignals() < 0 ? NULL : PyBool_FromLong(rc == GVD_OK);
}

static PyObject *reader_set_index(PyObject *op, PyObject *object)
{
    gvd_index *index = gvd_py_index_of(gvd_py_state_of(op), object);
    gvd_reader *reader = index ? gvd_py_reader_enter(op) : NULL;
    if (!reader)
        return NULL;
    gvd_reader_set_index(reader, index);
    gvd_py_reader_leave(op);
    return Py_NewRef(Py_None);
}

static PyObject *reader_index(PyObject *op, void *Py_UNUSED(closure))
{
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    gvd_index *index = gvd_reader_index(reader);
    gvd_py_reader_leave(op);
    if (!index)
        return Py_NewRef(Py_None);
    PyObject *wrapped = gvd_py_index_wrap(gvd_py_state_of(op), index);
    gvd_index_unref(&index);
    return wrapped;
}

static PyObject *reader_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    reader_object *self = (reader_object *)op;
    if (gvd_guard_close(&self->guard))
        gvd_py_reader_leave(op);
    return Py_NewRef(Py_None);
}

static PyObject *reader_media(PyObject *op, void *Py_UNUSED(closure))
{
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    const gvd_media *media = gvd_reader_media(reader);
    PyEval_RestoreThread(thread);
    PyObject *dict = media_dict(media);
    gvd_py_reader_leave(op);
    return dict;
}

static PyObject *media_list(const gvd_media *streams, int count)
{
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        PyObject *dict = media_dict(&streams[i]);
        if (!dict || PyList_SetItem(list, i, dict) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *reader_streams(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    gvd_error err = {0};
    gvd_media *streams = NULL;
    int count = 0;
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_reader_streams(reader, &streams, &count, &err);
    PyEval_RestoreThread(thread);
    PyObject *list = rc < 0 ? gvd_py_raise(gvd_py_state_of(op), &err, NULL)
                            : media_list(streams, count);
    free(streams);
    gvd_py_reader_leave(op);
    return list;
}

static PyObject *reader_time_base(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((reader_object *)op)->time_base);
}

static PyObject *reader_device(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((reader_object *)op)->device);
}

static PyObject *reader_backend(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((reader_object *)op)->backend);
}

static PyObject *reader_fallback_reason(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((reader_object *)op)->fallback_reason);
}

static PyMethodDef reader_methods[] = {
    {"open_pass", reader_open_pass, METH_VARARGS,
     "open_pass($self, batch_size, numbers=None, extra=(0, 0), out=None,\n"
     "one=False, /)\n--\n\n"
     "Starts to decode: all from the first frame, or frames by number (int64)\n"
     "and, for later, those from extra[0] to below extra[1]. The frames by\n"
     "number may be made in the memory of an array `out`, which has no\n"
     "dimension of the batch where it is for `one`."},
    {"check_out", reader_check_out, METH_O,
     "check_out($self, out, /)\n--\n\n"
     "Refuses what is no array for a batch without frames."},
    {"shape", reader_shape, METH_VARARGS,
     "shape($self, count, /)\n--\n\nOf a batch of `count` frames."},
    {"build_index", reader_build_index, METH_VARARGS,
     "build_index($self, timeout_ms, /)\n--\n\n"
     "Works at the index for about so long: True once it is there."},
    {"set_index", reader_set_index, METH_O,
     "set_index($self, index, /)\n--\n\nTakes an index that was made before."},
    {"streams", reader_streams, METH_NOARGS,
     "streams($self, /)\n--\n\n"
     "What the file's header tells of every stream; reads it again."},
    {"close", reader_close, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "Lets go of the file, once the passes over it are closed too."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef reader_getset[] = {
    {"media", reader_media, NULL,
     "What the file's header tells; may read it again.", NULL},
    {"index", reader_index, NULL, "The Index, or None so far.", NULL},
    {"time_base", reader_time_base, NULL, "(numerator, denominator) seconds.",
     NULL},
    {"device", reader_device, NULL, "DLPack's (device type, number).", NULL},
    {"backend", reader_backend, NULL, "\"nvdec\" or \"cpu\".", NULL},
    {"fallback_reason", reader_fallback_reason, NULL,
     "Why the CPU decodes for a GPU, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static int reader_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "Reader(url, *, stream_index, device_type, device_id, output, "
                "sessions, memory_limit, ca_file, apply_rotation, "
                "allow_inexact)\n--\n\nAn open video."},
    {Py_tp_new, reader_new},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {Py_tp_getset, reader_getset},
    {Py_tp_traverse, reader_traverse},
    {0, NULL},
};

PyType_Spec gvd_py_reader_spec = {
    .name = "gvdecode._core.Reader",
    .basicsize = sizeof(reader_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = reader_slots,
};
