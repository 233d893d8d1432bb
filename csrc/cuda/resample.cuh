// Frames to pictures of any output that is not plain bytes. A block makes a
// tile of the picture: first, for each of its rows, the weighted sums down the
// frame's columns, a thread for two columns, since they may share their chroma;
// then along these rows, which lie in shared memory. The order of every sum is
// that of csrc/cpu/resample_scalar.c.
#pragma once

#include "cuda/resample.h"

#define SPAN GVD_RESAMPLE_SPAN
#define TILE_ROWS GVD_RESAMPLE_ROWS
#define THREADS GVD_RESAMPLE_THREADS
#define MEMBER __device__ __forceinline__

template <bool WHOLE> struct number {
    typedef float type;
};
template <> struct number<true> {
    typedef int type;
};

// Two columns of one row of the frame, as levels.
template <typename T> struct pair {
    T c[2][3];
};

DEVICE int load_sample(unsigned long long at, int bytes)
{
    return bytes == 1 ? *(const u8 *)at : *(const u16 *)at;
}

// What chroma adds to two columns, kept from row to row.
struct short_chroma {
    gvd_yuv_chroma c[2];

    MEMBER void load(const gvd_resample_params &p, const gvd_resample_frame &f,
                     int x, int y)
    {
        const int high = p.width - 1 >> p.shift_x;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int u = 128, v = 128;
            if (p.has_chroma) {
                const long long at = min(x + i >> p.shift_x, high);
                u = *(const u8 *)(f.u + (long long)y * f.u_stride +
                                  at * p.chroma_step);
                v = *(const u8 *)(f.v + (long long)y * f.v_stride +
                                  at * p.chroma_step);
            }
            c[i] = gvd_yuv_chroma_terms(&p.matrix, u, v);
            if (i == 0 && p.shift_x > 0) {
                c[1] = c[0];
                break;
            }
        }
    }
    MEMBER int level(const gvd_resample_params &p, int i, int k, int y) const
    {
        const int luma = gvd_yuv_luma(&p.matrix, y);
        return gvd_yuv_short(luma + (k == 0   ? c[i].r
                                     : k == 1 ? c[i].g
                                              : c[i].b));
    }
};

struct float_chroma {
    float u[2], v[2];

    MEMBER void load(const gvd_resample_params &p, const gvd_resample_frame &f,
                     int x, int y)
    {
        const int high = p.width - 1 >> p.shift_x;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            u[i] = v[i] = 0.0f;
            if (!p.has_chroma)
                continue;
            const long long at = min(x + i >> p.shift_x, high);
            u[i] = (float)load_sample(f.u + (long long)y * f.u_stride +
                                          at * p.chroma_step,
                                      p.sample_bytes) -
                   p.colors.offset[1];
            v[i] = (float)load_sample(f.v + (long long)y * f.v_stride +
                                          at * p.chroma_step,
                                      p.sample_bytes) -
                   p.colors.offset[2];
        }
    }
    MEMBER float level(const gvd_resample_params &p, int i, int k, int y) const
    {
        return gvd_color_level(&p.colors, k, (float)y - p.colors.offset[0],
                               u[i], v[i]);
    }
};

DEVICE int weight_of(const gvd_kernel_axis &axis, int at, int tap, int)
{
    return (
        (const short *)axis.short_weights)[(long long)at * axis.stride + tap];
}

DEVICE float weight_of(const gvd_kernel_axis &axis, int at, int tap, float)
{
    return ((const float *)axis.weights)[(long long)at * axis.stride + tap];
}

DEVICE int settle(int sum, const gvd_kernel_axis &axis)
{
    return sum + (1 << axis.shift - 1) >> axis.shift;
}

DEVICE float settle(float sum, const gvd_kernel_axis &)
{
    return sum;
}

// The sums of row `at` of the picture for columns x and x + 1 of the frame.
template <typename T, typename Chroma>
DEVICE pair<T> sum_down(const gvd_resample_params &p,
                        const gvd_resample_frame &f, int at, int x)
{
    const int start = ((const int *)p.y.starts)[at];
    const int count = ((const int *)p.y.counts)[at];
    const long long left = (long long)x * p.y_step;
    const long long right = (long long)min(x + 1, p.width - 1) * p.y_step;
    pair<T> sums = {};
    Chroma chroma;
    int loaded = -1;
    for (int j = 0; j < count; j++) {
        const int y = start + j;
        const T weight = weight_of(p.y, at, j, T());
        if (y >> p.shift_y != loaded) {
            loaded = y >> p.shift_y;
            chroma.load(p, f, x, loaded);
        }
        const unsigned long long row = f.y + (long long)y * f.y_stride;
        const int luma[2] = {load_sample(row + left, p.sample_bytes),
                             load_sample(row + right, p.sample_bytes)};
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int k = 0; k < 3; k++)
                sums.c[i][k] =
                    sums.c[i][k] + chroma.level(p, i, k, luma[i]) * weight;
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int k = 0; k < 3; k++)
            sums.c[i][k] = settle(sums.c[i][k], p.y);
    return sums;
}

