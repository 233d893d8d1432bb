// The whole way of a real clip through libavcodec, read and asked for by
// several threads at once: for ThreadSanitizer above all.
#include "reader.h"

#include <pthread.h>

#include "harness.h"

#define CLIP "tests/c/clip.mp4"
enum {
    CLIP_FRAMES = 48,
    THREADS = 4,
};

static gvd_reader *open_clip(bool native)
{
    gvd_reader_params params = {
        .url = CLIP,
        .stream_index = -1,
        .device = {GVD_DEVICE_CPU, 0},
        .output = {.native = native,
                   .order = GVD_NHWC,
                   .matrix = -1,
                   .unit = 255},
        .sessions = 3,
    };
    gvd_reader *reader = NULL;
    gvd_error err = {0};
    REQUIRE(gvd_reader_create(&params, &reader, &err) == GVD_OK && reader);
    REQUIRE(gvd_reader_open(reader, &err) == GVD_OK);
    return reader;
}

// A number that tells the frames of a batch from others.
static uint64_t sum_of(const gvd_batch *batch)
{
    uint64_t sum = 0;
    const int64_t bytes = batch->tensor ? gvd_tensor_bytes(batch->tensor) : 0;
    for (int64_t i = 0; i < bytes; i++)
        sum = sum * 31 + batch->tensor->data[i];
    for (int i = 0; !batch->tensor && i < batch->count; i++) {
        const gvd_plane *luma = &batch->frames[i]->planes[0];
        for (int y = 0; y < luma->height; y++)
            for (int x = 0; x < luma->width; x++)
                sum = sum * 31 + luma->data[y * luma->stride + x];
    }
    return sum;
}

// Takes batches to the end: frames, and in `total` the sum of their sums.
static int take_batches(gvd_pass *pass, uint64_t *total)
{
    gvd_error err = {0};
    int frames = 0, rc = GVD_OK;
    while (rc != GVD_EOF) {
        gvd_batch *batch = NULL;
        rc = gvd_pass_next(pass, 20, NULL, &batch, &err);
        REQUIRE(rc >= 0);
        if (rc == GVD_OK) {
            frames += batch->count;
            *total += sum_of(batch);
        }
        gvd_batch_free(&batch);
    }
    return frames;
}

// --- one reading for each thread ---

typedef struct reading {
    pthread_t thread;
    gvd_reader *reader;
    gvd_pass *pass;
    int frames;
    uint64_t total;
} reading;

static void *read_through(void *argument)
{
    reading *r = argument;
    const gvd_pass_params params = {.batch_size = 5};
    gvd_error err = {0};
    REQUIRE(gvd_pass_open(r->reader, &params, &r->pass, &err) == GVD_OK);
    r->frames = take_batches(r->pass, &r->total);
    gvd_pass_close(&r->pass);
    return NULL;
}

static void *ask_for_some(void *argument)
{
    reading *r = argument;
    const int64_t numbers[] = {40, 3, 3, 17, 0, 41};
    gvd_error err = {0};
    int rc;
    do {
        rc = gvd_reader_build_index(r->reader, 5, &err);
    } while (rc == GVD_AGAIN);
    REQUIRE(rc == GVD_OK);
    for (int i = 0; i < 3; i++) {
        const gvd_pass_params params = {
            .batch_size = 6,
            .numbers = numbers,
            .count = 6,
        };
        uint64_t total = 0;
        REQUIRE(gvd_pass_open(r->reader, &params, &r->pass, &err) == GVD_OK);
        r->frames = take_batches(r->pass, &total);
        REQUIRE(i == 0 || total == r->total);
        r->total = total;
        gvd_pass_close(&r->pass);
    }
    return NULL;
}

static void run_all(void *(*run)(void *), gvd_reader *shared, int frames)
{
    reading all[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        all[i].reader = shared ? shared : open_clip(false);
        REQUIRE(!pthread_create(&all[i].thread, NULL, run, &all[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        REQUIRE(all[i].frames == frames && all[i].total == all[0].total);
        if (!shared)
            gvd_reader_close(&all[i].reader);
    }
}

static void test_decoders_side_by_side(void)
{
    test_begin("a decoder for each thread", 0, 120);
    run_all(read_through, NULL, CLIP_FRAMES);
    run_all(ask_for_some, NULL, 6);
}

static void test_one_decoder_for_all(void)
{
    for (int native = 0; native < 2; native++) {
        test_begin("one decoder for all threads", (uint64_t)native, 120);
        gvd_reader *reader = open_clip(native);
        run_all(read_through, reader, CLIP_FRAMES);
        run_all(ask_for_some, reader, 6);
        gvd_reader_close(&reader);
    }
}

// --- one reading for all threads ---

static void *take_some(void *argument)
{
    reading *r = argument;
    r->frames = take_batches(r->pass, &r->total);
    return NULL;
}

static void test_one_reading_for_all(void)
{
    test_begin("one reading for all threads", 0, 120);
    gvd_reader *reader = open_clip(false);
    const gvd_pass_params params = {.batch_size = 3};
    gvd_pass *pass = NULL;
    gvd_error err = {0};
    REQUIRE(gvd_pass_open(reader, &params, &pass, &err) == GVD_OK);
    reading all[THREADS] = {0};
    int frames = 0;
    for (int i = 0; i < THREADS; i++) {
        all[i].pass = pass;
        REQUIRE(!pthread_create(&all[i].thread, NULL, take_some, &all[i]));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        frames += all[i].frames;
    }
    REQUIRE(frames == CLIP_FRAMES);
    gvd_pass_close(&pass);
    gvd_reader_close(&reader);
}

static void *abort_soon(void *argument)
{
    usleep(3000);
    gvd_pass_abort(argument);
    return NULL;
}

static void test_a_reading_is_aborted_anywhere(void)
{
    test_begin("aborted reading", 0, 120);
    for (int i = 0; i < 10; i++) {
        gvd_reader *reader = open_clip(i % 2);
        const gvd_pass_params params = {.batch_size = 4};
        gvd_pass *pass = NULL;
        gvd_batch *batch = NULL;
        gvd_error err = {0};
        REQUIRE(gvd_pass_open(reader, &params, &pass, &err) == GVD_OK);
        pthread_t thread;
        REQUIRE(!pthread_create(&thread, NULL, abort_soon, pass));
        int rc = GVD_OK;
        while (rc == GVD_OK) {
            rc = gvd_pass_next(pass, -1, NULL, &batch, &err);
            gvd_batch_free(&batch);
        }
        REQUIRE(rc == GVD_EOF || rc == GVD_ERR_CLOSED);
        pthread_join(thread, NULL);
        gvd_pass_close(&pass);
        gvd_reader_close(&reader);
    }
}

int main(void)
{
    test_decoders_side_by_side();
    test_one_decoder_for_all();
    test_one_reading_for_all();
    test_a_reading_is_aborted_anywhere();
    puts("real: ok");
    return 0;
}
