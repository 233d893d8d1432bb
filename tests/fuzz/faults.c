// Memory runs out at the k-th of our allocations, or of the calls that allocate
// in libav, of opening a clip and decoding its first frames on the CPU, for
// every k until all of them succeed: once that call alone, once all calls from
// it on. Whatever happens is a frame or an error with words. AddressSanitizer
// sees crashes and leaks.
//
//     faults CLIP ...
//
// The linker puts what stands here in front of those functions. A call to libav
// fails as a whole, since libav 5.1 itself does not live through all of its own
// failures (docs/security.md). Threads allocate in no fixed order, so k is no
// single place in the code but all of them are met.
#include <stdatomic.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "harness.h"
#include "reader.h"

enum {
    SECONDS = 20,
    FRAMES = 2,
};

static atomic_bool armed;  // the calls count
static atomic_llong calls; // so far
static long long fails_at; // the call that fails, counted from 1
static bool fails_on;      // and all behind it

static bool fails(void)
{
    if (!atomic_load(&armed))
        return false;
    long long call = atomic_fetch_add(&calls, 1) + 1;
    return call == fails_at || (fails_on && call > fails_at);
}

// A function whose calls may fail: its type, its parameters, its arguments.
#define FAILING(type, failure, name, parameters, arguments)                    \
    type __real_##name parameters;                                             \
    type __wrap_##name parameters;                                             \
    type __wrap_##name parameters                                              \
    {                                                                          \
        return fails() ? (failure) : __real_##name arguments;                  \
    }

FAILING(void *, NULL, malloc, (size_t size), (size))
FAILING(void *, NULL, calloc, (size_t count, size_t size), (count, size))
FAILING(void *, NULL, realloc, (void *block, size_t size), (block, size))
FAILING(void *, NULL, aligned_alloc, (size_t to, size_t size), (to, size))
FAILING(char *, NULL, strdup, (const char *text), (text))
FAILING(AVFormatContext *, NULL, avformat_alloc_context, (void), ())
FAILING(AVCodecContext *, NULL, avcodec_alloc_context3, (const AVCodec *codec),
        (codec))
FAILING(AVPacket *, NULL, av_packet_alloc, (void), ())
FAILING(AVFrame *, NULL, av_frame_alloc, (void), ())
FAILING(AVBufferRef *, NULL, av_buffer_create,
        (uint8_t *data, size_t size, void (*done)(void *, uint8_t *),
         void *opaque, int flags),
        (data, size, done, opaque, flags))
FAILING(int, AVERROR(ENOMEM), avio_open2,
        (AVIOContext * *file, const char *url, int flags,
         const AVIOInterruptCB *interrupt, AVDictionary **options),
        (file, url, flags, interrupt, options))
FAILING(int, AVERROR(ENOMEM), avformat_find_stream_info,
        (AVFormatContext * format, AVDictionary **options), (format, options))
FAILING(int, AVERROR(ENOMEM), av_read_frame,
        (AVFormatContext * format, AVPacket *packet), (format, packet))
FAILING(int, AVERROR(ENOMEM), avcodec_open2,
        (AVCodecContext * decoder, const AVCodec *codec,
         AVDictionary **options),
        (decoder, codec, options))
FAILING(int, AVERROR(ENOMEM), avcodec_parameters_to_context,
        (AVCodecContext * decoder, const AVCodecParameters *codec),
        (decoder, codec))
FAILING(int, AVERROR(ENOMEM), avcodec_send_packet,
        (AVCodecContext * decoder, const AVPacket *packet), (decoder, packet))

static int decode(gvd_reader *reader, gvd_error *err)
{
    gvd_pass *pass = NULL;
    int rc =
        gvd_pass_open(reader, &(gvd_pass_params){.batch_size = 1}, &pass, err);
    for (int i = 0; i < FRAMES && rc == GVD_OK; i++) {
        gvd_batch *batch = NULL;
        rc = gvd_pass_next(pass, -1, NULL, &batch, err);
        REQUIRE((rc == GVD_OK) == (batch != NULL));
        gvd_batch_free(&batch);
    }
    gvd_pass_close(&pass);
    return rc;
}

static int open_and_decode(const char *path, gvd_error *err)
{
    gvd_reader_params params = {
        .url = path,
        .stream_index = -1,
        .device = {.type = GVD_DEVICE_CPU},
        .output = {.matrix = -1, .unit = 255},
        .sessions = 1,
    };
    gvd_reader *reader = NULL;
    int rc = gvd_reader_create(&params, &reader, err);
    REQUIRE((rc == GVD_OK) == (reader != NULL));
    if (rc == GVD_OK)
        rc = gvd_reader_open(reader, err);
    if (rc == GVD_OK)
        rc = decode(reader, err);
    gvd_reader_close(&reader);
    gvd_trim();
    return rc;
}

// True once no call was left to fail.
static bool try_one(const char *path, long long k, bool on)
{
    gvd_error err = {0};
    fails_at = k;
    fails_on = on;
    atomic_store(&calls, 0);
    atomic_store(&armed, true);
    int rc = open_and_decode(path, &err);
    atomic_store(&armed, false);
    bool failed = atomic_load(&calls) >= k;
    REQUIRE(rc >= 0 || err.text[0]);
    REQUIRE(failed || rc == GVD_OK);
    return !failed;
}

static void try_all(const char *path)
{
    long long k[2];
    for (int on = 0; on < 2; on++) {
        for (k[on] = 1;; k[on]++) {
            test_begin(path, (uint64_t)k[on], SECONDS);
            if (try_one(path, k[on], on))
                break;
        }
    }
    printf("%s: %lld and %lld failing calls\n", path, k[0] - 1, k[1] - 1);
}

int main(int argc, char **argv)
{
    gvd_error err = {0};
    // Whoever finds no memory waits for others, who are not there.
    gvd_budget_set(gvd_memory_budget((gvd_device){GVD_DEVICE_CPU, 0}),
                   INT64_C(1) << 40, 0.02);
    for (int i = 1; i < argc; i++) {
        // What is made once for the process is there.
        REQUIRE(open_and_decode(argv[i], &err) == GVD_OK);
        try_all(argv[i]);
    }
    return argc > 1 ? 0 : 1;
}
