// Decoders that fail, lie and stall, sessions that do not open: every frame
// still comes, from the fallback where there is one, or a clear error.
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
        seen got = drain(s, &f, &seed);
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
        fake f;
        fake_init(&f, &closed_gops, seed);
        int at = draw_below(&seed, f.gops.count);
        f.faults[at] = FAKE_ERROR;
        gvd_scheduler_params params = drive_params(&f, false, 3);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, &seed);
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
        uint64_t seed = 3;
        seen got = drain(s, &f, &seed);
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
    seen got = drain(s, &f, &seed);
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
        seen got = drain(s, &f, &seed);
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
    uint64_t seed = 1;
    seen got = drain(s, &f, &seed);
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
        uint64_t seed = 4;
        seen got = drain(s, &f, &seed);
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

// --- sessions ---

static int no_driver(fake *f, int nth, bool may_create)
{
    (void)f, (void)nth, (void)may_create;
    return GVD_ERR_DRIVER;
}

static int one_only(fake *f, int nth, bool may_create)
{
    (void)f, (void)may_create;
    return nth == 0 ? GVD_OK : GVD_ERR_NO_MEMORY;
}

// The second takes so long to fail that the first has done everything.
static int one_at_once(fake *f, int nth, bool may_create)
{
    (void)f, (void)may_create;
    if (nth == 0)
        return GVD_OK;
    usleep(30000);
    return GVD_ERR_DRIVER;
}

static int none_idle(fake *f, int nth, bool may_create)
{
    (void)f, (void)nth;
    if (may_create)
        return GVD_OK;
    usleep(2000);
    return GVD_AGAIN;
}

// A stream that the backend refuses is the fallback's; a device that is full,
// or no fallback, is an error that says why.
static void test_no_session_at_all(void)
{
    for (int checked = 0; checked < 2; checked++) {
        test_begin("no session", (uint64_t)checked, 10);
        fake f;
        fake_init(&f, &closed_gops, 1);
        f.open = no_driver;
        gvd_scheduler_params params = drive_params(&f, checked, 4);
        gvd_scheduler *s = start(&params);
        uint64_t seed = 1;
        seen got = drain(s, &f, &seed);
        REQUIRE(got.status == (checked ? GVD_EOF : GVD_ERR_DRIVER));
        REQUIRE(got.fallback == got.frames);
        REQUIRE(checked ? got.frames > 0 : got.frames == 0);
        REQUIRE(checked || strstr(got.error.text, "does not open"));
        stop(&s, &f);
        fake_free(&f);
    }
}

static int no_memory(fake *f, int nth, bool may_create)
{
    (void)f, (void)nth, (void)may_create;
    return GVD_ERR_NO_MEMORY;
}

static void test_a_full_device_is_an_error(void)
{
    test_begin("full device", 0, 10);
    fake f;
    fake_init(&f, &closed_gops, 1);
    f.open = no_memory;
    gvd_scheduler_params params = drive_params(&f, true, 4);
    gvd_scheduler *s = start(&params);
    uint64_t seed = 1;
    seen got = drain(s, &f, &seed);
    REQUIRE(got.status == GVD_ERR_NO_MEMORY && got.frames == 0);
    stop(&s, &f);
    fake_free(&f);
}

// Out of memory for more than one session: that one does it all.
static void test_no_room_for_a_second_session(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        test_begin("one session", seed, 10);
        fake f;
        fake_init(&f, &closed_gops, seed);
        f.open = one_only;
        f.jitter = 50;
        gvd_scheduler_params params = drive_params(&f, true, 4);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, &seed);
        REQUIRE(got.status == GVD_EOF);
        gvd_stats stats;
        gvd_scheduler_stats(s, &stats);
        REQUIRE(stats.sessions == 1);
        REQUIRE(atomic_load(&f.opens) == 1 ||
                strstr(stats.sessions_reason, "no room"));
        stop(&s, &f);
        fake_free(&f);
    }
}

// The first session is done and gone when the second turns out not to open:
// there is nothing left to fail, whether frames still wait or not.
static void test_a_session_that_fails_too_late_to_matter(void)
{
    for (int slow = 0; slow < 2; slow++) {
        test_begin("late failure", (uint64_t)slow, 10);
        fake f;
        gop_style style = closed_gops;
        style.gops = 4;
        fake_init(&f, &style, 2);
        f.open = one_at_once;
        gvd_scheduler_params params = drive_params(&f, true, 2);
        gvd_scheduler *s = start(&params);
        uint64_t seed = 2;
        if (slow)
            usleep(60000);
        seen got = drain(s, &f, &seed);
        REQUIRE(got.status == GVD_EOF);
        usleep(60000);
        gvd_frame *frame = NULL;
        REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_EOF);
        gvd_stats stats;
        gvd_scheduler_stats(s, &stats);
        REQUIRE(stats.sessions == 1);
        stop(&s, &f);
        fake_free(&f);
    }
}

// A session dies while all others wait to hear that none is idle: somebody must
// create one.
static void test_no_idle_session_and_none_left(void)
{
    gvd_backend costly = fake_checked;
    costly.open_seconds = 100;
    costly.pixels_per_second = 1e9;
    for (uint64_t seed = 0; seed < 40; seed++) {
        test_begin("none idle", seed, 10);
        fake f;
        gop_style style = closed_gops;
        style.gops = 6;
        fake_init(&f, &style, seed);
        f.open = none_idle;
        f.stream.media.header_frames = f.gops.count;
        for (int i = 0; i < f.gops.count; i++)
            f.faults[i] = f.gops.list[i].key ? FAKE_ERROR : FAKE_SOUND;
        gvd_scheduler_params params = drive_params(&f, true, 4);
        params.backend = &costly;
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, &seed);
        REQUIRE(got.status == GVD_EOF);
        stop(&s, &f);
        fake_free(&f);
    }
}

static void test_sessions_that_do_not_pay(void)
{
    test_begin("does not pay", 0, 10);
    gvd_backend costly = fake_plain;
    costly.open_seconds = 100;
    costly.pixels_per_second = 1e9;
    for (int insist = 0; insist < 2; insist++) {
        fake f;
        fake_init(&f, &closed_gops, 5);
        f.open = none_idle;
        f.gate_keys = true; // no job goes on until all had their say
        f.stream.media.header_frames = f.gops.count;
        gvd_scheduler_params params = drive_params(&f, false, 3);
        params.backend = &costly;
        params.insist = insist;
        gvd_scheduler *s = start(&params);
        gvd_stats stats = {0};
        const char *reason = insist ? "the test asks" : "does not pay";
        while (!strstr(stats.sessions_reason, reason)) { // the alarm ends it
            usleep(1000);
            gvd_scheduler_stats(s, &stats);
        }
        atomic_store(&f.gate_open, true);
        uint64_t seed = 5;
        seen got = drain(s, &f, &seed);
        REQUIRE(got.status == GVD_EOF);
        gvd_scheduler_stats(s, &stats);
        REQUIRE(stats.sessions == (insist ? 3 : 1));
        REQUIRE(atomic_load(&f.told) == !insist); // of all attempts one
        REQUIRE(strstr(stats.sessions_reason, reason));
        stop(&s, &f);
        fake_free(&f);
    }
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
    test_no_session_at_all();
    test_a_full_device_is_an_error();
    test_no_room_for_a_second_session();
    test_a_session_that_fails_too_late_to_matter();
    test_no_idle_session_and_none_left();
    test_sessions_that_do_not_pay();
    puts("faults: ok");
    return 0;
}
