// Frames of many sessions: complete, in order, each once, within the memory.
#include "drive.h"

static const gop_style closed_gops = {
    .gops = 12, .max_length = 8, .max_b = 3, .closed_leading = 20};

// --- whole streams ---

static void decode_stream(uint64_t seed, bool checked)
{
    gop_style style = random_style(&seed);
    fake f;
    fake_init(&f, &style, seed);
    f.jitter = draw_below(&seed, 3) * 60;
    gvd_scheduler_params params =
        drive_params(&f, checked, 1 + draw_below(&seed, 6));
    if (chance(&seed, 50))
        params.memory_limit = FAKE_FRAME_BYTES * (1 + draw_below(&seed, 60));
    params.early_workers = draw_below(&seed, 3);
    gvd_scheduler *s = start(&params);
    seen got = drain(s, &f, seed);
    REQUIRE(got.status == GVD_EOF && got.corrupt == 0);
    check_stats(s, &f, &got, params.memory_limit);
    gvd_frame *frame;
    REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_EOF);
    stop(&s, &f);
    fake_free(&f);
}

static void test_every_frame_once_and_in_order(void)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        test_begin("streams", seed, 10);
        decode_stream(seed, seed % 2);
    }
}

// Hidden pictures need no frame, and who has frames left out is no liar.
static void test_a_sound_decoder_is_never_doubted(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        test_begin("sound streams", seed, 10);
        gop_style style = {
            .gops = 8, .max_length = 12, .max_b = 3, .open = 70, .hevc = true};
        fake f;
        fake_init(&f, &style, seed);
        f.gops.list[0].entry = GVD_ENTRY_CLOSED;
        for (int i = 0; i < f.gops.count; i++)
            f.gops.list[i].leading &= f.gops.list[i].gop > 0;
        gvd_scheduler_params params = drive_params(&f, true, 3);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, seed);
        REQUIRE(got.status == GVD_EOF && got.fallback == 0);
        stop(&s, &f);
        fake_free(&f);
    }
}

// --- bounds ---

// One frame of memory and many workers: the first job must always go on.
static void test_one_frame_of_memory_is_enough(void)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        test_begin("one frame of memory", seed, 10);
        fake f;
        fake_init(&f, &closed_gops, seed);
        f.jitter = 30;
        gvd_scheduler_params params = drive_params(&f, seed % 2, 8);
        params.memory_limit = seed % 3 ? FAKE_FRAME_BYTES : 1;
        params.frame_bytes = seed % 5 ? FAKE_FRAME_BYTES : 0;
        params.longest_first = seed % 4 > 1;
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, seed);
        REQUIRE(got.status == GVD_EOF);
        check_stats(s, &f, &got, params.memory_limit);
        stop(&s, &f);
        fake_free(&f);
    }
}

// Nobody takes frames: the workers stop at the limit.
static void test_a_sleeping_consumer_costs_bounded_memory(void)
{
    test_begin("sleeping consumer", 1, 10);
    fake f;
    gop_style style = closed_gops;
    style.gops = 40;
    fake_init(&f, &style, 1);
    gvd_scheduler_params params = drive_params(&f, false, 4);
    params.memory_limit = 30 * FAKE_FRAME_BYTES;
    gvd_scheduler *s = start(&params);
    gvd_stats stats;
    for (int i = 0; i < 20; i++) {
        usleep(5000);
        gvd_scheduler_stats(s, &stats);
        REQUIRE(stats.bytes_held <= params.memory_limit + 8 * FAKE_FRAME_BYTES);
        REQUIRE(atomic_load(&fake_frames) <= 30 + 8 + 4 * (FAKE_REORDER + 1));
    }
    for (; stats.bytes_held == 0; usleep(1000)) // the alarm ends it
        gvd_scheduler_stats(s, &stats);
    seen got = drain(s, &f, 2);
    REQUIRE(got.status == GVD_EOF);
    stop(&s, &f);
    fake_free(&f);
}

