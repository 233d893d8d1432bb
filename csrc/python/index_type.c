// Index: what a scan of a video's packets tells, for len, numbers and times.
#include <string.h>

#include "index_state.h"
#include "module.h"

typedef struct index_object {
    PyObject_HEAD
        // Immutable after create.
        gvd_index *index;
} index_object;

static gvd_index *index_of(PyObject *self)
{
    return ((index_object *)self)->index;
}

PyObject *gvd_py_index_wrap(gvd_py_state *state, gvd_index *index)
{
    PyObject *self = PyType_GenericAlloc(state->index_type, 0);
    if (self)
        ((index_object *)self)->index = gvd_index_ref(index);
    return self;
}

gvd_index *gvd_py_index_of(gvd_py_state *state, PyObject *object)
{
    if (PyObject_TypeCheck(object, state->index_type))
        return index_of(object);
    PyErr_SetString(PyExc_TypeError, "an Index is needed");
    return NULL;
}

static void index_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    gvd_index_unref(&((index_object *)self)->index);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *index_pts(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    const gvd_index *x = index_of(self);
    return gvd_py_numpy_int64(x->pts, x->frame_count);
}

static PyObject *index_key_frames(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    const gvd_index *x = index_of(self);
    int64_t count = 0;
    int64_t *numbers = PyMem_Malloc((size_t)(x->frame_count + 1) * 8);
    if (!numbers)
        return PyErr_NoMemory();
    for (int64_t i = 0; i < x->frame_count; i++)
        if (gvd_index_is_key(x, i))
            numbers[count++] = i;
    PyObject *array = gvd_py_numpy_int64(numbers, count);
    PyMem_Free(numbers);
    return array;
}

static PyObject *bytes_of(const void *data, int64_t count, size_t size)
{
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)((size_t)count * size));
}

static PyObject *index_state(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    gvd_index_state s = gvd_index_to_state(index_of(self));
    PyObject *dict = PyDict_New();
    if (dict &&
        (gvd_py_dict_take(
             dict, "packets",
             bytes_of(s.packets, s.packet_count, sizeof *s.packets)) < 0 ||
         gvd_py_dict_take(dict, "pts",
                          bytes_of(s.pts, s.frame_count, sizeof *s.pts)) < 0 ||
         gvd_py_dict_take(dict, "frame_packets",
                          bytes_of(s.frame_packets, s.frame_count,
                                   sizeof *s.frame_packets)) < 0 ||
         gvd_py_dict_take(dict, "jobs",
                          bytes_of(s.jobs, s.job_count, sizeof *s.jobs)) < 0 ||
         gvd_py_dict_take(dict, "frame_durations",
                          bytes_of(s.frame_durations, s.frame_count, 1)) < 0 ||
         gvd_py_dict_take(dict, "durations",
                          bytes_of(s.durations, s.duration_count,
                                   sizeof *s.durations)) < 0 ||
         gvd_py_dict_take(dict, "end", PyLong_FromLongLong(s.end)) < 0 ||
         gvd_py_dict_take(dict, "trust", PyLong_FromLong(s.trust)) < 0 ||
         gvd_py_dict_take(dict, "counted", PyBool_FromLong(s.counted)) < 0))
        Py_CLEAR(dict);
    return dict;
}

// The bytes under a key, as an array of elements of this size.
static int take_array(PyObject *dict, const char *key, size_t size,
                      const void **data, int64_t *count)
{
    PyObject *value = PyDict_GetItemString(dict, key);
    char *memory;
    Py_ssize_t length;
    if (!value || PyBytes_AsStringAndSize(value, &memory, &length) < 0 ||
        (size_t)length % size) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "it is no index: %s", key);
        return -1;
    }
    *data = memory;
    *count = (int64_t)((size_t)length / size);
    return 0;
}

// A whole number under a key.
static int take_number(PyObject *dict, const char *key, int64_t *number)
{
    PyObject *value = PyDict_GetItemString(dict, key);
    *number = value ? PyLong_AsLongLong(value) : 0;
    if (value && !PyErr_Occurred())
        return 0;
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "it is no index: %s", key);
    return -1;
}