DEVICE float level_of(int sum, const gvd_kernel_axis &axis)
{
    return (float)sum * (1.0f / (float)(1 << GVD_YUV_FRACTION + axis.shift));
}

DEVICE float level_of(float sum, const gvd_kernel_axis &)
{
    return sum;
}

DEVICE void store(const gvd_resample_params &p, int channel, float level,
                  long long at)
{
    const gvd_finish &f = p.finish;
    level = gvd_finish_level(&f, level);
    if (f.dtype == 0) {
        ((u8 *)p.dst)[at] = (u8)gvd_level_to_byte(level);
        return;
    }
    if (f.dtype == 1) {
        ((u16 *)p.dst)[at] = (u16)gvd_level_to_word(level);
        return;
    }
    const float x = gvd_finish_float(&f, channel, level);
    const u32 bits = __float_as_uint(x);
    if (f.dtype == 2)
        ((u16 *)p.dst)[at] = (u16)gvd_bits_to_float16(bits);
    else if (f.dtype == 3)
        ((u16 *)p.dst)[at] = (u16)gvd_bits_to_bfloat16(bits);
    else
        ((float *)p.dst)[at] = x;
}

// The columns of the frame that a tile needs, in pieces of SPAN: more than one
// only where a single sample of the picture needs them.
template <bool WHOLE, typename Chroma>
DEVICE void resample(const gvd_resample_params &p)
{
    typedef typename number<WHOLE>::type T;
    __shared__ T sums[TILE_ROWS][3][SPAN];
    const gvd_resample_frame &f = p.frames[blockIdx.z];
    const int first_x = blockIdx.x * p.tile, first_y = blockIdx.y * TILE_ROWS;
    const int across = min(p.tile, p.x.count - first_x);
    const int rows = min(TILE_ROWS, p.y.count - first_y);
    const int *columns = (const int *)p.tiles + 2 * blockIdx.x;
    const int low = columns[0] & ~1, high = columns[1];
    const long long dst = (long long)blockIdx.z * p.frame;
    T carried = T();
    for (int from = low; from == low || from < high; from += SPAN) {
        const int end = min(high, from + SPAN);
        for (int i = threadIdx.x; i < rows * (SPAN / 2); i += THREADS) {
            const int r = i / (SPAN / 2), at = 2 * (i % (SPAN / 2));
            if (from + at >= end)
                continue;
            const pair<T> s = sum_down<T, Chroma>(p, f, first_y + r, from + at);
            for (int k = 0; k < 3; k++) {
                sums[r][k][at] = s.c[0][k];
                sums[r][k][at + 1] = s.c[1][k];
            }
        }
        __syncthreads();
        for (int i = threadIdx.x; i < across * rows * p.channels;
             i += THREADS) {
            const int x = i % across, rest = i / across;
            const int k = rest % p.channels, r = rest / p.channels;
            const int start = ((const int *)p.x.starts)[first_x + x];
            const int stop = start + ((const int *)p.x.counts)[first_x + x];
            T sum = from == low ? T() : carried;
            for (int j = max(start, from); j < min(stop, end); j++)
                sum = sum + sums[r][k][j - from] *
                                weight_of(p.x, first_x + x, j - start, T());
            carried = sum;
            if (end == high)
                store(p, k, level_of(sum, p.x),
                      dst + (first_x + x) * p.column + (first_y + r) * p.row +
                          k * p.channel);
        }
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gvd_resample_short(const gvd_resample_params p)
{
    resample<true, short_chroma>(p);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gvd_resample_float(const gvd_resample_params p)
{
    resample<false, float_chroma>(p);
}

// Pictures that are made already, into a batch.
extern "C" __global__ void gvd_gather(const gvd_gather_params p)
{
    const u64 at =
        ((u64)blockIdx.x * GVD_GATHER_THREADS + threadIdx.x) * GVD_GATHER_BYTES;
    const u8 *from = (const u8 *)p.pictures[blockIdx.y] + at;
    u8 *to = (u8 *)p.dst + p.bytes * blockIdx.y + at;
    if (at >= p.bytes)
        return;
    const int bytes = (int)min((u64)GVD_GATHER_BYTES, p.bytes - at);
    if (bytes == GVD_GATHER_BYTES && ((u64)to | (u64)from) % 16 == 0)
        *(uint4 *)to = *(const uint4 *)from;
    else
        for (int i = 0; i < bytes; i++)
            to[i] = from[i];
}
