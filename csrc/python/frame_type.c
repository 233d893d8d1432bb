// Frame: what is known of one shown picture and, in native output, its planes.
#include "module.h"
#include "plane.h"
#include "thread.h"

typedef struct frame_object {
    PyObject_HEAD
        // Immutable after create.
        gvd_frame *frame;
} frame_object;

static gvd_frame *frame_of(PyObject *self)
{
    return ((frame_object *)self)->frame;
}

PyObject *gvd_py_frame_wrap(gvd_py_state *state, gvd_frame *frame)
{
    PyObject *self = PyType_GenericAlloc(state->frame_type, 0);
    if (self)
        ((frame_object *)self)->frame = gvd_frame_ref(frame);
    return self;
}

static void frame_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    gvd_no_wait_begin();
    gvd_frame_unref(&((frame_object *)self)->frame);
    gvd_no_wait_end();
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *frame_pts(PyObject *self, void *Py_UNUSED(closure))
{
    int64_t pts = frame_of(self)->pts;
    return pts == GVD_NO_PTS ? Py_NewRef(Py_None) : PyLong_FromLongLong(pts);
}

static PyObject *frame_duration(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(frame_of(self)->duration);
}

static PyObject *frame_key(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(frame_of(self)->key);
}

static PyObject *frame_corrupt(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(frame_of(self)->corrupt);
}

static PyObject *frame_number(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(frame_of(self)->number);
}

static PyObject *frame_picture_type(PyObject *self, void *Py_UNUSED(closure))
{
    char type[2] = {frame_of(self)->picture_type, 0};
    return PyUnicode_FromString(type);
}

static PyObject *frame_interlaced(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(frame_of(self)->interlaced);
}

static PyObject *frame_top_first(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(frame_of(self)->top_field_first);
}

static PyObject *frame_backend(PyObject *self, void *Py_UNUSED(closure))
{
    return gvd_py_text(frame_of(self)->backend);
}

static PyObject *frame_pixel_format(PyObject *self, void *Py_UNUSED(closure))
{
    return gvd_py_text(frame_of(self)->pixel_format);
}

static PyObject *frame_width(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(frame_of(self)->width);
}

static PyObject *frame_height(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(frame_of(self)->height);
}

static PyObject *plane_at(gvd_py_state *state, gvd_frame *frame, int plane)
{
    gvd_tensor *tensor = NULL;
    gvd_error err = {0};
    if (gvd_plane_tensor(frame, plane, &tensor, &err) < 0)
        return gvd_py_raise(state, &err, NULL);
    PyObject *wrapped = gvd_py_tensor_wrap(state, tensor);
    gvd_tensor_unref(&tensor);
    return wrapped;
}

static PyObject *frame_planes(PyObject *self, void *Py_UNUSED(closure))
{
    gvd_frame *frame = frame_of(self);
    PyObject *planes = PyTuple_New(frame->plane_count);
    for (int i = 0; planes && i < frame->plane_count; i++) {
        PyObject *plane = plane_at(gvd_py_state_of(self), frame, i);
        if (!plane || PyTuple_SetItem(planes, i, plane) < 0)
            Py_CLEAR(planes);
    }
    return planes;
}

static PyGetSetDef frame_getset[] = {
    {"pts", frame_pts, NULL, "In the stream's time base, or None.", NULL},
    {"duration", frame_duration, NULL, "In the stream's time base, or 0.",
     NULL},
    {"key", frame_key, NULL, "Whether it is a key frame.", NULL},
    {"corrupt", frame_corrupt, NULL, "Whether damage was concealed.", NULL},
    {"number", frame_number, NULL, "In presentation order, from 0.", NULL},
    {"picture_type", frame_picture_type, NULL,
     "\"I\", \"P\", \"B\", or \"\" where it is not known.", NULL},
    {"interlaced", frame_interlaced, NULL, "Whether it is two fields.", NULL},
    {"top_field_first", frame_top_first, NULL,
     "Whether the upper field is the earlier one.", NULL},
    {"backend", frame_backend, NULL, "\"nvdec\" or \"cpu\".", NULL},
    {"pixel_format", frame_pixel_format, NULL,
     "libav's planar name of the decoded picture.", NULL},
    {"width", frame_width, NULL, "In pixels.", NULL},
    {"height", frame_height, NULL, "In pixels.", NULL},
    {"planes", frame_planes, NULL,
     "Tensors of the planes; empty where they were converted.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static int frame_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static PyType_Slot frame_slots[] = {
    {Py_tp_doc, "What is known of one decoded picture."},
    {Py_tp_dealloc, frame_dealloc},
    {Py_tp_getset, frame_getset},
    {Py_tp_traverse, frame_traverse},
    {0, NULL},
};

PyType_Spec gvd_py_frame_spec = {
    .name = "gvdecode._core.Frame",
    .basicsize = sizeof(frame_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = frame_slots,
};
