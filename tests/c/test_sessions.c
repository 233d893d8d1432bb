// Sessions that do not open, do not pay or open slowly: every frame still
// comes, or a clear error, and nobody waits for a session that is not needed.
#include "drive.h"

static const gop_style closed_gops = {
    .gops = 10, .max_length = 8, .max_b = 3, .closed_leading = 20};

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
        f.open = fake_no_driver;
        gvd_scheduler_params params = drive_params(&f, checked, 4);
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, 1);
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
    seen got = drain(s, &f, 1);
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
        seen got = drain(s, &f, seed);
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
        if (slow)
            usleep(60000);
        seen got = drain(s, &f, 2);
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
        seen got = drain(s, &f, seed);
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
        seen got = drain(s, &f, 5);
        REQUIRE(got.status == GVD_EOF);
        gvd_scheduler_stats(s, &stats);
        REQUIRE(stats.sessions == (insist ? 3 : 1));
        REQUIRE(atomic_load(&f.told) == !insist); // of all attempts one
        REQUIRE(strstr(stats.sessions_reason, reason));
        stop(&s, &f);
        fake_free(&f);
    }
}

static atomic_int creating; // sessions, right now
static atomic_int created;

static int created_slowly(fake *f, int nth, bool may_create)
{
    (void)f, (void)nth;
    if (!may_create)
        return GVD_AGAIN;
    REQUIRE(atomic_fetch_add(&creating, 1) == 0);
    usleep(20000);
    atomic_fetch_sub(&creating, 1);
    atomic_fetch_add(&created, 1);
    return GVD_OK;
}

// With slow sessions; the stream is always worth one more.
static gvd_backend slow_backend(void)
{
    gvd_backend slow = fake_plain;
    slow.open_seconds = 0.02;
    slow.pixels_per_second = 1;
    return slow;
}

static gvd_scheduler_params slow_params(fake *f, uint64_t seed, int workers,
                                        const gvd_backend *slow)
{
    fake_init(f, &closed_gops, seed);
    f->open = created_slowly;
    f->stream.media.header_frames = f->gops.count;
    atomic_store(&created, 0);
    gvd_scheduler_params params = drive_params(f, false, workers);
    params.backend = slow;
    return params;
}

static void test_sessions_are_created_one_after_the_other(void)
{
    test_begin("one after the other", 0, 10);
    const gvd_backend slow = slow_backend();
    fake f;
    gvd_scheduler_params params = slow_params(&f, 6, 4, &slow);
    f.gate_keys = true; // no job goes on until all sessions are there
    gvd_scheduler *s = start(&params);
    while (atomic_load(&created) < 4) // the alarm ends it
        usleep(1000);
    atomic_store(&f.gate_open, true);
    seen got = drain(s, &f, 6);
    REQUIRE(got.status == GVD_EOF);
    stop(&s, &f);
    REQUIRE(atomic_load(&created) == 4);
    fake_free(&f);
}

// The first session is through before the second is there: no third is made,
// which a reading's end would have to wait for.
static void test_no_session_is_created_for_nothing(void)
{
    test_begin("for nothing", 0, 10);
    const gvd_backend slow = slow_backend();
    fake f;
    gvd_scheduler_params params = slow_params(&f, 7, 8, &slow);
    gvd_scheduler *s = start(&params);
    seen got = drain(s, &f, 7);
    REQUIRE(got.status == GVD_EOF);
    stop(&s, &f);
    REQUIRE(atomic_load(&created) <= 2);
    fake_free(&f);
}

// Half a second's work pays for the second session, but not for one beyond
// those that keep the device busy.
static void test_enough_sessions(void)
{
    for (int enough = 0; enough < 3; enough++) {
        test_begin("enough", (uint64_t)enough, 10);
        fake f;
        gvd_backend slow = slow_backend();
        gvd_scheduler_params params = slow_params(&f, 9, 4, &slow);
        slow.pixels_per_second = 2 * FAKE_WIDTH * FAKE_HEIGHT * f.gops.count;
        f.gate_keys = true;
        params.enough_workers = enough;
        gvd_scheduler *s = start(&params);
        gvd_stats stats = {0};
        while (!enough ? stats.sessions < 4
                       : !strstr(stats.sessions_reason, "does not pay")) {
            usleep(1000);
            gvd_scheduler_stats(s, &stats);
        }
        REQUIRE(stats.sessions == (enough ? enough : 4));
        atomic_store(&f.gate_open, true);
        REQUIRE(drain(s, &f, 9).status == GVD_EOF);
        stop(&s, &f);
        fake_free(&f);
    }
}

static int second_idle(fake *f, int nth, bool may_create)
{
    (void)f;
    return nth < 2 || may_create ? GVD_OK : GVD_AGAIN;
}

// The first of three jobs fails in the first session while the longest, the
// last one, fills the memory from the second: the one between has no session.
static void test_what_is_asked_for_first_is_not_left_behind(void)
{
    const gop_style style = {.gops = 3, .max_length = 40, .max_b = 0};
    gvd_backend costly = fake_checked;
    costly.open_seconds = 100;
    costly.pixels_per_second = 1e9;
    int tried = 0;
    for (uint64_t seed = 0; tried < 3; seed++) {
        fake f;
        fake_init(&f, &style, seed);
        int begins[4] = {0}, keys = 0;
        for (int i = 0; i < f.gops.count; i++)
            if (f.gops.list[i].key && keys < 3)
                begins[keys++] = i;
        begins[3] = f.gops.count;
        const int between = begins[2] - begins[1], last = begins[3] - begins[2];
        if (begins[1] > 12 && between > 12 && last > between + 7) {
            tried++;
            test_begin("longest first", seed, 10);
            f.open = second_idle;
            f.stream.media.header_frames = f.gops.count;
            f.faults[3] = FAKE_ERROR;
            f.gate_at = 2;
            gvd_scheduler_params params = drive_params(&f, true, 2);
            params.backend = &costly;
            params.longest_first = true;
            params.memory_limit = (last / 2 + 2) * FAKE_FRAME_BYTES;
            gvd_scheduler *s = start(&params);
            gvd_stats stats = {0};
            for (int i = 0; stats.bytes_held < params.memory_limit && i < 300;
                 i++) {
                usleep(1000);
                gvd_scheduler_stats(s, &stats);
            }
            atomic_store(&f.gate_open, true);
            seen got = drain(s, &f, 9);
            REQUIRE(got.status == GVD_EOF && got.frames == f.gops.count);
            stop(&s, &f);
        }
        fake_free(&f);
    }
}

int main(void)
{
    test_no_session_at_all();
    test_a_full_device_is_an_error();
    test_no_room_for_a_second_session();
    test_a_session_that_fails_too_late_to_matter();
    test_no_idle_session_and_none_left();
    test_sessions_that_do_not_pay();
    test_sessions_are_created_one_after_the_other();
    test_no_session_is_created_for_nothing();
    test_enough_sessions();
    test_what_is_asked_for_first_is_not_left_behind();
    puts("sessions: ok");
    return 0;
}
