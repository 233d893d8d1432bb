// The raw NVDEC ceiling: how many frames a second the engines of this GPU give
// when nothing is done with the pictures. N threads with a decode session each
// take the GOPs of one Annex B stream in turn, decode them, map and unmap every
// picture, and convert nothing.
//
//     ceiling measure STREAM h264|hevc REPEAT N[,N...] [--copy]
//     ceiling serve   STREAM h264|hevc [--copy]
//     ceiling first   STREAM h264|hevc
//
// measure prints one JSON line for each N. serve reads "run N REPEAT" from
// standard input and answers with such a line; the sessions are kept between
// the lines, so that a benchmark can take turns with it. first prints how long
// a fresh process needs for driver, context, session and first picture. --copy
// copies every picture to other device memory, as a decoder that lets its
// pictures wait has to. Sessions are created and warm before the clock starts.
// A run that gives other than the frames of the stream is an error.
//
//     cc -std=c11 -O2 -o ceiling ceiling.c -ldl -lpthread
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FFNV_LOG_FUNC(context, ...) fprintf(stderr, "ceiling: " __VA_ARGS__)
#define FFNV_DEBUG_LOG_FUNC(context, ...)
#include <ffnvcodec/dynlink_loader.h>

enum {
    MAX_SESSIONS = 64,
    MAX_GOPS = 16384,
    EXTRA_SURFACES = 4,
    OUTPUT_SURFACES = 4,
    DISPLAY_DELAY = 4,
    COPIES = 16, // pictures that the copies of one session cycle through
    FIRST_BYTES = 1 << 20, // of the file, that `first` reads
};

// The file and where its GOPs start. Immutable once read.
typedef struct {
    unsigned char *data;
    size_t size;
    cudaVideoCodec codec;
    size_t cuts[MAX_GOPS + 1]; // start of each GOP, then the end of the file
    int gops;
    int pictures;
    size_t second_picture;
} annexb;

// What the threads of one measurement share.
typedef struct {
    const annexb *stream;
    int total; // GOPs to decode
    atomic_int next;
    pthread_barrier_t barrier;
} run_state;

// One decode session. Used by one thread at a time.
typedef struct {
    CUvideodecoder decoder;
    CUvideoparser parser;
    CUstream stream;
    CUdeviceptr copies; // 0: pictures are not copied
    unsigned width, height;
    int surfaces;
    int frames;
    bool copy;
    bool failed;
    run_state *run;
    pthread_t thread;
} session;

static CudaFunctions *cuda;
static CuvidFunctions *cuvid;
static CUcontext context;

#define CU(call) cuda_ok(cuda->call, #call)
#define CV(call) cuda_ok(cuvid->call, #call)

static bool cuda_ok(CUresult result, const char *call)
{
    if (result == CUDA_SUCCESS)
        return true;
    const char *name = NULL;
    cuda->cuGetErrorName(result, &name);
    fprintf(stderr, "ceiling: %s: %s (%d)\n", call, name ? name : "unknown",
            (int)result);
    return false;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// The stream ---------------------------------------------------------------

// Reads the file, or `most` bytes of it where that is not 0.
static bool read_file(annexb *s, const char *path, size_t most)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        if (file)
            fclose(file);
        return false;
    }
    long size = ftell(file);
    rewind(file);
    s->size = size > 0 ? (size_t)size : 0;
    if (most && s->size > most)
        s->size = most;
    s->data = malloc(s->size + 1);
    bool ok = s->data && s->size && fread(s->data, 1, s->size, file) == s->size;
    fclose(file);
    if (!ok)
        fprintf(stderr, "ceiling: %s cannot be read\n", path);
    return ok;
}

// Whether the NAL unit that starts at nal (behind its start code) is the first
// slice of a picture: first_mb_in_slice 0, or first_slice_segment_in_pic_flag.
static bool starts_picture(cudaVideoCodec codec, const unsigned char *nal)
{
    if (codec == cudaVideoCodec_HEVC)
        return (nal[0] >> 1 & 63) < 32 && (nal[2] & 0x80);
    int type = nal[0] & 31;
    return (type == 1 || type == 5) && (nal[1] & 0x80);
}

// A GOP starts at its first parameter set: the VPS of HEVC, the SPS of H.264.
static bool starts_gop(cudaVideoCodec codec, const unsigned char *nal)
{
    return codec == cudaVideoCodec_HEVC ? (nal[0] >> 1 & 63) == 32
                                        : (nal[0] & 31) == 7;
}

