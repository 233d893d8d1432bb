// What a pass has done so far, and what held it up.
#pragma once

#include <stdint.h>

typedef struct gvd_stats {
    int sessions;              // decoders that worked at once, at most
    char sessions_reason[160]; // why not more
    int64_t packets, frames;
    int64_t corrupt_frames;  // concealed by the decoder
    int64_t lost_packets;    // that gave an error, no frame
    int64_t dropped_frames;  // decoded for a consumer that was too slow
    int64_t fallback_frames; // decoded by the CPU for a GPU reader
    int64_t bytes_held, bytes_held_max; // of frames waiting their turn
    double wait_demux;   // seconds that decoders waited for packets, summed
    double wait_decode;  // seconds that the caller waited for frames
    double wait_convert; // seconds that the caller waited for conversion
} gvd_stats;
