// Reading from pipes, FIFOs and devices in a way that can be interrupted.
//
// libavformat's own file protocol sits in read() until data comes; this one
// waits with poll() and looks at the abort flag.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "status.h"

struct AVIOContext;

// True for paths that name a pipe, FIFO, socket or character device.
bool gvd_pipe_is(const char *path);

// *out is freed with gvd_pipe_close. The flag must outlive it.
int gvd_pipe_open(const char *path, const atomic_bool *aborted,
                  struct AVIOContext **out, gvd_error *err);
void gvd_pipe_close(struct AVIOContext **io);
