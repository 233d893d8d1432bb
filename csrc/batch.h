// Making a gvd_batch, for the two parts that do: assembler.c and pass.c.
#pragma once

#include "reader.h"

// Room for `capacity` frames; count is 0.
int gvd_batch_create(int capacity, gvd_batch **out, gvd_error *err);

// Frames of several sizes were asked for as one array.
int gvd_fail_sizes(gvd_error *err);

// Keeps what is known of the frames and gives their pixels back.
int gvd_batch_drop_planes(gvd_batch *batch, bool transposed, gvd_error *err);