static bool read_stream(annexb *s, const char *path, const char *codec,
                        size_t most)
{
    bool hevc = strcmp(codec, "hevc") == 0;
    if (!hevc && strcmp(codec, "h264") != 0) {
        fprintf(stderr, "ceiling: the codec is h264 or hevc, not %s\n", codec);
        return false;
    }
    s->codec = hevc ? cudaVideoCodec_HEVC : cudaVideoCodec_H264;
    if (!read_file(s, path, most))
        return false;
    const unsigned char *d = s->data;
    for (size_t i = 0; i + 6 < s->size; i++) {
        if (d[i] || d[i + 1] || d[i + 2] != 1)
            continue;
        size_t start = i > 0 && !d[i - 1] ? i - 1 : i;
        if (starts_picture(s->codec, d + i + 3) && ++s->pictures == 2)
            s->second_picture = start;
        if (!starts_gop(s->codec, d + i + 3))
            continue;
        if (s->gops == MAX_GOPS) {
            fprintf(stderr, "ceiling: more than %d GOPs\n", MAX_GOPS);
            return false;
        }
        s->cuts[s->gops++] = start;
    }
    s->cuts[s->gops] = s->size;
    if (!s->gops || s->cuts[0] != 0 || s->pictures < 2)
        fprintf(stderr, "ceiling: %s does not start with a GOP\n", path);
    return s->gops && s->cuts[0] == 0 && s->pictures >= 2;
}

// The session --------------------------------------------------------------

static int CUDAAPI on_sequence(void *opaque, CUVIDEOFORMAT *format)
{
    session *s = opaque;
    if (s->decoder)
        return s->surfaces;
    if (format->chroma_format != cudaVideoChromaFormat_420 ||
        format->bit_depth_luma_minus8) {
        fprintf(stderr, "ceiling: only 8-bit 4:2:0 is measured\n");
        s->failed = true;
        return 0;
    }
    s->surfaces = format->min_num_decode_surfaces + EXTRA_SURFACES;
    s->width = format->coded_width;
    s->height = format->coded_height;
    CUVIDDECODECREATEINFO info = {
        .CodecType = format->codec,
        .ChromaFormat = format->chroma_format,
        .OutputFormat = cudaVideoSurfaceFormat_NV12,
        .DeinterlaceMode = cudaVideoDeinterlaceMode_Weave,
        .ulCreationFlags = cudaVideoCreate_PreferCUVID,
        .ulNumDecodeSurfaces = (unsigned long)s->surfaces,
        .ulNumOutputSurfaces = OUTPUT_SURFACES,
        .ulWidth = s->width,
        .ulHeight = s->height,
        .ulMaxWidth = s->width,
        .ulMaxHeight = s->height,
        .ulTargetWidth = s->width,
        .ulTargetHeight = s->height,
    };
    s->failed = !CV(cuvidCreateDecoder(&s->decoder, &info));
    size_t bytes = (size_t)s->width * s->height * 3 / 2 * COPIES;
    if (!s->failed && s->copy)
        s->failed = !CU(cuMemAlloc(&s->copies, bytes));
    return s->failed ? 0 : s->surfaces;
}

static int CUDAAPI on_decode(void *opaque, CUVIDPICPARAMS *picture)
{
    session *s = opaque;
    if (!CV(cuvidDecodePicture(s->decoder, picture)))
        s->failed = true;
    return !s->failed;
}

static bool copy_picture(session *s, CUdeviceptr picture, unsigned pitch)
{
    size_t rows = s->height * 3 / 2;
    CUdeviceptr slot = (CUdeviceptr)(s->frames % COPIES) * s->width * rows;
    CUDA_MEMCPY2D copy = {
        .srcMemoryType = CU_MEMORYTYPE_DEVICE,
        .srcDevice = picture,
        .srcPitch = pitch,
        .dstMemoryType = CU_MEMORYTYPE_DEVICE,
        .dstDevice = s->copies + slot,
        .dstPitch = s->width,
        .WidthInBytes = s->width,
        .Height = rows,
    };
    return CU(cuMemcpy2DAsync(&copy, s->stream));
}

