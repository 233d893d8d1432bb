// The timestamps of frames whose packets have good, bad or no timestamps.
#include "timeline.h"

#include "harness.h"
#include "thread.h"

#define NONE GVD_NO_PTS

static gvd_timeline start_timeline(int num, int den, int rate_num, int rate_den)
{
    gvd_media media = {.time_base = {num, den},
                       .average_frame_rate = {rate_num, rate_den}};
    gvd_timeline t;
    gvd_timeline_init(&t, &media);
    return t;
}

static void push(gvd_timeline *t, int64_t pts, int64_t dts)
{
    const gvd_packet packet = {.pts = pts, .dts = dts};
    REQUIRE(gvd_timeline_push(t, &packet, true, NULL) == GVD_OK);
}

static void push_all(gvd_timeline *t, const int64_t *pts, int count)
{
    for (int i = 0; i < count; i++)
        push(t, pts[i], NONE);
}

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

// `frames` are the pts of the frames as the decoder gives them.
static void check_times(const int64_t *packets, int packet_count,
                        const int64_t *frames, const int64_t *want, int count)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    push_all(&t, packets, packet_count);
    for (int i = 0; i < count; i++)
        REQUIRE(gvd_timeline_next(&t, frames[i]) == want[i]);
    gvd_timeline_free(&t);
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

// Those that were promised have numbers, which the others keep.
static void test_a_lost_frame_leaves_the_numbers_of_the_others(void)
{
    // Lost are 10, 15, which comes behind 20 in the file, and 60.
    static const int64_t packets[] = {0, 10, 5, 20, 15, 40, 30, 50, 60, 70};
    static const int64_t frames[] = {0, 5, 20, 30, 40, 50, 70};
    static const int64_t numbers[2][COUNT(frames)] = {{0, 1, 4, 5, 6, 7, 9},
                                                      {0, 1, 2, 3, 4, 5, 6}};
    for (int numbered = 1; numbered >= 0; numbered--) {
        gvd_timeline t = start_timeline(1, 1000, 25, 1);
        for (int i = 0; i < COUNT(packets); i++) {
            const gvd_packet packet = {.pts = packets[i], .dts = NONE};
            REQUIRE(gvd_timeline_push(&t, &packet, numbered, NULL) == GVD_OK);
        }
        for (int i = 0; i < COUNT(frames); i++) {
            REQUIRE(gvd_timeline_next(&t, frames[i]) == frames[i]);
            REQUIRE(t.number == numbers[!numbered][i]);
        }
        gvd_timeline_free(&t);
    }
}

// A file whose pts are its dts: what is passed over comes all the same.
static void test_frames_in_another_order_than_their_times(void)
{
    enum {
        FRAMES = 4000
    };
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    for (int i = 0; i < FRAMES + 4; i++)
        push(&t, i, i);
    for (int i = 0; i < FRAMES; i++) {
        static const int order[] = {0, 2, 3, 1};
        const int place = i / 4 * 4 + order[i % 4];
        REQUIRE(gvd_timeline_next(&t, place) >= place);
        REQUIRE(t.number == place);
    }
    gvd_timeline_free(&t);
}

// In a pyramid of 16 the lost one may stand far behind in the file.
static void test_a_lost_frame_in_a_deep_pyramid(void)
{
    static const int64_t packets[] = {0, 16, 8, 4, 2, 1, 3, 6, 5, 7, 12, 10};
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    int known = 0;
    for (int frame = 0; frame < 7; frame++) {
        while (!gvd_timeline_is_ready(&t, frame))
            push(&t, packets[known++], NONE);
        REQUIRE(known <= COUNT(packets));
        if (frame == 1)
            continue; // is lost
        REQUIRE(gvd_timeline_next(&t, frame) == frame);
        REQUIRE(t.number == frame);
    }
    gvd_timeline_free(&t);
}

