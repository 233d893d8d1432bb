// What libavformat and its parsers know of a stream, put into our words.
#pragma once

#include <stdbool.h>

#include "media.h"
#include "nal.h"

struct AVFormatContext;
struct AVStream;
struct AVPacket;

// A video stream, and not a cover picture.
bool gvd_stream_is_video(const struct AVStream *stream);

// Containers whose header and first packet tell enough to decode.
bool gvd_media_is_quick(const struct AVFormatContext *format);

// Completes the codec parameters from the first packet; false if it cannot.
bool gvd_media_parse_packet(struct AVStream *stream,
                            const struct AVPacket *packet);

enum gvd_bitstream gvd_media_bitstream(int codec_id);

void gvd_media_describe(gvd_media *media, const struct AVFormatContext *format,
                        struct AVStream *stream);
