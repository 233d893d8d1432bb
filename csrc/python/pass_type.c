// Pass: one reading of a video from its first frame to its last.
//
// next_batch waits in slices, so that the interpreter can act on signals; the
// last call to leave frees the core's pass, whoever closed it meanwhile.
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "thread.h"

#define SIGNAL_CHECK_MS 50

typedef struct pass_object {
    PyObject_HEAD gvd_guard guard;
    // Immutable after create.
    PyObject *reader; // entered for as long as the pass lives
    gvd_reader *core_reader;
    gvd_pass *pass;
    gvd_device device;
    _Atomic(PyObject *) kept; // a batch that a signal kept from its caller
    atomic_bool failed;       // next_batch has raised an error of the pass
    bool targeted;            // the batch is made in memory of the caller's
    // Written once by the closing call, read when no user is left.
    gvd_stats last_stats;
} pass_object;

static void pass_leave(pass_object *self)
{
    if (!gvd_guard_leave(&self->guard))
        return;
    PyThreadState *thread = PyEval_SaveThread();
    gvd_pass_close(&self->pass);
    PyEval_RestoreThread(thread);
    gvd_py_reader_leave(self->reader);
}

// Ends every wait in the pass and frees it once the last call has left.
static void close_pass(pass_object *self)
{
    if (!gvd_guard_close(&self->guard))
        return;
    // A thread that holds what these wait for may wait for the GIL itself, to
    // give back memory of the caller's.
    PyThreadState *thread = PyEval_SaveThread();
    gvd_pass_abort(self->pass);
    gvd_pass_stats(self->pass, &self->last_stats);
    PyEval_RestoreThread(thread);
    pass_leave(self);
}

// The opening of a pass, which may open its source again.
typedef struct opening {
    gvd_reader *reader;
    gvd_pass_params params;
    int64_t *numbers; // a copy
    gvd_pass *pass;
} opening;

static void release_opening(void *context)
{
    opening *o = context;
    gvd_pass_close(&o->pass);
    if (o->params.target.release) // it was not even tried
        o->params.target.release(o->params.target.handle);
    gvd_reader_unref(&o->reader);
    free(o->numbers);
    free(o);
}

static int open_core(void *context, gvd_error *err)
{
    opening *o = context;
    int rc = gvd_pass_open(o->reader, &o->params, &o->pass, err);
    o->params.target.release = NULL; // the pass has it
    return rc;
}

// NULL with an exception set.
static opening *create_opening(gvd_reader *reader,
                               const gvd_pass_params *params)
{
    const size_t bytes = (size_t)params->count * sizeof *params->numbers;
    opening *o = calloc(1, sizeof *o);
    int64_t *numbers = params->numbers ? malloc(bytes + 1) : NULL;
    if (!o || (params->numbers && !numbers)) {
        free(o);
        free(numbers);
        if (params->target.release)
            params->target.release(params->target.handle);
        PyErr_NoMemory();
        return NULL;
    }
    if (numbers)
        memcpy(numbers, params->numbers, bytes);
    o->reader = gvd_reader_ref(reader);
    o->params = *params;
    o->params.numbers = o->numbers = numbers;
    return o;
}

// NULL with an exception set.
static gvd_pass *open_pass(gvd_py_state *state, gvd_reader *reader,
                           const gvd_pass_params *params)
{
    opening *o = create_opening(reader, params);
    if (!o)
        return NULL;
    int rc;
    gvd_error err = {0};
    const gvd_errand_params errand = {open_core, o, release_opening};
    if (!gvd_py_wait(state, &errand, reader, &rc, &err))
        return NULL;
    gvd_pass *pass = o->pass;
    o->pass = NULL;
    release_opening(o);
    if (rc < 0)
        gvd_py_raise_of(state, reader, &err);
    return pass;
}