// Those of the start are gone when the smallest are taken, four packets before
// the first that has none.
static void test_packets_without_frames_before_one_without_a_time(void)
{
    static const int64_t packets[] = {0, 10, 20, 30, 40, 50, 60, 70, NONE, 90};
    static const int64_t frames[] = {0, 10, 30, 40, 50, 70, NONE, 90};
    static const int64_t want[] = {0, 10, 30, 40, 50, 60, 70, 90};
    check_times(packets, 10, frames, want, 8);
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
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    push(&t, NONE, 100);
    push(&t, NONE, 140);
    push(&t, 180, 999);
    REQUIRE(gvd_timeline_next(&t, NONE) == 100);
    REQUIRE(gvd_timeline_next(&t, NONE) == 140);
    REQUIRE(gvd_timeline_next(&t, 180) == 180);
    REQUIRE(gvd_timeline_next(&t, NONE) == 180); // more frames than packets
    gvd_timeline_free(&t);
}

static void test_repeated_timestamps_do_not_fall(void)
{
    static const int64_t packets[] = {0, 10, 10, 10, 20, 30};
    static const int64_t frames[] = {0, 10, 10, 10, 20, 30};
    static const int64_t want[] = {0, 10, 10, 10, 20, 30};
    check_times(packets, 6, frames, want, 6);
}

// One frame out of order, of a decoder that does not reorder: it gets the time
// before it, and those behind it keep theirs.
static void test_a_frame_out_of_order_moves_no_other(void)
{
    static const int64_t packets[] = {0, 10, 30, 20, 40, 50, 60, 70};
    static const int64_t want[] = {0, 10, 30, 30, 40, 50, 60, 70};
    check_times(packets, 8, packets, want, 8);
    static const int64_t late[] = {0, 10, 30, 40, 20, 50, 60, 70};
    static const int64_t clamped[] = {0, 10, 30, 40, 40, 50, 60, 70};
    check_times(packets, 8, late, clamped, 8);
}

// Nothing of it is left behind for the frames that take the smallest time.
static void test_a_frame_out_of_order_before_packets_without_times(void)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    static const int64_t packets[] = {0, 10, 30, 20, 40, 50, 60, 70, NONE, 90};
    static const int64_t want[] = {0, 10, 30, 30, 40, 50, 60, 70, 90, 90};
    push_all(&t, packets, COUNT(packets));
    for (int i = 0; i < COUNT(packets); i++)
        REQUIRE(gvd_timeline_next(&t, packets[i]) == want[i]);
    gvd_timeline_free(&t);
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
    gvd_timeline t = start_timeline(1, 90000, 30000, 1001);
    for (int64_t i = 0; i < 100000; i++) {
        push(&t, NONE, NONE);
        REQUIRE(gvd_timeline_next(&t, NONE) == 3003 * i);
    }
    REQUIRE(t.ahead_capacity <= 512);
    gvd_timeline_free(&t);
    t = start_timeline(1, 1200000, 30000, 1001);
    t.frames = INT64_C(1) << 40; // a thousand years
    REQUIRE(gvd_timeline_next(&t, NONE) == (INT64_C(1) << 40) * 40040);
    t = start_timeline(1, 1000, 30000, 1001);
    static const int64_t want[] = {0, 33, 67, 100, 133, 167, 200, 234};
    for (int i = 0; i < COUNT(want); i++)
        REQUIRE(gvd_timeline_next(&t, NONE) == want[i]);
    t = start_timeline(1, 1000, 0, 1);
    REQUIRE(gvd_timeline_next(&t, NONE) == NONE);
    t = start_timeline(0, 0, 25, 1);
    REQUIRE(gvd_timeline_next(&t, NONE) == NONE);
}

static void test_ready_when_enough_is_known(void)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    REQUIRE(!gvd_timeline_is_ready(&t, NONE));
    for (int i = 0; i < GVD_TIMELINE_WINDOW; i++) {
        REQUIRE(gvd_timeline_is_ready(&t, 0) == (i >= GVD_TIMELINE_AHEAD));
        REQUIRE(!gvd_timeline_is_ready(&t, i - 3)); // too close behind
        REQUIRE(i < GVD_TIMELINE_AHEAD || !gvd_timeline_is_ready(&t, NONE));
        push(&t, i, NONE);
    }
    REQUIRE(gvd_timeline_is_ready(&t, NONE));
    REQUIRE(gvd_timeline_next(&t, NONE) == 0);
    REQUIRE(!gvd_timeline_is_ready(&t, NONE));
    REQUIRE(!gvd_timeline_is_ready(&t, 0)); // repeated
    REQUIRE(gvd_timeline_is_ready(&t, 1));
    gvd_timeline_free(&t);
}