static int CUDAAPI on_display(void *opaque, CUVIDPARSERDISPINFO *info)
{
    session *s = opaque;
    if (!info) // end of stream
        return 1;
    CUVIDPROCPARAMS how = {
        .progressive_frame = info->progressive_frame,
        .second_field = info->repeat_first_field + 1,
        .top_field_first = info->top_field_first,
        .output_stream = s->stream,
    };
    CUdeviceptr picture = 0;
    unsigned pitch = 0;
    if (!CV(cuvidMapVideoFrame(s->decoder, info->picture_index, &picture,
                               &pitch, &how))) {
        s->failed = true;
        return 0;
    }
    if (s->copy && !copy_picture(s, picture, pitch))
        s->failed = true;
    if (!CV(cuvidUnmapVideoFrame(s->decoder, picture)))
        s->failed = true;
    s->frames++;
    return !s->failed;
}

// Decodes one stretch of the stream to its last picture.
static bool decode(session *s, const annexb *stream, size_t from, size_t to)
{
    CUVIDSOURCEDATAPACKET data = {
        .payload = stream->data + from,
        .payload_size = to - from,
    };
    CUVIDSOURCEDATAPACKET end = {.flags = CUVID_PKT_ENDOFSTREAM};
    if (!CV(cuvidParseVideoData(s->parser, &data)) ||
        !CV(cuvidParseVideoData(s->parser, &end)))
        s->failed = true;
    return !s->failed;
}

static bool session_open(session *s, const annexb *stream)
{
    CUVIDPARSERPARAMS parameters = {
        .CodecType = stream->codec,
        .ulMaxNumDecodeSurfaces = 1,
        .ulMaxDisplayDelay = DISPLAY_DELAY,
        .pUserData = s,
        .pfnSequenceCallback = on_sequence,
        .pfnDecodePicture = on_decode,
        .pfnDisplayPicture = on_display,
    };
    return CU(cuStreamCreate(&s->stream, CU_STREAM_NON_BLOCKING)) &&
           CV(cuvidCreateVideoParser(&s->parser, &parameters));
}

static void session_close(session *s)
{
    if (s->parser)
        CV(cuvidDestroyVideoParser(s->parser));
    if (s->decoder)
        CV(cuvidDestroyDecoder(s->decoder));
    if (s->copies)
        CU(cuMemFree(s->copies));
    if (s->stream)
        CU(cuStreamDestroy(s->stream));
    memset(s, 0, sizeof *s);
}

// The measurements ---------------------------------------------------------

static bool load_driver(void)
{
    CUdevice device;
    if (cuda_load_functions(&cuda, NULL) || cuvid_load_functions(&cuvid, NULL))
        return false;
    return CU(cuInit(0)) && CU(cuDeviceGet(&device, 0)) &&
           CU(cuDevicePrimaryCtxRetain(&context, device)) &&
           CU(cuCtxPushCurrent(context));
}

// Creates what is missing of the first `count` sessions and decodes one GOP
// with each new one.
static bool sessions_prepare(session *sessions, int count, const annexb *stream,
                             bool copy)
{
    for (int i = 0; i < count; i++) {
        session *s = &sessions[i];
        if (s->decoder)
            continue;
        s->copy = copy;
        if (!session_open(s, stream) ||
            !decode(s, stream, stream->cuts[0], stream->cuts[1]) ||
            !CU(cuStreamSynchronize(s->stream)))
            return false;
    }
    return true;
}

static void *work(void *argument)
{
    session *s = argument;
    run_state *run = s->run;
    const annexb *stream = run->stream;
    if (!CU(cuCtxPushCurrent(context)))
        s->failed = true;
    pthread_barrier_wait(&run->barrier);
    while (!s->failed) {
        int i = atomic_fetch_add(&run->next, 1);
        if (i >= run->total)
            break;
        int gop = i % stream->gops;
        decode(s, stream, stream->cuts[gop], stream->cuts[gop + 1]);
    }
    if (!CU(cuStreamSynchronize(s->stream)))
        s->failed = true;
    pthread_barrier_wait(&run->barrier);
    CUcontext popped;
    if (!CU(cuCtxPopCurrent(&popped)))
        s->failed = true;
    return NULL;
}

