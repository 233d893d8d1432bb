// The timestamps of the frames of a stream, in presentation order.
//
// In a sound file a frame has the pts of its packet. Where that is missing,
// repeated or runs backwards, the frame takes the smallest timestamp (pts, else
// dts) that is still free among the next packets, and never one below the frame
// before it. A stream without any timestamps counts frames at its frame rate.
//
// Thread-safety: none; the scheduler calls it under its lock.
#pragma once

#include "media.h"

#define GVD_INDEX_WINDOW 16

typedef struct gvd_index {
    gvd_rational time_base, frame_rate;
    // Timestamps of packets whose frames are not out yet, in file order.
    int64_t *ahead;
    size_t ahead_start, ahead_count, ahead_capacity;
    int64_t window[GVD_INDEX_WINDOW];
    int window_count;
    int64_t last;   // the last timestamp that was given, or GVD_NO_PTS
    int64_t frames; // given so far
    bool any;       // the stream has timestamps
} gvd_index;

void gvd_index_init(gvd_index *index, const gvd_media *media);
void gvd_index_free(gvd_index *index);

// A packet that will be shown, in the order of the file.
int gvd_index_push(gvd_index *index, int64_t pts, int64_t dts, gvd_error *err);

// True if gvd_index_next can tell the next frame's time now: pts is its own
// packet's, or enough packets are known.
bool gvd_index_is_ready(const gvd_index *index, int64_t pts);

// The next frame's timestamp, or GVD_NO_PTS if there is no way to tell.
int64_t gvd_index_next(gvd_index *index, int64_t pts);
