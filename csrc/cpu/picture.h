// AVFrame -> gvd_frame, without copying what can be shared.
#pragma once

#include "backend.h"

struct AVFrame;
struct SwsContext;

// Moves the AVFrame's contents into a new frame. With rgb_only, formats that
// the kernels do not convert go through libswscale (*sws is kept for the next)
// to packed RGB; without, formats that are no planar YUV are unsupported.
int gvd_picture_wrap(struct AVFrame *av, const gvd_media *media,
                     enum gvd_pixels pixels, struct SwsContext **sws,
                     gvd_frame **out, gvd_error *err);
