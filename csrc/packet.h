// One access unit on its way from the source to a decoder, refcounted.
//
// The source makes packets and owns their bytes; the plan reads the facts; the
// backends read data and, on the CPU, the AVPacket behind `owner`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h" // GVD_NO_PTS

// Where a decoder may start, from the packet's own NAL units or frame header.
enum gvd_entry {
    GVD_ENTRY_NONE,   // refers to earlier pictures
    GVD_ENTRY_CLOSED, // nothing after it refers to anything before it
    GVD_ENTRY_OPEN,   // leading pictures after it do
};

// The part of a coded picture that is shown, in samples of luma.
typedef struct gvd_window {
    int left, top, width, height; // no width: not known
} gvd_window;

typedef struct gvd_packet gvd_packet;
struct gvd_packet {
    gvd_ref ref;
    void (*release)(gvd_packet *packet);
    void *owner; // the source's AVPacket

    const uint8_t *data;
    size_t size;

    int64_t ordinal;  // counted from 0 in the order of the file
    int64_t pts, dts; // stream time base, or GVD_NO_PTS
    int64_t duration; // stream time base, or 0
    int64_t position; // bytes into the file, or -1
    size_t file_size; // bytes there, before any framing of ours
    bool key;         // flagged by the container or parser
    bool discard;     // decoded, never shown: outside the edit list, or hidden
    bool skippable;   // a leading picture that cannot be decoded from its entry
    bool parameters;  // carries a parameter set (SPS, PPS, VPS)
    bool all_parameters; // carries all that a decoder needs to begin
    bool disposable;     // no picture of its temporal layer refers to it
    int layer;           // HEVC's temporal id
    bool field;          // one field of a frame, whose other has its own packet
    bool second_field;   // of the frame that the packet before began
    bool damaged;        // the demuxer or its own structure says so
    bool unreadable;     // so much that no decoder is given it
    char picture_type;   // of its first slice: 'I', 'P', 'B', or 0: not known
    enum gvd_entry entry;
    gvd_window visible; // by its parameter sets, of H.264 and HEVC
};

// Bytes that it holds while it waits, with about what libavcodec's structures
// take: of small packets these are the most.
static inline int64_t gvd_packet_cost(const gvd_packet *packet)
{
    return (int64_t)packet->size + 768;
}

gvd_packet *gvd_packet_ref(gvd_packet *packet);
void gvd_packet_unref(gvd_packet **packet);
