// An open video and a sequential pass over it: what the binding calls.
//
//   gvd_reader    a file, opened: its metadata, its device, its backend
//   gvd_pass      one reading from the first frame to the last, in batches
//   gvd_batch     what a pass gives: one RGB tensor, or native frames
//
// Thread-safety: a gvd_reader and a gvd_pass may be used from several threads;
// calls on one pass are put in a line. gvd_pass_abort may be called at any time
// and ends every wait of that pass with GVD_ERR_CLOSED.
#pragma once

#include "index.h"
#include "input.h"
#include "media.h"
#include "memory.h"
#include "output.h"
#include "stats.h"
#include "tensor.h"

// What becomes of frames in which the decoder concealed damage.
enum gvd_on_corrupt {
    GVD_CORRUPT_KEEP,  // given like any other, and marked
    GVD_CORRUPT_SKIP,  // left out where all frames are read
    GVD_CORRUPT_RAISE, // the reading ends with GVD_ERR_DECODE before the first
};

typedef struct gvd_reader_params {
    const char *url;   // path or URL, UTF-8 (or the file system's bytes)
    gvd_input *input;  // what is read in its place, or NULL: url is its name
    int stream_index;  // the container's number, or -1: the best video stream
    gvd_device device; // type 0: a GPU where there is one, else the CPU
    gvd_output output;
    bool upright;       // RGB is turned as the container says
    bool allow_inexact; // NVDEC may decode what leaves rounding open
    enum gvd_on_corrupt on_corrupt;
    int sessions;          // decoders at once, or 0: as many as it pays
    int64_t memory_limit;  // bytes of frames waiting, or 0: the default
    const char *protocols; // that may be used, or NULL: source_protocols.h
    const char *ca_file;   // certificates for https, or NULL
    double timeout;        // seconds that a wait may take, or 0: no limit
    int64_t max_pixels;    // of a picture, or 0: no limit
    bool follow;           // the file is still written to
    bool low_latency;      // each frame as soon as the decoder has it
    bool drop_oldest;      // where more than a batch of them waits
} gvd_reader_params;

typedef struct gvd_batch {
    int count, capacity;
    int room;           // places that there are by now
    gvd_tensor *tensor; // of gvd_reader_shape; NULL in native output
    gvd_frame **frames; // count frames; their planes only where tensor is NULL
} gvd_batch;

typedef struct gvd_reader gvd_reader;
typedef struct gvd_pass gvd_pass;

// Takes a reference to the input; opens nothing.
int gvd_reader_create(const gvd_reader_params *params, gvd_reader **out,
                      gvd_error *err);
// Once, before everything below.
int gvd_reader_open(gvd_reader *reader, gvd_error *err);
// True where opening and reading may wait for others, as for a server.
bool gvd_reader_may_wait(const gvd_reader *reader);
// Ends every wait for the source, now and later, with GVD_ERR_CLOSED.
void gvd_reader_abort(gvd_reader *reader);
void gvd_reader_close(gvd_reader **reader);
gvd_reader *gvd_reader_ref(gvd_reader *reader);
void gvd_reader_unref(gvd_reader **reader);

// Borrowed, or NULL.
gvd_input *gvd_reader_input(const gvd_reader *reader);
double gvd_reader_timeout(const gvd_reader *reader);
const char *gvd_reader_url(const gvd_reader *reader);

// May read the file once more, for facts that decoding did not need.
const gvd_media *gvd_reader_media(gvd_reader *reader);
// Known from opening on, without reading more.
gvd_rational gvd_reader_time_base(const gvd_reader *reader);
// All streams of the container, in an array that the caller frees; reads the
// file once more.
int gvd_reader_streams(const gvd_reader *reader, gvd_media **out, int *count,
                       gvd_error *err);
gvd_device gvd_reader_device(const gvd_reader *reader);
const char *gvd_reader_backend(const gvd_reader *reader); // "nvdec", "cpu"
const char *gvd_reader_fallback_reason(const gvd_reader *reader); // or NULL

// The shape of `count` frames as they are given, after what the container says
// of their size: GVD_ERR_ARGUMENT where the crop lies outside of them or
// nothing would be left.
int gvd_reader_shape(gvd_reader *reader, int count, int64_t shape[GVD_MAX_DIMS],
                     gvd_error *err);

// Makes the index, for about timeout_ms a call: GVD_OK once it is there,
// GVD_AGAIN, or an error.
int gvd_reader_build_index(gvd_reader *reader, int timeout_ms, gvd_error *err);
// With a reference for the caller; NULL before there is one.
gvd_index *gvd_reader_index(gvd_reader *reader);
void gvd_reader_set_index(gvd_reader *reader, gvd_index *index);

typedef struct gvd_pass_params {
    int batch_size;
    // Frames by number, each for its own place, or NULL: all from the first on.
    // Where they do not rise, one batch must hold them all. They must be within
    // the index, which must be there.
    const int64_t *numbers;
    int64_t count;
    int64_t extra, extra_end; // [extra, extra_end): kept for later requests
    // Memory for the only batch, dense, of gvd_reader_shape and on the reader's
    // device; without data: none. The pass takes it over and its tensor has it.
    gvd_block target;
    int64_t target_bytes;
} gvd_pass_params;

// Starts to decode. The first pass takes the source as it was opened, later
// ones open it again: GVD_ERR_UNSUPPORTED where that cannot be (a pipe).
int gvd_pass_open(gvd_reader *reader, const gvd_pass_params *params,
                  gvd_pass **out, gvd_error *err);

// The next batch, of batch_size frames or fewer at the end or before a change
// of size: GVD_OK, GVD_EOF, or an error after which the pass is over; GVD_AGAIN
// when timeout_ms have passed first, also where another call on this pass had
// them. Frames of a request that differ in size are GVD_ERR_UNSUPPORTED in RGB.
int gvd_pass_next(gvd_pass *pass, int timeout_ms,
                  const gvd_allocator *allocator, gvd_batch **out,
                  gvd_error *err);
void gvd_pass_abort(gvd_pass *pass);
void gvd_pass_stats(gvd_pass *pass, gvd_stats *stats);
// Aborts, waits for the workers, frees. Frames and tensors live on.
void gvd_pass_close(gvd_pass **pass);

void gvd_batch_free(gvd_batch **batch);

// What all decoders hold on a device, and may hold: gvd_memory_most unless it
// was set. NULL for the number of no GPU.
gvd_budget *gvd_memory_budget(gvd_device device);
// Three quarters of its memory.
int64_t gvd_memory_most(gvd_device device);

// Frees every idle session and buffer that the process keeps for later.
void gvd_trim(void);
