// What resample.cuh does, for 8-bit 4:2:0 that becomes smaller: there a row of
// the frame has a part in at most two rows of the picture, which are
// neighbours. So a block reads each row once, and a thread that goes down two
// columns keeps two sums, for the even and for the odd row of the picture.
#include "cuda/resample.cuh"

#define SHRINK_ROWS GVD_SHRINK_ROWS
#define WINDOW GVD_SHRINK_WINDOW

static_assert(SPAN == 2 * THREADS, "a thread has two columns");
static_assert(SHRINK_ROWS % 2 == 0, "even rows of a block are even ones");

// Rows of the frame are counted from the first that the block reads, an even
// one.
struct shrink_stage {
    short weights[WINDOW][2]; // of each, in the even and in the odd row
    // Where each row of the picture is complete, and one that none reaches.
    int ends[SHRINK_ROWS + 1];
    short sums[SHRINK_ROWS][3][SPAN]; // 16 bits do, as on the CPU
};

// Less the ones of 0 at the end.
DEVICE int count_weights(const gvd_kernel_axis &axis, int at, int count)
{
    while (count > 0 && weight_of(axis, at, count - 1, 0) == 0)
        count--;
    return count;
}

DEVICE void prepare(const gvd_resample_params &p, int first, int first_y,
                    int rows, shrink_stage &s)
{
    for (int i = threadIdx.x; i < WINDOW; i += THREADS)
        *(u32 *)s.weights[i] = 0;
    __syncthreads();
    for (int r = 0; r < rows; r++) {
        const int start = ((const int *)p.y.starts)[first_y + r] - first;
        const int count = ((const int *)p.y.counts)[first_y + r];
        for (int j = threadIdx.x; j < count; j += THREADS) {
            const int weight = weight_of(p.y, first_y + r, j, 0);
            if (weight != 0)
                s.weights[start + j][r % 2] = weight;
        }
        if (threadIdx.x == 0)
            s.ends[r] = start + count_weights(p.y, first_y + r, count);
    }
    if (threadIdx.x == 0)
        s.ends[rows] = WINDOW + 1;
    __syncthreads();
}

// A number that stays in its register: the compiler would make it again and
// again of what it is made of.
DEVICE int kept(int x)
{
    asm volatile("" : "+r"(x));
    return x;
}

// What a sample is multiplied with and what is added: yuv.h's products, less
// the half level that gvd_yuv_short takes away.
struct shrink_term {
    int factor, bias;

    MEMBER void init(int coefficient, int scale, int offset)
    {
        factor = kept(coefficient * scale);
        bias = kept(0x4000 - offset * coefficient * scale);
    }
    MEMBER int of(int sample) const
    {
        return sample * factor + bias >> 15;
    }
};

struct shrink_colors {
    shrink_term y, vr, ug, vg, ub; // vr: of V in red

    MEMBER void init(const gvd_yuv_matrix &m)
    {
        y.init(m.cy, GVD_YUV_LUMA_SCALE, m.y_offset);
        vr.init(m.crv, GVD_YUV_CHROMA_SCALE, 128);
        ug.init(m.cgu, GVD_YUV_CHROMA_SCALE, 128);
        vg.init(m.cgv, GVD_YUV_CHROMA_SCALE, 128);
        ub.init(m.cbu, GVD_YUV_CHROMA_SCALE, 128);
    }
};

// Two columns of two rows, as they lie in memory.
struct shrink_samples {
    int luma[2], u, v;
};

// Where a thread reads next.
struct shrink_cursor {
    unsigned long long y, u, v;
    int y_stride, u_stride, v_stride;

    MEMBER void init(const gvd_resample_params &p, const gvd_resample_frame &f,
                     int x, int row)
    {
        const int at = x / 2 * p.chroma_step;
        y = f.y + (long long)row * f.y_stride + x;
        u = f.u + (long long)(row / 2) * f.u_stride + at;
        v = f.v + (long long)(row / 2) * f.v_stride + at;
        y_stride = f.y_stride;
        u_stride = f.u_stride;
        v_stride = f.v_stride;
    }
    MEMBER shrink_samples load()
    {
        const shrink_samples s = {
            {*(const u16 *)y, *(const u16 *)(y + y_stride)},
            *(const u8 *)u,
            *(const u8 *)v,
        };
        y += 2LL * y_stride;
        u += u_stride;
        v += v_stride;
        return s;
    }
};

