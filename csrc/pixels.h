// The arithmetic of what yuv.h does not cover, for C and CUDA alike: samples of
// any depth and matrix to levels, and levels to numbers of every type. A level
// is a 255th of the way from black to white.
//
// Every operation is one IEEE operation in the order in which it stands here:
// neither compiler may contract or reorder them.
#pragma once

#include "yuv.h"

// Y, U and V less `offset`, times the channel's row. Interleaved so that rows
// of zeros leave finite numbers as they are.
struct gvd_color_matrix {
    float offset[3];
    float row[3][3];
};

// From levels to what is stored. The dtypes are gvd_dtype's.
struct gvd_finish {
    int dtype;
    int limited, normalized;
    float unit; // levels
    float mean[3], std[3];
};

#define GVD_LEVEL_MAX 255.0f
// Levels as short numbers have as many fractional bits as yuv.h's terms.
#define GVD_SHORT_MAX (255 << GVD_YUV_FRACTION)

GVD_YUV_INLINE float gvd_clip_level(float level)
{
    level = level < 0.0f ? 0.0f : level;
    return level > GVD_LEVEL_MAX ? GVD_LEVEL_MAX : level;
}

GVD_YUV_INLINE float gvd_color_level(const struct gvd_color_matrix *m, int c,
                                     float y, float u, float v)
{
    float chroma = u * m->row[c][1] + v * m->row[c][2];
    return gvd_clip_level(y * m->row[c][0] + chroma);
}

// One channel of yuv.h's terms, not rounded to a level.
GVD_YUV_INLINE int gvd_yuv_short(int sum)
{
    int level = sum - GVD_YUV_ROUND;
    level = level < 0 ? 0 : level;
    return level > GVD_SHORT_MAX ? GVD_SHORT_MAX : level;
}

GVD_YUV_INLINE float gvd_finish_level(const struct gvd_finish *f, float level)
{
    level = gvd_clip_level(level);
    return f->limited ? level * (219.0f / 255.0f) + 16.0f : level;
}

// Of a level that is finished, for the float types.
GVD_YUV_INLINE float gvd_finish_float(const struct gvd_finish *f, int channel,
                                      float level)
{
    float x = level / f->unit;
    return f->normalized ? (x - f->mean[channel]) / f->std[channel] : x;
}

GVD_YUV_INLINE unsigned gvd_level_to_byte(float level)
{
    return (unsigned)(int)(level + 0.5f);
}

// 65535 is 257 times 255.
GVD_YUV_INLINE unsigned gvd_level_to_word(float level)
{
    return (unsigned)(int)(level * 257.0f + 0.5f);
}

// The bits of a float to those of a shorter one, ties to even.
GVD_YUV_INLINE unsigned gvd_bits_to_bfloat16(unsigned bits)
{
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

GVD_YUV_INLINE unsigned gvd_bits_to_float16(unsigned bits)
{
    unsigned sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
    if (rest >= 0x47800000u) // 65536 and more
        return sign | 0x7c00u;
    if (rest >= 0x38800000u) // normal: 2^-14 and more
        return sign | ((rest + 0xfffu + (rest >> 13 & 1u) - 0x38000000u) >> 13);
    if (rest < 0x33000000u) // less than half of the least
        return sign;
    unsigned shift = 126u - (rest >> 23);
    unsigned value = (rest & 0x7fffffu) | 0x800000u;
    unsigned kept = value >> shift, lost = value & ((1u << shift) - 1u);
    unsigned half = 1u << (shift - 1u);
    return sign | (kept + (lost > half || (lost == half && (kept & 1u))));
}
