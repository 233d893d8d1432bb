// Making a gvd_batch, for the two parts that do: assembler.c and pass.c.
#pragma once

#include "conversion.h"
#include "reader.h"

// Memory of the caller's for the only batch; without data there is none. Who
// takes it leaves it empty.
typedef struct gvd_target {
    gvd_block block;
    int64_t bytes;
} gvd_target;

// An error where the batch would be of another size.
int gvd_target_check(const gvd_target *target, enum gvd_dtype dtype,
                     const int64_t shape[GVD_MAX_DIMS], gvd_error *err);
void gvd_target_release(gvd_target *target);

// For up to `capacity` frames; count is 0.
int gvd_batch_create(int capacity, gvd_batch **out, gvd_error *err);
// Takes the frame, also where it fails. The count is the caller's.
int gvd_batch_put(gvd_batch *batch, int64_t slot, gvd_frame *frame,
                  gvd_error *err);

// Frames of several sizes were asked for as one array.
int gvd_fail_sizes(gvd_error *err);

// Keeps what is known of the frames and gives their pixels back.
int gvd_batch_drop_planes(gvd_batch *batch, bool transposed, gvd_error *err);
