// Torch's allocator and current stream, reached without linking torch.
//
// A torch of 2.10 or later that is already imported publishes them as a table
// of C functions (DLPack exchange API 1.3).
#pragma once

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>
#include <stdbool.h>

#include "dlpack.h"
#include "reader.h"

// Begins as zeros; written once, by gvd_py_torch_allocator.
typedef struct gvd_py_torch {
    PyObject *capsule; // keeps the table alive; NULL until torch was met
    const DLPackExchangeAPI *api; // NULL where this torch has no usable table
    bool has_cuda;                // torch was built for CUDA
} gvd_py_torch;

// Fills in torch's allocator for a device and the calling thread's current
// stream there. Needs the GIL (or, in an interpreter without one, an attached
// thread; several at once may be); the allocator is then used in this thread,
// with or without it. Returns 1; 0 where torch is not imported, too old or
// built for other devices; -1 with an exception set.
int gvd_py_torch_allocator(gvd_py_torch *torch, gvd_device device,
                           gvd_allocator *out);
