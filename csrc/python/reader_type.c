// Reader: an open video. What opening tells is copied, so that it can be asked
// for after closing too; the rest is read when it is first asked for.
#include <string.h>

#include "module.h"

typedef struct reader_object {
    PyObject_HEAD gvd_guard guard;
    // Immutable after create.
    gvd_reader *reader;
    enum gvd_dtype dtype; // of what is no native frame
    // Of a source that is an object, while the core reader is open: what it
    // holds is this object's to show to the garbage collector, since it may
    // hold this one.
    gvd_input *input;
    PyObject *time_base, *device, *backend, *fallback_reason;
} reader_object;

static int copy_facts(reader_object *self)
{
    gvd_device device = gvd_reader_device(self->reader);
    self->time_base = gvd_py_rational(gvd_reader_time_base(self->reader));
    self->device = Py_BuildValue("(ii)", device.type, device.id);
    self->backend = gvd_py_text(gvd_reader_backend(self->reader));
    self->fallback_reason =
        gvd_py_text(gvd_reader_fallback_reason(self->reader));
    return self->time_base && self->device && self->backend &&
                   self->fallback_reason
               ? 0
               : -1;
}

// Fills params from the arguments; strings stay the arguments', and the source
// is borrowed. -1 with an exception set.
static int read_params(PyObject *args, PyObject *kwargs,
                       gvd_reader_params *params, PyObject **source)
{
    static char *names[] = {"url",
                            "source",
                            "stream_index",
                            "device_type",
                            "device_id",
                            "output",
                            "sessions",
                            "memory_limit",
                            "protocols",
                            "ca_file",
                            "timeout",
                            "max_pixels",
                            "follow",
                            "low_latency",
                            "drop_oldest",
                            "apply_rotation",
                            "allow_inexact",
                            "on_corrupt",
                            NULL};
    int follow, low, drop, upright, inexact, on_corrupt;
    PyObject *output;
    long long memory_limit, max_pixels;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "yO$iiiO!iLzzdLpppppi:Reader", names, &params->url,
            source, &params->stream_index, &params->device.type,
            &params->device.id, &PyDict_Type, &output, &params->sessions,
            &memory_limit, &params->protocols, &params->ca_file,
            &params->timeout, &max_pixels, &follow, &low, &drop, &upright,
            &inexact, &on_corrupt))
        return -1;
    params->follow = follow;
    params->low_latency = low;
    params->drop_oldest = drop;
    params->upright = upright;
    params->allow_inexact = inexact;
    params->on_corrupt = (enum gvd_on_corrupt)on_corrupt;
    params->memory_limit = memory_limit;
    params->max_pixels = max_pixels;
    return gvd_py_output_read(output, &params->output);
}

static int create_core(gvd_py_state *state, const gvd_reader_params *params,
                       gvd_reader **out)
{
    gvd_error err = {0};
    int rc = gvd_reader_create(params, out, &err);
    if (rc < 0)
        gvd_py_raise(state, &err, NULL);
    return rc;
}

static int open_core(gvd_py_state *state, reader_object *self)
{
    if (gvd_py_call_open(state, self->reader) == 0) {
        self->input = gvd_reader_input(self->reader);
        return copy_facts(self);
    }
    // It may be opening still.
    gvd_reader_abort(self->reader);
    gvd_reader_unref(&self->reader);
    return -1;
}

static PyObject *reader_new(PyTypeObject *type, PyObject *args,
                            PyObject *kwargs)
{
    gvd_reader_params params = {0};
    PyObject *source;
    gvd_py_state *state = PyType_GetModuleState(type);
    if (read_params(args, kwargs, &params, &source) < 0)
        return NULL;
    if (source != Py_None &&
        gvd_py_source_open(state, source, &params.input) < 0)
        return NULL;
    PyObject *op = PyType_GenericAlloc(type, 0);
    reader_object *self = (reader_object *)op;
    if (op) {
        gvd_guard_init(&self->guard);
        self->dtype = params.output.dtype;
        if (create_core(state, &params, &self->reader) < 0 ||
            open_core(state, self) < 0)
            Py_CLEAR(op);
    }
    PyThreadState *thread = PyEval_SaveThread();
    gvd_input_unref(&params.input);
    PyEval_RestoreThread(thread);
    return op;
}

void gvd_py_reader_leave(PyObject *op)
{
    reader_object *self = (reader_object *)op;
    if (!gvd_guard_leave(&self->guard))
        return;
    self->input = NULL;
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

static void close_reader(PyObject *op)
{
    reader_object *self = (reader_object *)op;
    if (!gvd_guard_close(&self->guard))
        return;
    if (self->reader)
        gvd_reader_abort(self->reader);
    gvd_py_reader_leave(op);
}

static void reader_dealloc(PyObject *op)
{
    reader_object *self = (reader_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    close_reader(op);
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
    params->target_bytes = gvd_array_bytes(self->dtype, GVD_MAX_DIMS, shape);
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
    int rc = gvd_py_call_index(gvd_py_state_of(op), reader, timeout_ms);
    gvd_py_reader_leave(op);
    if (rc < 0 || PyErr_CheckSignals() < 0)
        return NULL;
    return PyBool_FromLong(rc == GVD_OK);
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
    close_reader(op);
    return Py_NewRef(Py_None);
}

static PyObject *reader_media(PyObject *op, void *Py_UNUSED(closure))
{
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    const gvd_media *media = gvd_py_call_media(gvd_py_state_of(op), reader);
    PyObject *dict = media ? gvd_py_media_dict(media) : NULL;
    gvd_py_reader_leave(op);
    return dict;
}

static PyObject *reader_streams(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    gvd_reader *reader = gvd_py_reader_enter(op);
    if (!reader)
        return NULL;
    PyObject *list = gvd_py_call_streams(gvd_py_state_of(op), reader);
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
    gvd_input *input = ((reader_object *)op)->input;
    Py_VISIT(Py_TYPE(op));
    return input ? gvd_py_source_traverse(input, visit, arg) : 0;
}

static int reader_clear(PyObject *op)
{
    close_reader(op);
    return 0;
}

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "Reader(url, source, *, stream_index, device_type, device_id, "
                "output, sessions, memory_limit, protocols, ca_file, timeout, "
                "max_pixels, follow, low_latency, drop_oldest, apply_rotation, "
                "allow_inexact, on_corrupt)\n--\n\nAn open video."},
    {Py_tp_new, reader_new},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {Py_tp_getset, reader_getset},
    {Py_tp_traverse, reader_traverse},
    {Py_tp_clear, reader_clear},
    {0, NULL},
};

PyType_Spec gvd_py_reader_spec = {
    .name = "gvdecode._core.Reader",
    .basicsize = sizeof(reader_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = reader_slots,
};
