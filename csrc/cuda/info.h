// What the machine's GPUs can decode, for `python -m gvdecode info` and for the
// choice of the device. No CUDA header is needed to read this.
#pragma once

#include <stdint.h>

#include "status.h"

typedef struct gvd_cuda_codec {
    char codec[16]; // libav's name
    int bit_depth;
    char chroma[8]; // "4:2:0" ...
    int max_width, max_height;
    int engines; // NVDEC engines that take it; 0: unknown
} gvd_cuda_codec;

typedef struct gvd_cuda_device {
    char name[96];
    int compute_capability; // 90 for 9.0
    int64_t total_bytes, free_bytes;
    gvd_cuda_codec codecs[32];
    int codec_count;
} gvd_cuda_device;

// Number of GPUs, 0 with the reason in err where there is no usable driver.
int gvd_cuda_device_count(gvd_error *err);

// The driver's CUDA version, 13000 for 13.0; 0 without a driver.
int gvd_cuda_driver_version(void);

int gvd_cuda_describe(int index, gvd_cuda_device *device, gvd_error *err);
