// What is known of a stream before a frame of it is decoded. Pure data.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

typedef struct gvd_rational {
    int num, den;
} gvd_rational;

// Unknown numbers are 0, unknown times GVD_NO_PTS, unknown words "".
typedef struct gvd_media {
    char format[64]; // the container's short name
    char kind[16];   // "video", "audio", "subtitle", "picture" for a cover ...
    char codec[32];  // libav's name: "h264", "hevc", "vp9" ...
    char profile[48];
    char pixel_format[32]; // libav's name: "yuv420p", "yuv420p10le" ...
    char color_primaries[24];
    char color_space[24];
    char color_transfer[24];
    char color_range[16];

    int codec_id; // AVCodecID
    int stream_index;
    int best_stream;   // the container's best video stream
    int width, height; // as coded, before any rotation
    int bit_depth;
    int chroma_width, chroma_height; // log2 of the subsampling: 4:2:0 is 1, 1
    int planes;                      // 0 where the format is not planar YUV
    int rotation;                    // degrees counter-clockwise, 0 to 359
    int orientation; // how frames are to be turned: an enum gvd_orientation
    gvd_color color; // the container's tags

    gvd_rational time_base;
    gvd_rational average_frame_rate;
    gvd_rational pixel_aspect_ratio;
    int64_t start_pts;
    int64_t bit_rate;
    int64_t header_frames;  // the header's claim
    double header_duration; // seconds, the header's claim
    bool seekable;          // the source can be read again from the start
    bool partial;           // a full probe would know more
} gvd_media;
