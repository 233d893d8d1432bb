// The timestamps of frames whose packets have good, bad or no timestamps.
#include "index.h"

#include "harness.h"

#define NONE GVD_NO_PTS

static gvd_index start_index(int num, int den, int rate_num, int rate_den)
{
    gvd_media media = {.time_base = {num, den},
                       .average_frame_rate = {rate_num, rate_den}};
    gvd_index index;
    gvd_index_init(&index, &media);
    return index;
}

static void push(gvd_index *index, int64_t pts, int64_t dts)
{
    REQUIRE(gvd_index_push(index, pts, dts, NULL) == GVD_OK);
}

static void push_all(gvd_index *index, const int64_t *pts, int count)
{
    for (int i = 0; i < count; i++)
        push(index, pts[i], NONE);
}

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

// `frames` are the pts of the frames as the decoder gives them.
static void check_times(const int64_t *packets, int packet_count,
                        const int64_t *frames, const int64_t *want, int count)
{
    gvd_index index = start_index(1, 1000, 25, 1);
    push_all(&index, packets, packet_count);
    for (int i = 0; i < count; i++)
        REQUIRE(gvd_index_next(&index, frames[i]) == want[i]);
    gvd_index_free(&index);
}

static void test_good_timestamps_are_kept(void)
{
    static const int64_t packets[] = {-7, 60, 20, 33, 140, 100};
    static const int64_t frames[] = {-7, 20, 33, 60, 100, 140};
    check_times(packets, 6, frames, frames, 6);
}

// Hidden frames, damage.
static void test_packets_without_frames_are_passed_over(void)
{
    static const int64_t packets[] = {0, 10, 15, 20, 40, 30, 50};
    static const int64_t frames[] = {0, 10, 20, 40, 50};
    check_times(packets, 7, frames, frames, 5);
}

static void test_a_missing_timestamp_takes_the_smallest_that_is_free(void)
{
    static const int64_t packets[] = {0, 30, NONE, 10, 20, 60, 40, 50};
    static const int64_t frames[] = {0, 10, NONE, 20, 30, 40, 50, 60};
    static const int64_t want[] = {0, 10, 20, 30, 40, 50, 60, 60};
    check_times(packets, 8, frames, want, 8);
}

static void test_dts_stands_in_for_pts(void)
{
    gvd_index index = start_index(1, 1000, 25, 1);
    push(&index, NONE, 100);
    push(&index, NONE, 140);
    push(&index, 180, 999);
    REQUIRE(gvd_index_next(&index, NONE) == 100);
    REQUIRE(gvd_index_next(&index, NONE) == 140);
    REQUIRE(gvd_index_next(&index, 180) == 180);
    REQUIRE(gvd_index_next(&index, NONE) == 180); // more frames than packets
    gvd_index_free(&index);
}

static void test_repeated_timestamps_do_not_fall(void)
{
    static const int64_t packets[] = {0, 10, 10, 10, 20, 30};
    static const int64_t frames[] = {0, 10, 10, 10, 20, 30};
    static const int64_t want[] = {0, 10, 10, 10, 20, 30};
    check_times(packets, 6, frames, want, 6);
}

// Joined clips: the second begins at 0 again.
static void test_timestamps_never_run_backwards(void)
{
    static const int64_t packets[] = {70, 80, 90, 0, 10, 20, 100, 110};
    static const int64_t want[] = {70, 80, 90, 90, 90, 90, 100, 110};
    check_times(packets, 8, packets, want, 8);
}

// Raw Annex B: number / frame rate.
static void test_without_timestamps_frames_are_counted(void)
{
    gvd_index index = start_index(1, 90000, 30000, 1001);
    for (int64_t i = 0; i < 100000; i++) {
        push(&index, NONE, NONE);
        REQUIRE(gvd_index_next(&index, NONE) == 3003 * i);
    }
    REQUIRE(index.ahead_capacity <= 512);
    gvd_index_free(&index);
    index = start_index(1, 1200000, 30000, 1001);
    index.frames = INT64_C(1) << 40; // a thousand years
    REQUIRE(gvd_index_next(&index, NONE) == (INT64_C(1) << 40) * 40040);
    index = start_index(1, 1000, 30000, 1001);
    static const int64_t want[] = {0, 33, 67, 100, 133, 167, 200, 234};
    for (int i = 0; i < COUNT(want); i++)
        REQUIRE(gvd_index_next(&index, NONE) == want[i]);
    index = start_index(1, 1000, 0, 1);
    REQUIRE(gvd_index_next(&index, NONE) == NONE);
    index = start_index(0, 0, 25, 1);
    REQUIRE(gvd_index_next(&index, NONE) == NONE);
}

