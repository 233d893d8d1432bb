// The extension module gvdecode._core: its creation and its state.
#include "module.h"

// Slots that later interpreters know and the headers of 3.11 do not name.
#ifndef Py_mod_multiple_interpreters
#define Py_mod_multiple_interpreters 3
#define Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED ((void *)0)
#endif
#ifndef Py_mod_gil
#define Py_mod_gil 4
#define Py_MOD_GIL_NOT_USED ((void *)1)
#endif

#define VERSION_3_12 0x030C0000
#define VERSION_3_13 0x030D0000

PyMODINIT_FUNC PyInit__core(void);

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (!type)
        return -1;
    *out = (PyTypeObject *)type;
    return PyModule_AddType(module, *out);
}

static int module_exec(PyObject *module)
{
    gvd_py_state *state = PyModule_GetState(module);
    if (gvd_py_errors_import(state) < 0 ||
        add_type(module, &gvd_py_reader_spec, &state->reader_type) < 0 ||
        add_type(module, &gvd_py_pass_spec, &state->pass_type) < 0 ||
        add_type(module, &gvd_py_tensor_spec, &state->tensor_type) < 0 ||
        add_type(module, &gvd_py_frame_spec, &state->frame_type) < 0 ||
        add_type(module, &gvd_py_index_spec, &state->index_type) < 0)
        return -1;
    return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    gvd_py_state *state = PyModule_GetState(module);
    Py_VISIT(state->reader_type);
    Py_VISIT(state->pass_type);
    Py_VISIT(state->tensor_type);
    Py_VISIT(state->frame_type);
    Py_VISIT(state->index_type);
    for (int i = 0; i < GVD_PY_ERROR_COUNT; i++)
        Py_VISIT(state->errors[i]);
    Py_VISIT(state->torch.capsule);
    return 0;
}

static int module_clear(PyObject *module)
{
    gvd_py_state *state = PyModule_GetState(module);
    Py_CLEAR(state->reader_type);
    Py_CLEAR(state->pass_type);
    Py_CLEAR(state->tensor_type);
    Py_CLEAR(state->frame_type);
    Py_CLEAR(state->index_type);
    for (int i = 0; i < GVD_PY_ERROR_COUNT; i++)
        Py_CLEAR(state->errors[i]);
    state->torch.api = NULL;
    Py_CLEAR(state->torch.capsule);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

// NumPy's arrays and the core's pools belong to the process, so one
// interpreter has them. An interpreter refuses slots that it does not know,
// hence the terminators: the table is cut to what this one can read.
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gvdecode._core",
    .m_doc = "The binding of gvdecode's C core.",
    .m_size = sizeof(gvd_py_state),
    .m_methods = gvd_py_info_methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void)
{
    if (Py_Version < VERSION_3_12)
        slots[1] = (PyModuleDef_Slot){0, NULL};
    else if (Py_Version < VERSION_3_13)
        slots[2] = (PyModuleDef_Slot){0, NULL};
    return PyModuleDef_Init(&definition);
}
