// A video file opened with libavformat: one stream's packets in file order.
//
// Opening reads as little as it can: MP4 and Matroska headers with H.264 and
// HEVC tell what a decoder needs together with the first packet; everything
// else goes through libavformat's full probe.
//
// Thread-safety: one thread at a time, but gvd_source_abort at any time.
#pragma once

#include "backend.h"

typedef struct gvd_source gvd_source;

typedef struct gvd_source_params {
    const char *url;
    int stream_index;    // the container's number, or -1: the best video stream
    const char *ca_file; // certificates for https, or NULL
    bool full_probe;     // fill in all of the media facts, at any price
} gvd_source_params;

int gvd_source_open(const gvd_source_params *params, gvd_source **out,
                    gvd_error *err);
void gvd_source_close(gvd_source **source);

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

// Ends a read that waits, and all later ones, with GVD_ERR_CLOSED.
void gvd_source_abort(gvd_source *source);

// The linked FFmpeg's own version text.
const char *gvd_source_libav_version(void);
