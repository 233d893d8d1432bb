// __dlpack__: reads the request, puts the consumer's stream behind the
// tensor's work, copies where asked, and wraps the export in a capsule.
#include "dlpack.h"
#include "host_copy.h"
#include "module.h"

#define LEGACY_NAME "dltensor"
#define VERSIONED_NAME "dltensor_versioned"

// Streams in DLPack's numbering, which is the driver's too: 1 and 2 are
// CU_STREAM_LEGACY and CU_STREAM_PER_THREAD, more is a pointer.
#define STREAM_LEGACY 1
#define STREAM_NONE (-1)

// A request with its arguments checked.
typedef struct export_plan {
    bool versioned;
    bool copy_to_host;
    bool order;
    uintptr_t stream;
} export_plan;

static void free_legacy(PyObject *capsule)
{
    // A consumer that took the tensor renamed the capsule.
    if (!PyCapsule_IsValid(capsule, LEGACY_NAME))
        return;
    DLManagedTensor *managed = PyCapsule_GetPointer(capsule, LEGACY_NAME);
    managed->deleter(managed);
}

static void free_versioned(PyObject *capsule)
{
    if (!PyCapsule_IsValid(capsule, VERSIONED_NAME))
        return;
    DLManagedTensorVersioned *managed =
        PyCapsule_GetPointer(capsule, VERSIONED_NAME);
    managed->deleter(managed);
}

static bool is_given(PyObject *argument)
{
    return argument && argument != Py_None;
}

// Two integers of a tuple such as (2, 0); -1 with TypeError set.
static int read_pair(PyObject *pair, const char *name, long *first,
                     long *second)
{
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
        PyErr_Format(PyExc_TypeError, "%s must be None or a tuple of two ints",
                     name);
        return -1;
    }
    *first = PyLong_AsLong(PyTuple_GetItem(pair, 0));
    *second = PyErr_Occurred() ? -1 : PyLong_AsLong(PyTuple_GetItem(pair, 1));
    return PyErr_Occurred() ? -1 : 0;
}

static int read_version(PyObject *version, export_plan *plan)
{
    long major = 0, minor = 0;
    if (is_given(version) &&
        read_pair(version, "max_version", &major, &minor) < 0)
        return -1;
    plan->versioned = major >= 1;
    return 0;
}

static int refuse(const char *text)
{
    PyErr_SetString(PyExc_BufferError, text);
    return -1;
}

static int read_target(const gvd_tensor *tensor,
                       const gvd_py_dlpack_request *request, export_plan *plan)
{
    long type = tensor->device.type, id = tensor->device.id;
    int must_copy = 0, may_copy = 1;
    if (is_given(request->copy)) {
        must_copy = PyObject_IsTrue(request->copy);
        may_copy = must_copy;
    }
    if (must_copy < 0 ||
        (is_given(request->dl_device) &&
         read_pair(request->dl_device, "dl_device", &type, &id) < 0))
        return -1;
    bool same = type == tensor->device.type && id == tensor->device.id;
    if (type != GVD_DEVICE_CPU && !same)
        return refuse("this tensor can be exported to its own device or to "
                      "the CPU, dl_device=(1, 0)");
    if (type == GVD_DEVICE_CPU && !same && !may_copy)
        return refuse("the tensor is on the GPU: exporting it to the CPU "
                      "copies, which copy=False forbids");
    if (type != GVD_DEVICE_CPU && must_copy)
        return refuse("copies on the GPU are the consumer's: export without "
                      "copy=True and clone, or pass dl_device=(1, 0)");
    plan->copy_to_host = type == GVD_DEVICE_CPU && (!same || must_copy);
    return 0;
}

static int read_stream(const gvd_tensor *tensor, PyObject *stream,
                       export_plan *plan)
{
    bool cuda = tensor->device.type == GVD_DEVICE_CUDA;
    long long number = cuda ? STREAM_LEGACY : STREAM_NONE;
    if (is_given(stream)) {
        if (!PyLong_Check(stream)) {
            PyErr_SetString(PyExc_TypeError, "stream must be None or an int");
            return -1;
        }
        number = PyLong_AsLongLong(stream);
        if (number == -1 && PyErr_Occurred())
            return -1;
    }
    if (number < STREAM_NONE || number == 0 || (!cuda && number > 0)) {
        PyErr_Format(PyExc_ValueError,
                     cuda ? "stream %lld is not allowed: None or 1 is the "
                            "legacy default stream, 2 the per-thread one, -1 "
                            "no ordering, more a stream's address"
                          : "stream %lld is not allowed for a CPU tensor: pass "
                            "None",
                     number);
        return -1;
    }
    plan->order = number > 0 && !plan->copy_to_host;
    plan->stream = (uintptr_t)number;
    return 0;
}

int gvd_py_order(gvd_py_state *state, gvd_tensor *tensor, uintptr_t stream)
{
    if (!tensor->ops->order)
        return 0;
    gvd_error err = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int rc = tensor->ops->order(tensor, (void *)stream, &err);
    PyEval_RestoreThread(thread);
    if (rc >= 0)
        return 0;
    if (rc == GVD_ERR_UNSUPPORTED || rc == GVD_ERR_ARGUMENT)
        PyErr_Format(PyExc_BufferError, "%s", err.text);
    else
        gvd_py_raise(state, &err, NULL);
    return -1;
}

static PyObject *make_capsule(gvd_py_state *state, gvd_tensor *tensor,
                              const export_plan *plan)
{
    gvd_error err = {0};
    PyObject *capsule;
    if (plan->versioned) {
        DLManagedTensorVersioned *managed;
        uint64_t flags = plan->copy_to_host ? GVD_DL_IS_COPIED : 0;
        if (gvd_tensor_export_versioned(tensor, flags, &managed, &err) < 0)
            return gvd_py_raise(state, &err, NULL);
        capsule = PyCapsule_New(managed, VERSIONED_NAME, free_versioned);
        if (!capsule)
            managed->deleter(managed);
    } else {
        DLManagedTensor *managed;
        if (gvd_tensor_export(tensor, &managed, &err) < 0)
            return gvd_py_raise(state, &err, NULL);
        capsule = PyCapsule_New(managed, LEGACY_NAME, free_legacy);
        if (!capsule)
            managed->deleter(managed);
    }
    return capsule;
}

PyObject *gvd_py_dlpack_capsule(gvd_py_state *state, gvd_tensor *tensor,
                                const gvd_py_dlpack_request *request)
{
    export_plan plan = {0};
    if (read_version(request->max_version, &plan) < 0 ||
        read_target(tensor, request, &plan) < 0 ||
        read_stream(tensor, request->stream, &plan) < 0)
        return NULL;
    if (plan.order && gvd_py_order(state, tensor, plan.stream) < 0)
        return NULL;
    if (!plan.copy_to_host)
        return make_capsule(state, tensor, &plan);

    gvd_tensor *host = NULL;
    gvd_error err = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_tensor_copy_to_host(tensor, &host, &err);
    PyEval_RestoreThread(thread);
    if (rc < 0)
        return gvd_py_raise(state, &err, NULL);
    PyObject *capsule = make_capsule(state, host, &plan);
    gvd_tensor_unref(&host);
    return capsule;
}
