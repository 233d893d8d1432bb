// One decoded picture in host or device memory, refcounted.
//
// The backend that makes a frame fills it in before it hands it out and never
// touches it again; readers share it through references. How the memory goes
// back is the maker's affair, behind `release`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "ref.h"
#include "status.h"

#define GVD_NO_PTS INT64_MIN
#define GVD_MAX_PLANES 3

enum gvd_memory {
    GVD_MEMORY_HOST,
    GVD_MEMORY_CUDA,
};

enum gvd_layout {
    GVD_LAYOUT_YUV,    // Y, U, V, or Y alone, or of matrix 0 G, B, R
    GVD_LAYOUT_OUTPUT, // plane 0 is one row of bytes: a picture of the output
};

// As in H.273 and AVColorSpace: 1 BT.709, 5 and 6 BT.601, 9 BT.2020 ...
typedef struct gvd_color {
    int matrix; // 2: unspecified
    bool full_range;
    bool limited_range; // said to be so: what is not said is limited in YCbCr
} gvd_color;

typedef struct gvd_plane {
    uint8_t *data;
    ptrdiff_t stride;  // bytes from row to row
    int width, height; // samples
    int step;          // bytes from sample to sample
} gvd_plane;

typedef struct gvd_frame gvd_frame;
struct gvd_frame {
    gvd_ref ref;
    void (*release)(gvd_frame *frame); // frees planes and the frame itself
    // Makes a CUstream wait until the planes are ready, and the planes' memory
    // wait for that stream before it is used again; NULL in host memory.
    int (*order)(gvd_frame *frame, void *stream, gvd_error *err);
    // Blocks, then copies one plane without padding; NULL in host memory.
    int (*to_host)(gvd_frame *frame, int plane, void *host, gvd_error *err);
    void *owner;       // the maker's
    int64_t held;      // bytes of memory, with padding and what is cropped away
    int device;        // the GPU's number, in device memory
    gvd_charge charge; // on what all decoders may hold, until it is given out

    enum gvd_memory memory;
    enum gvd_layout layout;
    const char *pixel_format; // libav's planar name, of the decoded picture
    int width, height;
    int plane_count;
    int sample_bytes; // 1 or 2
    int depth;        // bits of a sample, the low ones
    gvd_plane planes[GVD_MAX_PLANES];
    gvd_color color;
    int output_width, output_height; // of GVD_LAYOUT_OUTPUT

    int64_t ordinal;  // of its packet in the stream, counted from 0
    int64_t number;   // in presentation order, once the reader knows it
    int64_t pts;      // stream time base, or GVD_NO_PTS
    int64_t duration; // stream time base, or 0
    bool key;
    bool corrupt; // the decoder concealed damage
    bool interlaced, top_field_first;
    char picture_type;   // 'I', 'P', 'B', or 0: not known
    const char *backend; // "nvdec" or "cpu"
};

gvd_frame *gvd_frame_ref(gvd_frame *frame);
void gvd_frame_unref(gvd_frame **frame);

// The frame is a picture of the output, of so many bytes in a row.
void gvd_frame_set_output(gvd_frame *frame, void *data, int64_t bytes,
                          int width, int height);

// What is known of a frame, without its planes.
void gvd_frame_set_facts(gvd_frame *to, const gvd_frame *from);

// A new frame with everything but the planes, or NULL without memory; of a
// transposed picture width and height have changed places.
gvd_frame *gvd_frame_copy_facts(const gvd_frame *frame, bool transposed);

// Bytes of all planes without padding.
int64_t gvd_frame_bytes(const gvd_frame *frame);

// True for frames whose pixels mean the same: of one size, format and colour.
bool gvd_frame_is_like(const gvd_frame *a, const gvd_frame *b);

// True for 8-bit 4:2:0.
bool gvd_frame_is_420p8(const gvd_frame *frame);
