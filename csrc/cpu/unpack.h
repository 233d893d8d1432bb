// Pictures of formats that are no planes of whole samples, taken apart into
// planes: packed, palettes, bits, other byte orders. By libavutil, exactly.
#pragma once

#include "frame.h"

struct AVFrame;
struct SwsContext;

// Gives the frame planes of its own: Y, U, V or Y alone, or G, B, R. What
// cannot be taken apart exactly (floats, Bayer patterns, XYZ) goes through
// libswscale to 16 bits; *sws is kept for the next.
int gvd_picture_unpack(struct AVFrame *av, struct SwsContext **sws,
                       gvd_frame *frame, gvd_error *err);
