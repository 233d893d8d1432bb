// The timestamps of the frames of a stream, in presentation order.
//
// As long as every packet has a pts of its own, a frame has that of its packet.
// From where on packets lack one or repeat one, the k-th frame takes the k-th
// smallest timestamp (pts, else dts) within a window of packets. Either way
// never one below the frame before it. Where a whole window of packets has no
// timestamp, frames are counted at the stream's frame rate.
//
// Thread-safety: none; the scheduler calls it under its lock.
#pragma once

#include "media.h"
#include "packet.h"

#define GVD_TIMELINE_WINDOW 16
// As many packets as frames, and so many more, must be known before the next
// frame's time is given, so that it does not depend on how far the file happens
// to be read; a whole window of them where it is not its own packet's.
#define GVD_TIMELINE_AHEAD 4

typedef struct gvd_timeline_packet {
    int64_t time;  // or GVD_NO_PTS
    bool numbered; // its frame has a number, even if it is lost
} gvd_timeline_packet;

typedef struct gvd_timeline {
    gvd_rational time_base, frame_rate;
    gvd_timeline_packet *ahead; // whose frames are not out yet, in file order
    size_t ahead_start, ahead_count, ahead_capacity;
    int64_t recent[GVD_TIMELINE_WINDOW]; // of the last packets, a ring
    int64_t last;    // the last timestamp that was given, or GVD_NO_PTS
    int64_t packets; // pushed so far
    int64_t frames;  // given so far
    int64_t lost;    // packets that were numbered and gave no frame
    int64_t number;  // of the last frame, with these
    int64_t
        given[GVD_TIMELINE_WINDOW]; // the own times of the last frames, a ring
    int spread; // packets behind one whose frame comes before its own, at most
    int64_t first_time; // the first packet that has a timestamp
    int64_t irregular;  // the first whose pts is missing or another's
} gvd_timeline;

void gvd_timeline_init(gvd_timeline *timeline, const gvd_media *media);
void gvd_timeline_free(gvd_timeline *timeline);

// A packet that will be shown, in the order of the file.
int gvd_timeline_push(gvd_timeline *timeline, const gvd_packet *packet,
                      bool numbered, gvd_error *err);

// True if gvd_timeline_next can tell the next frame's time now: pts is its own
// packet's, or enough packets are known.
bool gvd_timeline_is_ready(const gvd_timeline *timeline, int64_t pts);

// True if no packet that is not known yet can have a frame before this one.
bool gvd_timeline_is_sure(const gvd_timeline *timeline, int64_t pts);

// The next frame's timestamp, or GVD_NO_PTS if there is no way to tell.
int64_t gvd_timeline_next(gvd_timeline *timeline, int64_t pts);
