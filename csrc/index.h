// What a scan of its packets tells of a stream: which frames it shows, when,
// which packet each is made of, and where decoding may start. Pure data.
//
// Built once, by pushing every packet with its route in file order; read only
// after gvd_index_finish, by any number of threads.
#pragma once

#include "plan.h"
#include "ref.h"
#include "timeline.h"
#include "trust.h"

// Of one packet: its route, and what leaving it out would do.
enum {
    GVD_PACKET_OPENS = 1, // a job begins
    GVD_PACKET_TO_PREVIOUS = 2,
    GVD_PACKET_SHOWN_BY_PREVIOUS = 4,
    GVD_PACKET_TO_CURRENT = 8,
    GVD_PACKET_SHOWN_BY_CURRENT = 16,
    GVD_PACKET_KEY = 32,
    GVD_PACKET_DISPOSABLE = 64, // no other picture refers to it
    GVD_PACKET_FIELD = 128,     // one field: the other one may come next
    GVD_PACKET_SHOWN =
        GVD_PACKET_SHOWN_BY_PREVIOUS | GVD_PACKET_SHOWN_BY_CURRENT,
};

// Where a job begins. The file may be read from there.
typedef struct gvd_index_job {
    int64_t packet;      // its first, counted in file order
    int64_t frame;       // its first, counted in presentation order
    int64_t pts, dts;    // of that packet, or GVD_NO_PTS
    int64_t position;    // of that packet in the file, or -1
    int64_t next_packet; // behind the last that it needs
} gvd_index_job;

// Durations that are kept apart: files have few. Frames with another one have
// that of their packet.
#define GVD_INDEX_DURATIONS 255

typedef struct gvd_index_waiting gvd_index_waiting;

typedef struct gvd_index {
    gvd_ref ref;
    int64_t packet_count, frame_count, job_count;
    // A packet's flags, and the low bits of its size above them, by which a
    // reader sees that it reads what was scanned.
    uint16_t *packets;
    // In presentation order.
    int64_t *pts;             // or GVD_NO_PTS
    uint32_t *frame_packets;  // the packet of each
    uint8_t *frame_durations; // in the table, or GVD_INDEX_DURATIONS
    gvd_index_job *jobs;
    int64_t end; // pts and duration of the last frame, or GVD_NO_PTS
    int64_t durations[GVD_INDEX_DURATIONS]; // that frames have
    int64_t duration_count;
    // Frames cannot be told from packets: they are counted from the start.
    bool counted;
    enum gvd_trust trust;

    // While it is built.
    int64_t packet_capacity, frame_capacity, job_capacity;
    gvd_timeline timeline;
    gvd_index_waiting *previous, *current; // frames of the last two jobs
    int64_t timed;                         // frames that have their final time
    gvd_judge judge;
    int64_t last_duration; // of the last frame
    int highest_layer;     // temporal id, so far
} gvd_index;

// one_to_one: the codec is one whose packets, if sound, are a frame each.
int gvd_index_create(const gvd_media *media, bool one_to_one, gvd_index **out,
                     gvd_error *err);
gvd_index *gvd_index_ref(gvd_index *index);
void gvd_index_unref(gvd_index **index);

int gvd_index_push(gvd_index *index, const gvd_packet *packet,
                   const gvd_route *route, gvd_error *err);

// After the last packet.
int gvd_index_finish(gvd_index *index, gvd_error *err);

// What decoding showed, in place of what the packets promised: the frames of
// the first job, or all of them. pts as the decoder's reader gives it.
typedef struct gvd_index_frame {
    int64_t ordinal, pts, duration;
} gvd_index_frame;
int gvd_index_correct(gvd_index *index, const gvd_index_frame *frames,
                      int64_t count, gvd_error *err);

// Between index.c and index_build.c.
int gvd_index_add_frame(gvd_index *index, const gvd_index_frame *frame,
                        gvd_error *err);
uint8_t gvd_index_find_duration(gvd_index *index, int64_t duration);
void gvd_index_free_building(gvd_index *index);
void gvd_index_note_end(gvd_index *index);

static inline int gvd_index_flags(const gvd_index *index, int64_t packet)
{
    return index->packets[packet] & 255;
}

// True if a packet of this size may be the one that was scanned.
static inline bool gvd_index_has_size(const gvd_index *index, int64_t packet,
                                      size_t size)
{
    return index->packets[packet] >> 8 == (size & 255);
}

// The job that begins at the packet or last before it.
int64_t gvd_index_job_at(const gvd_index *index, int64_t packet);

// The job that shows the frame of a packet.
int64_t gvd_index_job_of_packet(const gvd_index *index, int64_t packet);

// The job that shows a frame.
int64_t gvd_index_find_job(const gvd_index *index, int64_t frame);

// The frame's duration, or `otherwise` where it is not kept.
int64_t gvd_index_duration(const gvd_index *index, int64_t frame,
                           int64_t otherwise);

// True for a frame whose packet is a key packet.
bool gvd_index_is_key(const gvd_index *index, int64_t frame);

int64_t gvd_index_bytes(const gvd_index *index);
