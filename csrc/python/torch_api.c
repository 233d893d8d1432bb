// Lets a pass make its batches in torch's own memory, on torch's own stream, so
// that torch counts them and nobody has to wait.
#include "torch_api.h"

#include <pthread.h>
#include <string.h>

#define CAPSULE_NAME "dlpack_exchange_api"

// Guards what was found; held for a few loads and stores, never across a call
// of Python's. Without the GIL several threads may look at once.
static pthread_mutex_t found_lock = PTHREAD_MUTEX_INITIALIZER;

static void allocation_failed(void *error_ctx, const char *kind,
                              const char *message)
{
    bool memory = !kind || strcmp(kind, "MemoryError") == 0;
    int code = memory ? GVD_ERR_NO_MEMORY : GVD_ERR_DRIVER;
    gvd_fail(error_ctx, code, "torch could not allocate the batch: %s",
             message ? message : "no reason given");
}

static void release_block(void *handle)
{
    DLManagedTensorVersioned *managed = handle;
    if (managed->deleter)
        managed->deleter(managed);
}

static int allocate_block(void *context, gvd_device device, int ndim,
                          const int64_t *shape, gvd_block *block,
                          gvd_error *err)
{
    const DLPackExchangeAPI *api = context;
    int64_t sizes[GVD_MAX_DIMS];
    memcpy(sizes, shape, (size_t)ndim * sizeof sizes[0]);
    DLTensor prototype = {
        .device = {device.type, device.id},
        .ndim = ndim,
        .dtype = {GVD_DL_UINT, 8, 1},
        .shape = sizes,
    };
    gvd_error failure = {.code = GVD_ERR_NO_MEMORY,
                         .text = "torch could not allocate the batch"};
    DLManagedTensorVersioned *managed = NULL;
    int rc = api->managed_tensor_allocator(&prototype, &managed, &failure,
                                           allocation_failed);
    if (rc != 0 || !managed)
        return gvd_fail(err, failure.code, "%s", failure.text);
    *block = (gvd_block){
        .data =
            (uint8_t *)managed->dl_tensor.data + managed->dl_tensor.byte_offset,
        .handle = managed,
        .release = release_block,
    };
    return GVD_OK;
}

// The newest table of the major version that dlpack.h declares, or NULL.
static const DLPackExchangeAPI *usable_table(const DLPackExchangeAPI *api)
{
    while (api && api->version.major != GVD_DLPACK_MAJOR)
        api = api->previous;
    if (!api || api->version.minor < GVD_DLPACK_MINOR)
        return NULL;
    if (!api->managed_tensor_allocator || !api->current_work_stream)
        return NULL;
    return api;
}

// Attribute of an attribute, or NULL without an exception where it is missing.
static PyObject *nested_attribute(PyObject *object, const char *first,
                                  const char *second)
{
    PyObject *value = NULL;
    PyObject *middle = PyObject_GetAttrString(object, first);
    if (middle) {
        value = PyObject_GetAttrString(middle, second);
        Py_DECREF(middle);
    }
    if (!value)
        PyErr_Clear();
    return value;
}

static gvd_py_torch read_found(const gvd_py_torch *torch)
{
    pthread_mutex_lock(&found_lock);
    gvd_py_torch copy = *torch;
    pthread_mutex_unlock(&found_lock);
    return copy;
}

// Keeps the first find and its reference, drops a later one's. What is kept.
static gvd_py_torch keep_first(gvd_py_torch *torch, gvd_py_torch find)
{
    PyObject *unused = NULL;
    pthread_mutex_lock(&found_lock);
    if (torch->capsule)
        unused = find.capsule;
    else
        *torch = find;
    find = *torch;
    pthread_mutex_unlock(&found_lock);
    Py_XDECREF(unused);
    return find;
}

// Looks at an imported torch. One whose import is still going on lacks the
// attributes and is looked at again next time: capsule is NULL.
static gvd_py_torch meet_torch(PyObject *module)
{
    gvd_py_torch find = {0};
    PyObject *cuda = nested_attribute(module, "version", "cuda");
    PyObject *table =
        nested_attribute(module, "Tensor", "__dlpack_c_exchange_api__");
    if (cuda && table && PyCapsule_IsValid(table, CAPSULE_NAME)) {
        find.api = usable_table(PyCapsule_GetPointer(table, CAPSULE_NAME));
        find.has_cuda = cuda != Py_None;
        find.capsule = Py_NewRef(table);
    }
    Py_XDECREF(cuda);
    Py_XDECREF(table);
    return find;
}

// 1 where torch's table is at hand, 0 where not, -1 with an exception set.
static int find_torch(gvd_py_torch *torch, gvd_py_torch *found)
{
    *found = read_found(torch);
    if (!found->capsule) {
        PyObject *name = PyUnicode_FromString("torch");
        PyObject *module = name ? PyImport_GetModule(name) : NULL;
        Py_XDECREF(name);
        gvd_py_torch find = {0};
        if (module)
            find = meet_torch(module);
        Py_XDECREF(module);
        if (find.capsule)
            *found = keep_first(torch, find);
    }
    if (PyErr_Occurred())
        return -1;
    return found->api != NULL;
}

int gvd_py_torch_allocator(gvd_py_torch *torch, gvd_device device,
                           gvd_allocator *out)
{
    gvd_py_torch found;
    int rc = find_torch(torch, &found);
    if (rc <= 0)
        return rc;
    void *stream = NULL;
    if (device.type == GVD_DEVICE_CUDA) {
        if (!found.has_cuda)
            return 0;
        if (found.api->current_work_stream(device.type, device.id, &stream))
            return PyErr_Occurred() ? -1 : 0;
    }
    *out = (gvd_allocator){
        .allocate = allocate_block,
        .context = (void *)found.api,
        .stream = stream,
    };
    return 1;
}
