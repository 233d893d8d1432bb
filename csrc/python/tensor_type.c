// Tensor: one output array on its way to NumPy, torch or any other library that
// knows DLPack, the buffer protocol or the CUDA array interface.
#include <stddef.h> // offsetof()

#include "module.h"
#include "tensor_view.h"

typedef struct tensor_object {
    PyObject_HEAD
        // Immutable after create.
        gvd_tensor *tensor;
    Py_ssize_t shape[GVD_MAX_DIMS];
    Py_ssize_t byte_strides[GVD_MAX_DIMS];
} tensor_object;

static gvd_tensor *tensor_of(PyObject *self)
{
    return ((tensor_object *)self)->tensor;
}

PyObject *gvd_py_tensor_wrap(gvd_py_state *state, gvd_tensor *tensor)
{
    PyObject *self = PyType_GenericAlloc(state->tensor_type, 0);
    if (!self)
        return NULL;
    tensor_object *object = (tensor_object *)self;
    object->tensor = gvd_tensor_ref(tensor);
    for (int i = 0; i < tensor->ndim; i++) {
        object->shape[i] = (Py_ssize_t)tensor->shape[i];
        object->byte_strides[i] =
            (Py_ssize_t)tensor->strides[i] * gvd_dtype_bytes(tensor->dtype);
    }
    return self;
}

static void tensor_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    gvd_tensor_drop(&((tensor_object *)self)->tensor);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *tensor_dlpack(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "max_version", "dl_device", "copy", NULL};
    gvd_py_dlpack_request request = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", names,
                                     &request.stream, &request.max_version,
                                     &request.dl_device, &request.copy))
        return NULL;
    return gvd_py_dlpack_capsule(gvd_py_state_of(self), tensor_of(self),
                                 &request);
}

static PyObject *tensor_device(PyObject *self, void *Py_UNUSED(closure))
{
    const gvd_tensor *tensor = tensor_of(self);
    return Py_BuildValue("(ii)", tensor->device.type, tensor->device.id);
}

static PyObject *tensor_dlpack_device(PyObject *self,
                                      PyObject *Py_UNUSED(ignored))
{
    return tensor_device(self, NULL);
}

static PyObject *tensor_numpy(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return gvd_py_numpy_array(gvd_py_state_of(self), tensor_of(self), self);
}

// Takes the view.
static PyObject *wrap_view(PyObject *self, int rc, gvd_tensor **view,
                           const gvd_error *err)
{
    gvd_py_state *state = gvd_py_state_of(self);
    if (rc < 0)
        return gvd_py_raise(state, err, NULL);
    PyObject *wrapped = gvd_py_tensor_wrap(state, *view);
    gvd_tensor_unref(view);
    return wrapped;
}

static PyObject *tensor_select(PyObject *self, PyObject *args)
{
    long long index;
    if (!PyArg_ParseTuple(args, "L:select", &index))
        return NULL;
    gvd_tensor *view = NULL;
    gvd_error err = {0};
    int rc = gvd_tensor_select(tensor_of(self), index, &view, &err);
    return wrap_view(self, rc, &view, &err);
}

static PyObject *tensor_slice(PyObject *self, PyObject *args)
{
    long long start, count;
    if (!PyArg_ParseTuple(args, "LL:slice", &start, &count))
        return NULL;
    gvd_tensor *view = NULL;
    gvd_error err = {0};
    int rc = gvd_tensor_slice(tensor_of(self), start, count, &view, &err);
    return wrap_view(self, rc, &view, &err);
}

