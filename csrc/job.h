// One GOP job: its packets, its frames, and how far both have come.
//
// Thread-safety: none; guarded by the scheduler's lock. The packets that a
// worker has taken stay here until the job is done where it may have to be
// decoded again.
#pragma once

#include "frame.h"
#include "packet.h"

typedef struct gvd_job_packet {
    gvd_packet *packet; // NULL once it is not needed any more
    bool shown;
} gvd_job_packet;

enum gvd_job_state {
    GVD_JOB_WAITING,
    GVD_JOB_RUNNING,
    GVD_JOB_DONE,
};

typedef struct gvd_job gvd_job;
struct gvd_job {
    gvd_job *next;
    int64_t number;
    enum gvd_job_state state;
    int status; // GVD_OK, or the error below once done
    gvd_error error;

    gvd_job_packet *packets;
    size_t packet_start, packet_count, packet_capacity;
    size_t taken; // packets[packet_start, packet_start + taken) were decoded
    int64_t kept_bytes; // of taken packets that are still here
    int64_t shown;      // packets that are to be shown
    bool kept;          // taken packets are kept for another decoder
    bool closed;        // no more packets come
    bool first;         // of the stream
    bool inexact_start; // only libavcodec knows what is shown

    gvd_frame **frames; // a ring
    size_t frame_head, frame_count, frame_capacity;
    int64_t emitted; // frames given in all
};

gvd_job *gvd_job_create(int64_t number, bool kept);
void gvd_job_free(gvd_job **job);

int gvd_job_push_packet(gvd_job *job, gvd_packet *packet, bool shown,
                        gvd_error *err);

// The next packet with a reference of its own, or false.
bool gvd_job_take_packet(gvd_job *job, gvd_job_packet *out);

// Packets that no decoder has taken yet.
size_t gvd_job_pending(const gvd_job *job);

// Goes back to the first packet: false if some are gone.
bool gvd_job_rewind(gvd_job *job);
void gvd_job_forget_taken(gvd_job *job);

// Takes the reference.
int gvd_job_push_frame(gvd_job *job, gvd_frame *frame, gvd_error *err);
gvd_frame *gvd_job_pop_frame(gvd_job *job);
