// An index as plain arrays, to be written down and given back.
#pragma once

#include "index.h"

// Arrays belong to whoever filled this in. jobs has six numbers a job: packet,
// frame, pts, dts, position, next_packet.
typedef struct gvd_index_state {
    const uint16_t *packets;
    int64_t packet_count;
    const int64_t *pts;
    const uint32_t *frame_packets;
    int64_t frame_count;
    const gvd_index_job *jobs;
    int64_t job_count;
    const uint8_t *frame_durations;
    const int64_t *durations;
    int64_t duration_count;
    int64_t end;
    bool counted;
    int trust; // an enum gvd_index_trust
} gvd_index_state;

gvd_index_state gvd_index_to_state(const gvd_index *index);

// GVD_ERR_ARGUMENT where the arrays do not fit together: what comes from a
// file must not lead anybody astray.
int gvd_index_from_state(const gvd_index_state *state, gvd_index **out,
                         gvd_error *err);