// Seconds from the first GOP to the last picture, or a negative number.
static double run_threads(run_state *run, session *sessions, int count)
{
    pthread_barrier_init(&run->barrier, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        sessions[i].run = run;
        sessions[i].frames = 0;
        if (pthread_create(&sessions[i].thread, NULL, work, &sessions[i])) {
            fprintf(stderr, "ceiling: no thread to be had\n");
            exit(1); // the others wait at the barrier for ever
        }
    }
    pthread_barrier_wait(&run->barrier);
    double start = now();
    pthread_barrier_wait(&run->barrier);
    double seconds = now() - start;
    bool failed = false;
    for (int i = 0; i < count; i++) {
        pthread_join(sessions[i].thread, NULL);
        failed = failed || sessions[i].failed;
    }
    pthread_barrier_destroy(&run->barrier);
    return failed ? -1 : seconds;
}

static bool measure(session *sessions, int count, int repeat,
                    const annexb *stream, bool copy)
{
    if (count < 1 || count > MAX_SESSIONS || repeat < 1 || repeat > 10000) {
        fprintf(stderr, "ceiling: 1 to %d sessions, repeat 1 to 10000\n",
                MAX_SESSIONS);
        return false;
    }
    if (!sessions_prepare(sessions, count, stream, copy))
        return false;
    run_state run = {.stream = stream, .total = stream->gops * repeat};
    double seconds = run_threads(&run, sessions, count);
    if (seconds < 0)
        return false;
    int frames = 0;
    for (int i = 0; i < count; i++)
        frames += sessions[i].frames;
    if (frames != stream->pictures * repeat) {
        fprintf(stderr, "ceiling: %d frames instead of %d\n", frames,
                stream->pictures * repeat);
        return false;
    }
    printf("{\"sessions\": %d, \"frames\": %d, \"seconds\": %.6f, "
           "\"fps\": %.1f}\n",
           count, frames, seconds, frames / seconds);
    fflush(stdout);
    return true;
}

static bool measure_list(session *sessions, const char *repeat,
                         const char *counts, const annexb *stream, bool copy)
{
    for (const char *at = counts; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!measure(sessions, atoi(at), atoi(repeat), stream, copy))
            return false;
    }
    return true;
}

static bool serve(session *sessions, const annexb *stream, bool copy)
{
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        int count, repeat;
        if (sscanf(line, "run %d %d", &count, &repeat) != 2) {
            fprintf(stderr, "ceiling: \"run N REPEAT\" expected, not %s", line);
            return false;
        }
        if (!measure(sessions, count, repeat, stream, copy))
            return false;
    }
    return true;
}

// Time from the start of main until the key picture is in linear memory. "at"
// is that moment on the monotonic clock, for a caller that knows when it
// started the process.
static bool first(session *s, const annexb *stream, double start)
{
    if (!session_open(s, stream) ||
        !decode(s, stream, 0, stream->second_picture) ||
        !CU(cuStreamSynchronize(s->stream)))
        return false;
    double end = now();
    if (s->frames != 1) {
        fprintf(stderr, "ceiling: %d first frames\n", s->frames);
        return false;
    }
    printf("{\"first_ms\": %.3f, \"at\": %.6f}\n", (end - start) * 1e3, end);
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    static annexb stream;
    static session sessions[MAX_SESSIONS];
    double start = now();
    bool copy = argc > 1 && strcmp(argv[argc - 1], "--copy") == 0;
    argc -= copy;
    bool is_measure = argc == 6 && strcmp(argv[1], "measure") == 0;
    bool is_serve = argc == 4 && strcmp(argv[1], "serve") == 0;
    bool is_first = argc == 4 && strcmp(argv[1], "first") == 0;
    if (!is_measure && !is_serve && !is_first) {
        fprintf(stderr,
                "ceiling measure STREAM h264|hevc REPEAT N[,N...] [--copy]\n"
                "ceiling serve STREAM h264|hevc [--copy]\n"
                "ceiling first STREAM h264|hevc\n");
        return 2;
    }
    size_t most = is_first ? FIRST_BYTES : 0;
    if (!read_stream(&stream, argv[2], argv[3], most) || !load_driver())
        return 1;
    bool ok;
    if (is_measure)
        ok = measure_list(sessions, argv[4], argv[5], &stream, copy);
    else if (is_serve)
        ok = serve(sessions, &stream, copy);
    else
        ok = first(&sessions[0], &stream, start);
    for (int i = 0; i < MAX_SESSIONS; i++)
        session_close(&sessions[i]);
    free(stream.data);
    return ok ? 0 : 1;
}