static void test_ready_when_enough_is_known(void)
{
    gvd_index index = start_index(1, 1000, 25, 1);
    REQUIRE(!gvd_index_is_ready(&index, NONE));
    for (int i = 0; i < GVD_INDEX_WINDOW; i++) {
        REQUIRE(gvd_index_is_ready(&index, 5) == (i >= GVD_INDEX_AHEAD));
        REQUIRE(i < GVD_INDEX_AHEAD || !gvd_index_is_ready(&index, NONE));
        push(&index, i, NONE);
    }
    REQUIRE(gvd_index_is_ready(&index, NONE));
    REQUIRE(gvd_index_next(&index, NONE) == 0);
    REQUIRE(!gvd_index_is_ready(&index, NONE));
    REQUIRE(!gvd_index_is_ready(&index, 0)); // repeated
    REQUIRE(gvd_index_is_ready(&index, 1));
    gvd_index_free(&index);
}

// Otherwise a file whose packets lose their times is read to its end, into
// memory, before its second frame is given.
static void test_packets_without_times_are_enough(void)
{
    gvd_index index = start_index(1, 1000, 25, 1);
    for (int i = 0; i < GVD_INDEX_AHEAD; i++)
        push(&index, 40 + i, NONE);
    for (int i = 0; i < GVD_INDEX_AHEAD; i++)
        REQUIRE(gvd_index_next(&index, 40 + i) == 40 + i);
    for (int i = 0; i < GVD_INDEX_WINDOW; i++)
        push(&index, NONE, NONE);
    REQUIRE(gvd_index_is_ready(&index, NONE));
    REQUIRE(gvd_index_next(&index, NONE) == 43);
    gvd_index_free(&index);
    index = start_index(1, 1000, 25, 1);
    for (int i = 0; i < GVD_INDEX_WINDOW; i++)
        push(&index, NONE, NONE);
    REQUIRE(gvd_index_is_ready(&index, NONE));
    gvd_index_free(&index);
}

static void test_a_long_stream_needs_little_memory(void)
{
    enum {
        FRAMES = 1000000
    };
    for (int step = 1; step >= 0; step--) { // rising, then all the same
        gvd_index index = start_index(1, 1000, 25, 1);
        for (int64_t i = 0; i < FRAMES + 30; i++) {
            push(&index, i * step, NONE);
            if (i >= 30)
                REQUIRE(gvd_index_next(&index, (i - 30) * step) ==
                        (i - 30) * step);
        }
        REQUIRE(index.ahead_capacity <= 512);
        gvd_index_free(&index);
    }
}

// --- made-up streams ---

enum {
    LENGTH = 300
};

// Rising in groups of B frames, with losses, repetitions and falls.
static void make_times(int64_t *packets, int64_t *frames, uint64_t *seed)
{
    int64_t base = draw_below(seed, 1000) - 500;
    int trouble = draw_below(seed, 4);
    for (int i = 0; i < LENGTH; i += 3) {
        if (trouble == 1 && chance(seed, 3))
            base -= draw_below(seed, 200);
        int64_t order[3] = {base + 2, base, base + 1};
        for (int k = 0; k < 3; k++) {
            if (trouble == 2 && chance(seed, 10))
                order[k] = NONE;
            if (trouble == 3 && chance(seed, 10))
                order[k] = base;
        }
        memcpy(packets + i, order, sizeof order);
        frames[i] = order[1];
        frames[i + 1] = order[2];
        frames[i + 2] = order[0];
        base += 3 + draw_below(seed, 3);
    }
}

// What the frames get when packets are known this far ahead of need.
static void run_times(const int64_t *packets, const int64_t *frames,
                      int64_t *times, int ahead, uint64_t *seed)
{
    gvd_index index = start_index(1, 1000, 25, 1);
    int pushed = 0;
    for (int i = 0; i < LENGTH; i++) {
        int known = i + 3 + (ahead ? draw_below(seed, ahead) : 0);
        while (pushed < LENGTH &&
               (pushed < known || !gvd_index_is_ready(&index, frames[i])))
            push(&index, packets[pushed++], NONE);
        times[i] = gvd_index_next(&index, frames[i]);
        REQUIRE(i == 0 || times[i] >= times[i - 1]);
    }
    gvd_index_free(&index);
}

// The feeder may be far ahead or not at all: every run gives the same times.
static void test_times_do_not_depend_on_how_far_is_read(void)
{
    int64_t packets[LENGTH], frames[LENGTH], near[LENGTH], far[LENGTH];
    for (uint64_t seed = 0; seed < 500; seed++) {
        test_begin("index", seed, 30);
        uint64_t state = seed;
        make_times(packets, frames, &state);
        run_times(packets, frames, near, 0, &state);
        run_times(packets, frames, far, 100, &state);
        REQUIRE(!memcmp(near, far, sizeof near));
    }
}

int main(void)
{
    test_begin("index", 0, 30);
    test_good_timestamps_are_kept();
    test_packets_without_frames_are_passed_over();
    test_a_missing_timestamp_takes_the_smallest_that_is_free();
    test_dts_stands_in_for_pts();
    test_repeated_timestamps_do_not_fall();
    test_timestamps_never_run_backwards();
    test_without_timestamps_frames_are_counted();
    test_ready_when_enough_is_known();
    test_packets_without_times_are_enough();
    test_a_long_stream_needs_little_memory();
    test_times_do_not_depend_on_how_far_is_read();
    puts("index: ok");
    return 0;
}
