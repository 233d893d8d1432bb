// A video file opened with libavformat: one stream's packets in file order.
//
// Opening reads as little as it can: MP4 and Matroska headers with H.264 and
// HEVC tell what a decoder needs together with the first packet; everything
// else goes through libavformat's full probe.
//
// Thread-safety: one thread at a time; the flags that stop it may be set at any
// time.
#pragma once

#include "backend.h"
#include "input.h"

typedef struct gvd_source gvd_source;

typedef struct gvd_source_params {
    const char *url;       // path or URL; of an input, what to call it
    gvd_input *input;      // or NULL; the source takes a reference
    int stream_index;      // the container's number, or -1: the best of video
    const char *protocols; // source_protocols.h
    const char *ca_file;   // certificates for https, or NULL; outlives it
    int64_t max_pixels;    // of a picture, or 0: no limit
    double timeout;   // seconds of opening and of each read, or 0: no limit
    bool low_latency; // open as soon as decoding can begin
    bool follow;      // a file or FIFO that is still written to
    bool full_probe;  // fill in all of the media facts, at any price
    // End every wait with GVD_ERR_CLOSED once they are set, or NULL.
    const atomic_bool *owner_stopped;
    const atomic_bool *user_stopped; // until gvd_source_lend
} gvd_source_params;

int gvd_source_open(const gvd_source_params *params, gvd_source **out,
                    gvd_error *err);
void gvd_source_close(gvd_source **source);

// True where opening and reading may wait for others.
bool gvd_source_may_wait(const char *url, const gvd_input *input);

// What it is that can be read only once: "a pipe" ...; NULL for all else.
const char *gvd_source_once(const gvd_source *source);

// Lives as long as the source.
const gvd_stream *gvd_source_stream(const gvd_source *source);

// What is known of each of the container's streams, in an array that the caller
// frees.
int gvd_source_describe_all(const gvd_source *source, gvd_media **out,
                            int *count, gvd_error *err);

// Packets are framed as Annex B from now on, as NVDEC wants them.
int gvd_source_use_annexb(gvd_source *source, gvd_error *err);

// GVD_OK with a reference, GVD_EOF, or an error.
int gvd_source_read(gvd_source *source, gvd_packet **out, gvd_error *err);

// True where GVD_EOF came before what the file's header says.
bool gvd_source_ends_early(const gvd_source *source);

// True for one that is of no more use to others: reading or seeking has ended
// or failed, or what its packets mean depends on those before.
bool gvd_source_is_over(const gvd_source *source);

// Counted from 0 in file order: what gvd_source_read gives next.
int64_t gvd_source_next(const gvd_source *source);

// A packet as an earlier reading of the file saw it.
typedef struct gvd_source_mark {
    int64_t ordinal, pts, dts, position;
} gvd_source_mark;

// Goes on at that packet. GVD_AGAIN where it is not found: the source is then
// of no more use.
int gvd_source_seek(gvd_source *source, const gvd_source_mark *mark,
                    gvd_error *err);

// True for codecs whose packets, if sound, are a frame each.
bool gvd_source_is_one_to_one(const gvd_source *source);

// From now on it is read for somebody else, or, with NULL, for nobody.
void gvd_source_lend(gvd_source *source, const atomic_bool *user_stopped);

// The linked FFmpeg's own version text.
const char *gvd_source_libav_version(void);
