// Frames to pictures of any output that is not plain bytes. A block makes a
// tile of the picture: first, for each of its rows, the weighted sums down the
// frame's columns, a thread for two columns, since they may share their chroma;
// then along these rows, which lie in shared memory. The order of every sum is
// that of csrc/cpu/resample_scalar.c.
#include "cuda/resample.h"

#define SPAN GVD_RESAMPLE_SPAN
#define TILE_ROWS GVD_RESAMPLE_ROWS
#define THREADS GVD_RESAMPLE_THREADS
#define MEMBER __device__ __forceinline__

// Two columns of one row of the frame, as levels.
template <typename T> struct pair {
    T c[2][3];
};

DEVICE int load_sample(unsigned long long at, int bytes)
{
    return bytes == 1 ? *(const u8 *)at : *(const u16 *)at;
}

// yuv.h's terms, each as one product and one sum: (a * scale + bias) >> 15 is
// gvd_yuv_mulhrs of what a is there.
struct short_term {
    int scale, bias;

    MEMBER int of(int a) const
    {
        return (a * scale + bias) >> 15;
    }
};

DEVICE short_term term_of(int factor, int offset, int coefficient)
{
    const int scale = factor * coefficient;
    return {scale, 0x4000 - offset * scale};
}

struct short_terms {
    short_term y, rv, gu, gv, bu;
};

DEVICE short_terms terms_of(const gvd_yuv_matrix &m)
{
    return {term_of(GVD_YUV_LUMA_SCALE, m.y_offset, m.cy),
            term_of(GVD_YUV_CHROMA_SCALE, 128, m.crv),
            term_of(GVD_YUV_CHROMA_SCALE, 128, m.cgu),
            term_of(GVD_YUV_CHROMA_SCALE, 128, m.cgv),
            term_of(GVD_YUV_CHROMA_SCALE, 128, m.cbu)};
}

// Two bytes, of neighbouring samples or of U and V, in one load where they lie
// so.
DEVICE void load_two(unsigned long long first, unsigned long long second,
                     bool together, int &a, int &b)
{
    if (together) {
        const u32 both = *(const u16 *)first;
        a = both & 255;
        b = both >> 8;
    } else {
        a = *(const u8 *)first;
        b = *(const u8 *)second;
    }
}

DEVICE bool lie_together(unsigned long long first, unsigned long long second,
                         int stride)
{
    return second == first + 1 && (first | (u64)stride) % 2 == 0;
}

// What chroma adds to two columns, kept from row to row.
struct short_chroma {
    int c[2][3];

    MEMBER void load(const gvd_resample_params &p, const gvd_resample_frame &f,
                     const short_terms &terms, int x, int y)
    {
        const int high = p.width - 1 >> p.shift_x;
        const bool together = p.chroma_step == 2 &&
                              lie_together(f.u, f.v, f.u_stride);
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int u = 128, v = 128;
            if (p.has_chroma) {
                const long long at =
                    (long long)min(x + i >> p.shift_x, high) * p.chroma_step;
                load_two(f.u + (long long)y * f.u_stride + at,
                         f.v + (long long)y * f.v_stride + at, together, u, v);
            }
            c[i][0] = terms.rv.of(v);
            c[i][1] = terms.gu.of(u) + terms.gv.of(v);
            c[i][2] = terms.bu.of(u);
            if (i == 0 && p.shift_x > 0) {
#pragma unroll
                for (int k = 0; k < 3; k++)
                    c[1][k] = c[0][k];
                break;
            }
        }
    }
};

DEVICE int clip_short(int level)
{
    return min(max(level, 0), GVD_SHORT_MAX);
}

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