PyObject *gvd_py_pass_start(gvd_py_state *state, PyObject *reader,
                            const gvd_pass_params *params)
{
    gvd_reader *core_reader = gvd_py_reader_enter(reader);
    if (!core_reader) {
        if (params->target.release)
            params->target.release(params->target.handle);
        return NULL;
    }
    gvd_pass *pass = open_pass(state, core_reader, params);
    PyObject *object = pass ? PyType_GenericAlloc(state->pass_type, 0) : NULL;
    if (!object) {
        PyThreadState *thread = PyEval_SaveThread();
        gvd_pass_close(&pass);
        PyEval_RestoreThread(thread);
        gvd_py_reader_leave(reader);
        return NULL;
    }
    pass_object *self = (pass_object *)object;
    gvd_guard_init(&self->guard);
    self->reader = Py_NewRef(reader);
    self->core_reader = core_reader;
    self->pass = pass;
    self->device = gvd_reader_device(core_reader);
    self->targeted = params->target.release;
    return object;
}

static void pass_dealloc(PyObject *op)
{
    pass_object *self = (pass_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    // Closing lets other threads run, which must not disturb an exception.
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    close_pass(self);
    PyErr_Restore(kind, value, traceback);
    Py_XDECREF(atomic_exchange(&self->kept, NULL));
    Py_CLEAR(self->reader);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(op);
    Py_DECREF(type);
}

static PyObject *frames_of(gvd_py_state *state, const gvd_batch *batch)
{
    PyObject *frames = PyTuple_New(batch->count);
    for (int i = 0; frames && i < batch->count; i++) {
        PyObject *frame = gvd_py_frame_wrap(state, batch->frames[i]);
        if (!frame || PyTuple_SetItem(frames, i, frame) < 0)
            Py_CLEAR(frames);
    }
    return frames;
}

// The tuple (tensor or None, frames).
static PyObject *wrap_batch(gvd_py_state *state, const gvd_batch *batch)
{
    PyObject *tensor = batch->tensor ? gvd_py_tensor_wrap(state, batch->tensor)
                                     : Py_NewRef(Py_None);
    PyObject *frames = tensor ? frames_of(state, batch) : NULL;
    PyObject *pair = frames ? PyTuple_Pack(2, tensor, frames) : NULL;
    Py_XDECREF(tensor);
    Py_XDECREF(frames);
    return pair;
}

// Batches for a GPU come from torch where it is imported. Its current stream
// belongs to this thread, so it is asked for here and now. Memory of the
// caller's is written on that stream too, as gvd_py_target_take has promised:
// where there is no torch, on the legacy default one.
static int choose_allocator(gvd_py_state *state, pass_object *self,
                            gvd_allocator *allocator)
{
    if (self->device.type != GVD_DEVICE_CUDA)
        return 0;
    *allocator = (gvd_allocator){0};
    int found = gvd_py_torch_allocator(&state->torch, self->device, allocator);
    return found == 0 && self->targeted ? 1 : found;
}

static PyObject *take_batch(gvd_py_state *state, pass_object *self)
{
    gvd_allocator allocator;
    int found = choose_allocator(state, self, &allocator);
    if (found < 0)
        return NULL;
    gvd_error err = {0};
    gvd_batch *batch = NULL;
    const double start = gvd_seconds();
    int rc;
    do {
        PyThreadState *thread = PyEval_SaveThread();
        rc = gvd_pass_next(self->pass, SIGNAL_CHECK_MS,
                           found ? &allocator : NULL, &batch, &err);
        PyEval_RestoreThread(thread);
        if (rc == GVD_AGAIN &&
            gvd_py_may_wait(state, self->core_reader, start, 0) < 0)
            return NULL;
    } while (rc == GVD_AGAIN);
    if (rc == GVD_EOF)
        return Py_NewRef(Py_None);
    if (rc < 0) {
        atomic_store(&self->failed, true);
        return gvd_py_raise_of(state, self->core_reader, &err);
    }
    PyObject *result = wrap_batch(state, batch);
    gvd_batch_free(&batch);
    if (!result)
        atomic_store(&self->failed, true);
    return result;
}

static PyObject *pass_next_batch(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    pass_object *self = (pass_object *)op;
    gvd_py_state *state = gvd_py_state_of(op);
    if (!gvd_guard_enter(&self->guard))
        return gvd_py_raise_closed(state);
    PyObject *batch = atomic_exchange(&self->kept, NULL);
    if (!batch)
        batch = take_batch(state, self);
    // Python would run the handlers as soon as this returns, and lose it.
    if (batch && PyErr_CheckSignals() < 0) {
        PyObject *other = atomic_exchange(&self->kept, batch);
        Py_XDECREF(other); // never: only the main thread handles signals
        batch = NULL;
    }
    pass_leave(self);
    return batch;
}

static PyObject *pass_failed(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(atomic_load(&((pass_object *)op)->failed));
}

static PyObject *pass_abort(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    pass_object *self = (pass_object *)op;
    if (gvd_guard_enter(&self->guard)) {
        PyThreadState *thread = PyEval_SaveThread();
        gvd_pass_abort(self->pass);
        PyEval_RestoreThread(thread);
        pass_leave(self);
    }
    return Py_NewRef(Py_None);
}

static PyObject *pass_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    close_pass((pass_object *)op);
    return Py_NewRef(Py_None);
}

