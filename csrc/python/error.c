// The one place where the core's codes become Python exceptions. The classes
// are written in gvdecode/errors.py.
#include <errno.h>

#include "module.h"

static const char *const class_names[GVD_PY_ERROR_COUNT] = {
    [GVD_PY_ERROR] = "Error",
    [GVD_PY_OPEN_ERROR] = "OpenError",
    [GVD_PY_FILE_MISSING_ERROR] = "FileMissingError",
    [GVD_PY_DECODE_ERROR] = "DecodeError",
    [GVD_PY_UNSUPPORTED_ERROR] = "UnsupportedError",
    [GVD_PY_OUT_OF_MEMORY_ERROR] = "OutOfMemoryError",
    [GVD_PY_CLOSED_ERROR] = "ClosedError",
    [GVD_PY_TIMEOUT_ERROR] = "TimeoutError",
};

int gvd_py_errors_import(gvd_py_state *state)
{
    PyObject *module = PyImport_ImportModule("gvdecode.errors");
    if (!module)
        return -1;
    int rc = 0;
    for (int i = 0; i < GVD_PY_ERROR_COUNT && rc == 0; i++) {
        state->errors[i] = PyObject_GetAttrString(module, class_names[i]);
        if (!state->errors[i])
            rc = -1;
    }
    Py_DECREF(module);
    return rc;
}

static PyObject *class_of(gvd_py_state *state, int code)
{
    switch (code) {
    case GVD_ERR_NO_MEMORY:
        return state->errors[GVD_PY_OUT_OF_MEMORY_ERROR];
    case GVD_ERR_NOT_FOUND:
        return state->errors[GVD_PY_FILE_MISSING_ERROR];
    case GVD_ERR_OPEN:
        return state->errors[GVD_PY_OPEN_ERROR];
    case GVD_ERR_DECODE:
    case GVD_ERR_READ:
    case GVD_ERR_MISMATCH:
        return state->errors[GVD_PY_DECODE_ERROR];
    case GVD_ERR_UNSUPPORTED:
        return state->errors[GVD_PY_UNSUPPORTED_ERROR];
    case GVD_ERR_ARGUMENT:
        return PyExc_ValueError;
    case GVD_ERR_CLOSED:
        return state->errors[GVD_PY_CLOSED_ERROR];
    case GVD_ERR_TIMEOUT:
        return state->errors[GVD_PY_TIMEOUT_ERROR];
    default:
        return state->errors[GVD_PY_ERROR];
    }
}

// FileNotFoundError's arguments: errno, text, file name.
static PyObject *missing_file(PyObject *class, const gvd_error *err,
                              PyObject *text, const char *url)
{
    PyObject *name = PyUnicode_DecodeFSDefault(url);
    if (!name)
        return NULL;
    int number = err->os_errno ? err->os_errno : ENOENT;
    PyObject *error = PyObject_CallFunction(class, "iOO", number, text, name);
    Py_DECREF(name);
    return error;
}

PyObject *gvd_py_raise(gvd_py_state *state, const gvd_error *err,
                       const char *url)
{
    PyObject *class = class_of(state, err->code);
    PyObject *text = gvd_py_text(err->text);
    if (!text)
        return NULL;
    PyObject *error = err->code == GVD_ERR_NOT_FOUND && url
                          ? missing_file(class, err, text, url)
                          : PyObject_CallFunctionObjArgs(class, text, NULL);
    if (error)
        PyErr_SetObject(class, error);
    Py_XDECREF(error);
    Py_DECREF(text);
    return NULL;
}

PyObject *gvd_py_raise_closed(gvd_py_state *state)
{
    PyErr_SetString(state->errors[GVD_PY_CLOSED_ERROR],
                    "the decoder was closed");
    return NULL;
}