// The sums of row `at` of the picture for columns x and x + 1 of the frame. A
// frame's row may be read one sample too far: it does not end there.
DEVICE pair<int> sum_down(const gvd_resample_params &p,
                          const gvd_resample_frame &f,
                          const short_terms &terms, int at, int x)
{
    const int start = ((const int *)p.y.starts)[at];
    const int count = ((const int *)p.y.counts)[at];
    const short *weights =
        (const short *)p.y.short_weights + (long long)at * p.y.stride;
    const bool together = lie_together(f.y, f.y + p.y_step, f.y_stride);
    const int right = (min(x + 1, p.width - 1) - x) * p.y_step;
    unsigned long long row =
        f.y + (long long)start * f.y_stride + (long long)x * p.y_step;
    pair<int> sums = {};
    short_chroma chroma;
    int loaded = -1;
    for (int j = 0; j < count; j++, row += f.y_stride) {
        const int weight = weights[j], y = start + j >> p.shift_y;
        if (y != loaded) {
            loaded = y;
            chroma.load(p, f, terms, x, y);
        }
        int luma[2];
        load_two(row, row + right, together, luma[0], luma[1]);
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const int level = terms.y.of(luma[i]);
#pragma unroll
            for (int k = 0; k < 3; k++)
                sums.c[i][k] += clip_short(level + chroma.c[i][k]) * weight;
        }
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int k = 0; k < 3; k++)
            sums.c[i][k] =
                sums.c[i][k] + (1 << p.y.shift - 1) >> p.y.shift;
    return sums;
}

struct no_terms {};

DEVICE pair<float> sum_down(const gvd_resample_params &p,
                            const gvd_resample_frame &f, const no_terms &,
                            int at, int x)
{
    const int start = ((const int *)p.y.starts)[at];
    const int count = ((const int *)p.y.counts)[at];
    const float *weights =
        (const float *)p.y.weights + (long long)at * p.y.stride;
    const int right = (min(x + 1, p.width - 1) - x) * p.y_step;
    unsigned long long row =
        f.y + (long long)start * f.y_stride + (long long)x * p.y_step;
    pair<float> sums = {};
    float_chroma chroma;
    int loaded = -1;
    for (int j = 0; j < count; j++, row += f.y_stride) {
        const int y = start + j >> p.shift_y;
        if (y != loaded) {
            loaded = y;
            chroma.load(p, f, x, y);
        }
        const int luma[2] = {load_sample(row, p.sample_bytes),
                             load_sample(row + right, p.sample_bytes)};
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int k = 0; k < 3; k++)
                sums.c[i][k] = sums.c[i][k] +
                               chroma.level(p, i, k, luma[i]) * weights[j];
    }
    return sums;
}

DEVICE int weight_of(const gvd_kernel_axis &axis, int at, int tap, int)
{
    return ((const short *)
                axis.short_weights)[(long long)at * axis.stride + tap];
}

DEVICE float weight_of(const gvd_kernel_axis &axis, int at, int tap, float)
{
    return ((const float *)axis.weights)[(long long)at * axis.stride + tap];
}

DEVICE int whole_weight(const gvd_kernel_axis &axis, int)
{
    return 1 << axis.shift;
}

DEVICE float whole_weight(const gvd_kernel_axis &, float)
{
    return 1.0f;
}

// What sample `at` of the picture takes of a row of sums from column `from` to
// below `end`.
template <typename T>
DEVICE T sum_across(const gvd_kernel_axis &x, const T *row, int at, int from,
                    int end, T sum)
{
    if (x.plain)
        return row[x.first + at - from] * whole_weight(x, T());
    const int start = ((const int *)x.starts)[at];
    const int stop = start + ((const int *)x.counts)[at];
    for (int j = max(start, from); j < min(stop, end); j++)
        sum = sum + row[j - from] * weight_of(x, at, j - start, T());
    return sum;
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
template <typename T, typename Terms>
DEVICE void resample(const gvd_resample_params &p, const Terms &terms)
{
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
            const pair<T> s = sum_down(p, f, terms, first_y + r, from + at);
#pragma unroll
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
            carried = sum_across(p.x, sums[r][k], first_x + x, from, end,
                                 from == low ? T() : carried);
            if (end == high)
                store(p, k, level_of(carried, p.x),
                      dst + (first_x + x) * p.column + (first_y + r) * p.row +
                          k * p.channel);
        }
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gvd_resample_short(const gvd_resample_params p)
{
    resample<int>(p, terms_of(p.matrix));
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gvd_resample_float(const gvd_resample_params p)
{
    resample<float>(p, no_terms());
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
