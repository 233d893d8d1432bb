#include "source_protocols.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "av.h"

// A protocol, and those that libav carries it by.
typedef struct protocol {
    const char *name, *transports;
    bool standard; // may be used without being listed
} protocol;

static const protocol protocols[] = {
    {"http", "http,https,httpproxy,tls,tcp,crypto", true},
    {"https", "http,https,httpproxy,tls,tcp,crypto", true},
    {"rtsp", "rtsp,rtp,udp,tcp", true},
    {"rtsps", "rtsps,rtsp,rtp,udp,tcp,tls", true},
    {"rtp", "rtp,udp", true},
    {"udp", "udp", true},
    {"tcp", "tcp", true},
    {"rtmp", "rtmp,tcp", false},
    {"rtmps", "rtmps,tls,tcp", false},
    {"ftp", "ftp,tcp", false},
};

// Playlists and scripts.
static const struct naming {
    const char *demuxer;
    bool for_urls; // what a URL itself says, or a playlist of the web
} naming[] = {
    {"concat", false}, {"imf", false},      {"sdp", false},
    {"sap", false},    {"rtsp", true},      {"rtp", true},
    {"vobsub", false}, {"lavfi", false},    {"hls", true},
    {"dash", true},    {"avisynth", false}, {"image2", false},
    {"alsa", false},   {"libcdio", false},
};

static const protocol *find_protocol(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (strlen(protocols[i].name) == length &&
            !strncasecmp(protocols[i].name, name, length))
            return &protocols[i];
    return NULL;
}

static size_t scheme_length(const char *url)
{
    const char *end = strstr(url, "://");
    return end ? (size_t)(end - url) : 0;
}

static void add(char list[GVD_PROTOCOLS_BYTES], const char *names,
                size_t length)
{
    size_t used = strlen(list);
    snprintf(list + used, GVD_PROTOCOLS_BYTES - used, "%s%.*s", used ? "," : "",
             (int)length, names);
}

// The caller's protocols with what carries them. True where `url` has one.
static bool expand(const char *chosen, const char *url,
                   char list[GVD_PROTOCOLS_BYTES])
{
    bool found = false;
    const size_t scheme = scheme_length(url);
    while (*chosen) {
        const size_t length = strcspn(chosen, ",");
        const protocol *p = find_protocol(chosen, length);
        add(list, chosen, length);
        if (p)
            add(list, p->transports, strlen(p->transports));
        found |= length == scheme && !strncasecmp(chosen, url, length);
        chosen += length + (chosen[length] == ',');
    }
    return found;
}

static bool ffmpeg_has(const char *scheme, size_t length)
{
    void *state = NULL;
    const char *name;
    while ((name = avio_enum_protocols(&state, 0)))
        if (strlen(name) == length && !strncasecmp(name, scheme, length))
            return true;
    // These are demuxers, which open the protocols below them.
    return find_protocol(scheme, length);
}

int gvd_protocols_choose(const char *url, bool is_url, const char *chosen,
                         char list[GVD_PROTOCOLS_BYTES], gvd_error *err)
{
    const int length = (int)scheme_length(url);
    list[0] = '\0';
    if (chosen) {
        if (expand(chosen, url, list) || !is_url)
            return GVD_OK;
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "its protocol \"%.*s\" is not in protocols=, which "
                        "allows %s",
                        length, url, chosen);
    }
    if (is_url && !ffmpeg_has(url, (size_t)length))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "this FFmpeg has no protocol \"%.*s\": open it with a "
                        "library that does, and pass the file object",
                        length, url);
    const protocol *p = is_url ? find_protocol(url, (size_t)length) : NULL;
    if (is_url && !(p && p->standard))
        return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                        "the protocol \"%.*s\" must be allowed: pass "
                        "protocols=[\"%.*s\"]",
                        length, url, length, url);
    // A name that no protocol has: an empty list would allow all.
    const char *names = p ? p->transports : "none";
    add(list, names, strlen(names));
    return GVD_OK;
}

bool gvd_protocols_is_web(const char *url)
{
    const size_t length = scheme_length(url);
    return (length == 4 || length == 5) && !strncasecmp(url, "https", length);
}

static const struct naming *find_naming(const char *demuxer)
{
    for (size_t i = 0; i < sizeof naming / sizeof *naming; i++)
        if (av_match_name(naming[i].demuxer, demuxer))
            return &naming[i];
    return NULL;
}

bool gvd_protocols_names_others(const char *demuxer)
{
    return find_naming(demuxer);
}

static bool is_for_urls(const char *demuxer)
{
    const struct naming *n = find_naming(demuxer);
    return !n || n->for_urls;
}

static char demuxers[16 << 10];

static void list_demuxers(void)
{
    void *state = NULL;
    const AVInputFormat *format;
    size_t used = 0;
    while ((format = av_demuxer_iterate(&state)))
        if (is_for_urls(format->name) && used < sizeof demuxers)
            used += (size_t)snprintf(demuxers + used, sizeof demuxers - used,
                                     "%s%s", used ? "," : "", format->name);
}

const char *gvd_protocols_demuxers(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list_demuxers);
    return demuxers;
}

// --- nested opens ---

static bool is_same_server(const char *url, const char *server)
{
    char host[2][256];
    for (int i = 0; i < 2; i++) {
        const char *from = i ? server : url;
        // What HLS puts before the address of an encrypted segment.
        if (!strncmp(from, "crypto", 6) && (from[6] == '+' || from[6] == ':'))
            from += 7;
        if (!gvd_protocols_is_web(from))
            return false;
        const char *start = strstr(from, "://") + 3;
        snprintf(host[i], sizeof host[i], "%.*s", (int)strcspn(start, "/?#"),
                 start);
        // What stands before an @ is no part of the server's name.
        const char *at = strrchr(host[i], '@');
        if (at)
            memmove(host[i], at + 1, strlen(at));
    }
    return !strcasecmp(host[0], host[1]);
}

// Also libavformat's first open, of the URL itself. The demuxers hand on only
// some of the options that a server needs.
static int open_nested(AVFormatContext *format, AVIOContext **io,
                       const char *url, int flags, AVDictionary **options)
{
    const gvd_nesting *nesting = format->opaque;
    if (nesting->server && strcmp(url, nesting->server) != 0 &&
        !is_same_server(url, nesting->server)) {
        av_log(format, AV_LOG_ERROR,
               "%s is not on the playlist's own server; protocols= allows it\n",
               url);
        return AVERROR(EPERM);
    }
    AVDictionary *all = NULL;
    if (options)
        av_dict_copy(&all, *options, 0);
    if (gvd_protocols_is_web(url)) {
        av_dict_set(&all, "tls_verify", "1", 0);
        av_dict_set(&all, "ca_file", nesting->ca_file, 0);
    }
    int code = nesting->open(format, io, url, flags, &all);
    av_dict_free(&all);
    return code;
}

void gvd_nesting_install(gvd_nesting *nesting, AVFormatContext *format)
{
    nesting->open = format->io_open;
    format->opaque = nesting;
    format->io_open = open_nested;
}