// A transport stream that is cut anywhere: times come a little late.
static void test_a_late_first_time_counts_from_the_start(void)
{
    for (int none = 1; none <= GVD_TIMELINE_WINDOW; none++) {
        gvd_timeline t = start_timeline(1, 1000, 25, 1);
        for (int i = 0; i < none; i++) {
            REQUIRE(!gvd_timeline_is_ready(&t, NONE));
            push(&t, NONE, NONE);
            REQUIRE(gvd_timeline_is_ready(&t, NONE) ==
                    (i + 1 >= GVD_TIMELINE_WINDOW));
            if (i + 1 == GVD_TIMELINE_WINDOW)
                REQUIRE(gvd_timeline_next(&t, NONE) == 0); // counted
        }
        for (int i = 0; i < 2 * GVD_TIMELINE_WINDOW; i++)
            push(&t, 5000 + i, NONE);
        REQUIRE(gvd_timeline_is_ready(&t, NONE));
        int64_t first = gvd_timeline_next(&t, NONE);
        REQUIRE(first == 5000);
        REQUIRE(gvd_timeline_next(&t, NONE) == 5001);
        gvd_timeline_free(&t);
    }
}

// Out of order, it waits for what may have its time.
static void test_a_frame_out_of_order_waits_for_the_window(void)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    static const int64_t packets[] = {0, 10, 30, 20, 40, 50, 60, 70};
    push_all(&t, packets, COUNT(packets));
    for (int i = 0; i < 3; i++) {
        REQUIRE(gvd_timeline_is_ready(&t, packets[i]));
        REQUIRE(gvd_timeline_next(&t, packets[i]) == packets[i]);
    }
    for (int i = 0; i < 11; i++) {
        REQUIRE(!gvd_timeline_is_ready(&t, 20));
        REQUIRE(gvd_timeline_is_ready(&t, 40));
        push(&t, 80 + i, NONE);
    }
    REQUIRE(gvd_timeline_is_ready(&t, 20));
    gvd_timeline_free(&t);
}

// Otherwise a file whose packets lose their times is read to its end, into
// memory, before its second frame is given.
static void test_packets_without_times_are_enough(void)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    for (int i = 0; i < GVD_TIMELINE_AHEAD; i++)
        push(&t, 40 + i, NONE);
    for (int i = 0; i < GVD_TIMELINE_AHEAD; i++)
        REQUIRE(gvd_timeline_next(&t, 40 + i) == 40 + i);
    for (int i = 0; i < GVD_TIMELINE_WINDOW; i++)
        push(&t, NONE, NONE);
    REQUIRE(gvd_timeline_is_ready(&t, NONE));
    REQUIRE(gvd_timeline_next(&t, NONE) == 43);
    gvd_timeline_free(&t);
    t = start_timeline(1, 1000, 25, 1);
    for (int i = 0; i < GVD_TIMELINE_WINDOW; i++)
        push(&t, NONE, NONE);
    REQUIRE(gvd_timeline_is_ready(&t, NONE));
    gvd_timeline_free(&t);
}

static void test_a_long_stream_needs_little_memory(void)
{
    enum {
        FRAMES = 1000000
    };
    for (int step = 1; step >= 0; step--) { // rising, then all the same
        gvd_timeline t = start_timeline(1, 1000, 25, 1);
        for (int64_t i = 0; i < FRAMES + 30; i++) {
            push(&t, i * step, NONE);
            if (i >= 30)
                REQUIRE(gvd_timeline_next(&t, (i - 30) * step) ==
                        (i - 30) * step);
        }
        REQUIRE(t.ahead_capacity <= 512);
        gvd_timeline_free(&t);
    }
}

// --- made-up streams ---

enum {
    LENGTH = 300
};

enum trouble {
    FALLS = 1,     // times go back
    LOSSES = 2,    // packets without any
    REPEATS = 4,   // of a neighbour's time
    LATE = 8,      // the first packets have none
    NO_ORDER = 16, // frames come in any order, here and there
    JOINED = 32,   // all times come a second time
    HIDDEN = 64,   // packets that give no frame
    TROUBLES = 128,
};