static int tensor_get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    tensor_object *object = (tensor_object *)self;
    const gvd_tensor *tensor = object->tensor;
    view->obj = NULL;
    if (tensor->device.type != GVD_DEVICE_CPU) {
        PyErr_SetString(PyExc_BufferError,
                        "the tensor is in GPU memory: numpy() copies it");
        return -1;
    }
    const gvd_py_dtype *dtype = gvd_py_dtype_of(tensor->dtype);
    if (!dtype->format) {
        PyErr_Format(PyExc_BufferError,
                     "the buffer protocol has no %s: take .torch(), or decode "
                     "with dtype=\"float16\"",
                     dtype->name);
        return -1;
    }
    bool dense = gvd_tensor_is_contiguous(tensor);
    bool strided = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
    bool must_be_dense = !strided ||
                         (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS ||
                         (flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS;
    bool fortran = (flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS;
    if ((must_be_dense && !dense) || (fortran && tensor->ndim > 1)) {
        PyErr_SetString(PyExc_BufferError,
                        "the tensor does not lie in memory in the order that "
                        "was asked for");
        return -1;
    }
    *view = (Py_buffer){
        .buf = tensor->data,
        .obj = Py_NewRef(self),
        .len = (Py_ssize_t)gvd_tensor_bytes(tensor),
        .itemsize = gvd_dtype_bytes(tensor->dtype),
        .ndim = tensor->ndim,
        .format = flags & PyBUF_FORMAT ? (char *)dtype->format : NULL,
        .shape = flags & PyBUF_ND ? object->shape : NULL,
        .strides = strided ? object->byte_strides : NULL,
    };
    return 0;
}

static PyObject *tuple_of(const Py_ssize_t *numbers, int count, int divisor)
{
    PyObject *tuple = PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        PyObject *number = PyLong_FromSsize_t(numbers[i] / divisor);
        if (!number || PyTuple_SetItem(tuple, i, number) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *tensor_shape(PyObject *self, void *Py_UNUSED(closure))
{
    return tuple_of(((tensor_object *)self)->shape, tensor_of(self)->ndim, 1);
}

static PyObject *tensor_strides(PyObject *self, void *Py_UNUSED(closure))
{
    return tuple_of(((tensor_object *)self)->byte_strides,
                    tensor_of(self)->ndim,
                    gvd_dtype_bytes(tensor_of(self)->dtype));
}

static PyObject *tensor_dtype(PyObject *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(gvd_py_dtype_of(tensor_of(self)->dtype)->name);
}

static PyObject *tensor_data_ptr(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromVoidPtr(tensor_of(self)->data);
}

static PyObject *tensor_nbytes(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(gvd_tensor_bytes(tensor_of(self)));
}

// Version 3 wants a stream that the consumer waits for. The legacy default
// stream is made to wait for the tensor and is the one named.
static PyObject *tensor_cuda_interface(PyObject *self, void *Py_UNUSED(closure))
{
    tensor_object *object = (tensor_object *)self;
    gvd_tensor *tensor = object->tensor;
    const uintptr_t legacy = 1;
    if (tensor->device.type != GVD_DEVICE_CUDA) {
        PyErr_SetString(PyExc_AttributeError,
                        "__cuda_array_interface__: a CPU tensor has none");
        return NULL;
    }
    const gvd_py_dtype *dtype = gvd_py_dtype_of(tensor->dtype);
    if (!dtype->typestr) {
        PyErr_Format(PyExc_AttributeError,
                     "__cuda_array_interface__ has no %s: use DLPack",
                     dtype->name);
        return NULL;
    }
    if (gvd_py_order(gvd_py_state_of(self), tensor, legacy) < 0)
        return NULL;
    PyObject *shape = tensor_shape(self, NULL);
    PyObject *strides = gvd_tensor_is_contiguous(tensor)
                            ? Py_NewRef(Py_None)
                            : tuple_of(object->byte_strides, tensor->ndim, 1);
    if (!shape || !strides) {
        Py_XDECREF(shape);
        Py_XDECREF(strides);
        return NULL;
    }
    return Py_BuildValue("{s:N,s:N,s:s,s:(KO),s:i,s:i}", "shape", shape,
                         "strides", strides, "typestr", dtype->typestr, "data",
                         (unsigned long long)(uintptr_t)tensor->data, Py_False,
                         "version", 3, "stream", (int)legacy);
}

PyDoc_STRVAR(dlpack_doc,
             "__dlpack__($self, /, *, stream=None, max_version=None, "
             "dl_device=None, copy=None)\n--\n\n"
             "A DLPack capsule of this memory, writable.\n\n"
             "stream: None or 1 the legacy default stream, 2 the per-thread "
             "one, -1 no\nordering, more a cudaStream_t; it waits for the "
             "tensor, the host does not.\n"
             "dl_device: the tensor's own, or (1, 0) for a copy in host "
             "memory.\nRaises BufferError where that needs a copy and copy is "
             "False.");
PyDoc_STRVAR(numpy_doc, "numpy($self, /)\n--\n\n"
                        "A NumPy array: of a CPU tensor its own memory, of a "
                        "GPU tensor a copy,\nfor which this call waits.");

static PyMethodDef tensor_methods[] = {
    {"__dlpack__", (PyCFunction)(void (*)(void))tensor_dlpack,
     METH_VARARGS | METH_KEYWORDS, dlpack_doc},
    {"__dlpack_device__", tensor_dlpack_device, METH_NOARGS,
     "__dlpack_device__($self, /)\n--\n\nDLPack's (device type, number)."},
    {"numpy", tensor_numpy, METH_NOARGS, numpy_doc},
    {"select", tensor_select, METH_VARARGS,
     "select($self, index, /)\n--\n\nThe picture at an index, a view."},
    {"slice", tensor_slice, METH_VARARGS,
     "slice($self, start, count, /)\n--\n\nSome pictures in a row, a view."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef tensor_getset[] = {
    {"shape", tensor_shape, NULL, "Elements in each dimension.", NULL},
    {"strides", tensor_strides, NULL, "In elements.", NULL},
    {"dtype", tensor_dtype, NULL, "\"uint8\", \"float16\" ...", NULL},
    {"device", tensor_device, NULL, "DLPack's (device type, number).", NULL},
    {"data_ptr", tensor_data_ptr, NULL, "Address of the first element.", NULL},
    {"nbytes", tensor_nbytes, NULL, "Bytes of the elements.", NULL},
    {"__cuda_array_interface__", tensor_cuda_interface, NULL,
     "Version 3; the legacy default stream is made to wait.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static int tensor_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static PyType_Slot tensor_slots[] = {
    {Py_tp_doc, "An array of samples in host or GPU memory."},
    {Py_tp_dealloc, tensor_dealloc},
    {Py_tp_methods, tensor_methods},
    {Py_tp_getset, tensor_getset},
    {Py_tp_traverse, tensor_traverse},
    {Py_bf_getbuffer, tensor_get_buffer},
    {0, NULL},
};

PyType_Spec gvd_py_tensor_spec = {
    .name = "gvdecode._core.Tensor",
    .basicsize = sizeof(tensor_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = tensor_slots,
};