static int fill_stats(PyObject *dict, const gvd_stats *s)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"sessions", s->sessions},
        {"packets", s->packets},
        {"frames", s->frames},
        {"corrupt_frames", s->corrupt_frames},
        {"lost_packets", s->lost_packets},
        {"dropped_frames", s->dropped_frames},
        {"fallback_frames", s->fallback_frames},
        {"bytes_held", s->bytes_held},
        {"bytes_held_max", s->bytes_held_max},
    };
    const struct {
        const char *name;
        double value;
    } seconds[] = {
        {"wait_demux", s->wait_demux},
        {"wait_decode", s->wait_decode},
        {"wait_convert", s->wait_convert},
    };
    int rc = gvd_py_dict_take(dict, "sessions_reason",
                              gvd_py_text(s->sessions_reason));
    for (size_t i = 0; rc == 0 && i < sizeof counts / sizeof counts[0]; i++)
        rc = gvd_py_dict_take(dict, counts[i].name,
                              PyLong_FromLongLong(counts[i].value));
    for (size_t i = 0; rc == 0 && i < sizeof seconds / sizeof seconds[0]; i++)
        rc = gvd_py_dict_take(dict, seconds[i].name,
                              PyFloat_FromDouble(seconds[i].value));
    return rc;
}

static PyObject *pass_stats(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    pass_object *self = (pass_object *)op;
    gvd_stats stats = {0};
    if (gvd_guard_enter(&self->guard)) {
        PyThreadState *thread = PyEval_SaveThread();
        gvd_pass_stats(self->pass, &stats);
        PyEval_RestoreThread(thread);
        pass_leave(self);
    } else {
        stats = self->last_stats;
    }
    PyObject *dict = PyDict_New();
    if (dict && fill_stats(dict, &stats) < 0)
        Py_CLEAR(dict);
    return dict;
}

static PyMethodDef pass_methods[] = {
    {"next_batch", pass_next_batch, METH_NOARGS,
     "next_batch($self, /)\n--\n\n"
     "The next (tensor, frames), or None after the last. In native output the\n"
     "tensor is None. Waits without the GIL; signals are handled meanwhile."},
    {"failed", pass_failed, METH_NOARGS,
     "failed($self, /)\n--\n\nWhether next_batch has raised an error of the "
     "reading's:\none of a signal's handler is none."},
    {"abort", pass_abort, METH_NOARGS,
     "abort($self, /)\n--\n\nEnds every wait in this pass with ClosedError."},
    {"close", pass_close, METH_NOARGS,
     "close($self, /)\n--\n\nAborts and frees; frames and tensors live on."},
    {"stats", pass_stats, METH_NOARGS,
     "stats($self, /)\n--\n\nWhat was done so far, as a dictionary."},
    {NULL, NULL, 0, NULL},
};

static int pass_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((pass_object *)op)->reader);
    Py_VISIT(atomic_load(&((pass_object *)op)->kept));
    return 0;
}

static PyType_Slot pass_slots[] = {
    {Py_tp_doc, "One reading of a video from its first frame to its last."},
    {Py_tp_dealloc, pass_dealloc},
    {Py_tp_methods, pass_methods},
    {Py_tp_traverse, pass_traverse},
    {0, NULL},
};

PyType_Spec gvd_py_pass_spec = {
    .name = "gvdecode._core.Pass",
    .basicsize = sizeof(pass_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = pass_slots,
};
