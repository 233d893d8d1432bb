// Decoders that fail, lie and stall: every frame still comes, from the fallback
// where there is one, or a clear error.
#include "drive.h"

static const gop_style closed_gops = {
    .gops = 10, .max_length = 8, .max_b = 3, .closed_leading = 20};

// --- frames ---

// Of a stream whose packets are not read, the key flag is all that is known,
// and some packets have no time. What leads its first key frame libavcodec may
// not show.
static void test_opaque_packets(void)
{
    for (int leading = 0; leading < 2; leading++) {
        test_begin("opaque", (uint64_t)leading, 10);
        gop_style style = closed_gops;
        style.open = leading * 100;
        style.closed_leading = 0;
        fake f;
        uint64_t seed = 4;
        do {
            fake_init(&f, &style, seed++);
            if (f.gops.list[1].leading == (bool)leading)
                break;
            fake_free(&f);
        } while (true);
        f.stream.opaque = true;
        for (int i = 0; i < f.gops.count; i++) {
            f.gops.list[i].entry = GVD_ENTRY_NONE;
            if (i % 5 == 4)
                f.gops.list[i].pts = GVD_NO_PTS;
        }
        gvd_scheduler_params params = drive_params(&f, true, 3);
        params.keeps_times = true;
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, seed);
        REQUIRE(got.status == GVD_EOF);
        REQUIRE(got.fallback == (leading ? got.frames : 0));
        stop(&s, &f);
        fake_free(&f);
    }
}

// What was decoded before the error is given first.
static void test_an_error_comes_in_its_turn(void)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        test_begin("error without fallback", seed, 10);
        uint64_t state = seed;
        fake f;
        fake_init(&f, &closed_gops, seed);
        int at = draw_below(&state, f.gops.count);
        f.faults[at] = FAKE_ERROR;
        gvd_scheduler_params params = drive_params(&f, false, 3);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, seed);
        REQUIRE(got.status == GVD_ERR_DECODE);
        REQUIRE(strstr(got.error.text, "is broken"));
        gvd_frame *frame = NULL;
        REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_ERR_DECODE);
        stop(&s, &f);
        fake_free(&f);
    }
}

// One fault of each kind, well inside a job of which frames are out already.
static void test_each_fault_is_found_and_mended(void)
{
    for (int fault = FAKE_ERROR; fault <= FAKE_STRAY; fault++) {
        test_begin("one fault", (uint64_t)fault, 10);
        fake f;
        gop_style style = {.gops = 1, .max_length = 1};
        fake_init(&f, &style, 9);
        for (int i = 0; i < 60; i++)
            add_group(&f.gops, &style, &f.seed, 0);
        unsigned char *more = realloc(f.faults, (size_t)f.gops.count);
        REQUIRE(more);
        f.faults = more;
        REQUIRE(f.faults);
        memset(f.faults, 0, (size_t)f.gops.count);
        f.faults[40] = (uint8_t)fault;
        gvd_scheduler_params params = drive_params(&f, true, 2);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, 3);
        REQUIRE(got.status == GVD_EOF && got.corrupt == 0);
        int sound = got.frames - got.fallback; // given before the fault
        REQUIRE(sound >= 40 - FAKE_REORDER && sound <= 41);
        check_stats(s, &f, &got, params.memory_limit);
        stop(&s, &f);
        fake_free(&f);
    }
}

static void decode_with_faults(uint64_t seed)
{
    gop_style style = random_style(&seed);
    style.hidden = 0;
    fake f;
    fake_init(&f, &style, seed);
    f.jitter = draw_below(&seed, 2) * 50;
    int percent = draw_below(&seed, 6);
    for (int i = 0; i < f.gops.count; i++)
        if (chance(&seed, percent))
            f.faults[i] = (uint8_t)draw_below(&seed, FAKE_STRAY + 1);
    gvd_scheduler_params params =
        drive_params(&f, true, 1 + draw_below(&seed, 5));
    params.memory_limit = FAKE_FRAME_BYTES * (1 + draw_below(&seed, 80));
    params.place = fake_place;
    params.longest_first = chance(&seed, 50);
    gvd_scheduler *s = start(&params);
    seen got = drain(s, &f, seed);
    REQUIRE(got.status == GVD_EOF && got.corrupt == 0);
    REQUIRE(atomic_load(&f.placed) == got.frames);
    check_stats(s, &f, &got, params.memory_limit);
    stop(&s, &f);
    fake_free(&f);
}

