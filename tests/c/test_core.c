// The small parts: references, errors, tensors, planes, log, waits, memory.
#include <pthread.h>

#include "cpu/host_pool.h"
#include "fake.h"
#include "host_copy.h"
#include "log.h"
#include "output.h"
#include "plane.h"
#include "thread.h"

// --- references ---

enum {
    THREADS = 4,
    TURNS = 20000
};

static atomic_int releases;

static void count_release(gvd_packet *packet)
{
    atomic_fetch_add(&releases, 1);
    free(packet);
}

static void *use_packet(void *argument)
{
    gvd_packet *packet = argument;
    for (int i = 0; i < TURNS; i++) {
        gvd_packet *mine = gvd_packet_ref(packet);
        REQUIRE(mine->size == 7);
        gvd_packet_unref(&mine);
        REQUIRE(!mine);
    }
    gvd_packet_unref(&packet);
    return NULL;
}

static void test_the_last_reference_releases_once(void)
{
    gvd_packet *packet = calloc(1, sizeof *packet);
    REQUIRE(packet);
    *packet = (gvd_packet){.release = count_release, .size = 7};
    gvd_ref_init(&packet->ref);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, use_packet,
                                gvd_packet_ref(packet)));
    gvd_packet_unref(&packet);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    REQUIRE(atomic_load(&releases) == 1);
    gvd_packet_unref(&packet); // nothing
    gvd_frame *frame = NULL;
    gvd_frame_unref(&frame);
    gvd_tensor *tensor = NULL;
    gvd_tensor_unref(&tensor);
}

// --- errors ---

static void test_error_text_is_cut_and_not_overrun(void)
{
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    gvd_error err = {.os_errno = 5};
    REQUIRE(gvd_fail(&err, GVD_ERR_OPEN, "%s", text) == GVD_ERR_OPEN);
    REQUIRE(err.code == GVD_ERR_OPEN && err.os_errno == 0);
    REQUIRE(strlen(err.text) == sizeof err.text - 1);
    gvd_error_prefix(&err, "%s: ", "film.mp4");
    REQUIRE(!strncmp(err.text, "film.mp4: xxx", 13));
    REQUIRE(strlen(err.text) == sizeof err.text - 1);
    gvd_error_prefix(&err, "%s", text);
    REQUIRE(strlen(err.text) == sizeof err.text - 1);
    REQUIRE(gvd_fail(NULL, GVD_ERR_CLOSED, "%d", 1) == GVD_ERR_CLOSED);
    gvd_error_prefix(NULL, "%d", 1);
}

// --- tensors ---

static void test_strides_of_a_dense_tensor(void)
{
    gvd_tensor t = {.dtype = GVD_UINT8};
    int64_t shape[GVD_MAX_DIMS];
    gvd_output output = {.order = GVD_NCHW};
    gvd_output_shape(&output, 5, (gvd_size){360, 640}, shape);
    gvd_tensor_set_shape(&t, 4, shape);
    REQUIRE(shape[0] == 5 && shape[1] == 3 && shape[2] == 360);
    REQUIRE(t.strides[0] == 691200 && t.strides[1] == 230400);
    REQUIRE(t.strides[2] == 640 && t.strides[3] == 1);
    REQUIRE(gvd_tensor_bytes(&t) == 3456000 && gvd_tensor_is_contiguous(&t));
    output.order = GVD_NHWC;
    gvd_output_shape(&output, 5, (gvd_size){360, 640}, shape);
    gvd_tensor_set_shape(&t, 4, shape);
    REQUIRE(shape[1] == 360 && shape[2] == 640 && shape[3] == 3);
    REQUIRE(t.strides[1] == 1920 && t.strides[2] == 3);
    t.dtype = GVD_UINT16;
    REQUIRE(gvd_tensor_bytes(&t) == 6912000);
    output.channels = GVD_CHANNELS_GRAY;
    gvd_output_shape(&output, 5, (gvd_size){360, 640}, shape);
    REQUIRE(shape[1] == 360 && shape[2] == 640 && shape[3] == 1);
    output.channels = GVD_CHANNELS_BGR;
    output.order = GVD_NCHW;
    gvd_output_shape(&output, 100000, (gvd_size){4320, 7680}, shape);
    gvd_tensor_set_shape(&t, 4, shape);
    REQUIRE(gvd_tensor_bytes(&t) == INT64_C(19906560000000));
}

