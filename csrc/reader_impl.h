// What a pass needs of the reader that it was opened from: reader.c and pass.c.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "conversion.h"
#include "file_id.h"
#include "frame_cache.h"
#include "reader.h"
#include "ref.h"
#include "source.h"

struct gvd_reader {
    gvd_ref ref; // the opener's and one for each pass
    // Immutable after open.
    gvd_reader_params params; // with copies of the strings
    gvd_device device;
    const gvd_backend *backend;
    bool fallback; // device is a GPU and the CPU decodes for it
    char fallback_reason[256];
    bool may_wait;    // opening and reading may wait for others
    bool seekable;    // the source can be opened again
    const char *once; // or what it is that can be read only once
    pid_t process;    // that it was opened in
    gvd_file_id file; // that was opened
    gvd_rational time_base;
    enum gvd_orientation orientation; // that frames are given in
    gvd_frame_cache cache;            // of requests, unless they are native
    gvd_conversions conversions;
    gvd_budget *budget;  // of the device
    gvd_trimmer trimmer; // of the cache

    atomic_bool stopped; // all waits for the source end

    pthread_mutex_t lock;
    // Guarded by lock.
    gvd_source *source; // opened and not yet given to a pass
    gvd_source *access; // where the last request left it
    gvd_media media;
    gvd_index *index;
    struct gvd_scan *scan; // while the index is made
    bool scanning;         // somebody works at it
    bool closed;
};

// An opened source at its start, which the caller owns.
int gvd_reader_take_source(gvd_reader *reader, gvd_source **out,
                           gvd_error *err);
// A source somewhere in the file, for a request.
int gvd_reader_take_access(gvd_reader *reader, gvd_source **out,
                           gvd_error *err);
void gvd_reader_give_access(gvd_reader *reader, gvd_source **source);

// The file opened once more: packets framed as the backend wants them, or as
// they are. What is set ends it, or NULL.
int gvd_reader_open_source(const gvd_reader *reader, const atomic_bool *stopped,
                           gvd_source **out, gvd_error *err);
int gvd_reader_open_plain(const gvd_reader *reader, gvd_source **out,
                          gvd_error *err);
// That the source cannot be read once more.
int gvd_reader_fail_once(const gvd_reader *reader, gvd_error *err);
