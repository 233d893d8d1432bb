// One output array: a batch of pictures, or a plane of one, refcounted.
//
// Shape and strides are fixed at creation. The memory belongs to whoever made
// the tensor; `ops` says how it goes back and how other streams wait for it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ref.h"
#include "status.h"

#define GVD_MAX_DIMS 4

// Device types have DLPack's numbers.
enum gvd_device_type {
    GVD_DEVICE_CPU = 1,
    GVD_DEVICE_CUDA = 2,
};

typedef struct gvd_device {
    int type;
    int id;
} gvd_device;

typedef struct gvd_tensor gvd_tensor;

typedef struct gvd_tensor_ops {
    // Frees the memory and the tensor. Any thread, without the GIL.
    void (*release)(gvd_tensor *tensor);
    // Makes `stream` (a CUstream) wait until the tensor's contents are ready
    // and remembers it as a user; NULL for host tensors.
    int (*order)(gvd_tensor *tensor, void *stream, gvd_error *err);
    // Blocks, then copies a part to host memory without gaps: the tensor
    // itself, or a contiguous view of it. NULL for host tensors.
    int (*to_host)(gvd_tensor *tensor, const gvd_tensor *part, void *host,
                   gvd_error *err);
} gvd_tensor_ops;

enum gvd_dtype {
    GVD_UINT8,
    GVD_UINT16,
    GVD_FLOAT16,
    GVD_BFLOAT16,
    GVD_FLOAT32,
};

// Bytes of one element.
static inline int gvd_dtype_bytes(enum gvd_dtype dtype)
{
    return dtype == GVD_UINT8 ? 1 : dtype == GVD_FLOAT32 ? 4 : 2;
}

struct gvd_tensor {
    gvd_ref ref;
    const gvd_tensor_ops *ops;

    uint8_t *data;
    int ndim;
    int64_t shape[GVD_MAX_DIMS];
    int64_t strides[GVD_MAX_DIMS]; // in elements
    enum gvd_dtype dtype;
    gvd_device device;
};

gvd_tensor *gvd_tensor_ref(gvd_tensor *tensor);
void gvd_tensor_unref(gvd_tensor **tensor);
// The same for somebody whose locks this thread may hold.
void gvd_tensor_drop(gvd_tensor **tensor);

// Sets shape and the strides of a C-contiguous array.
void gvd_tensor_set_shape(gvd_tensor *tensor, int ndim, const int64_t *shape);

// More than any machine has; a few of them can be added up.
#define GVD_BYTES_MAX ((int64_t)1 << 60)
// No more than that, whatever is asked for.
int64_t gvd_bytes_times(int64_t bytes, int64_t count);
int64_t gvd_array_bytes(enum gvd_dtype dtype, int ndim, const int64_t *shape);
int64_t gvd_tensor_bytes(const gvd_tensor *tensor);
bool gvd_tensor_is_contiguous(const gvd_tensor *tensor);

// Memory for one output tensor, from an allocator above the core (torch).
typedef struct gvd_block {
    uint8_t *data;
    void *handle;
    void (*release)(void *handle); // any thread, no GIL
} gvd_block;

// Where GPU batches come from and on which CUstream they are made. Used only
// in the thread that asks for a batch. Without one the tensor comes from the
// device's own pool and is made on a stream of ours.
typedef struct gvd_allocator {
    int (*allocate)(void *context, gvd_device device, int ndim,
                    const int64_t *shape, gvd_block *block, gvd_error *err);
    void *context;
    void *stream;
} gvd_allocator;

enum gvd_dimension_order {
    GVD_NCHW,
    GVD_NHWC,
};

// How a picture is turned, one of the 8 symmetries of a rectangle: transposed
// first, where that bit is set, and what has come of that is then mirrored.
enum gvd_orientation {
    GVD_UPRIGHT = 0,
    GVD_FLIP_X = 1, // columns in reverse: left becomes right
    GVD_FLIP_Y = 2, // rows in reverse
    GVD_HALF_TURN = 3,
    GVD_TRANSPOSE = 4, // columns become rows: width and height change places
    GVD_TURN_RIGHT = 5,
    GVD_TURN_LEFT = 6,
    GVD_TRANSPOSE_OTHER = 7, // along the other diagonal
    GVD_ORIENTATIONS = 8,
};

// Where the bytes of a picture go in a dense one: channel c of the pixel in
// column x and row y to first + x * column + y * row + c * channel.
typedef struct gvd_placement {
    ptrdiff_t first, column, row, channel;
} gvd_placement;

gvd_placement gvd_placement_for(enum gvd_dimension_order order,
                                enum gvd_orientation orientation, int width,
                                int height);
