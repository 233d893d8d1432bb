// The binding's shared part: the module's state and what its types use of one
// another. Only files in python/ include it.
//
// Every function here needs the GIL. The core is called without it wherever the
// call can wait; no lock of the binding's is held across such a call.
#pragma once

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include "errand.h"
#include "frame.h"
#include "guard.h"
#include "reader.h"
#include "tensor.h"
#include "torch_api.h"

// The exception classes of gvdecode.errors that the core's codes become.
enum gvd_py_error {
    GVD_PY_ERROR,
    GVD_PY_OPEN_ERROR,
    GVD_PY_FILE_MISSING_ERROR,
    GVD_PY_DECODE_ERROR,
    GVD_PY_UNSUPPORTED_ERROR,
    GVD_PY_OUT_OF_MEMORY_ERROR,
    GVD_PY_CLOSED_ERROR,
    GVD_PY_TIMEOUT_ERROR,
    GVD_PY_ERROR_COUNT,
};

typedef struct gvd_py_state {
    PyTypeObject *reader_type;
    PyTypeObject *pass_type;
    PyTypeObject *tensor_type;
    PyTypeObject *frame_type;
    PyTypeObject *index_type;
    PyObject *errors[GVD_PY_ERROR_COUNT];
    gvd_py_torch torch;
} gvd_py_state;

// The state of the module that made this object's type.
static inline gvd_py_state *gvd_py_state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

// error.c

// Fetches the exception classes into the state; -1 with an exception set.
int gvd_py_errors_import(gvd_py_state *state);

// Sets the exception for a failed core call and returns NULL. `url` is the
// opened file's name in the file system's bytes, or NULL.
PyObject *gvd_py_raise(gvd_py_state *state, const gvd_error *err,
                       const char *url);

// Sets ClosedError and returns NULL.
PyObject *gvd_py_raise_closed(gvd_py_state *state);

// wait.c

// Between two slices of a wait that began at `start`: GVD_OK while the caller
// may wait on; -1 with an exception set where a signal's handler raised one, or
// where the reader's timeout and `grace` seconds are over.
int gvd_py_may_wait(gvd_py_state *state, const gvd_reader *reader, double start,
                    double grace);

// Makes a call that may wait for the reader's source. True once it is done: rc
// and err are its result, and the context is the caller's. False with an
// exception set: the call goes on alone and keeps the context.
bool gvd_py_wait(gvd_py_state *state, const gvd_errand_params *call,
                 const gvd_reader *reader, int *rc, gvd_error *err);

// The core's calls on a reader by that way; NULL or -1 with an exception set.
int gvd_py_call_open(gvd_py_state *state, gvd_reader *reader);
const gvd_media *gvd_py_call_media(gvd_py_state *state, gvd_reader *reader);
PyObject *gvd_py_call_streams(gvd_py_state *state, gvd_reader *reader);
// GVD_OK or GVD_AGAIN.
int gvd_py_call_index(gvd_py_state *state, gvd_reader *reader, int timeout_ms);

// source_object.c

// An input that reads the object: bytes in memory or, by its methods, anything
// with read(). -1 with an exception set.
int gvd_py_source_open(gvd_py_state *state, PyObject *object, gvd_input **out);

// Visits what such an input holds, for the one object whose affair that is.
int gvd_py_source_traverse(gvd_input *input, visitproc visit, void *arg);

// Like gvd_py_raise, for a call on this reader: where the source is an object
// of the caller's that raised, with that exception as it is.
PyObject *gvd_py_raise_of(gvd_py_state *state, const gvd_reader *reader,
                          const gvd_error *err);

// dict.c

// Adds a value to a dictionary and drops the caller's reference to it. -1 with
// an exception set, also where value is NULL: then it was set by the maker.
int gvd_py_dict_take(PyObject *dict, const char *key, PyObject *value);

// Text of the core's: UTF-8, other bytes replaced. None for NULL.
PyObject *gvd_py_text(const char *text);

// media_dict.c

PyObject *gvd_py_rational(gvd_rational r);
PyObject *gvd_py_media_dict(const gvd_media *media);
PyObject *gvd_py_media_list(const gvd_media *streams, int count);

// output_fields.c

// What Python calls a type of elements. NULL where there is no such word.
typedef struct gvd_py_dtype {
    const char *name;    // NumPy's and torch's
    const char *format;  // the buffer protocol's
    const char *typestr; // the array interface's
} gvd_py_dtype;

const gvd_py_dtype *gvd_py_dtype_of(enum gvd_dtype dtype);

// Fills output from the dictionary that gvdecode.output makes. -1 with an
// exception set.
int gvd_py_output_read(PyObject *fields, gvd_output *output);

// target.c

// What the memory for a batch must be like.
typedef struct gvd_py_target {
    gvd_device device;
    enum gvd_dtype dtype;
    int ndim;
    int64_t shape[GVD_MAX_DIMS];
} gvd_py_target;

// Takes the memory of `out`, any array that knows DLPack: its release drops
// what DLPack gave. On a GPU what its library still does with the memory comes
// before the work on the calling thread's stream: torch's, or else the legacy
// default one. -1 with an exception set where the array is no such target.
int gvd_py_target_take(gvd_py_state *state, PyObject *out,
                       const gvd_py_target *target, gvd_block *block);

// numpy_api.c

// A NumPy array over a host tensor, which `owner` keeps alive; or, of a device
// tensor, a copy of its own. Imports NumPy on first use.
PyObject *gvd_py_numpy_array(gvd_py_state *state, gvd_tensor *tensor,
                             PyObject *owner);

// An array of its own.
PyObject *gvd_py_numpy_int64(const int64_t *numbers, int64_t count);

// The types. The wrap functions take a reference of their own.

extern PyType_Spec gvd_py_reader_spec;
extern PyType_Spec gvd_py_pass_spec;
extern PyType_Spec gvd_py_tensor_spec;
extern PyType_Spec gvd_py_frame_spec;
extern PyType_Spec gvd_py_index_spec;

PyObject *gvd_py_tensor_wrap(gvd_py_state *state, gvd_tensor *tensor);
PyObject *gvd_py_frame_wrap(gvd_py_state *state, gvd_frame *frame);
PyObject *gvd_py_index_wrap(gvd_py_state *state, gvd_index *index);

// The core's index of an Index, borrowed, or NULL with TypeError set.
gvd_index *gvd_py_index_of(gvd_py_state *state, PyObject *object);

// A Pass over the reader, which it keeps alive. Takes params->target over, also
// when it fails.
PyObject *gvd_py_pass_start(gvd_py_state *state, PyObject *reader,
                            const gvd_pass_params *params);

// The core's reader of a Reader, or NULL with ClosedError set. Pairs with
// gvd_py_reader_leave.
gvd_reader *gvd_py_reader_enter(PyObject *op);
void gvd_py_reader_leave(PyObject *op);

// dlpack_capsule.c

// The arguments of __dlpack__, as NumPy, torch and others pass them.
typedef struct gvd_py_dlpack_request {
    PyObject *stream, *max_version, *dl_device, *copy; // borrowed, or NULL
} gvd_py_dlpack_request;

PyObject *gvd_py_dlpack_capsule(gvd_py_state *state, gvd_tensor *tensor,
                                const gvd_py_dlpack_request *request);

// Makes `stream` wait for the tensor, without the GIL; -1 with BufferError set
// where that cannot be.
int gvd_py_order(gvd_py_state *state, gvd_tensor *tensor, uintptr_t stream);

// system_info.c

extern PyMethodDef gvd_py_info_methods[];
