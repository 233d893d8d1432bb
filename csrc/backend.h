// The contract that both decode backends meet: packets in, frames out.
//
// A session belongs to one worker thread. For each job the worker calls begin,
// then push for every packet, then push with NULL, which drains. Frames come
// out through `emit`, in presentation order, inside push: as soon as they are
// there. `emit` may block until there is room and takes the reference always;
// when it fails, push returns what it returned.
#pragma once

#include "media.h"
#include "packet.h"
#include "status.h"

struct AVCodecParameters;

// What a decoder must know of the stream; lives as long as its source.
typedef struct gvd_stream {
    gvd_media media;
    struct AVCodecParameters *codec; // as the packets are framed
    const uint8_t *headers;          // parameter sets in Annex B, or NULL
    size_t headers_size;
    bool opaque;        // nothing is read in the packets: their key flag is all
    int64_t max_pixels; // of a picture: larger ones are not decoded
} gvd_stream;

typedef struct gvd_session gvd_session;

typedef int (*gvd_emit)(void *context, gvd_frame *frame);

// What frames are wanted for.
enum gvd_pixels {
    GVD_PIXELS_NATIVE, // the decoded planes, of YUV
    GVD_PIXELS_ANY,    // planes of YUV or RGB, to be converted
    GVD_PIXELS_NONE,   // frames without planes will do
};

typedef struct gvd_session_params {
    const gvd_stream *stream;
    int device; // the GPU's number
    enum gvd_pixels pixels;
    gvd_emit emit;
    void *context;
    int64_t *lost; // counts packets that gave an error, no frame; or NULL
} gvd_session_params;

typedef struct gvd_job_start {
    bool first;  // of the stream, where the decoder itself says what is shown
    int threads; // that the decoder may use for this job
} gvd_job_start;

typedef struct gvd_backend {
    const char *name; // "nvdec", "cpu"
    // Gives one frame for each picture that is shown and none is concealed
    // silently: the scheduler holds it to that and lets the CPU do the rest.
    bool checked;
    double open_seconds;      // what a new session costs, about
    double pixels_per_second; // of one session, about

    // saves: the seconds that the session would save, about. Where none is
    // idle, INFINITY has one created, 0 does not, and what is between does if
    // it pays together with what readings before would have saved; else
    // GVD_AGAIN.
    int (*open)(const gvd_session_params *params, double saves,
                gvd_session **out, gvd_error *err);
    int (*begin)(gvd_session *session, const gvd_job_start *start,
                 gvd_error *err);
    // shown: whether a frame is wanted for it; others may still come out.
    int (*push)(gvd_session *session, const gvd_packet *packet, bool shown,
                gvd_error *err);
    // A session that failed is not kept for others.
    void (*close)(gvd_session **session, bool failed);
} gvd_backend;

extern const gvd_backend gvd_cpu;  // libavcodec
extern const gvd_backend gvd_cuda; // NVDEC
