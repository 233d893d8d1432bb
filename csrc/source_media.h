// What libavformat and its parsers know of a stream, put into our words.
#pragma once

#include <stdbool.h>

#include "media.h"
#include "nal.h"

struct AVFormatContext;
struct AVStream;

// A video stream, and not a cover picture.
bool gvd_stream_is_video(const struct AVStream *stream);

// True where the container's header tells enough to decode; the pixel format is
// then put into the codec parameters.
bool gvd_media_read_header(const struct AVFormatContext *format);

enum gvd_bitstream gvd_media_bitstream(int codec_id);

void gvd_media_describe(gvd_media *media, const struct AVFormatContext *format,
                        struct AVStream *stream);
