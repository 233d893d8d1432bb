// The cache of frames: bounded, the oldest go first, from any thread.
#include "frame_cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "harness.h"

static atomic_int alive;

static void release(gvd_frame *frame)
{
    atomic_fetch_sub(&alive, 1);
    free(frame);
}

// Of so many bytes, none of which is there.
static gvd_frame *new_frame(int64_t number, int64_t bytes)
{
    gvd_frame *frame = calloc(1, sizeof *frame);
    REQUIRE(frame);
    *frame = (gvd_frame){
        .release = release,
        .held = bytes,
        .number = number,
    };
    gvd_ref_init(&frame->ref);
    atomic_fetch_add(&alive, 1);
    return frame;
}

static void put(gvd_frame_cache *cache, int64_t number, int64_t bytes)
{
    gvd_frame *frame = new_frame(number, bytes);
    gvd_frame_cache_put(cache, frame);
    gvd_frame_unref(&frame);
}

static bool has(gvd_frame_cache *cache, int64_t number)
{
    gvd_frame *frame = gvd_frame_cache_get(cache, number);
    REQUIRE(!frame || frame->number == number);
    bool found = frame != NULL;
    gvd_frame_unref(&frame);
    return found;
}

static void test_the_oldest_frames_go_first(void)
{
    gvd_frame_cache cache;
    gvd_frame_cache_init(&cache);
    REQUIRE(!has(&cache, 0));
    for (int i = 0; i < 1000; i++) {
        int64_t number = i * INT64_C(7) % 1000;
        put(&cache, number, 64);
        int first = i + 1 > GVD_CACHE_FRAMES ? i + 1 - GVD_CACHE_FRAMES : 0;
        REQUIRE(atomic_load(&alive) == i + 1 - first);
        REQUIRE(has(&cache, number) && has(&cache, first * INT64_C(7) % 1000));
        REQUIRE(first == 0 || !has(&cache, (first - 1) * INT64_C(7) % 1000));
    }
    gvd_frame_cache_destroy(&cache);
    REQUIRE(atomic_load(&alive) == 0);
}

static void test_bytes_are_bounded(void)
{
    enum {
        LARGE = GVD_CACHE_BYTES / 4
    };
    gvd_frame_cache cache;
    gvd_frame_cache_init(&cache);
    for (int i = 0; i < 10; i++) {
        put(&cache, i, LARGE);
        REQUIRE(atomic_load(&alive) == (i < 4 ? i + 1 : 4));
        REQUIRE(cache.bytes <= GVD_CACHE_BYTES);
    }
    put(&cache, 10, GVD_CACHE_BYTES + 64); // more than all: not kept
    REQUIRE(!has(&cache, 10) && has(&cache, 6) && has(&cache, 9));
    put(&cache, 11, 64); // in the room of one
    REQUIRE(!has(&cache, 6) && has(&cache, 7) && has(&cache, 11));
    put(&cache, 12, GVD_CACHE_BYTES); // in the room of all
    REQUIRE(has(&cache, 12) && atomic_load(&alive) == 1);
    gvd_frame_cache_destroy(&cache);
    REQUIRE(atomic_load(&alive) == 0);
}

// What it has stays, and as old as it is.
static void test_a_frame_is_kept_once(void)
{
    gvd_frame_cache cache;
    gvd_frame_cache_init(&cache);
    gvd_frame *frame = new_frame(3, 64);
    gvd_frame_cache_put(&cache, frame);
    gvd_frame_cache_put(&cache, frame);
    put(&cache, 3, 128);
    REQUIRE(cache.count == 1 && cache.bytes == 64);
    gvd_frame *got = gvd_frame_cache_get(&cache, 3);
    REQUIRE(got == frame);
    for (int i = 0; i < GVD_CACHE_FRAMES; i++)
        put(&cache, 10 + i, 64);
    REQUIRE(!has(&cache, 3) && atomic_load(&alive) == GVD_CACHE_FRAMES + 1);
    gvd_frame_unref(&got);
    gvd_frame_unref(&frame); // it outlives its place
    REQUIRE(atomic_load(&alive) == GVD_CACHE_FRAMES);
    gvd_frame_cache_trim(&cache, INT64_MAX);
    REQUIRE(atomic_load(&alive) == 0 && cache.bytes == 0 && cache.count == 0);
    put(&cache, 5, 64);
    REQUIRE(has(&cache, 5));
    gvd_frame_cache_destroy(&cache);
    REQUIRE(atomic_load(&alive) == 0);
}

// --- threads ---

typedef struct user {
    gvd_frame_cache *cache;
    uint64_t seed;
} user;

static void *use(void *argument)
{
    user *u = argument;
    for (int i = 0; i < 3000; i++) {
        int64_t number = draw_below(&u->seed, 300);
        if (chance(&u->seed, 1))
            gvd_frame_cache_trim(u->cache, INT64_MAX);
        else if (!has(u->cache, number))
            put(u->cache, number, 64 * (1 + number));
    }
    return NULL;
}

static void test_many_threads(void)
{
    enum {
        THREADS = 4
    };
    gvd_frame_cache cache;
    gvd_frame_cache_init(&cache);
    pthread_t threads[THREADS];
    user users[THREADS];
    for (int i = 0; i < THREADS; i++) {
        users[i] = (user){&cache, (uint64_t)i};
        REQUIRE(!pthread_create(&threads[i], NULL, use, &users[i]));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    REQUIRE(atomic_load(&alive) == cache.count);
    gvd_frame_cache_destroy(&cache);
    REQUIRE(atomic_load(&alive) == 0);
}

int main(void)
{
    test_begin("frame cache", 0, 30);
    test_the_oldest_frames_go_first();
    test_bytes_are_bounded();
    test_a_frame_is_kept_once();
    test_many_threads();
    puts("frame cache: ok");
    return 0;
}