// What is read stays bounded too: 32 MiB of packets and what one job needs.
// A live stream does not wait: what a slow consumer gets is new, and counted.
static void test_a_slow_consumer_loses_the_oldest(void)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        test_begin("dropping the oldest", seed, 20);
        uint64_t state = seed;
        fake f;
        gop_style style = random_style(&state);
        fake_init(&f, &style, seed);
        gvd_scheduler_params params = drive_params(&f, false, 1);
        params.drop_beyond = 1 + draw_below(&state, 4);
        params.keeps_times = true;
        gvd_scheduler *s = start(&params);
        int count, given = 0, rc;
        int64_t *want = shown_ordinals(&f.gops, &count);
        int64_t last = -1;
        gvd_frame *frame = NULL;
        gvd_error err;
        while ((rc = gvd_scheduler_next(s, -1, &frame, &err)) == GVD_OK) {
            REQUIRE(frame->number > last && frame->number < count);
            last = frame->number;
            check_frame(&f, frame, want[last]);
            given++;
            gvd_frame_unref(&frame);
            usleep((useconds_t)draw_below(&state, 3000));
        }
        gvd_stats stats;
        gvd_scheduler_stats(s, &stats);
        REQUIRE(rc == GVD_EOF && (count == 0 || last == count - 1));
        REQUIRE(stats.frames == given);
        REQUIRE(stats.dropped_frames == count - given);
        REQUIRE(stats.bytes_held_max <=
                params.drop_beyond * (int64_t)FAKE_FRAME_BYTES);
        stop(&s, &f);
        free(want);
        fake_free(&f);
    }
}

static void test_packets_wait_in_bounded_memory(void)
{
    test_begin("big packets", 3, 10);
    fake f;
    gop_style style = closed_gops;
    style.gops = 40;
    fake_init(&f, &style, 3);
    f.packet_bytes = 1 << 20;
    gvd_scheduler_params params = drive_params(&f, false, 2);
    params.memory_limit = FAKE_FRAME_BYTES;
    gvd_scheduler *s = start(&params);
    usleep(50000);
    gvd_frame *frame = NULL;
    REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_OK);
    gvd_frame_unref(&frame);
    usleep(50000);
    REQUIRE(atomic_load(&fake_packets) < 40);
    stop(&s, &f);
    fake_free(&f);
}

// A caller that gave up waiting does not make the feeder read on for ever.
static void test_giving_up_does_not_lift_the_limit(void)
{
    test_begin("giving up", 4, 10);
    fake f;
    gop_style style = closed_gops;
    style.gops = 60;
    fake_init(&f, &style, 4);
    f.packet_bytes = 32 << 20; // so that a packet is as much as may wait
    f.read_blocks_at = 12; // some frames come, whose times it cannot tell yet
    for (int i = 3; i < f.gops.count; i++)
        f.gops.list[i].pts = GVD_NO_PTS;
    gvd_scheduler_params params = drive_params(&f, false, 2);
    params.memory_limit = FAKE_FRAME_BYTES;
    gvd_scheduler *s = start(&params);
    gvd_frame *frame = NULL;
    int rc = GVD_OK;
    while (rc == GVD_OK) {
        rc = gvd_scheduler_next(s, 100, &frame, NULL);
        gvd_frame_unref(&frame);
    }
    REQUIRE(rc == GVD_AGAIN); // it lacks packets, and nobody asks any more
    f.read_blocks_at = -1;
    usleep(50000);
    REQUIRE(atomic_load(&fake_packets) < 30);
    stop(&s, &f);
    fake_free(&f);
}

// --- reading ---

static void test_a_slow_source(void)
{
    test_begin("slow source", 5, 20);
    fake f;
    gop_style style = closed_gops;
    style.gops = 5;
    fake_init(&f, &style, 5);
    f.jitter = 3000;
    gvd_scheduler_params params = drive_params(&f, true, 4);
    gvd_scheduler *s = start(&params);
    seen got = drain(s, &f, 5);
    REQUIRE(got.status == GVD_EOF);
    stop(&s, &f);
    fake_free(&f);
}

