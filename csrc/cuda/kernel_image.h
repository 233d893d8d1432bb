// The compiled kernels, embedded by packaging/kernels.py at build time.
#pragma once

#include <stddef.h>

// One thing that cuModuleLoadData takes.
struct gvd_kernel_image {
    int arch; // 90 for a cubin of sm_90; 0 for PTX, which is NUL-terminated
    const unsigned char *data;
    size_t size;
};

// Cubins by ascending arch, the PTX last. A cubin runs on devices of its major
// version whose minor version is not lower: take the highest such, else the
// PTX, which later devices can compile.
extern const struct gvd_kernel_image gvd_kernel_images[]
    __attribute__((visibility("hidden")));
extern const int gvd_kernel_image_count __attribute__((visibility("hidden")));
