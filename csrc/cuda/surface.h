// A picture that NVDEC has decoded, and its copy in memory of ours.
#pragma once

#include "cuda/decoder_pool.h"
#include "frame.h"
#include "media.h"
#include "packet.h"

typedef struct gvd_surface {
    const gvd_decoder *decoder;
    const CUVIDEOFORMAT *format; // of the bitstream
    gvd_window visible;
    const gvd_media *media; // the container's word on colour
    CUdeviceptr memory;     // mapped
    unsigned pitch;
} gvd_surface;

// Copies all planes at once on the decoder's stream: what maps the surface next
// comes after the copy, so it may be unmapped now.
int gvd_surface_copy(const gvd_surface *surface, gvd_frame **out,
                     gvd_error *err);
