// out=: memory of the caller's, taken through DLPack, that a batch is made in.
//
// Everything is checked while the capsule is still the exporter's: one that is
// dropped gives the memory back by itself.
#include <stdio.h>

#include "dlpack.h"
#include "module.h"

#define LEGACY_NAME "dltensor"
#define VERSIONED_NAME "dltensor_versioned"
#define USED_PREFIX "used_"

#define STREAM_LEGACY 1

// Room for a shape or the name of a type in a message.
typedef struct text {
    char bytes[96];
} text;

static text shape_text(int ndim, const int64_t *shape)
{
    text t = {"("};
    size_t used = 1;
    for (int i = 0; i < ndim && used < sizeof t.bytes; i++)
        used += (size_t)snprintf(t.bytes + used, sizeof t.bytes - used,
                                 i ? ", %lld" : "%lld", (long long)shape[i]);
    if (used < sizeof t.bytes)
        snprintf(t.bytes + used, sizeof t.bytes - used, ndim == 1 ? ",)" : ")");
    return t;
}

static text type_text(DLDataType type)
{
    static const char *const kinds[] = {"int",    "uint",    "float", "opaque",
                                        "bfloat", "complex", "bool"};
    text t = {""};
    if (type.code < sizeof kinds / sizeof kinds[0] && type.lanes == 1)
        snprintf(t.bytes, sizeof t.bytes, "%s%d", kinds[type.code], type.bits);
    else
        snprintf(t.bytes, sizeof t.bytes, "DLPack's type (%d, %d, %d)",
                 type.code, type.bits, type.lanes);
    return t;
}

// Pinned host memory is the CPU's too. The CPU has no numbers.
static bool is_device(gvd_device device, long type, long id)
{
    if (device.type == GVD_DEVICE_CPU)
        return type == GVD_DEVICE_CPU || type == GVD_DL_CUDA_HOST;
    return type == device.type && id == device.id;
}

static text device_text(long type, long id)
{
    text t = {"the CPU"};
    if (type == GVD_DEVICE_CUDA)
        snprintf(t.bytes, sizeof t.bytes, "cuda:%ld", id);
    else if (type != GVD_DEVICE_CPU)
        snprintf(t.bytes, sizeof t.bytes, "DLPack's device (%ld, %ld)", type,
                 id);
    return t;
}

static int check_device(gvd_device device, long type, long id)
{
    if (is_device(device, type, id))
        return 0;
    PyErr_Format(PyExc_BufferError, "out must be on %s, as the frames, not %s",
                 device_text(device.type, device.id).bytes,
                 device_text(type, id).bytes);
    return -1;
}

static int check_exporter(PyObject *out, gvd_device device)
{
    PyObject *pair = PyObject_CallMethod(out, "__dlpack_device__", NULL);
    if (!pair && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        PyObject *name = PyType_GetName(Py_TYPE(out));
        if (name)
            PyErr_Format(PyExc_TypeError,
                         "out must be an array that knows DLPack (a torch "
                         "tensor, a NumPy array ...), got %U",
                         name);
        Py_XDECREF(name);
    }
    if (!pair)
        return -1;
    int type, id, rc = -1;
    if (!PyTuple_Check(pair))
        PyErr_SetString(PyExc_TypeError,
                        "out.__dlpack_device__() must give a tuple");
    else if (PyArg_ParseTuple(pair, "ii:__dlpack_device__", &type, &id))
        rc = check_device(device, type, id);
    Py_DECREF(pair);
    return rc;
}

static int check_layout(const DLTensor *t, uint64_t flags,
                        const gvd_py_target *target)
{
    int64_t dense = 1, count = 1;
    bool contiguous = true;
    for (int i = 0; i < t->ndim; i++)
        count *= t->shape[i];
    for (int i = t->ndim - 1; t->strides && count && i >= 0; i--) {
        contiguous &= t->shape[i] == 1 || t->strides[i] == dense;
        dense *= t->shape[i];
    }
    uintptr_t address = (uintptr_t)t->data + t->byte_offset;
    const char *missing = NULL;
    if (!contiguous)
        missing = "contiguous: its dimensions lie in memory in another order "
                  "than the frames', or with gaps";
    else if (address % (uintptr_t)gvd_dtype_bytes(target->dtype))
        missing = "aligned to the size of its elements";
    else if (flags & GVD_DL_READ_ONLY)
        missing = "writable";
    if (!missing)
        return 0;
    PyErr_Format(PyExc_BufferError, "out must be %s", missing);
    return -1;
}