static void test_what_counts_as_contiguous(void)
{
    gvd_tensor t = {.dtype = GVD_UINT8};
    gvd_tensor_set_shape(&t, 3, (const int64_t[]){1, 4, 6});
    t.strides[0] = 999; // of a dimension of 1: says nothing
    REQUIRE(gvd_tensor_is_contiguous(&t));
    t.strides[1] = 8; // padded rows
    REQUIRE(!gvd_tensor_is_contiguous(&t));
    gvd_tensor_set_shape(&t, 3, (const int64_t[]){0, 3, 0});
    REQUIRE(gvd_tensor_bytes(&t) == 0 && gvd_tensor_is_contiguous(&t));
    gvd_tensor_set_shape(&t, 2, (const int64_t[]){4, 3});
    t.strides[1] = 2; // interleaved
    REQUIRE(!gvd_tensor_is_contiguous(&t));
}

// --- frames and planes ---

// 5x3 with chroma of 3x2, as a GPU gives it: interleaved, 16 bits, padded.
static gvd_frame *make_p016(void)
{
    gvd_frame *frame = fake_frame(3, "nvdec");
    uint8_t *bytes = realloc(frame->owner, 5 * 16);
    REQUIRE(bytes);
    for (int i = 0; i < 5 * 16; i++)
        bytes[i] = (uint8_t)i;
    frame->owner = bytes;
    frame->layout = GVD_LAYOUT_YUV;
    frame->width = 5;
    frame->height = 3;
    frame->plane_count = 3;
    frame->sample_bytes = 2;
    frame->depth = 16;
    frame->planes[0] = (gvd_plane){bytes, 16, 5, 3, 2};
    frame->planes[1] = (gvd_plane){bytes + 48, 16, 3, 2, 4};
    frame->planes[2] = (gvd_plane){bytes + 50, 16, 3, 2, 4};
    return frame;
}

static void test_a_plane_keeps_its_frame(void)
{
    gvd_frame *frame = make_p016();
    gvd_tensor *plane = NULL;
    REQUIRE(gvd_plane_tensor(frame, 2, &plane, NULL) == GVD_OK);
    gvd_frame_unref(&frame);
    REQUIRE(atomic_load(&fake_frames) == 1);
    REQUIRE(plane->ndim == 2 && plane->dtype == GVD_UINT16);
    REQUIRE(plane->shape[0] == 2 && plane->shape[1] == 3);
    REQUIRE(plane->strides[0] == 8 && plane->strides[1] == 2);
    REQUIRE(plane->device.type == GVD_DEVICE_CPU && !plane->ops->to_host);
    gvd_tensor *copy = NULL;
    REQUIRE(gvd_tensor_copy_to_host(plane, &copy, NULL) == GVD_OK);
    static const uint8_t want[] = {50, 51, 54, 55, 58, 59,
                                   66, 67, 70, 71, 74, 75};
    REQUIRE(!memcmp(copy->data, want, sizeof want));
    gvd_tensor_unref(&copy);
    gvd_tensor_unref(&plane);
    REQUIRE(atomic_load(&fake_frames) == 0);
}

static void test_planes_that_are_not_there(void)
{
    gvd_frame *frame = make_p016();
    gvd_tensor *plane = NULL;
    REQUIRE(gvd_plane_tensor(frame, 3, &plane, NULL) == GVD_ERR_ARGUMENT);
    REQUIRE(gvd_plane_tensor(frame, -1, &plane, NULL) == GVD_ERR_ARGUMENT);
    REQUIRE(!plane);
    gvd_frame_unref(&frame);
    REQUIRE(atomic_load(&fake_frames) == 0);
}

