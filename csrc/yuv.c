// Colour tags to fixed-point coefficients. Both backends call it once a frame;
// the arithmetic that uses the result is in yuv.h and on the GPU.
#include "yuv.h"

bool gvd_yuv_find_weights(int matrix, gvd_yuv_weights *weights)
{
    gvd_yuv_weights *w = weights;
    switch (matrix) {
    case 1: // BT.709
        *w = (gvd_yuv_weights){0.2126, 0.0722};
        return true;
    case 4: // FCC
        *w = (gvd_yuv_weights){0.30, 0.11};
        return true;
    case 2: // unspecified
    case 5: // BT.601, 625 lines
    case 6: // BT.601, 525 lines
        *w = (gvd_yuv_weights){0.299, 0.114};
        return true;
    case 7: // SMPTE 240M
        *w = (gvd_yuv_weights){0.212, 0.087};
        return true;
    case 9: // BT.2020, non-constant luminance
        *w = (gvd_yuv_weights){0.2627, 0.0593};
        return true;
    default:
        return false;
    }
}

static short to_fixed(double value, double one)
{
    double scaled = value * one;
    return (short)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

void gvd_yuv_matrix_init(struct gvd_yuv_matrix *m, gvd_color color,
                         const gvd_yuv_weights *weights)
{
    const gvd_yuv_weights w = *weights;
    const double luma_one = 1 << 14, chroma_one = 1 << 13;
    double green = 1.0 - w.red - w.blue;
    double luma = color.full_range ? 1.0 : 255.0 / 219.0;
    double chroma = color.full_range ? 2.0 : 2.0 * 255.0 / 224.0;

    *m = (struct gvd_yuv_matrix){
        .y_offset = color.full_range ? 0 : 16,
        .cy = to_fixed(luma, luma_one),
        .crv = to_fixed(chroma * (1.0 - w.red), chroma_one),
        .cgu = to_fixed(-chroma * (1.0 - w.blue) * w.blue / green, chroma_one),
        .cgv = to_fixed(-chroma * (1.0 - w.red) * w.red / green, chroma_one),
        .cbu = to_fixed(chroma * (1.0 - w.blue), chroma_one),
    };
}