static int check_tensor(const DLTensor *t, uint64_t flags,
                        const gvd_py_target *target)
{
    if (check_device(target->device, t->device.device_type,
                     t->device.device_id) < 0)
        return -1;
    DLDataType type = gvd_dlpack_type(target->dtype);
    if (t->dtype.code != type.code || t->dtype.bits != type.bits ||
        t->dtype.lanes != 1) {
        PyErr_Format(
            PyExc_TypeError, "out must be of dtype %s, as the frames, got %s",
            gvd_py_dtype_of(target->dtype)->name, type_text(t->dtype).bytes);
        return -1;
    }
    bool fits = t->ndim == target->ndim;
    for (int i = 0; fits && i < t->ndim; i++)
        fits = t->shape[i] == target->shape[i];
    if (!fits) {
        PyErr_Format(PyExc_ValueError,
                     "out must have the shape of the frames, %s, got %s",
                     shape_text(target->ndim, target->shape).bytes,
                     shape_text(t->ndim, t->shape).bytes);
        return -1;
    }
    return check_layout(t, flags, target);
}

// The exporter's deleter may need the GIL, which the thread that drops the last
// reference need not have. Once the interpreter ends there is no GIL to take:
// what is left then goes with the process.
static void release_legacy(void *handle)
{
    DLManagedTensor *managed = handle;
    if (!managed->deleter || !Py_IsInitialized())
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    managed->deleter(managed);
    PyGILState_Release(gil);
}

static void release_versioned(void *handle)
{
    DLManagedTensorVersioned *managed = handle;
    if (!managed->deleter || !Py_IsInitialized())
        return;
    PyGILState_STATE gil = PyGILState_Ensure();
    managed->deleter(managed);
    PyGILState_Release(gil);
}

// Checks a capsule and takes what is in it; the capsule is then an empty shell.
static int take_capsule(PyObject *capsule, const gvd_py_target *target,
                        gvd_block *block)
{
    const DLTensor *tensor = NULL;
    const char *used = USED_PREFIX LEGACY_NAME;
    if (PyCapsule_IsValid(capsule, VERSIONED_NAME)) {
        DLManagedTensorVersioned *managed =
            PyCapsule_GetPointer(capsule, VERSIONED_NAME);
        if (managed->version.major != GVD_DLPACK_MAJOR) {
            PyErr_SetString(PyExc_BufferError,
                            "out is exported by a version of DLPack that is "
                            "not known here");
            return -1;
        }
        if (check_tensor(&managed->dl_tensor, managed->flags, target) < 0)
            return -1;
        tensor = &managed->dl_tensor;
        used = USED_PREFIX VERSIONED_NAME;
        *block = (gvd_block){.handle = managed, .release = release_versioned};
    } else {
        DLManagedTensor *managed = PyCapsule_GetPointer(capsule, LEGACY_NAME);
        if (!managed || check_tensor(&managed->dl_tensor, 0, target) < 0)
            return -1;
        tensor = &managed->dl_tensor;
        *block = (gvd_block){.handle = managed, .release = release_legacy};
    }
    block->data = (uint8_t *)tensor->data + tensor->byte_offset;
    return PyCapsule_SetName(capsule, used);
}

// The stream on which this thread's batches are made, in DLPack's numbering.
static int current_stream(gvd_py_state *state, gvd_device device,
                          PyObject **stream)
{
    gvd_allocator allocator = {0};
    if (gvd_py_torch_allocator(&state->torch, device, &allocator) < 0)
        return -1;
    *stream = allocator.stream ? PyLong_FromVoidPtr(allocator.stream)
                               : PyLong_FromLong(STREAM_LEGACY);
    return *stream ? 0 : -1;
}

// out.__dlpack__(), which exporters older than DLPack 1.0 know without
// max_version.
static PyObject *call_exporter(PyObject *out, PyObject *stream)
{
    PyObject *method = PyObject_GetAttrString(out, "__dlpack__");
    PyObject *nothing = method ? PyTuple_New(0) : NULL;
    PyObject *options = nothing ? PyDict_New() : NULL;
    PyObject *capsule = NULL;
    if (options &&
        (!stream || PyDict_SetItemString(options, "stream", stream) == 0) &&
        gvd_py_dict_take(options, "max_version",
                         Py_BuildValue("(ii)", GVD_DLPACK_MAJOR, 0)) == 0)
        capsule = PyObject_Call(method, nothing, options);
    if (!capsule && options && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        if (PyDict_DelItemString(options, "max_version") == 0)
            capsule = PyObject_Call(method, nothing, options);
    }
    Py_XDECREF(options);
    Py_XDECREF(nothing);
    Py_XDECREF(method);
    return capsule;
}

int gvd_py_target_take(gvd_py_state *state, PyObject *out,
                       const gvd_py_target *target, gvd_block *block)
{
    PyObject *stream = NULL;
    if (check_exporter(out, target->device) < 0 ||
        (target->device.type == GVD_DEVICE_CUDA &&
         current_stream(state, target->device, &stream) < 0))
        return -1;
    PyObject *capsule = call_exporter(out, stream);
    Py_XDECREF(stream);
    if (!capsule)
        return -1;
    int rc = take_capsule(capsule, target, block);
    Py_DECREF(capsule);
    return rc;
}
