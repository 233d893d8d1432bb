// What the conversion kernels take, for the C that launches them and for
// NVRTC. It includes nothing of the system's; both sides see the same bytes.
#pragma once

#include "yuv.h"

#define GVD_KERNEL_MAX_FRAMES 64

// A block is one warp wide and a thread has eight pixels of two rows. The
// kernels rely on this shape: a block has to be GVD_KERNEL_BLOCK_X by
// GVD_KERNEL_BLOCK_Y by 1, with no dynamic shared memory.
#define GVD_KERNEL_BLOCK_X 32
#define GVD_KERNEL_BLOCK_Y 8
#define GVD_KERNEL_PIXELS_X 8
#define GVD_KERNEL_PIXELS_Y 2

// Where one frame's pixels are, in device memory. Aligned pointers and strides
// (8 bytes; 4 for planar chroma) are faster, any are right.
struct gvd_kernel_frame {
    unsigned long long y, u, v;
    int y_stride, u_stride, v_stride; // bytes from row to row
    int chroma_step;                  // 1 planar, 2 interleaved
    struct gvd_yuv_matrix matrix;
};

// The only argument of every kernel, by value: a batch in one launch. dst is
// dense, frame after frame, each of 3 * width * height bytes; for more than
// GVD_KERNEL_MAX_FRAMES launch again with dst further on.
//
// The kernels for turned pictures take the places from here, as in
// gvd_placement, and dst is where the first frame's pixel 0, 0 goes. No kernel
// reads frame_count, so it stands apart: of a load that takes an unused field
// along NVRTC says so in words that the PTX version of kernels.py lacks.
struct gvd_kernel_params {
    unsigned long long dst;
    int width, height;        // of the frames
    int column, row, channel; // unused where pictures stay upright
    int frame_count;
    struct gvd_kernel_frame frames[GVD_KERNEL_MAX_FRAMES];
};

// Kernel arguments may have 4096 bytes on every driver.
#if defined(__cplusplus)
static_assert(sizeof(struct gvd_kernel_frame) == 56, "kernel ABI");
static_assert(sizeof(struct gvd_kernel_params) == 32 + 64 * 56, "kernel ABI");
static_assert(sizeof(struct gvd_kernel_params) <= 4096, "kernel arguments");
#else
_Static_assert(sizeof(struct gvd_kernel_frame) == 56, "kernel ABI");
_Static_assert(sizeof(struct gvd_kernel_params) == 32 + 64 * 56, "kernel ABI");
_Static_assert(sizeof(struct gvd_kernel_params) <= 4096, "kernel arguments");
#endif

// For gvd_shift16: 16-bit samples, four a word, moved down by `shift` bits in
// place; `mask` has what stays of each.
#define GVD_SHIFT_BLOCK 256

struct gvd_shift_params {
    unsigned long long memory, words, mask;
    int shift;
    int reserved; // 0
};

#if !defined(__CUDACC_RTC__)

// The kernels' names in the module, for cuModuleGetFunction.
#define GVD_KERNEL_YUV420_TO_NCHW "gvd_yuv420_to_nchw"
#define GVD_KERNEL_YUV420_TO_NHWC "gvd_yuv420_to_nhwc"
#define GVD_KERNEL_YUV420_TURNED "gvd_yuv420_turned" // both orders
#define GVD_KERNEL_SHIFT16 "gvd_shift16"

struct gvd_kernel_grid {
    unsigned x, y, z;
};

// The grid for a batch; each part is at least 1 if the arguments are.
static inline struct gvd_kernel_grid gvd_kernel_grid_for(int width, int height,
                                                         int frame_count)
{
    const unsigned columns = GVD_KERNEL_BLOCK_X * GVD_KERNEL_PIXELS_X;
    const unsigned rows = GVD_KERNEL_BLOCK_Y * GVD_KERNEL_PIXELS_Y;
    struct gvd_kernel_grid grid = {
        ((unsigned)width + columns - 1) / columns,
        ((unsigned)height + rows - 1) / rows,
        (unsigned)frame_count,
    };
    return grid;
}

#endif