// Each frame: its own packet's number.
typedef struct clip {
    int64_t packets[LENGTH];
    int frames[LENGTH];
    int frame_count;
    int trouble; // of enum trouble, any
} clip;

static int64_t spoil(const clip *c, int number, int64_t time, int64_t base,
                     uint64_t *seed)
{
    int half = LENGTH / 6 * 3;
    if (c->trouble & LOSSES && number > 30 && chance(seed, 3))
        return NONE;
    if (c->trouble & REPEATS && chance(seed, 10))
        return base;
    if (c->trouble & JOINED && number >= half)
        return c->packets[number - half];
    return time;
}

static void add_frames(clip *c, int first, uint64_t *seed)
{
    int order[3] = {first + 1, first + 2, first};
    if (c->trouble & NO_ORDER && chance(seed, 10)) {
        int at = draw_below(seed, 3);
        order[2] = order[at];
        order[at] = first;
        at = draw_below(seed, 2);
        int other = order[at];
        order[at] = order[1 - at];
        order[1 - at] = other;
    }
    for (int k = 0; k < 3; k++)
        if (!(c->trouble & HIDDEN) || !chance(seed, 20))
            c->frames[c->frame_count++] = order[k];
}

// Groups of a reference and the two B frames before it.
static clip make_clip(uint64_t *seed)
{
    clip c = {.trouble = draw_below(seed, TROUBLES)};
    c.trouble &= draw_below(seed, TROUBLES); // fewer at once
    int64_t base = draw_below(seed, 1000) - 500;
    int none = c.trouble & LATE ? draw_below(seed, 40) : 0;
    for (int i = 0; i < LENGTH; i += 3) {
        if (c.trouble & FALLS && chance(seed, 3))
            base -= draw_below(seed, 200);
        int64_t order[3] = {base + 2, base, base + 1};
        for (int k = 0; k < 3; k++)
            c.packets[i + k] =
                i + k < none ? NONE : spoil(&c, i + k, order[k], base, seed);
        add_frames(&c, i, seed);
        base += 3 + draw_below(seed, 3);
    }
    return c;
}

// What the frames get when packets are known this far ahead of need.
static void run_times(const clip *c, int64_t *times, int ahead, uint64_t *seed)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    int pushed = 0;
    for (int i = 0; i < c->frame_count; i++) {
        int own = c->frames[i];
        int known = own / 3 * 3 + 3 + (ahead ? draw_below(seed, ahead) : 0);
        while (pushed < LENGTH &&
               (pushed < known || !gvd_timeline_is_ready(&t, c->packets[own])))
            push(&t, c->packets[pushed++], NONE);
        times[i] = gvd_timeline_next(&t, c->packets[own]);
        REQUIRE(i == 0 || times[i] >= times[i - 1]);
    }
    gvd_timeline_free(&t);
}

// The first packet without a time of its own.
static int first_irregular(const clip *c)
{
    for (int i = 0; i < LENGTH; i++) {
        int from = i > GVD_TIMELINE_WINDOW ? i - GVD_TIMELINE_WINDOW : 0;
        for (int k = from; k < i; k++)
            if (c->packets[k] == c->packets[i])
                return i;
        if (c->packets[i] == NONE)
            return i;
    }
    return LENGTH + GVD_TIMELINE_AHEAD;
}

// The rule for frames whose packets have times of their own.
static void check_own_times(const clip *c, const int64_t *times)
{
    int regular = first_irregular(c) - GVD_TIMELINE_AHEAD;
    int64_t last = INT64_MIN;
    for (int i = 0; i < c->frame_count && i <= regular; i++) {
        int64_t own = c->packets[c->frames[i]];
        if (own == NONE)
            return; // so far behind are the frames
        last = own > last ? own : last;
        REQUIRE(times[i] == last);
    }
}

static int smallest_at(const int64_t *times, int count)
{
    int at = 0;
    for (int i = 0; i < count && i < GVD_TIMELINE_WINDOW; i++)
        if (times[i] != NONE && (times[at] == NONE || times[i] < times[at]))
            at = i;
    return at;
}