struct shrink_sums {
    pair<int> even, odd;
    int row, end; // of the picture: which is next, and where it is complete

    MEMBER void put(const gvd_resample_params &p, pair<int> &sums,
                    short (*out)[SPAN])
    {
#pragma unroll
        for (int k = 0; k < 3; k++) {
            const u32 left = (u16)settle(sums.c[0][k], p.y);
            const u32 right = (u16)settle(sums.c[1][k], p.y);
            *(u32 *)&out[k][2 * threadIdx.x] = left | right << 16;
        }
        sums = {};
    }
    MEMBER void put_row(const gvd_resample_params &p, shrink_stage &s)
    {
        if (row % 2 == 0)
            put(p, even, s.sums[row]);
        else
            put(p, odd, s.sums[row]);
        end = s.ends[++row];
    }
    MEMBER void add(const shrink_colors &colors, int luma,
                    const gvd_yuv_chroma &chroma, u32 weights)
    {
        const int in_even = (short)weights, in_odd = (int)weights >> 16;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const int y = colors.y.of(luma >> 8 * i & 255);
            const int levels[3] = {
                __vimin_s32_relu(y + chroma.r, GVD_SHORT_MAX),
                __vimin_s32_relu(y + chroma.g, GVD_SHORT_MAX),
                __vimin_s32_relu(y + chroma.b, GVD_SHORT_MAX),
            };
#pragma unroll
            for (int k = 0; k < 3; k++) {
                even.c[i][k] += levels[k] * in_even;
                odd.c[i][k] += levels[k] * in_odd;
            }
        }
    }
};

DEVICE void go_down(const gvd_resample_params &p, int x, int first, int count,
                    int rows, shrink_stage &s)
{
    shrink_colors colors;
    shrink_cursor cursor;
    shrink_sums sums = {};
    shrink_samples next = {};
    colors.init(p.matrix);
    cursor.init(p, p.frames[blockIdx.z], x, first);
    sums.end = s.ends[0];
    if (count > 0)
        next = cursor.load();
#pragma unroll 1 // twice is slower
    for (int i = 0; i < count; i += 2) {
        const shrink_samples now = next;
        if (i + 2 < count)
            next = cursor.load();
        const gvd_yuv_chroma chroma = {
            colors.vr.of(now.v),
            colors.ug.of(now.u) + colors.vg.of(now.v),
            colors.ub.of(now.u),
        };
#pragma unroll
        for (int j = 0; j < 2; j++) {
            while (sums.end <= i + j)
                sums.put_row(p, s);
            sums.add(colors, now.luma[j], chroma, *(u32 *)s.weights[i + j]);
        }
    }
    while (sums.row < rows)
        sums.put_row(p, s);
}

DEVICE void go_across(const gvd_resample_params &p, int low, int first_x,
                      int first_y, int rows, const shrink_stage &s)
{
    const long long dst = (long long)blockIdx.z * p.frame;
    const int across = min(p.tile, p.x.count - first_x);
    for (int i = threadIdx.x; i < across * rows; i += THREADS) {
        const int x = first_x + i % across, r = i / across;
        const int from = ((const int *)p.x.starts)[x] - low;
        const int count = ((const int *)p.x.counts)[x];
        int sums[3] = {};
        for (int j = 0; j < count; j++) {
            const int weight = weight_of(p.x, x, j, 0);
#pragma unroll
            for (int k = 0; k < 3; k++)
                sums[k] += s.sums[r][k][from + j] * weight;
        }
#pragma unroll
        for (int k = 0; k < 3; k++)
            if (k < p.channels)
                store(p, k, level_of(sums[k], p.x),
                      dst + x * p.column + (first_y + r) * p.row +
                          k * p.channel);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gvd_resample_shrink(const gvd_resample_params p)
{
    __shared__ shrink_stage stage;
    const int first_x = blockIdx.x * p.tile, first_y = blockIdx.y * SHRINK_ROWS;
    const int rows = min(SHRINK_ROWS, p.y.count - first_y);
    const int *columns = (const int *)p.tiles + 2 * blockIdx.x;
    const int *window = (const int *)p.groups + 2 * blockIdx.y;
    const int first = window[0] & ~1, low = columns[0] & ~1;
    const int x = low + 2 * threadIdx.x;
    prepare(p, first, first_y, rows, stage);
    if (x < columns[1])
        go_down(p, x, first, window[1] - first, rows, stage);
    __syncthreads();
    go_across(p, low, first_x, first_y, rows, stage);
}
