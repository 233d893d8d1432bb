// The frames that somebody asked for, in the order in which they are wanted:
// what must be decoded for them, and where each goes. Pure data, by an index.
//
// Every job is decoded once, up to the last packet that is wanted, and without
// the pictures that nothing wanted refers to.
//
// Thread-safety: gvd_request_entry and gvd_request_route are the reading
// thread's, gvd_request_take_ready and gvd_request_accept the consumer's.
#pragma once

#include "frame.h"
#include "index.h"

typedef struct gvd_request_params {
    gvd_index *index;
    // Frames by number, from 0 to the index's frame_count - 1, each for its
    // own place: in any order, and more than once.
    const int64_t *numbers;
    int64_t count;
    // [extra, extra_end): decoded as well, for no place.
    int64_t extra, extra_end;
    // A frame that needs no decoding, or NULL.
    gvd_frame *(*have)(void *context, int64_t number);
    void *context;
} gvd_request_params;

typedef struct gvd_request gvd_request;

int gvd_request_create(const gvd_request_params *params, gvd_request **out,
                       gvd_error *err);
const gvd_index *gvd_request_index(const gvd_request *request);
void gvd_request_free(gvd_request **request);

// Places to be filled.
int64_t gvd_request_count(const gvd_request *request);

// Packets and jobs to be decoded, at most.
int64_t gvd_request_size(const gvd_request *request);
int64_t gvd_request_jobs(const gvd_request *request);

// The next packet that is needed: the one behind the last, or the first of a
// job. -1 if there is none.
int64_t gvd_request_entry(const gvd_request *request);

// What that packet is for; false if it is for nothing after all.
bool gvd_request_route(gvd_request *request, int64_t packet, gvd_route *route);

// The frame that is wanted of the packet routed last, for the order in which
// frames must come; GVD_NO_PTS where only counting tells.
int64_t gvd_request_number(const gvd_request *request);

// One frame on its way to its places.
typedef struct gvd_delivery {
    gvd_frame *frame;
    int64_t number;
    const int64_t *places;
    int64_t place_count;
} gvd_delivery;

// The next frame to deliver, if it is one that was there before; the reference
// is the caller's.
bool gvd_request_take_ready(gvd_request *request, gvd_delivery *delivery);

// A frame was decoded: GVD_OK if it is the next to deliver (fills in all but
// the frame), GVD_AGAIN if nobody wants it, or an error because some are
// missing.
int gvd_request_accept(gvd_request *request, const gvd_frame *frame,
                       gvd_delivery *delivery, gvd_error *err);

// True once every frame was delivered.
bool gvd_request_is_over(const gvd_request *request);

// What to say when the decoder ended before.
int gvd_request_fail_missing(const gvd_request *request, gvd_error *err);
// The same where err says already why nothing comes.
int gvd_request_fail_broken(const gvd_request *request, gvd_error *err);
