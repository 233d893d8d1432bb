#include "cuda/session.h"

#include <math.h>
#include <stdlib.h>

#include "cuda/codecs.h"
#include "cuda/decoder_pool.h"
#include "cuda/surface.h"

#define MAX_PICTURES 64
// Pictures that the parser holds back so that their decoding overlaps.
#define DISPLAY_DELAY 4

// What a decode surface holds.
typedef struct picture {
    int64_t ordinal;
    bool shown;
    gvd_window visible;
} picture;

struct gvd_session {
    gvd_session_params params;
    gvd_gpu *gpu;
    cudaVideoCodec codec;
    bool reorders; // pictures are displayed later than they are decoded
    gvd_decoder *decoder;
    CUvideoparser parser;
    CUVIDEOFORMAT format; // of the last sequence callback
    bool job_started;     // a packet of this job was parsed
    int last_index;       // of the picture decoded last, or -1
    uint64_t unchecked;   // surfaces whose picture may turn out damaged

    // The packet that is being parsed.
    picture feeding;
    picture pictures[MAX_PICTURES];
    // Parser callbacks cannot return detail: the first failure waits here.
    int status;
    gvd_error error;
};

// --- parser callbacks ---

static int park(gvd_session *s, int rc)
{
    if (rc < 0 && s->status == GVD_OK)
        s->status = rc;
    return rc >= 0;
}

static unsigned even(unsigned value)
{
    return (value + 1) & ~1u;
}

static bool takes_pixels(const CUVIDEOFORMAT *f)
{
    int depth = f->bit_depth_luma_minus8 + 8;
    return f->bit_depth_luma_minus8 == f->bit_depth_chroma_minus8 &&
           (f->chroma_format == cudaVideoChromaFormat_420 ||
            f->chroma_format == cudaVideoChromaFormat_444) &&
           (depth == 8 || depth == 10 || depth == 12);
}

static int CUDAAPI on_sequence(void *context, CUVIDEOFORMAT *format)
{
    gvd_session *s = context;
    if (s->status < 0)
        return 0;
    if (s->job_started && (s->format.coded_width != format->coded_width ||
                           s->format.coded_height != format->coded_height))
        return park(s, gvd_fail(&s->error, GVD_ERR_MISMATCH,
                                "the size changes inside a GOP"));
    if (!takes_pixels(format))
        return park(s, gvd_fail(&s->error, GVD_ERR_MISMATCH,
                                "the pixel format is another one"));
    gvd_decoder_format wanted = {
        .codec = format->codec,
        .chroma = format->chroma_format,
        .bit_depth = format->bit_depth_luma_minus8 + 8,
        .width = even(format->coded_width),
        .height = even(format->coded_height),
        .surfaces = format->min_num_decode_surfaces,
    };
    int rc = s->decoder ? gvd_decoder_configure(s->decoder, &wanted, &s->error)
                        : GVD_AGAIN;
    if (rc == GVD_AGAIN) {
        gvd_decoder_give(&s->decoder, false);
        s->last_index = -1;
        rc =
            gvd_decoder_take(s->gpu, &wanted, INFINITY, &s->decoder, &s->error);
    }
    s->format = *format;
    return park(s, rc) ? (int)s->decoder->max_surfaces : 0;
}

