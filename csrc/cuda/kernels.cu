// 8-bit 4:2:0 in device memory to dense bytes, a whole batch in one launch.
//
// The arithmetic is yuv.h's, as on the CPU. What this file adds is the way of
// the bytes: a warp takes up to 256 pixels of two rows, each lane converts
// eight of them, and the results meet in shared memory, from where the warp
// writes them out in order. So stores are coalesced for packed pixels and for
// rows at odd addresses too. A warp depends on no other, hence no block-wide
// barrier. Only turned pictures go through memory that a block shares: they are
// written along their own rows, which may be columns of the frame, in bytes. No
// header but ours: NVRTC has none.
#include "cuda/kernels.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define DEVICE static __device__ __forceinline__
#define LANES GVD_KERNEL_BLOCK_X
#define WARPS GVD_KERNEL_BLOCK_Y
#define PIXELS GVD_KERNEL_PIXELS_X
#define ROWS GVD_KERNEL_PIXELS_Y

static_assert(PIXELS == sizeof(u64), "a word holds one channel of a lane");
static_assert(LANES == 32, "a row of a block is a warp");

// Eight pixels of two rows as one word a channel, first pixel lowest.
struct channels {
    u64 c[ROWS][3];
};

// A warp's results, of each row in the order of dst.
struct stage {
    u64 row[ROWS][LANES * 3];
};

// A block's results where they are to be turned, each row by channels. The odd
// word lets the bytes of a column lie in different banks.
struct block_stage {
    u64 row[WARPS * ROWS][LANES * 3 + 1];
};

// The pixels that a warp is to do: `count` pixels of `rows` rows from x, y on.
struct tile {
    int x, y, count, rows, lane;
};

// False where the warp lies below the picture; so all of its lanes agree.
DEVICE bool find_tile(const gvd_kernel_params &p, tile &t)
{
    t.lane = threadIdx.x;
    t.x = blockIdx.x * (LANES * PIXELS);
    t.y = (blockIdx.y * WARPS + threadIdx.y) * ROWS;
    t.count = min(LANES * PIXELS, p.width - t.x);
    t.rows = min(ROWS, p.height - t.y);
    return t.rows > 0;
}

template <typename T>
DEVICE void copy_units(u8 *to, const u8 *from, int bytes, int lane)
{
#pragma unroll 1 // at most three turns where it matters
    for (int i = lane; i < bytes / (int)sizeof(T); i += LANES)
        ((T *)to)[i] = ((const T *)from)[i];
}

// Copies by all lanes, in the largest units that addresses and length allow.
DEVICE void copy_bytes(u8 *to, const u8 *from, int bytes, int lane)
{
    u32 bits = (u32)(u64)to | (u32)(u64)from | (u32)bytes;
    if (bits % 8 == 0)
        copy_units<u64>(to, from, bytes, lane);
    else if (bits % 2 == 0)
        copy_units<u16>(to, from, bytes, lane);
    else
        copy_units<u8>(to, from, bytes, lane);
}

// N samples from `x` on as bytes of a word. At the end of the row the last
// sample stands for those that are not there.
template <typename T>
DEVICE u64 load_samples(const u8 *row, int x, int width, int step)
{
    const int n = sizeof(T);
    const u8 *from = row + (long long)x * step;
    if (step == 1 && x + n <= width && (u64)from % n == 0)
        return *(const T *)from;
    u64 word = 0;
#pragma unroll
    for (int i = 0; i < n; i++)
        word |= (u64)row[(long long)min(x + i, width - 1) * step] << 8 * i;
    return word;
}

// Every second byte of a word, from the lowest on, as the low half.
DEVICE u32 even_bytes(u64 word)
{
    u32 bytes = 0;
#pragma unroll
    for (int i = 0; i < 4; i++)
        bytes |= (u32)(word >> 16 * i & 255) << 8 * i;
    return bytes;
}

// Four samples of U and of V, for the eight pixels from `x` on.
DEVICE void load_chroma(const gvd_kernel_frame &f, int x, int y, int width,
                        u32 &u, u32 &v)
{
    const int chroma_width = (width + 1) / 2;
    const u8 *u_row = (const u8 *)f.u + (long long)(y / 2) * f.u_stride;
    const u8 *v_row = (const u8 *)f.v + (long long)(y / 2) * f.v_stride;
    const u8 *pairs = u_row + x; // x / 2 samples of two bytes
    if (f.chroma_step == 2 && v_row == u_row + 1 && x / 2 + 4 <= chroma_width &&
        (u64)pairs % 8 == 0) {
        u64 uv = *(const u64 *)pairs;
        u = even_bytes(uv);
        v = even_bytes(uv >> 8);
    } else {
        u = load_samples<u32>(u_row, x / 2, chroma_width, f.chroma_step);
        v = load_samples<u32>(v_row, x / 2, chroma_width, f.chroma_step);
    }
}

// The lane's pixels; those beyond the picture's right edge are not to be used.
DEVICE channels convert_pixels(const gvd_kernel_params &p,
                               const gvd_kernel_frame &f, const tile &t)
{
    channels out = {};
    const int x = t.x + t.lane * PIXELS;
    if (x >= p.width)
        return out;
    const gvd_yuv_matrix m = f.matrix;
    u64 luma[ROWS];
    u32 u, v;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const long long y = min(t.y + r, p.height - 1);
        luma[r] =
            load_samples<u64>((const u8 *)f.y + y * f.y_stride, x, p.width, 1);
    }
    load_chroma(f, x, t.y, p.width, u, v);
