// What a source may open: by default itself, and what a playlist on a web
// server names on the same server. Where the caller lists protocols, these, on
// any host, and playlists of every kind.
#pragma once

#include <stdbool.h>

#include "status.h"

#define GVD_PROTOCOLS_BYTES 256

struct AVDictionary;
struct AVFormatContext;
struct AVIOContext;

// The protocols that libav may use for this URL, or for what a path or input
// names. `chosen` is the caller's list, commas in between, or NULL.
// GVD_ERR_UNSUPPORTED where the URL itself has none of them.
int gvd_protocols_choose(const char *url, bool is_url, const char *chosen,
                         char list[GVD_PROTOCOLS_BYTES], gvd_error *err);

// True for web servers', which can be read again from the start.
bool gvd_protocols_is_web(const char *url);

// True for demuxers that open what a file names.
bool gvd_protocols_names_others(const char *demuxer);

// The demuxers that a URL may need where the caller has chosen nothing.
const char *gvd_protocols_demuxers(void);

// What an open input opens itself.
typedef struct gvd_nesting {
    const char *server;  // a URL: nothing beyond its server, or NULL
    const char *ca_file; // certificates for https, or NULL
    // libavformat's own.
    int (*open)(struct AVFormatContext *, struct AVIOContext **, const char *,
                int, struct AVDictionary **);
} gvd_nesting;

// Before avformat_open_input. What `nesting` holds must outlive the context.
void gvd_nesting_install(gvd_nesting *nesting, struct AVFormatContext *format);
