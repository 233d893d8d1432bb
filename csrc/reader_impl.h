// What a pass needs of the reader that it was opened from: reader.c and pass.c.
#pragma once

#include <pthread.h>

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
    bool seekable; // the source can be opened again
    gvd_rational time_base;

    pthread_mutex_t lock;
    // Guarded by lock.
    gvd_source *source; // opened and not yet given to a pass
    gvd_media media;
};

// An opened source at its start, which the caller owns.
int gvd_reader_take_source(gvd_reader *reader, gvd_source **out,
                           gvd_error *err);
void gvd_reader_unref(gvd_reader **reader);