// What came before is given first.
static void test_a_read_error_comes_after_the_frames(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        test_begin("read error", seed, 10);
        uint64_t state = seed;
        fake f;
        fake_init(&f, &closed_gops, seed);
        f.read_fails_at = draw_below(&state, f.gops.count);
        fake told = f; // what is read: nothing else is there to be shown
        told.gops.count = f.read_fails_at;
        gvd_scheduler_params params = drive_params(&f, false, 3);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &told, seed);
        REQUIRE(got.status == GVD_ERR_DECODE);
        REQUIRE(!strcmp(got.error.text, "the disk is on fire"));
        stop(&s, &f);
        fake_free(&f);
    }
}

static void *take_one(void *scheduler)
{
    gvd_frame *frame = NULL;
    gvd_error err = {0};
    int rc = gvd_scheduler_next(scheduler, -1, &frame, &err);
    REQUIRE(rc == GVD_ERR_DECODE && strstr(err.text, "none of its"));
    return NULL;
}

// They hold no memory that would stop the workers: while the consumer sleeps,
// all are done, and it passes over them on a small stack.
static void test_jobs_without_frames(void)
{
    test_begin("jobs without frames", 0, 60);
    fake f;
    gop_style style = {.gops = 20000, .max_length = 1};
    fake_init(&f, &style, 1);
    memset(f.faults, FAKE_MISSING, (size_t)f.gops.count);
    gvd_scheduler_params params = drive_params(&f, false, 2);
    gvd_scheduler *s = start(&params);
    gvd_stats stats = {0};
    while (stats.packets < f.gops.count) {
        usleep(10000);
        gvd_scheduler_stats(s, &stats);
    }
    usleep(100000);
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, (size_t)256 << 10);
    REQUIRE(!pthread_create(&thread, &small, take_one, s));
    pthread_join(thread, NULL);
    pthread_attr_destroy(&small);
    stop(&s, &f);
    fake_free(&f);
}

static void test_an_empty_source(void)
{
    test_begin("empty source", 6, 10);
    fake f;
    fake_init(&f, &closed_gops, 6);
    f.gops.count = 0;
    gvd_scheduler_params params = drive_params(&f, false, 3);
    gvd_scheduler *s = start(&params);
    gvd_frame *frame = NULL;
    REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_EOF && !frame);
    stop(&s, &f);
    fake_free(&f);
}

// --- the end ---

typedef struct waiter {
    gvd_scheduler *scheduler;
    pthread_t thread;
    int status;
} waiter;

static void *wait_for_the_end(void *argument)
{
    waiter *w = argument;
    w->status = GVD_OK;
    while (w->status == GVD_OK) {
        gvd_frame *frame = NULL;
        w->status = gvd_scheduler_next(w->scheduler, -1, &frame, NULL);
        gvd_frame_unref(&frame);
    }
    return NULL;
}

static void run_waiters(gvd_scheduler *s, waiter *waiters, int count)
{
    for (int i = 0; i < count; i++) {
        waiters[i].scheduler = s;
        REQUIRE(!pthread_create(&waiters[i].thread, NULL, wait_for_the_end,
                                &waiters[i]));
    }
}

// The last job gives nothing, and all are asleep when it is done.
static void test_every_consumer_learns_of_the_end(void)
{
    test_begin("a silent end", 0, 10);
    fake f;
    gop_style style = closed_gops;
    style.gops = 1;
    fake_init(&f, &style, 8);
    for (int i = 0; i < f.gops.count; i++)
        f.gops.list[i].discard = true;
    f.gate_at = f.gops.count - 1;
    gvd_scheduler_params params = drive_params(&f, false, 2);
    gvd_scheduler *s = start(&params);
    waiter waiters[3];
    run_waiters(s, waiters, 3);
    while (!atomic_load(&f.at_gate))
        usleep(100);
    usleep(20000);
    atomic_store(&f.gate_open, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(waiters[i].thread, NULL);
        REQUIRE(waiters[i].status == GVD_EOF);
    }
    stop(&s, &f);
    fake_free(&f);
}

static void test_two_consumers(void)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        test_begin("two consumers", seed, 10);
        fake f;
        fake_init(&f, &closed_gops, seed);
        f.jitter = 20;
        gvd_scheduler_params params = drive_params(&f, false, 3);
        gvd_scheduler *s = start(&params);
        waiter waiters[3];
        run_waiters(s, waiters, 3);
        for (int i = 0; i < 3; i++) {
            pthread_join(waiters[i].thread, NULL);
            REQUIRE(waiters[i].status == GVD_EOF);
        }
        stop(&s, &f);
        fake_free(&f);
    }
}