// Decoded again, the frames that were given already are passed over.
static void test_a_mismatch_is_decoded_again(void)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        test_begin("faults", seed, 10);
        decode_with_faults(seed);
    }
}

static void test_the_fallback_may_fail_too(void)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        test_begin("fallback fails", seed, 10);
        fake f;
        fake_init(&f, &closed_gops, seed);
        int at = f.gops.count / 2;
        f.faults[at] = FAKE_MISSING;
        f.faults[at + 1] = FAKE_ERROR;
        f.fallback_bad = at;
        gvd_scheduler_params params = drive_params(&f, true, 3);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, seed);
        REQUIRE(got.status == GVD_ERR_DECODE);
        stop(&s, &f);
        fake_free(&f);
    }
}

// A job that is larger than what is kept cannot be decoded again.
static void test_a_gop_that_is_too_long_says_so(void)
{
    test_begin("long GOP", 0, 10);
    fake f;
    gop_style style = {.gops = 1, .max_length = 1};
    fake_init(&f, &style, 0);
    for (int i = 0; i < 30; i++)
        add_group(&f.gops, &style, &f.seed, 0);
    unsigned char *more = realloc(f.faults, (size_t)f.gops.count);
    REQUIRE(more);
    f.faults = more;
    REQUIRE(f.faults);
    memset(f.faults, 0, (size_t)f.gops.count);
    f.faults[25] = FAKE_ERROR;
    f.packet_bytes = 8 << 20;
    gvd_scheduler_params params = drive_params(&f, true, 2);
    gvd_scheduler *s = start(&params);
    seen got = drain(s, &f, 1);
    REQUIRE(got.status == GVD_ERR_DECODE);
    REQUIRE(strstr(got.error.text, "too long"));
    stop(&s, &f);
    fake_free(&f);
}

static int place_badly(void *context, gvd_frame **frame, gvd_error *err)
{
    fake *f = context;
    (void)frame;
    if (atomic_fetch_add(&f->placed, 1) == 20)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "no room for it");
    return GVD_OK;
}

// What emit returns ends the job.
static void test_a_frame_that_finds_no_place(void)
{
    for (int checked = 0; checked < 2; checked++) {
        test_begin("place", (uint64_t)checked, 10);
        fake f;
        fake_init(&f, &closed_gops, 4);
        gvd_scheduler_params params = drive_params(&f, checked, 1);
        params.place = place_badly;
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, 4);
        REQUIRE(got.status == (checked ? GVD_EOF : GVD_ERR_NO_MEMORY));
        REQUIRE(checked || got.frames == 20);
        stop(&s, &f);
        fake_free(&f);
    }
}

// A decoder stands still in the middle: what stands before it is given, the
// others go on to the limit, and once it moves everything comes.
static void test_a_stalled_decoder(void)
{
    test_begin("stall", 0, 10);
    fake f;
    fake_init(&f, &closed_gops, 12);
    f.gate_at = f.gops.count / 2;
    int gop = f.gops.list[f.gate_at].gop;
    gvd_scheduler_params params = drive_params(&f, true, 3);
    gvd_scheduler *s = start(&params);
    int count, given = 0;
    int64_t *want = shown_ordinals(&f.gops, &count);
    gvd_frame *frame = NULL;
    while (gvd_scheduler_next(s, 100, &frame, NULL) == GVD_OK) {
        check_frame(&f, frame, want[given++]);
        gvd_frame_unref(&frame);
    }
    REQUIRE(given < count && f.gops.list[want[given]].gop <= gop);
    for (gvd_stats stats = {0}; stats.bytes_held == 0; usleep(1000))
        gvd_scheduler_stats(s, &stats);
    atomic_store(&f.gate_open, true);
    for (; given < count; given++) {
        REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_OK);
        check_frame(&f, frame, want[given]);
        gvd_frame_unref(&frame);
    }
    REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_EOF);
    free(want);
    stop(&s, &f);
    fake_free(&f);
}

int main(void)
{
    test_opaque_packets();
    test_an_error_comes_in_its_turn();
    test_each_fault_is_found_and_mended();
    test_a_mismatch_is_decoded_again();
    test_the_fallback_may_fail_too();
    test_a_gop_that_is_too_long_says_so();
    test_a_frame_that_finds_no_place();
    test_a_stalled_decoder();
    puts("faults: ok");
    return 0;
}