// The rule for frames of a stream that is irregular from the start.
static void check_smallest_times(const clip *c, const int64_t *times)
{
    int64_t left[LENGTH], last = NONE;
    int count = LENGTH, first = 0;
    memcpy(left, c->packets, sizeof left);
    while (c->packets[first] == NONE)
        first++;
    for (int i = 0; i < c->frame_count; i++) {
        int at = i + GVD_TIMELINE_WINDOW > first ? smallest_at(left, count) : 0;
        int64_t time = left[at];
        memmove(left + at, left + at + 1,
                (size_t)(--count - at) * sizeof *left);
        last = time > last ? time : last;
        bool is_counted = i + GVD_TIMELINE_WINDOW <= first;
        last = is_counted ? INT64_C(40) * i : last;
        REQUIRE(times[i] == last);
    }
}

// The feeder may be far ahead or not at all: every run gives the same times.
static void test_times_do_not_depend_on_how_far_is_read(void)
{
    int64_t near[LENGTH], far[LENGTH], all[LENGTH];
    for (uint64_t seed = 0; seed < 5000; seed++) {
        test_begin("timeline", seed, 30);
        uint64_t state = seed;
        clip c = make_clip(&state);
        run_times(&c, near, 0, &state);
        run_times(&c, far, 100, &state);
        run_times(&c, all, LENGTH * 1000, &state);
        size_t bytes = (size_t)c.frame_count * sizeof *near;
        REQUIRE(!memcmp(near, far, bytes) && !memcmp(near, all, bytes));
        check_own_times(&c, near);
        if (c.packets[0] == NONE)
            check_smallest_times(&c, near);
    }
}

// However a header sorts the times, a frame costs a bounded number of steps.
static void test_times_that_fall_cost_no_square(void)
{
    const int count = 200000;
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    for (int i = 0; i < count; i++)
        push(&t, count - i, NONE);
    double start = gvd_seconds();
    for (int i = 1; i <= count; i++)
        gvd_timeline_next(&t, i);
    REQUIRE(gvd_seconds() - start < 5);
    gvd_timeline_free(&t);
}

// What is not read yet may come before a frame by as much as others have.
static void test_sure_when_nothing_can_come_before(void)
{
    gvd_timeline t = start_timeline(1, 1000, 25, 1);
    for (int i = 0; i < 3; i++)
        push(&t, i, NONE);
    REQUIRE(gvd_timeline_is_sure(&t, 2));
    push(&t, 7, NONE);                    // its B frames are to come
    REQUIRE(gvd_timeline_is_sure(&t, 7)); // none have been seen
    push(&t, 5, NONE);
    push(&t, 4, NONE);
    push(&t, 6, NONE);
    REQUIRE(gvd_timeline_is_sure(&t, 7) && gvd_timeline_is_sure(&t, 6));
    push(&t, 11, NONE);
    REQUIRE(!gvd_timeline_is_sure(&t, 11) && gvd_timeline_is_sure(&t, 7));
    gvd_timeline_free(&t);
}

int main(void)
{
    test_begin("timeline", 0, 30);
    test_good_timestamps_are_kept();
    test_packets_without_frames_are_passed_over();
    test_a_lost_frame_leaves_the_numbers_of_the_others();
    test_frames_in_another_order_than_their_times();
    test_a_lost_frame_in_a_deep_pyramid();
    test_packets_without_frames_before_one_without_a_time();
    test_a_missing_timestamp_takes_the_smallest_that_is_free();
    test_dts_stands_in_for_pts();
    test_repeated_timestamps_do_not_fall();
    test_a_frame_out_of_order_moves_no_other();
    test_a_frame_out_of_order_before_packets_without_times();
    test_timestamps_never_run_backwards();
    test_without_timestamps_frames_are_counted();
    test_ready_when_enough_is_known();
    test_a_late_first_time_counts_from_the_start();
    test_a_frame_out_of_order_waits_for_the_window();
    test_packets_without_times_are_enough();
    test_a_long_stream_needs_little_memory();
    test_times_do_not_depend_on_how_far_is_read();
    test_times_that_fall_cost_no_square();
    test_sure_when_nothing_can_come_before();
    puts("timeline: ok");
    return 0;
}
