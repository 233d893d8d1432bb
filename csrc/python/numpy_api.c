// The only file that includes NumPy. The table of its functions is fetched when
// the first array is asked for: importing NumPy costs more than opening a file.
#include "module.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#include <string.h>

#include "host_copy.h"

// NumPy's type of the elements; -1 with TypeError set where it has none.
static int element_type(const gvd_tensor *tensor)
{
    switch (tensor->dtype) {
    case GVD_UINT8:
        return NPY_UINT8;
    case GVD_UINT16:
        return NPY_UINT16;
    case GVD_FLOAT16:
        return NPY_FLOAT16;
    case GVD_FLOAT32:
        return NPY_FLOAT32;
    case GVD_BFLOAT16:
        break;
    }
    PyErr_SetString(PyExc_TypeError, "NumPy has no bfloat16: take .torch(), or "
                                     "decode with dtype=\"float16\"");
    return -1;
}

// A writable array over the tensor's memory; owner becomes its base.
static PyObject *view(gvd_tensor *tensor, int type, PyObject *owner)
{
    npy_intp shape[GVD_MAX_DIMS], strides[GVD_MAX_DIMS];
    for (int i = 0; i < tensor->ndim; i++) {
        shape[i] = (npy_intp)tensor->shape[i];
        strides[i] =
            (npy_intp)tensor->strides[i] * gvd_dtype_bytes(tensor->dtype);
    }
    PyObject *array = PyArray_New(
        &PyArray_Type, tensor->ndim, shape, type, strides, tensor->data, 0,
        NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED, NULL);
    if (!array)
        return NULL;
    // Takes the reference, also when it fails.
    if (PyArray_SetBaseObject((PyArrayObject *)array, Py_NewRef(owner)) < 0)
        Py_CLEAR(array);
    return array;
}

static PyObject *copy(gvd_py_state *state, gvd_tensor *tensor, int type)
{
    npy_intp shape[GVD_MAX_DIMS];
    for (int i = 0; i < tensor->ndim; i++)
        shape[i] = (npy_intp)tensor->shape[i];
    PyObject *array = PyArray_SimpleNew(tensor->ndim, shape, type);
    if (!array)
        return NULL;
    void *memory = PyArray_DATA((PyArrayObject *)array);
    gvd_error err = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_tensor_copy_dense(tensor, memory, &err);
    PyEval_RestoreThread(thread);
    if (rc < 0) {
        Py_DECREF(array);
        return gvd_py_raise(state, &err, NULL);
    }
    return array;
}

PyObject *gvd_py_numpy_array(gvd_py_state *state, gvd_tensor *tensor,
                             PyObject *owner)
{
    int type = element_type(tensor);
    if (type < 0 || PyArray_ImportNumPyAPI() < 0)
        return NULL;
    if (tensor->device.type == GVD_DEVICE_CPU)
        return view(tensor, type, owner);
    return copy(state, tensor, type);
}

PyObject *gvd_py_numpy_int64(const int64_t *numbers, int64_t count)
{
    if (PyArray_ImportNumPyAPI() < 0)
        return NULL;
    npy_intp shape = (npy_intp)count;
    PyObject *array = PyArray_SimpleNew(1, &shape, NPY_INT64);
    if (array && count > 0)
        memcpy(PyArray_DATA((PyArrayObject *)array), numbers,
               (size_t)count * sizeof *numbers);
    return array;
}
