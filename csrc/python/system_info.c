// Functions on the process and the machine: log lines, memory kept for later,
// GPUs, the driver, FFmpeg.
#include "cuda/info.h"
#include "log.h"
#include "module.h"
#include "source.h"

#define LOG_LINE_BYTES 512

static PyObject *info_trim(PyObject *Py_UNUSED(module),
                           PyObject *Py_UNUSED(ignored))
{
    PyThreadState *thread = PyEval_SaveThread();
    gvd_trim();
    PyEval_RestoreThread(thread);
    return Py_NewRef(Py_None);
}

// A device's budget, or NULL with an exception.
static gvd_budget *find_budget(gvd_device device)
{
    PyThreadState *thread = PyEval_SaveThread();
    gvd_budget *budget = gvd_memory_budget(device);
    PyEval_RestoreThread(thread);
    if (!budget)
        PyErr_Format(PyExc_ValueError, "there is no cuda:%d", device.id);
    return budget;
}

static PyObject *info_set_memory_limit(PyObject *Py_UNUSED(module),
                                       PyObject *args)
{
    gvd_device device;
    long long limit;
    double patience;
    if (!PyArg_ParseTuple(args, "iiLd:set_memory_limit", &device.type,
                          &device.id, &limit, &patience))
        return NULL;
    gvd_budget *budget = find_budget(device);
    if (!budget)
        return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    gvd_budget_set(budget, limit > 0 ? limit : gvd_memory_most(device),
                   patience);
    PyEval_RestoreThread(thread);
    return Py_NewRef(Py_None);
}

static PyObject *info_memory_usage(PyObject *Py_UNUSED(module), PyObject *args)
{
    gvd_device device;
    if (!PyArg_ParseTuple(args, "ii:memory_usage", &device.type, &device.id))
        return NULL;
    gvd_budget *budget = find_budget(device);
    if (!budget)
        return NULL;
    gvd_budget_usage usage;
    gvd_budget_usage_get(budget, &usage);
    return Py_BuildValue("(LLL)", (long long)usage.limit, (long long)usage.held,
                         (long long)usage.held_max);
}

static PyObject *info_log_drain(PyObject *Py_UNUSED(module),
                                PyObject *Py_UNUSED(ignored))
{
    PyObject *lines = PyList_New(0);
    char text[LOG_LINE_BYTES];
    int level;
    while (lines && (level = gvd_log_take(text, sizeof text)) > 0) {
        PyObject *line = Py_BuildValue("(iN)", level, gvd_py_text(text));
        if (!line || PyList_Append(lines, line) < 0)
            Py_CLEAR(lines);
        Py_XDECREF(line);
    }
    return lines;
}

static PyObject *info_device_count(PyObject *Py_UNUSED(module),
                                   PyObject *Py_UNUSED(ignored))
{
    gvd_error err = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int count = gvd_cuda_device_count(&err);
    PyEval_RestoreThread(thread);
    if (count < 0)
        count = 0;
    return Py_BuildValue("(iN)", count,
                         gvd_py_text(count == 0 ? err.text : NULL));
}

static PyObject *info_driver_version(PyObject *Py_UNUSED(module),
                                     PyObject *Py_UNUSED(ignored))
{
    PyThreadState *thread = PyEval_SaveThread();
    int version = gvd_cuda_driver_version();
    PyEval_RestoreThread(thread);
    return PyLong_FromLong(version);
}

static PyObject *codec_dict(const gvd_cuda_codec *codec)
{
    return Py_BuildValue("{s:s,s:i,s:s,s:i,s:i,s:i}", "codec", codec->codec,
                         "bit_depth", codec->bit_depth, "chroma", codec->chroma,
                         "max_width", codec->max_width, "max_height",
                         codec->max_height, "engines", codec->engines);
}

static PyObject *device_dict(const gvd_cuda_device *device)
{
    PyObject *codecs = PyList_New(device->codec_count);
    for (int i = 0; codecs && i < device->codec_count; i++) {
        PyObject *codec = codec_dict(&device->codecs[i]);
        if (!codec || PyList_SetItem(codecs, i, codec) < 0)
            Py_CLEAR(codecs);
    }
    if (!codecs)
        return NULL;
    return Py_BuildValue("{s:N,s:(ii),s:L,s:L,s:N}", "name",
                         gvd_py_text(device->name), "compute_capability",
                         device->compute_capability / 10,
                         device->compute_capability % 10, "total_bytes",
                         (long long)device->total_bytes, "free_bytes",
                         (long long)device->free_bytes, "codecs", codecs);
}

static PyObject *info_describe(PyObject *module, PyObject *args)
{
    int index;
    if (!PyArg_ParseTuple(args, "i:cuda_describe", &index))
        return NULL;
    gvd_error err = {0};
    gvd_cuda_device device = {0};
    PyThreadState *thread = PyEval_SaveThread();
    int rc = gvd_cuda_describe(index, &device, &err);
    PyEval_RestoreThread(thread);
    if (rc < 0)
        return gvd_py_raise(PyModule_GetState(module), &err, NULL);
    return device_dict(&device);
}

static PyObject *info_libav_version(PyObject *Py_UNUSED(module),
                                    PyObject *Py_UNUSED(ignored))
{
    return gvd_py_text(gvd_source_libav_version());
}

PyMethodDef gvd_py_info_methods[] = {
    {"trim", info_trim, METH_NOARGS,
     "trim($module, /)\n--\n\n"
     "Frees every idle decode session and buffer kept for later."},
    {"set_memory_limit", info_set_memory_limit, METH_VARARGS,
     "set_memory_limit($module, device_type, device_id, limit, patience, /)\n"
     "--\n\nWhat all decoders may hold on a device; 0 is the default."},
    {"memory_usage", info_memory_usage, METH_VARARGS,
     "memory_usage($module, device_type, device_id, /)\n--\n\n"
     "(limit, held, held_max), in bytes."},
    {"log_drain", info_log_drain, METH_NOARGS,
     "log_drain($module, /)\n--\n\n"
     "The core's log lines since the last call, as (level, text)."},
    {"cuda_device_count", info_device_count, METH_NOARGS,
     "cuda_device_count($module, /)\n--\n\n"
     "(number of GPUs, why there is none or None)."},
    {"cuda_driver_version", info_driver_version, METH_NOARGS,
     "cuda_driver_version($module, /)\n--\n\n"
     "13000 for CUDA 13.0, 0 without a driver."},
    {"cuda_describe", info_describe, METH_VARARGS,
     "cuda_describe($module, index, /)\n--\n\n"
     "A GPU's name, memory and what its NVDEC engines decode."},
    {"libav_version", info_libav_version, METH_NOARGS,
     "libav_version($module, /)\n--\n\nThe version of the FFmpeg in use."},
    {NULL, NULL, 0, NULL},
};
