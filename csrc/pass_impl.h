// Inside of a pass: shared by pass.c and pass_open.c only.
#pragma once

#include <sys/types.h>

#include "assembler.h"
#include "batch.h"
#include "presenter.h"
#include "reader_impl.h"
#include "supply.h"

struct gvd_pass {
    // Immutable after open.
    gvd_reader *reader;
    gvd_supply supply;
    bool supplied;            // supply is initialised
    gvd_request *request;     // or NULL: all frames
    gvd_scheduler *scheduler; // NULL where nothing has to be decoded
    gvd_assembler *assembler; // RGB on the CPU
    int batch_size;
    int cores;     // that this process may use
    pid_t process; // whose threads the stages have

    pthread_mutex_t lock;
    pthread_cond_t idle;
    // Guarded by lock.
    bool busy; // a call is inside: what follows is its own

    gvd_presenter presenter; // the assembler's where there is one
    gvd_batch *ready;        // collected, not yet asked for
    gvd_delivery delivery;   // not all of it is placed
    int64_t placed;          // places of the delivery that are
    int64_t first_place;     // of the batch
    gvd_target target;       // until the batch is made
    int end; // GVD_OK while frames come, then GVD_EOF or an error
    gvd_error end_error;
};