static void test_frame_sizes_and_facts(void)
{
    gvd_frame *frame = make_p016();
    REQUIRE(gvd_frame_bytes(frame) == (15 + 6 + 6) * 2);
    REQUIRE(!gvd_frame_is_420p8(frame));
    frame->sample_bytes = 1;
    REQUIRE(gvd_frame_is_420p8(frame));
    frame->planes[1].width = 5;
    REQUIRE(!gvd_frame_is_420p8(frame));
    frame->pts = 42;
    frame->corrupt = true;
    gvd_frame *facts = gvd_frame_copy_facts(frame, false);
    REQUIRE(facts && facts->pts == 42 && facts->ordinal == 3);
    REQUIRE(facts->corrupt && facts->width == 5 && facts->plane_count == 0);
    gvd_frame_unref(&frame);
    REQUIRE(atomic_load(&fake_frames) == 0); // the pixels are gone already
    REQUIRE(!strcmp(facts->backend, "nvdec") && gvd_frame_bytes(facts) == 0);
    gvd_frame_unref(&facts);
    frame = fake_frame(1, "cpu");
    REQUIRE(gvd_frame_bytes(frame) == FAKE_FRAME_BYTES);
    gvd_frame_unref(&frame);
}

// A picture of the output has its own size, the frame keeps that of the video.
static void test_frames_of_the_output(void)
{
    gvd_frame *plain = fake_frame(1, "cpu"), *frame = fake_frame(1, "cpu");
    REQUIRE(gvd_frame_is_like(plain, frame));
    frame->color.limited_range = true;
    REQUIRE(!gvd_frame_is_like(plain, frame));
    frame->color.limited_range = false;
    gvd_frame_set_output(frame, frame->owner, FAKE_FRAME_BYTES, 2, 6);
    const gvd_plane *p = &frame->planes[0];
    REQUIRE(frame->layout == GVD_LAYOUT_OUTPUT && frame->plane_count == 1);
    REQUIRE(p->data == frame->owner && p->step == 1);
    REQUIRE(p->width == FAKE_FRAME_BYTES && p->stride == FAKE_FRAME_BYTES);
    REQUIRE(p->height == 1 && gvd_frame_bytes(frame) == FAKE_FRAME_BYTES);
    REQUIRE(!gvd_frame_is_like(plain, frame) && !gvd_frame_is_420p8(frame));
    gvd_frame *facts = gvd_frame_copy_facts(frame, true);
    REQUIRE(facts && facts->width == FAKE_HEIGHT);
    REQUIRE(facts->output_width == 2 && facts->output_height == 6);
    REQUIRE(frame->width == FAKE_WIDTH && frame->height == FAKE_HEIGHT);
    gvd_frame_unref(&facts);
    gvd_frame_unref(&plain);
    gvd_frame_unref(&frame);
}

// --- log ---

static void test_a_full_log_loses_the_oldest_and_says_so(void)
{
    char line[400];
    while (gvd_log_take(line, sizeof line))
        ;
    for (int i = 0; i < 100; i++)
        gvd_log(GVD_LOG_ERROR, "line %d\nand what follows", i);
    REQUIRE(gvd_log_take(line, sizeof line) == GVD_LOG_WARNING);
    int lost, number;
    REQUIRE(sscanf(line, "%d older log lines were lost", &lost) == 1);
    REQUIRE(lost > 0 && lost < 100);
    for (int i = lost; i < 100; i++) {
        REQUIRE(gvd_log_take(line, sizeof line) == GVD_LOG_ERROR);
        REQUIRE(sscanf(line, "line %d", &number) == 1 && number == i);
        REQUIRE(!strchr(line, '\n'));
    }
    REQUIRE(gvd_log_take(line, sizeof line) == 0);
    memset(line, 'y', sizeof line);
    line[sizeof line - 1] = '\0';
    gvd_log(GVD_LOG_DEBUG, "%s", line);
    char small[8];
    REQUIRE(gvd_log_take(small, sizeof small) == GVD_LOG_DEBUG);
    REQUIRE(!strcmp(small, "yyyyyyy"));
}

// --- waits ---

typedef struct bell {
    pthread_mutex_t lock;
    pthread_cond_t cond;
} bell;

