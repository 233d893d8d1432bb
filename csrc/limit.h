// How long a source may be waited for: until somebody stops it, or until its
// time is over.
//
// Thread-safety: gvd_limit_stop at any time; all else by the one thread that
// reads the source.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "status.h"

// How often a wait that nothing ends by itself looks at its limit.
#define GVD_LOOK_MS 50

typedef struct gvd_limit {
    atomic_bool stopped;
    const atomic_bool *owner_stopped; // likewise of all sources of a reader
    double timeout;                   // of each operation, seconds; 0: none
    double end;                       // of this one, a gvd_seconds()
} gvd_limit;

void gvd_limit_init(gvd_limit *limit, double timeout,
                    const atomic_bool *owner_stopped);
// An operation begins.
void gvd_limit_begin(gvd_limit *limit);
void gvd_limit_stop(gvd_limit *limit);

// GVD_OK while there is time, else GVD_ERR_CLOSED or GVD_ERR_TIMEOUT.
int gvd_limit_check(const gvd_limit *limit, gvd_error *err);