// One gives up, another still needs what has not been read.
static void test_giving_up_is_for_oneself(void)
{
    test_begin("giving up beside another", 4, 10);
    fake f;
    fake_init(&f, &closed_gops, 4);
    f.packet_bytes = 32 << 20;
    f.read_blocks_at = 30; // with 8 frames left, and packets to the limit
    for (int i = 3; i < f.gops.count; i++)
        f.gops.list[i].pts = GVD_NO_PTS;
    gvd_scheduler_params params = drive_params(&f, false, 2);
    params.memory_limit = FAKE_FRAME_BYTES;
    gvd_scheduler *s = start(&params);
    waiter other;
    run_waiters(s, &other, 1);
    usleep(20000);
    gvd_frame *frame = NULL;
    while (gvd_scheduler_next(s, 0, &frame, NULL) == GVD_OK)
        gvd_frame_unref(&frame);
    usleep(5000);
    f.read_blocks_at = -1;
    pthread_join(other.thread, NULL);
    REQUIRE(other.status == GVD_EOF);
    stop(&s, &f);
    fake_free(&f);
}

static void test_abort_ends_every_wait(void)
{
    test_begin("abort", 7, 10);
    fake f;
    fake_init(&f, &closed_gops, 7);
    f.read_blocks_at = f.gops.count / 2;
    gvd_scheduler_params params = drive_params(&f, false, 3);
    gvd_scheduler *s = start(&params);
    waiter waiters[2];
    run_waiters(s, waiters, 2);
    usleep(10000);
    gvd_scheduler_abort(s);
    for (int i = 0; i < 2; i++) {
        pthread_join(waiters[i].thread, NULL);
        REQUIRE(waiters[i].status == GVD_ERR_CLOSED);
    }
    stop(&s, &f);
    fake_free(&f);
}

static void abandon_stream(uint64_t seed)
{
    gop_style style = random_style(&seed);
    fake f;
    fake_init(&f, &style, seed);
    f.jitter = draw_below(&seed, 60);
    if (chance(&seed, 20))
        f.read_blocks_at = draw_below(&seed, f.gops.count);
    gvd_scheduler_params params =
        drive_params(&f, chance(&seed, 50), 1 + draw_below(&seed, 5));
    params.memory_limit = FAKE_FRAME_BYTES * (1 + draw_below(&seed, 40));
    for (int i = 0; i < f.gops.count; i++)
        if (chance(&seed, 2))
            f.faults[i] = (uint8_t)draw_below(&seed, FAKE_STRAY + 1);
    gvd_scheduler *s = start(&params);
    int rc = GVD_OK;
    for (int left = draw_below(&seed, 60); left > 0 && rc == GVD_OK; left--) {
        gvd_frame *frame = NULL;
        rc = gvd_scheduler_next(s, 2, &frame, NULL);
        gvd_frame_unref(&frame);
    }
    if (chance(&seed, 30))
        usleep((useconds_t)draw_below(&seed, 500));
    stop(&s, &f);
    fake_free(&f);
}

// A consumer that stops anywhere: nothing hangs and nothing leaks.
static void test_destroy_at_any_point(void)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        test_begin("destroy", seed, 10);
        abandon_stream(seed);
    }
}

int main(void)
{
    test_every_frame_once_and_in_order();
    test_a_sound_decoder_is_never_doubted();
    test_one_frame_of_memory_is_enough();
    test_a_sleeping_consumer_costs_bounded_memory();
    test_a_slow_consumer_loses_the_oldest();
    test_packets_wait_in_bounded_memory();
    test_giving_up_does_not_lift_the_limit();
    test_a_slow_source();
    test_a_read_error_comes_after_the_frames();
    test_jobs_without_frames();
    test_an_empty_source();
    test_every_consumer_learns_of_the_end();
    test_two_consumers();
    test_giving_up_is_for_oneself();
    test_abort_ends_every_wait();
    test_destroy_at_any_point();
    puts("scheduler: ok");
    return 0;
}