static void *ring_bell(void *argument)
{
    bell *b = argument;
    usleep(5000);
    pthread_mutex_lock(&b->lock);
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void test_waits_end_in_time(void)
{
    bell b = {.lock = PTHREAD_MUTEX_INITIALIZER};
    gvd_cond_init(&b.cond);
    pthread_mutex_lock(&b.lock);
    static const int limits[] = {0, 1, 20};
    for (int i = 0; i < 3; i++) {
        double start = gvd_seconds();
        while (gvd_wait(&b.cond, &b.lock, start, limits[i]))
            ;
        double took = gvd_seconds() - start;
        REQUIRE(took >= limits[i] * 1e-3 - 1e-6 && took < 5);
    }
    double start = gvd_seconds();
    while (gvd_wait(&b.cond, &b.lock, start - 100, 50000))
        ;
    REQUIRE(gvd_seconds() - start < 5);
    pthread_t thread;
    REQUIRE(!pthread_create(&thread, NULL, ring_bell, &b));
    REQUIRE(gvd_wait(&b.cond, &b.lock, gvd_seconds(), -1));
    pthread_mutex_unlock(&b.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&b.cond);
}

// --- recycled memory ---

static gvd_tensor *get_bytes(int64_t bytes)
{
    gvd_tensor *tensor = NULL;
    REQUIRE(gvd_host_tensor_create(GVD_UINT8, 1, &bytes, &tensor, NULL) ==
            GVD_OK);
    REQUIRE(tensor->dtype == GVD_UINT8 && tensor->ndim == 1);
    REQUIRE(tensor->shape[0] == bytes && tensor->strides[0] == 1);
    REQUIRE(tensor->device.type == GVD_DEVICE_CPU);
    return tensor;
}

static void test_batches_are_recycled_where_they_fit(void)
{
    const int64_t size = 8 << 20;
    gvd_host_pool_trim();
    gvd_tensor *first = get_bytes(size);
    uint8_t *memory = first->data;
    REQUIRE((uintptr_t)memory % 64 == 0);
    gvd_tensor *other = get_bytes(size);
    REQUIRE(other->data != memory);
    gvd_tensor_unref(&other);
    gvd_tensor_unref(&first);
    first = get_bytes(size); // the last that came back is the warmest
    REQUIRE(first->data == memory);
    gvd_tensor_unref(&first);
    first = get_bytes(size * 3 / 4);
    REQUIRE(first->data == memory);
    gvd_tensor_unref(&first);
    // Too small for this, and far too large for that.
    first = get_bytes(size * 2);
    other = get_bytes(size / 4);
    REQUIRE(first->data != memory && other->data != memory);
    gvd_tensor_unref(&first);
    gvd_tensor_unref(&other);
    gvd_host_pool_trim();
}

static void test_trim_gives_memory_back(void)
{
    const int64_t size = 80 << 20; // so large that malloc maps it by itself
    gvd_tensor *tensor = get_bytes(size);
    memset(tensor->data, 0x5a, (size_t)size);
    gvd_tensor_unref(&tensor);
    tensor = get_bytes(size);
    REQUIRE(tensor->data[size / 2] == 0x5a);
    gvd_tensor_unref(&tensor);
    gvd_host_pool_trim();
    gvd_host_pool_trim();
    tensor = get_bytes(size);
    REQUIRE(tensor->data[size / 2] != 0x5a);
    gvd_tensor_unref(&tensor);
    gvd_host_pool_trim();
    tensor = get_bytes(0);
    REQUIRE(tensor->data && gvd_tensor_bytes(tensor) == 0);
    gvd_tensor_unref(&tensor);
}

static void *use_pool(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    for (int i = 0; i < 500; i++) {
        gvd_tensor *tensor = get_bytes(1 + draw_below(&seed, 100000));
        uint8_t mark = (uint8_t)seed;
        tensor->data[0] = tensor->data[tensor->shape[0] - 1] = mark;
        if (chance(&seed, 10))
            gvd_host_pool_trim();
        REQUIRE(tensor->data[0] == mark);
        gvd_tensor_unref(&tensor);
    }
    return NULL;
}

static void test_threads_share_the_pool(void)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, use_pool, (void *)i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    gvd_host_pool_trim();
}

int main(void)
{
    test_begin("core", 0, 60);
    test_the_last_reference_releases_once();
    test_error_text_is_cut_and_not_overrun();
    test_strides_of_a_dense_tensor();
    test_what_counts_as_contiguous();
    test_a_plane_keeps_its_frame();
    test_planes_that_are_not_there();
    test_frame_sizes_and_facts();
    test_frames_of_the_output();
    test_a_full_log_loses_the_oldest_and_says_so();
    test_waits_end_in_time();
    test_batches_are_recycled_where_they_fit();
    test_trim_gives_memory_back();
    test_threads_share_the_pool();
    puts("core: ok");
    return 0;
}
