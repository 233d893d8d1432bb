// Frames of a presenter, converted by its workers into batches of host memory.
//
// A thread of its own gives every frame its place in a batch as soon as its
// turn comes, so that conversion runs ahead of the caller, on all cores; or, on
// demand, once the caller waits for a batch.
#pragma once

#include "batch.h"
#include "presenter.h"

typedef struct gvd_assembler gvd_assembler;

typedef struct gvd_assembler_params {
    // Its scheduler's workers convert; without one this thread does.
    gvd_presenter *presenter;
    int batch_size, depth; // depth batches at most are in the making
    gvd_conversions *conversions;
    bool transposed;    // width and height change places
    gvd_target *target; // of the only batch; may be empty
    bool on_demand;     // the frames are to be as new as can be
    gvd_budget *budget; // of all readings: one batch is claimed from it already
} gvd_assembler_params;

int gvd_assembler_create(const gvd_assembler_params *params,
                         gvd_assembler **out, gvd_error *err);

// The next complete batch, GVD_EOF, an error, or GVD_AGAIN after timeout_ms
// (-1: never).
int gvd_assembler_next(gvd_assembler *assembler, int timeout_ms,
                       gvd_batch **out, gvd_error *err);

// Seconds that gvd_assembler_next has waited for conversion alone.
double gvd_assembler_waited(gvd_assembler *assembler);

// After gvd_scheduler_abort and before gvd_scheduler_destroy: ends the thread.
void gvd_assembler_stop(gvd_assembler *assembler);
// After gvd_scheduler_destroy, when no task is left.
void gvd_assembler_destroy(gvd_assembler **assembler);
