// A plane of a frame as a tensor: a view that keeps the frame alive.
#pragma once

#include "frame.h"
#include "tensor.h"

// Shape (height, width), uint8 or uint16, strided where chroma is interleaved.
int gvd_plane_tensor(gvd_frame *frame, int plane, gvd_tensor **out,
                     gvd_error *err);
