// The timestamps of the frames of a stream, in presentation order.
//
// In a sound file a frame has the pts of its packet. From where on packets lack
// one or repeat one, the k-th frame takes the k-th smallest timestamp (pts,
// else dts) within a window of packets, and never one below the frame before
// it. A stream without any timestamps counts frames at its frame rate.
//
// Thread-safety: none; the scheduler calls it under its lock.
#pragma once

#include "media.h"

#define GVD_INDEX_WINDOW 16
// Packets beyond a frame's own that must be known before its time is given, so
// that it does not depend on how far the file happens to be read.
#define GVD_INDEX_AHEAD 4

typedef struct gvd_index {
    gvd_rational time_base, frame_rate;
    // Timestamps of packets whose frames are not out yet, in file order;
    // GVD_NO_PTS for packets without any.
    int64_t *ahead;
    size_t ahead_start, ahead_count, ahead_capacity;
    int64_t recent[GVD_INDEX_WINDOW]; // of the last packets, a ring
    int64_t last;       // the last timestamp that was given, or GVD_NO_PTS
    int64_t packets;    // pushed so far
    int64_t frames;     // given so far
    int64_t first_time; // the first packet that has a timestamp
    int64_t irregular;  // the first whose pts is missing or another's
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
