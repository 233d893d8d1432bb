// AVFrame -> gvd_frame, without copying what can be shared.
#pragma once

#include "backend.h"

struct AVFrame;
struct SwsContext;

// Moves the AVFrame's contents into a new frame. Formats that are no planar YUV
// are unsupported as native pixels; as others they are taken apart into planes
// (cpu/unpack.h, which keeps *sws).
int gvd_picture_wrap(struct AVFrame *av, const gvd_media *media,
                     enum gvd_pixels pixels, struct SwsContext **sws,
                     gvd_frame **out, gvd_error *err);

// Whether a decoder may still read in the planes, or another frame shows them.
bool gvd_picture_is_shared(const gvd_frame *frame);