// A reference that is missing and said to be.
static bool lacks_reference(const CUVIDHEVCPICPARAMS *p)
{
    const struct {
        const unsigned char *list;
        int count;
    } sets[] = {
        {p->RefPicSetStCurrBefore, p->NumPocStCurrBefore},
        {p->RefPicSetStCurrAfter, p->NumPocStCurrAfter},
        {p->RefPicSetLtCurr, p->NumPocLtCurr},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (int j = 0; j < sets[i].count && j < 8; j++)
            if (sets[i].list[j] > 15 || p->RefPicIdx[sets[i].list[j]] < 0)
                return true;
    return false;
}

// What NVDEC would decode without a word, and wrong.
static const char *find_fault(const gvd_session *s, const CUVIDPICPARAMS *p)
{
    if (s->codec == cudaVideoCodec_HEVC &&
        lacks_reference(&p->CodecSpecific.hevc))
        return "a picture that is referred to is missing";
    if (s->codec == cudaVideoCodec_H264 &&
        p->CodecSpecific.h264.qpprime_y_zero_transform_bypass_flag)
        return "NVDEC does not decode lossless H.264";
    return NULL;
}

static int CUDAAPI on_decode(void *context, CUVIDPICPARAMS *parameters)
{
    gvd_session *s = context;
    if (s->status < 0 || !s->decoder)
        return 0;
    int index = parameters->CurrPicIdx;
    if (index < 0 || index >= MAX_PICTURES)
        return park(s, gvd_fail(&s->error, GVD_ERR_INTERNAL,
                                "the parser uses surface %d", index));
    const char *fault = find_fault(s, parameters);
    if (fault)
        return park(s, gvd_fail(&s->error, GVD_ERR_MISMATCH, "%s", fault));
    // A frame of two fields is that of the first one's packet.
    if (!parameters->second_field)
        s->pictures[index] = s->feeding;
    s->last_index = index;
    s->unchecked |= UINT64_C(1) << index;
    return park(s, CU(&s->error, s->gpu->drv->cuvidDecodePicture(
                                     s->decoder->handle, parameters)));
}

// True if any picture that is done by now came out damaged, shown or not: those
// displayed before it may refer to it. NVDEC tells for H.264 and HEVC alone.
static bool finds_damage(gvd_session *s)
{
    bool damaged = false;
    for (int index = 0; index < MAX_PICTURES; index++) {
        uint64_t bit = UINT64_C(1) << index;
        CUVIDGETDECODESTATUS status = {0};
        if (!(s->unchecked & bit))
            continue;
        if (s->gpu->drv->cuvidGetDecodeStatus(s->decoder->handle, index,
                                              &status) == CUDA_SUCCESS &&
            status.decodeStatus == cuvidDecodeStatus_InProgress)
            continue;
        s->unchecked &= ~bit;
        damaged |= status.decodeStatus == cuvidDecodeStatus_Error ||
                   status.decodeStatus == cuvidDecodeStatus_Error_Concealed;
    }
    return damaged;
}

// By the parameter sets where they are known: the parser leaves out what is
// cropped on the left and at the top, or by more than half.
static gvd_window visible_part(const gvd_session *s, const picture *p)
{
    const CUVIDEOFORMAT *f = &s->format;
    if (p->visible.width > 0)
        return p->visible;
    return (gvd_window){f->display_area.left, f->display_area.top,
                        f->display_area.right - f->display_area.left,
                        f->display_area.bottom - f->display_area.top};
}

// What the bitstream claims to be visible lies inside of what it codes.
static bool is_sound(const gvd_window *w, const gvd_decoder_format *coded)
{
    return w->left >= 0 && w->top >= 0 && w->width > 0 && w->height > 0 &&
           (unsigned)(w->left + w->width) <= coded->width &&
           (unsigned)(w->top + w->height) <= coded->height;
}

static int take_picture(gvd_session *s, const CUVIDPARSERDISPINFO *info,
                        const picture *p)
{
    const gvd_driver *drv = s->gpu->drv;
    CUVIDPROCPARAMS parameters = {
        .progressive_frame = info->progressive_frame,
        .second_field = info->repeat_first_field + 1,
        .top_field_first = info->top_field_first,
        .unpaired_field = info->repeat_first_field < 0,
        .output_stream = s->decoder->stream,
    };
    const gvd_window visible = visible_part(s, p);
    if (!is_sound(&visible, &s->decoder->format))
        return gvd_fail(&s->error, GVD_ERR_MISMATCH,
                        "the visible part lies outside of the picture");
    unsigned long long surface = 0;
    unsigned pitch = 0;
    int rc = CU(&s->error,
                drv->cuvidMapVideoFrame(s->decoder->handle, info->picture_index,
                                        &surface, &pitch, &parameters));
    if (rc < 0)
        return rc;
    bool damaged = finds_damage(s);
    gvd_frame *frame = NULL;
    gvd_surface mapped = {
        .decoder = s->decoder,
        .format = &s->format,
        .visible = visible,
        .media = &s->params.stream->media,
        .memory = surface,
        .pitch = pitch,
    };
    rc = gvd_surface_copy(&mapped, &frame, &s->error);
    int unmapped =
        CU(&s->error, drv->cuvidUnmapVideoFrame(s->decoder->handle, surface));
    if (rc < 0 || unmapped < 0) {
        gvd_frame_unref(&frame);
        return rc < 0 ? rc : unmapped;
    }
    frame->ordinal = p->ordinal;
    frame->corrupt = damaged;
    frame->interlaced = !info->progressive_frame;
    frame->top_field_first = info->top_field_first;
    return s->params.emit(s->params.context, frame);
}

// Pictures that were begun are still on their way through the engine: the
// decoder's next user shall not wait for them. Mapping waits for a picture.
static void wait_for_pictures(gvd_session *s)
{
    const gvd_driver *drv = s->gpu->drv;
    CUVIDPROCPARAMS parameters = {.progressive_frame = 1,
                                  .output_stream = s->decoder->stream};
    unsigned long long surface = 0;
    unsigned pitch = 0;
    if (drv->cuvidMapVideoFrame(s->decoder->handle, s->last_index, &surface,
                                &pitch, &parameters) == CUDA_SUCCESS)
        drv->cuvidUnmapVideoFrame(s->decoder->handle, surface);
}

static int CUDAAPI on_display(void *context, CUVIDPARSERDISPINFO *info)
{
    gvd_session *s = context;
    if (s->status < 0 || !s->decoder)
        return 0;
    // Without reordering what is displayed now belongs to the packet that is
    // being parsed, whenever it was decoded (show_existing_frame).
    picture p = s->feeding;
    if (s->reorders)
        p = s->pictures[info->picture_index % MAX_PICTURES];
    if (!p.shown)
        return 1;
    if (info->repeat_first_field < 0)
        return park(s, gvd_fail(&s->error, GVD_ERR_MISMATCH,
                                "a field lacks its other one"));
    return park(s, take_picture(s, info, &p));
}

// --- session ---

static int create_parser(gvd_session *s, gvd_error *err)
{
    CUVIDPARSERPARAMS parameters = {
        .CodecType = s->codec,
        .ulMaxNumDecodeSurfaces = 1, // the sequence callback tells the number
        .ulMaxDisplayDelay = s->reorders ? DISPLAY_DELAY : 0,
        .pUserData = s,
        .pfnSequenceCallback = on_sequence,
        .pfnDecodePicture = on_decode,
        .pfnDisplayPicture = on_display,
    };
    return CU(err,
              s->gpu->drv->cuvidCreateVideoParser(&s->parser, &parameters));
}

// A decoder of the class that the container's size tells; the bitstream has the
// last word in on_sequence.
static int take_decoder(gvd_session *s, double saves, gvd_error *err)
{
    const gvd_media *media = &s->params.stream->media;
    gvd_decoder_format format = {
        .codec = s->codec,
        .chroma = media->chroma_width ? cudaVideoChromaFormat_420
                                      : cudaVideoChromaFormat_444,
        .bit_depth = media->bit_depth,
        .width = ((unsigned)media->width + 15) / 16 * 16,
        .height = ((unsigned)media->height + 15) / 16 * 16,
    };
    return gvd_decoder_take(s->gpu, &format, saves, &s->decoder, err);
}

int gvd_cuda_session_open(const gvd_session_params *params, double saves,
                          gvd_session **out, gvd_error *err)
{
    gvd_session *s = calloc(1, sizeof *s);
    if (!s)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    int codec_id = params->stream->media.codec_id;
    s->params = *params;
    s->last_index = -1;
    s->codec = gvd_cuda_codec_find(codec_id)->codec;
    s->reorders =
        s->codec != cudaVideoCodec_VP8 && s->codec != cudaVideoCodec_VP9;
    int rc = gvd_gpu_enter(params->device, &s->gpu, err);
    if (rc < 0) {
        free(s);
        return rc;
    }
    rc = take_decoder(s, saves, err);
    if (rc == GVD_OK)
        rc = create_parser(s, err);
    gvd_gpu_pop(s->gpu);
    if (rc != GVD_OK)
        gvd_cuda_session_close(&s, rc < 0);
    *out = s;
    return rc;
}

void gvd_cuda_session_close(gvd_session **session, bool failed)
{
    gvd_session *s = *session;
    *session = NULL;
    if (!s)
        return;
    if (gvd_gpu_push(s->gpu, NULL) == GVD_OK) {
        s->status = GVD_ERR_CLOSED; // callbacks do nothing any more
        if (s->parser)
            s->gpu->drv->cuvidDestroyVideoParser(s->parser);
        if (s->decoder && s->last_index >= 0 && !failed)
            wait_for_pictures(s);
        gvd_decoder_give(&s->decoder, failed);
        gvd_gpu_pop(s->gpu);
    } else {
        gvd_decoder_give(&s->decoder, false); // asks nothing of the driver
    }
    free(s);
}

int gvd_cuda_session_begin(gvd_session *session, const gvd_job_start *start,
                           gvd_error *err)
{
    (void)start, (void)err;
    session->job_started = false;
    session->unchecked = 0;
    session->error.code = GVD_OK;
    session->status = GVD_OK;
    return GVD_OK;
}

static int parse(gvd_session *s, const uint8_t *data, size_t size,
                 unsigned long flags)
{
    CUVIDSOURCEDATAPACKET packet = {
        .flags = flags,
        .payload_size = size,
        .payload = data,
    };
    gvd_error err = {0};
    int rc = CU(&err, s->gpu->drv->cuvidParseVideoData(s->parser, &packet));
    if (s->status < 0) // why a callback refused says more
        return s->status;
    if (rc < 0)
        s->error = err;
    return rc;
}

// One access unit a call, so that a picture's packet is known.
static int parse_packet(gvd_session *s, const gvd_packet *packet, bool shown)
{
    const gvd_stream *stream = s->params.stream;
    s->feeding = (picture){packet->ordinal, shown, packet->visible};
    int rc = GVD_OK;
    if (!s->job_started && stream->headers)
        rc = parse(s, stream->headers, stream->headers_size, 0);
    if (rc == GVD_OK)
        rc = parse(s, packet->data, packet->size, CUVID_PKT_ENDOFPICTURE);
    s->job_started = true;
    return rc;
}

int gvd_cuda_session_push(gvd_session *session, const gvd_packet *packet,
                          bool shown, gvd_error *err)
{
    gvd_session *s = session;
    int rc = gvd_gpu_push(s->gpu, err);
    if (rc < 0)
        return rc;
    rc = packet ? parse_packet(s, packet, shown)
                : parse(s, NULL, 0, CUVID_PKT_ENDOFSTREAM);
    gvd_gpu_pop(s->gpu);
    if (rc < 0 && s->error.code == rc) // else emit failed, and has said why
        *err = s->error;
    return rc;
}
