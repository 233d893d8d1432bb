// Memory for libavcodec's pictures, from the process's pool of host blocks.
#pragma once

struct AVCodecContext;
struct AVFrame;

// AVCodecContext.get_buffer2.
int gvd_picture_get_buffer(struct AVCodecContext *codec, struct AVFrame *frame,
                           int flags);