#pragma unroll
    for (int i = 0; i < PIXELS; i++) {
        const gvd_yuv_chroma c = gvd_yuv_chroma_terms(&m, u >> i / 2 * 8 & 255,
                                                      v >> i / 2 * 8 & 255);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const int y = gvd_yuv_luma(&m, (int)(luma[r] >> i * 8 & 255));
            out.c[r][0] |= (u64)gvd_yuv_clip(y + c.r) << i * 8;
            out.c[r][1] |= (u64)gvd_yuv_clip(y + c.g) << i * 8;
            out.c[r][2] |= (u64)gvd_yuv_clip(y + c.b) << i * 8;
        }
    }
    return out;
}

DEVICE void write_planes(const gvd_kernel_params &p, const tile &t,
                         const channels &in, stage &s)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < 3; c++)
            s.row[r][c * LANES + t.lane] = in.c[r][c];
    __syncwarp();
    const u64 plane = (u64)p.width * p.height;
    u8 *to = (u8 *)p.dst + plane * 3 * blockIdx.z + (u64)t.y * p.width + t.x;
#pragma unroll 1
    for (int r = 0; r < t.rows; r++, to += p.width)
#pragma unroll 1
        for (int c = 0; c < 3; c++)
            copy_bytes(to + plane * c, (const u8 *)&s.row[r][c * LANES],
                       t.count, t.lane);
}

DEVICE u8 *packed_dst(const gvd_kernel_params &p, const tile &t)
{
    const u64 rows = (u64)p.height * blockIdx.z + t.y;
    return (u8 *)p.dst + (rows * p.width + t.x) * 3;
}

DEVICE void write_packed(const gvd_kernel_params &p, const tile &t,
                         const channels &in, stage &s)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        u64 word[3] = {};
#pragma unroll
        for (int i = 0; i < PIXELS * 3; i++)
            word[i / 8] |= (in.c[r][i % 3] >> i / 3 * 8 & 255) << i % 8 * 8;
#pragma unroll
        for (int i = 0; i < 3; i++)
            s.row[r][t.lane * 3 + i] = word[i];
    }
    __syncwarp();
    u8 *to = packed_dst(p, t);
#pragma unroll 1
    for (int r = 0; r < t.rows; r++, to += (u64)p.width * 3)
        copy_bytes(to, (const u8 *)s.row[r], t.count * 3, t.lane);
}

DEVICE void stage_turned(const tile &t, const channels &in, block_stage &s)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < 3; c++)
            s.row[threadIdx.y * ROWS + r][c * LANES + t.lane] = in.c[r][c];
}

// Writes what the block has staged, after a barrier: neighbouring threads write
// neighbouring bytes, or the same in reverse.
DEVICE void write_turned(const gvd_kernel_params &p, const block_stage &s)
{
    const int width = LANES * PIXELS, height = WARPS * ROWS;
    const int x = blockIdx.x * width, y = blockIdx.y * height;
    const bool packed = p.channel == 1;
    const bool upright = abs(p.column) < abs(p.row); // columns stay columns
    u8 *to = (u8 *)p.dst + (u64)p.width * p.height * 3 * blockIdx.z +
             (long long)x * p.column + (long long)y * p.row;
#pragma unroll 4
    for (int i = threadIdx.y * LANES + threadIdx.x; i < width * height * 3;
         i += LANES * WARPS) {
        const int c = packed ? i % 3 : i / (width * height);
        const int pixel = packed ? i / 3 : i % (width * height);
        const int column = upright ? pixel % width : pixel / height;
        const int row = upright ? pixel / width : pixel % height;
        if (x + column < p.width && y + row < p.height)
            to[(long long)column * p.column + (long long)row * p.row +
               (long long)c * p.channel] =
                ((const u8 *)s.row[row])[c * width + column];
    }
}

extern "C" __global__ void gvd_yuv420_to_nchw(const gvd_kernel_params p)
{
    __shared__ stage stages[WARPS];
    tile t;
    if (find_tile(p, t))
        write_planes(p, t, convert_pixels(p, p.frames[blockIdx.z], t),
                     stages[threadIdx.y]);
}

extern "C" __global__ void gvd_yuv420_to_nhwc(const gvd_kernel_params p)
{
    __shared__ stage stages[WARPS];
    tile t;
    if (find_tile(p, t))
        write_packed(p, t, convert_pixels(p, p.frames[blockIdx.z], t),
                     stages[threadIdx.y]);
}

extern "C" __global__ void gvd_yuv420_turned(const gvd_kernel_params p)
{
    __shared__ block_stage results;
    tile t;
    if (find_tile(p, t))
        stage_turned(t, convert_pixels(p, p.frames[blockIdx.z], t), results);
    __syncthreads();
    write_turned(p, results);
}

// NVDEC leaves the samples of deeper pictures in the high bits. Rows begin at
// multiples of 8 bytes, and what lies between them belongs to nobody.
extern "C" __global__ void gvd_shift16(const gvd_shift_params p)
{
    const u64 at = (u64)blockIdx.x * GVD_SHIFT_BLOCK + threadIdx.x;
    if (at >= p.words)
        return;
    u64 *word = (u64 *)p.memory + at;
    *word = *word >> p.shift & p.mask;
}

#include "cuda/shrink.cuh"
