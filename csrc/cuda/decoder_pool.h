// NVDEC decoders of the process, kept and reconfigured from video to video.
//
// Creating one costs 40 ms and more, destroying a fresh one up to 250 ms, and
// the driver does one at a time; reconfiguring is nearly free. A decoder is
// made for a class of sizes with the most surfaces that its codec needs, so
// that any stream of the class fits.
//
// Thread-safety: all functions; a decoder that was taken is the taker's alone.
// The GPU's context must be current.
#pragma once

#include "cuda/gpu.h"
#include "memory.h"

typedef struct gvd_decoder_format {
    cudaVideoCodec codec;
    cudaVideoChromaFormat chroma;
    int bit_depth;
    unsigned width, height; // coded, even
    unsigned surfaces;      // at least
} gvd_decoder_format;

// Of one sample.
static inline unsigned
gvd_decoder_sample_bytes(const gvd_decoder_format *format)
{
    return format->bit_depth > 8 ? 2 : 1;
}

// Rows of a mapped surface: luma's, and below it chroma's.
static inline size_t gvd_decoder_rows(const gvd_decoder_format *format)
{
    size_t rows = format->height;
    return format->chroma == cudaVideoChromaFormat_444 ? 3 * rows
                                                       : rows + rows / 2;
}

typedef struct gvd_decoder {
    gvd_gpu *gpu;
    CUvideodecoder handle;
    CUstream stream;           // where its pictures are mapped and copied
    gvd_decoder_format format; // as it is configured now
    unsigned max_width, max_height, max_surfaces;
    gvd_charge charge;
    struct gvd_decoder *next; // while it is idle
} gvd_decoder;

// A decoder configured for the format: an idle one, or a new one if what it
// saves pays for it (as backend.h's open) and not enough are at work, else
// GVD_AGAIN.
int gvd_decoder_take(gvd_gpu *gpu, const gvd_decoder_format *format,
                     double saves, gvd_decoder **out, gvd_error *err);

// Makes the decoder fit a format of its class; GVD_AGAIN if it cannot.
int gvd_decoder_configure(gvd_decoder *decoder,
                          const gvd_decoder_format *format, gvd_error *err);

// Gives it back; one that failed is destroyed.
void gvd_decoder_give(gvd_decoder **decoder, bool failed);

void gvd_decoder_trim(void);
// Destroys idle ones of one GPU, about so many bytes.
void gvd_decoder_trim_some(const gvd_gpu *gpu, int64_t bytes);

// What one for this format takes, about.
int64_t gvd_decoder_expected_bytes(const gvd_decoder_format *format);
