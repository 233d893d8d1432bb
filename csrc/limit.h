// How long a source may be waited for: until somebody stops it, or until its
// time is over.
//
// Thread-safety: the flags may be set at any time; all else is for the one
// thread that reads the source.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "status.h"

// How often a wait that nothing ends by itself looks at its limit.
#define GVD_LOOK_MS 50

typedef struct gvd_limit {
    // That end it, or NULL: of all sources of a reader, and of what this one is
    // read for now.
    const atomic_bool *owner_stopped, *user_stopped;
    double timeout; // of each operation, seconds; 0: none
    double end;     // of this one, a gvd_seconds()
} gvd_limit;

void gvd_limit_init(gvd_limit *limit, double timeout,
                    const atomic_bool *owner_stopped,
                    const atomic_bool *user_stopped);
// An operation begins.
void gvd_limit_begin(gvd_limit *limit);

// GVD_OK while there is time, else GVD_ERR_CLOSED or GVD_ERR_TIMEOUT.
int gvd_limit_check(const gvd_limit *limit, gvd_error *err);
