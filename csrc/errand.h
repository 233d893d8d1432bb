// A call that may wait for a source, made on a thread of its own: whoever waits
// for its end can leave. The call is then finished alone.
//
// Thread-safety: none; the errand belongs to the thread that started it.
#pragma once

#include <stdbool.h>

#include "status.h"

typedef struct gvd_errand gvd_errand;

typedef struct gvd_errand_params {
    int (*run)(void *context, gvd_error *err);
    // The errand's until wait has returned what run did, then the caller's
    // again. An errand that is left before releases it.
    void *context;
    void (*release)(void *context);
} gvd_errand_params;

// When it fails, the context is still the caller's.
int gvd_errand_start(const gvd_errand_params *params, gvd_errand **out,
                     gvd_error *err);
// True with what the call returned; false while it runs after timeout_ms.
bool gvd_errand_wait(gvd_errand *errand, int timeout_ms, int *status,
                     gvd_error *err);
void gvd_errand_leave(gvd_errand **errand);
