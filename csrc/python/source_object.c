// Sources that are Python objects: bytes in memory, which are neither copied
// nor let go of while a decoder uses them, and objects with read() and, if they
// can, seek().
//
// The core calls read() on a thread of the input's own (input.h), which takes
// the GIL for it and for nothing else.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

typedef struct source_object {
    Py_buffer view; // of bytes in memory: view.obj is set
    PyObject *object;
    // Its reading thread only.
    int64_t position; // of the object
    // What read() or seek() raised last, until somebody raises it again.
    _Atomic(PyObject *) raised;
} source_object;

// Once the interpreter ends there is no GIL to take: what is left then goes
// with the process.
static void release_source(void *owner)
{
    source_object *s = owner;
    if (Py_IsInitialized()) {
        PyGILState_STATE gil = PyGILState_Ensure();
        if (s->view.obj)
            PyBuffer_Release(&s->view);
        Py_XDECREF(s->object);
        Py_XDECREF(atomic_load(&s->raised));
        PyGILState_Release(gil);
    }
    free(s);
}

// As PEP 479: whoever iterates over the frames would take it for their end.
static PyObject *as_runtime_error(PyObject *stop)
{
    PyObject *text = PyUnicode_FromFormat("the source raised %R", stop);
    PyObject *error =
        text ? PyObject_CallFunctionObjArgs(PyExc_RuntimeError, text, NULL)
             : NULL;
    Py_XDECREF(text);
    if (!error) {
        PyErr_Clear();
        return stop;
    }
    PyException_SetCause(error, stop);
    return error;
}

static int keep_exception(source_object *s, gvd_error *err)
{
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    PyErr_NormalizeException(&kind, &value, &traceback);
    if (value && traceback)
        PyException_SetTraceback(value, traceback);
    if (kind && PyErr_GivenExceptionMatches(kind, PyExc_StopIteration))
        value = as_runtime_error(value);
    Py_XDECREF(kind);
    Py_XDECREF(traceback);
    Py_XDECREF(atomic_exchange(&s->raised, value));
    return gvd_fail(err, GVD_ERR_CALLER, "reading the source object failed");
}

static int seek_to(source_object *s, int64_t offset)
{
    PyObject *result = PyObject_CallMethod(s->object, "seek", "Li",
                                           (long long)offset, SEEK_SET);
    Py_XDECREF(result);
    if (!result)
        return -1;
    s->position = offset;
    return 0;
}

// What read(size) gave; -1 with an exception set.
static int take_bytes(PyObject *bytes, uint8_t *buffer, int size)
{
    Py_buffer view;
    if (!PyObject_CheckBuffer(bytes)) {
        PyObject *name = PyType_GetName(Py_TYPE(bytes));
        if (name)
            PyErr_Format(PyExc_TypeError,
                         "read() of the source must return bytes, got %U",
                         name);
        Py_XDECREF(name);
        return -1;
    }
    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
        return -1;
    const Py_ssize_t length = view.len;
    if (length <= size)
        memcpy(buffer, view.buf, (size_t)length);
    PyBuffer_Release(&view);
    if (length <= size)
        return (int)length;
    PyErr_Format(PyExc_ValueError,
                 "read(%d) of the source returned %zd bytes, which is too many",
                 size, length);
    return -1;
}

static int call_read(source_object *s, int64_t offset, uint8_t *buffer,
                     int size)
{
    if (s->position != offset && seek_to(s, offset) < 0)
        return -1;
    PyObject *bytes = PyObject_CallMethod(s->object, "read", "i", size);
    const int got = bytes ? take_bytes(bytes, buffer, size) : -1;
    Py_XDECREF(bytes);
    s->position = got < 0 ? -1 : offset + got;
    return got;
}

static int read_object(void *owner, int64_t offset, uint8_t *buffer, int size,
                       gvd_error *err)
{
    if (!Py_IsInitialized())
        return gvd_fail_closed(err);
    PyGILState_STATE gil = PyGILState_Ensure();
    int got = call_read(owner, offset, buffer, size);
    if (got < 0)
        got = keep_exception(owner, err);
    PyGILState_Release(gil);
    return got;
}

// The size by seek(0, 2), -1 where the object cannot seek; -2 with an exception
// set.
static int64_t find_size(PyObject *object)
{
    PyObject *able = PyObject_CallMethod(object, "seekable", NULL);
    const int seekable = able ? PyObject_IsTrue(able) : 1;
    Py_XDECREF(able);
    if (!able && !PyErr_ExceptionMatches(PyExc_AttributeError))
        return -2;
    PyErr_Clear();
    if (!seekable || !PyObject_HasAttrString(object, "seek"))
        return -1;
    PyObject *end = PyObject_CallMethod(object, "seek", "ii", 0, SEEK_END);
    if (end && !PyIndex_Check(end)) { // of an object that is no io.IOBase
        Py_DECREF(end);
        end = PyObject_CallMethod(object, "tell", NULL);
    }
    const long long size = end ? PyLong_AsLongLong(end) : -2;
    Py_XDECREF(end);
    if (size < 0 && !PyErr_Occurred())
        PyErr_Format(PyExc_ValueError,
                     "seek(0, 2) of the source says that it ends at %lld",
                     size);
    return PyErr_Occurred() ? -2 : size;
}

static int fill(source_object *s, PyObject *object, gvd_input_params *params)
{
    s->position = -1;
    if (PyObject_CheckBuffer(object)) {
        if (PyObject_GetBuffer(object, &s->view, PyBUF_SIMPLE) < 0)
            return -1;
        static const uint8_t nothing;
        params->data = s->view.len ? s->view.buf : &nothing;
        params->size = s->view.len;
        return 0;
    }
    params->size = find_size(object);
    params->read = read_object;
    s->object = Py_NewRef(object);
    if (params->size == -1)
        s->position = 0; // where it stands
    return params->size == -2 ? -1 : 0;
}

int gvd_py_source_open(gvd_py_state *state, PyObject *object, gvd_input **out)
{
    source_object *s = calloc(1, sizeof *s);
    if (!s) {
        PyErr_NoMemory();
        return -1;
    }
    gvd_input_params params = {.owner = s, .release = release_source};
    gvd_error err;
    if (fill(s, object, &params) < 0) {
        release_source(s);
        return -1;
    }
    if (gvd_input_create(&params, out, &err) < 0) {
        gvd_py_raise(state, &err, NULL);
        return -1;
    }
    return 0;
}

int gvd_py_source_traverse(gvd_input *input, visitproc visit, void *arg)
{
    // Not what has lent memory: a memoryview that is cleared before its memory
    // is given back crashes CPython up to 3.12.
    source_object *s = gvd_input_owner(input);
    Py_VISIT(s->object);
    Py_VISIT(atomic_load(&s->raised));
    return 0;
}

PyObject *gvd_py_raise_of(gvd_py_state *state, const gvd_reader *reader,
                          const gvd_error *err)
{
    gvd_input *input = gvd_reader_input(reader);
    source_object *s = input ? gvd_input_owner(input) : NULL;
    PyObject *raised = s && err->code == GVD_ERR_CALLER
                           ? atomic_exchange(&s->raised, NULL)
                           : NULL;
    if (!raised)
        return gvd_py_raise(state, err, gvd_reader_url(reader));
    PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
    Py_DECREF(raised);
    return NULL;
}
