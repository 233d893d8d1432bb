// Which of libav's codecs NVDEC decodes, under which name. Pure data.
#pragma once

#include <stdbool.h>

#include "cuda/driver.h"

typedef struct gvd_cuda_codec_entry {
    int codec_id; // AVCodecID
    const char *name;
    cudaVideoCodec codec;
    bool exact;  // the standard fixes every bit of the picture
    bool proven; // this version has been shown to decode it with NVDEC
} gvd_cuda_codec_entry;

// NULL for codecs that no NVDEC decodes.
const gvd_cuda_codec_entry *gvd_cuda_codec_find(int codec_id);

// The whole table, ended by an entry without a name.
const gvd_cuda_codec_entry *gvd_cuda_codec_all(void);
