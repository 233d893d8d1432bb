// Frames of one reading as they are given out: in presentation order, with
// their numbers and times. A request's come from the cache or the scheduler,
// and only those that are wanted. A corrupt frame of a request that has a place
// is an error unless all are kept: the places must be filled.
//
// Thread-safety: one thread at a time.
#pragma once

#include "frame_cache.h"
#include "reader.h"
#include "request.h"
#include "scheduler.h"

typedef struct gvd_presenter {
    gvd_scheduler *scheduler; // NULL where nothing has to be decoded
    gvd_request *request;     // or NULL: every frame
    gvd_frame_cache *cache;   // takes what a request got, or NULL
    enum gvd_on_corrupt on_corrupt;
    gvd_rational time_base; // for words
    gvd_budget *budget;     // that counts what is kept, or NULL
} gvd_presenter;

// GVD_OK with a frame that is the caller's, GVD_EOF, an error, or GVD_AGAIN
// when timeout_ms (-1: for ever) has passed. Without a request a delivery has
// no places: it goes where there is room.
int gvd_presenter_next(gvd_presenter *presenter, int timeout_ms,
                       gvd_delivery *out, gvd_error *err);
