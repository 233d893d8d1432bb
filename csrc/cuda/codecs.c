#include "cuda/codecs.h"

#include <stddef.h>

#include <libavcodec/codec_id.h>

static const gvd_cuda_codec_entry codecs[] = {
    {AV_CODEC_ID_H264, "h264", cudaVideoCodec_H264, true, true},
    {AV_CODEC_ID_HEVC, "hevc", cudaVideoCodec_HEVC, true, true},
    {AV_CODEC_ID_VP8, "vp8", cudaVideoCodec_VP8, true, true},
    {AV_CODEC_ID_VP9, "vp9", cudaVideoCodec_VP9, true, true},
    {AV_CODEC_ID_AV1, "av1", cudaVideoCodec_AV1, true, false},
    {AV_CODEC_ID_VC1, "vc1", cudaVideoCodec_VC1, true, false},
    {AV_CODEC_ID_MPEG1VIDEO, "mpeg1video", cudaVideoCodec_MPEG1, false, true},
    {AV_CODEC_ID_MPEG2VIDEO, "mpeg2video", cudaVideoCodec_MPEG2, false, true},
    {AV_CODEC_ID_MPEG4, "mpeg4", cudaVideoCodec_MPEG4, false, true},
    {AV_CODEC_ID_MJPEG, "mjpeg", cudaVideoCodec_JPEG, false, true},
    {0},
};

const gvd_cuda_codec_entry *gvd_cuda_codec_all(void)
{
    return codecs;
}

const gvd_cuda_codec_entry *gvd_cuda_codec_find(int codec_id)
{
    for (const gvd_cuda_codec_entry *c = codecs; c->name; c++)
        if (c->codec_id == codec_id)
            return c;
    return NULL;
}
