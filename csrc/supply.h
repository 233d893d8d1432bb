// The packets of one reading with their routes: all of them as the plan cuts
// them, or those that a request needs.
//
// Thread-safety: gvd_supply_read is the reading thread's, gvd_supply_abort
// anybody's.
#pragma once

#include "reader_impl.h"
#include "request.h"

typedef struct gvd_supply {
    // Immutable after init.
    gvd_reader *reader;
    gvd_request *request; // or NULL: everything in file order
    bool whole;           // a file that was cut off is an error

    // Reading thread only.
    gvd_plan plan;
    gvd_source *source;
    gvd_source *first; // what the decoders know the stream by
    bool linear;       // seeking has failed: the file is read through
    bool lost;         // the source stands nobody knows where

    atomic_bool stopped;
} gvd_supply;

// Takes the source. The request stays the caller's and must live longer.
void gvd_supply_init(gvd_supply *supply, gvd_reader *reader, gvd_source *source,
                     gvd_request *request);
// gvd_scheduler_params.read, with the supply as context.
int gvd_supply_read(void *supply, gvd_packet **out, gvd_route *route,
                    gvd_error *err);
void gvd_supply_abort(gvd_supply *supply);
// The source, or NULL where it cannot be read on; the caller's from now on.
gvd_source *gvd_supply_free(gvd_supply *supply);
