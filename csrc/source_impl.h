// Inside of the source: shared by source.c and source_seek.c only.
#pragma once

#include <stdatomic.h>

#include <libavcodec/bsf.h>

#include "av.h"
#include "nal.h"
#include "source.h"

struct gvd_source {
    // Immutable after open.
    AVFormatContext *format;
    AVIOContext *file; // a regular file's, or NULL
    AVIOContext *pipe; // for pipes and FIFOs, else NULL
    AVStream *av_stream;
    // Reading thread only.
    gvd_classifier classifier;
    AVBSFContext *filter;
    gvd_stream stream;
    int64_t next_ordinal;
    AVPacket *found; // by seeking: the next to be read, or NULL

    atomic_bool aborted;
};

// libav's next packet of the stream, or its error code.
int gvd_source_read_av(gvd_source *source, AVPacket *packet);
