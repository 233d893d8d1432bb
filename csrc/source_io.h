// What libavformat reads from, in a way that ends when its limit does: pipes,
// FIFOs and devices, and a caller's input. (Its own file protocol sits in
// read() until data comes from a pipe.)
//
// What went wrong goes to `failure`, since demuxers turn it into other errors
// or into the end of the file.
#pragma once

#include "input.h"

struct AVIOContext;

typedef struct gvd_io_params {
    const gvd_limit *limit;
    gvd_error *failure;
    bool follow; // the end of a FIFO's writer is not the end
} gvd_io_params;

// True for paths that name a pipe, FIFO, socket or character device.
bool gvd_io_is_pipe(const char *path);

// *out is freed with gvd_io_close; what the params point to must outlive it.
int gvd_io_open_pipe(const char *path, const gvd_io_params *params,
                     struct AVIOContext **out, gvd_error *err);
int gvd_io_open_input(gvd_input *input, const gvd_io_params *params,
                      struct AVIOContext **out, gvd_error *err);
void gvd_io_close(struct AVIOContext **io);