// The arrays stay the dictionary's.
static int read_state(PyObject *dict, gvd_index_state *s)
{
    const void *packets, *pts, *frame_packets, *frame_durations, *durations,
        *jobs;
    int64_t frames, more_frames, trust, counted;
    if (take_array(dict, "packets", sizeof *s->packets, &packets,
                   &s->packet_count) < 0 ||
        take_array(dict, "pts", sizeof *s->pts, &pts, &s->frame_count) < 0 ||
        take_array(dict, "frame_packets", sizeof *s->frame_packets,
                   &frame_packets, &frames) < 0 ||
        take_array(dict, "frame_durations", 1, &frame_durations, &more_frames) <
            0 ||
        take_array(dict, "durations", sizeof *s->durations, &durations,
                   &s->duration_count) < 0 ||
        take_array(dict, "jobs", sizeof *s->jobs, &jobs, &s->job_count) < 0 ||
        take_number(dict, "end", &s->end) < 0 ||
        take_number(dict, "counted", &counted) < 0 ||
        take_number(dict, "trust", &trust) < 0)
        return -1;
    if (frames != s->frame_count || more_frames != s->frame_count) {
        PyErr_SetString(PyExc_ValueError, "it is no index: it is not complete");
        return -1;
    }
    s->packets = packets;
    s->pts = pts;
    s->frame_packets = frame_packets;
    s->frame_durations = frame_durations;
    s->durations = durations;
    s->jobs = jobs;
    s->counted = counted != 0;
    s->trust = trust == (int)trust ? (int)trust : -1;
    return 0;
}

static PyObject *index_from_state(PyObject *type, PyObject *dict)
{
    gvd_index_state state = {0};
    if (!PyDict_Check(dict)) {
        PyErr_SetString(PyExc_TypeError, "an Index is made of its state()");
        return NULL;
    }
    if (read_state(dict, &state) < 0)
        return NULL;
    gvd_error err = {0};
    gvd_index *index = NULL;
    gvd_py_state *module = PyType_GetModuleState((PyTypeObject *)type);
    if (gvd_index_from_state(&state, &index, &err) < 0)
        return gvd_py_raise(module, &err, NULL);
    PyObject *self = gvd_py_index_wrap(module, index);
    gvd_index_unref(&index);
    return self;
}

static PyObject *index_number(PyObject *self, void *which)
{
    const gvd_index *x = index_of(self);
    const char *name = which;
    if (!strcmp(name, "frame_count"))
        return PyLong_FromLongLong(x->frame_count);
    if (!strcmp(name, "packet_count"))
        return PyLong_FromLongLong(x->packet_count);
    if (!strcmp(name, "job_count"))
        return PyLong_FromLongLong(x->job_count);
    return PyLong_FromLongLong(gvd_index_bytes(x));
}

static PyObject *index_end(PyObject *self, void *Py_UNUSED(closure))
{
    int64_t end = index_of(self)->end;
    return end == GVD_NO_PTS ? Py_NewRef(Py_None) : PyLong_FromLongLong(end);
}

static PyObject *index_counted(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(index_of(self)->counted);
}

static PyMethodDef index_methods[] = {
    {"pts", index_pts, METH_NOARGS,
     "pts($self, /)\n--\n\nOf all frames, int64; the smallest number for "
     "none."},
    {"key_frames", index_key_frames, METH_NOARGS,
     "key_frames($self, /)\n--\n\nNumbers of the key frames, int64."},
    {"state", index_state, METH_NOARGS,
     "state($self, /)\n--\n\nAll of it, as bytes and numbers."},
    {"from_state", index_from_state, METH_O | METH_CLASS,
     "from_state($type, state, /)\n--\n\n"
     "The index of which state() gave this; ValueError if it is not sound."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef index_getset[] = {
    {"frame_count", index_number, NULL, "Frames that are shown.",
     "frame_count"},
    {"packet_count", index_number, NULL, "Packets of the stream.",
     "packet_count"},
    {"job_count", index_number, NULL, "Places where decoding may start.",
     "job_count"},
    {"nbytes", index_number, NULL, "Bytes that it takes.", "nbytes"},
    {"end", index_end, NULL, "Pts and duration of the last frame, or None.",
     NULL},
    {"counted", index_counted, NULL,
     "Whether frames are told only by counting from the start.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static int index_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static PyType_Slot index_slots[] = {
    {Py_tp_doc, "The frames of a video and where to find them."},
    {Py_tp_dealloc, index_dealloc},
    {Py_tp_methods, index_methods},
    {Py_tp_getset, index_getset},
    {Py_tp_traverse, index_traverse},
    {0, NULL},
};

PyType_Spec gvd_py_index_spec = {
    .name = "gvdecode._core.Index",
    .basicsize = sizeof(index_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = index_slots,
};
