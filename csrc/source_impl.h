// Inside of the source: shared by source.c, source_open.c and source_seek.c.
#pragma once

#include <libavcodec/bsf.h>

#include "av.h"
#include "nal.h"
#include "source.h"
#include "source_protocols.h"

struct gvd_source {
    // Immutable after open.
    char *target; // what libavformat has opened
    bool url, pipe, follows;
    int64_t max_pixels;
    char protocols[GVD_PROTOCOLS_BYTES];
    gvd_nesting nesting;
    AVFormatContext *format;
    AVIOContext *file; // a regular file's, or NULL
    AVIOContext *io;   // a pipe's or an input's, or NULL
    AVStream *av_stream;
    // Reading thread only.
    gvd_classifier classifier;
    AVBSFContext *filter;
    gvd_stream stream;
    int64_t next_ordinal;
    bool ended;        // no packet follows, or nobody knows which
    bool described;    // a packet had another decoder configuration with it
    bool ends_early;   // there was less than its header says
    AVPacket *found;   // by seeking: the next to be read, or NULL
    gvd_error failure; // that libav makes something else of: the end of it

    gvd_limit limit;
};

// libav's next packet of the stream, or its error code.
int gvd_source_read_av(gvd_source *source, AVPacket *packet);

// What libav and the network say, in this thread, goes into an error's words:
// libav's codes hardly tell its failures apart.
void gvd_source_forget_said(void);
void gvd_source_add_said(const gvd_source *source, gvd_error *err);

// What a code of libav's means while opening: the failure behind it, if there
// is one.
int gvd_source_fail(gvd_source *source, int code, gvd_error *err);
