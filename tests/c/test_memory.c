// What all decoders hold: never more than the limit, claims in their order, and
// readings that always go on.
#include <stddef.h>
#include <sys/wait.h>

#include "drive.h"
#include "memory.h"
#include "thread.h"

// One for each test: a budget stays.
static gvd_budget *fresh_budget(int64_t limit, double patience)
{
    static int next = 40;
    gvd_budget *b = gvd_budget_of(next++);
    REQUIRE(b);
    gvd_budget_set(b, limit, patience);
    return b;
}

static int64_t held(gvd_budget *b)
{
    gvd_budget_usage usage;
    gvd_budget_usage_get(b, &usage);
    REQUIRE(usage.held >= 0);
    REQUIRE(usage.held <= usage.held_max && usage.held_max <= usage.limit);
    return usage.held;
}

// --- charges and claims ---

static void test_there_is_a_budget_for_each_device(void)
{
    REQUIRE(gvd_budget_of(GVD_HOST) && gvd_budget_of(0) && gvd_budget_of(63));
    REQUIRE(gvd_budget_of(GVD_HOST) != gvd_budget_of(0));
    REQUIRE(!gvd_budget_of(64) && !gvd_budget_of(-2));
}

static void test_a_default_replaces_no_limit(void)
{
    gvd_budget *b = gvd_budget_of(39);
    gvd_budget_usage usage;
    REQUIRE(!gvd_budget_is_set(b));
    gvd_budget_set_default(b, 100);
    gvd_budget_set_default(b, 200);
    gvd_budget_usage_get(b, &usage);
    REQUIRE(gvd_budget_is_set(b) && usage.limit == 100);
}

static void test_a_charge_is_refused_above_the_limit(void)
{
    gvd_budget *b = fresh_budget(100, 1);
    gvd_charge one = {0}, two = {0};
    REQUIRE(gvd_charge_take(&one, b, 60, GVD_CHARGE_EXTRA));
    REQUIRE(!gvd_charge_take(&two, b, 41, GVD_CHARGE_NEEDED));
    REQUIRE(gvd_charge_take(&two, b, 40, GVD_CHARGE_IDLE));
    REQUIRE(held(b) == 100);
    gvd_charge_give(&one);
    gvd_charge_give(&one); // it is empty now
    REQUIRE(held(b) == 40);
    gvd_charge_give(&two);
    REQUIRE(held(b) == 0);
}

static void test_claims_are_granted_in_their_order(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    gvd_claim big = {0}, small = {0};
    gvd_charge extra = {0}, idle = {0};
    REQUIRE(gvd_charge_take(&extra, b, 50, GVD_CHARGE_EXTRA));
    REQUIRE(gvd_claim_grow(&big, b, 80, NULL) == GVD_AGAIN);
    REQUIRE(gvd_claim_grow(&small, b, 30, NULL) == GVD_AGAIN);
    REQUIRE(!gvd_charge_take(&idle, b, 1, GVD_CHARGE_EXTRA));
    REQUIRE(gvd_charge_take(&idle, b, 1, GVD_CHARGE_NEEDED));
    gvd_charge_give(&idle);
    gvd_charge_give(&extra);
    REQUIRE(gvd_claim_grow(&small, b, 30, NULL) == GVD_AGAIN);
    REQUIRE(gvd_claim_grow(&big, b, 80, NULL) == GVD_OK);
    REQUIRE(gvd_claim_grow(&small, b, 10, NULL) == GVD_OK);
    REQUIRE(gvd_claim_grow(&big, b, 70, NULL) == GVD_OK && held(b) == 90);
    REQUIRE(gvd_budget_share(b) == 5);
    gvd_claim_reserve(&big, b, 30);
    REQUIRE(held(b) == 40 && gvd_budget_share(b) == 5);
    gvd_claim_end_reserve(&big, b);
    REQUIRE(held(b) == 40 && gvd_budget_share(b) == 30);
    gvd_claim_drop(&big);
    gvd_claim_drop(&small);
    gvd_claim_drop(&small);
    REQUIRE(held(b) == 0 && gvd_budget_share(b) == 100);
}

// Who gives up, or leaves, does not stand in the way of others.
static void test_a_claim_that_leaves_lets_others_pass(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    gvd_claim claims[3] = {0};
    gvd_charge extra = {0};
    REQUIRE(gvd_charge_take(&extra, b, 50, GVD_CHARGE_EXTRA));
    for (int i = 0; i < 3; i++)
        REQUIRE(gvd_claim_grow(&claims[i], b, 60, NULL) == GVD_AGAIN);
    gvd_claim_drop(&claims[1]);
    REQUIRE(gvd_claim_grow(&claims[2], b, 40, NULL) == GVD_AGAIN);
    gvd_claim_drop(&claims[0]);
    REQUIRE(gvd_claim_grow(&claims[2], b, 40, NULL) == GVD_OK);
    gvd_claim_drop(&claims[2]);
    gvd_charge_give(&extra);
    REQUIRE(held(b) == 0);
}

static void test_what_never_fits_is_told_with_figures(void)
{
    gvd_budget *b = fresh_budget(100 << 10, 60);
    gvd_claim claim = {0};
    gvd_error err = {0};
    REQUIRE(gvd_claim_grow(&claim, b, 200 << 10, &err) == GVD_ERR_NO_MEMORY);
    REQUIRE(strstr(err.text, "200 KiB") && strstr(err.text, "100 KiB"));
    REQUIRE(gvd_claim_grow(&claim, b, 100 << 10, &err) == GVD_OK);
    gvd_claim_drop(&claim);
}

static void test_waiting_in_vain_ends(void)
{
    gvd_budget *b = fresh_budget(100 << 10, 0.05);
    gvd_charge extra = {0};
    gvd_claim claim = {0};
    gvd_error err = {0};
    REQUIRE(gvd_charge_take(&extra, b, 50 << 10, GVD_CHARGE_EXTRA));
    double start = gvd_seconds();
    int rc;
    while ((rc = gvd_claim_grow(&claim, b, 60 << 10, &err)) == GVD_AGAIN)
        usleep(1000);
    REQUIRE(rc == GVD_ERR_NO_MEMORY && gvd_seconds() - start >= 0.04);
    REQUIRE(strstr(err.text, "50 of the 100 KiB"));
    REQUIRE(gvd_budget_patience(b) == 0.05);
    gvd_charge_give(&extra);
    gvd_claim_drop(&claim);
}

// Between the claim and the charge of a session nobody else takes the room.
static void test_what_is_reserved_is_for_a_session(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    gvd_claim claim = {0}, other = {0};
    gvd_charge extra = {0}, session = {0};
    REQUIRE(gvd_claim_grow(&claim, b, 90, NULL) == GVD_OK);
    gvd_claim_reserve(&claim, b, 20);
    REQUIRE(held(b) == 20 && gvd_budget_is_wanted(b));
    REQUIRE(!gvd_charge_take(&extra, b, 11, GVD_CHARGE_EXTRA));
    REQUIRE(!gvd_charge_take(&extra, b, 11, GVD_CHARGE_IDLE));
    REQUIRE(gvd_claim_grow(&other, b, 11, NULL) == GVD_AGAIN);
    gvd_claim_withdraw(&other, b);
    REQUIRE(gvd_charge_take(&session, b, 70, GVD_CHARGE_NEEDED));
    gvd_claim_end_reserve(&claim, b);
    REQUIRE(held(b) == 90 && !gvd_budget_is_wanted(b));
    REQUIRE(gvd_budget_share(b) == 10 / 2); // two readings, and no session's
    REQUIRE(gvd_charge_take(&extra, b, 10, GVD_CHARGE_EXTRA));
    gvd_charge_give(&extra);
    gvd_charge_give(&session);
    gvd_claim_drop(&claim);
    gvd_claim_drop(&other);
    REQUIRE(held(b) == 0 && gvd_budget_share(b) == 100);
}

// --- trimming ---

typedef struct shelf {
    gvd_trimmer trimmer; // the first member
    gvd_charge idle[4];
    int calls;
} shelf;

static void trim_shelf(gvd_trimmer *trimmer, int64_t bytes)
{
    shelf *s = (shelf *)trimmer;
    s->calls++;
    for (int i = 0; i < 4 && bytes > 0; i++) {
        bytes -= s->idle[i].bytes;
        gvd_charge_give(&s->idle[i]);
    }
}

static void test_idle_memory_goes_before_anything_is_refused(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    shelf last = {.trimmer.trim = trim_shelf};
    shelf first = {.trimmer.trim = trim_shelf};
    gvd_budget_add_trimmer(b, &last.trimmer, false);
    gvd_budget_add_trimmer(b, &first.trimmer, true);
    for (int i = 0; i < 4; i++) {
        REQUIRE(gvd_charge_take(&first.idle[i], b, 10, GVD_CHARGE_IDLE));
        REQUIRE(gvd_charge_take(&last.idle[i], b, 10, GVD_CHARGE_IDLE));
    }
    gvd_charge extra = {0};
    REQUIRE(gvd_charge_take(&extra, b, 35, GVD_CHARGE_EXTRA));
    REQUIRE(held(b) == 95 && first.calls == 1 && last.calls == 0);
    gvd_claim claim = {0};
    REQUIRE(gvd_claim_grow(&claim, b, 60, NULL) == GVD_OK);
    REQUIRE(held(b) == 95 && first.calls == 2 && last.calls == 1);
    gvd_budget_remove_trimmer(b, &first.trimmer);
    gvd_budget_remove_trimmer(b, &last.trimmer);
    REQUIRE(!gvd_charge_take(&first.idle[0], b, 10, GVD_CHARGE_EXTRA));
    REQUIRE(first.calls == 2 && last.calls == 1);
    gvd_claim_drop(&claim);
    gvd_charge_give(&extra);
}

// Else what is kept for later would be freed and made again all the time.
static void test_idle_memory_that_is_not_enough_is_kept(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    shelf s = {.trimmer.trim = trim_shelf};
    gvd_charge most = {0}, extra = {0};
    gvd_budget_add_trimmer(b, &s.trimmer, true);
    REQUIRE(gvd_charge_take(&most, b, 80, GVD_CHARGE_EXTRA));
    REQUIRE(gvd_charge_take(&s.idle[0], b, 10, GVD_CHARGE_IDLE));
    REQUIRE(!gvd_charge_take(&extra, b, 21, GVD_CHARGE_EXTRA));
    REQUIRE(s.calls == 0 && held(b) == 90);
    REQUIRE(!gvd_charge_take(&extra, b, 21, GVD_CHARGE_NEEDED));
    REQUIRE(s.calls == 1 && held(b) == 80);
    gvd_charge_give(&most);
    gvd_budget_remove_trimmer(b, &s.trimmer);
}

static void test_a_lower_limit_trims_at_once(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    shelf s = {.trimmer.trim = trim_shelf};
    gvd_budget_add_trimmer(b, &s.trimmer, true);
    for (int i = 0; i < 4; i++)
        REQUIRE(gvd_charge_take(&s.idle[i], b, 20, GVD_CHARGE_IDLE));
    gvd_budget_set(b, 45, 60);
    REQUIRE(held(b) == 40);
    gvd_budget_remove_trimmer(b, &s.trimmer);
}

// --- a forked child ---

static void test_a_child_begins_with_nothing(void)
{
    gvd_budget *b = fresh_budget(100, 60);
    gvd_charge extra = {0};
    gvd_claim claim = {0}, waiting = {0};
    REQUIRE(gvd_charge_take(&extra, b, 50, GVD_CHARGE_EXTRA));
    REQUIRE(gvd_claim_grow(&claim, b, 50, NULL) == GVD_OK);
    REQUIRE(gvd_claim_grow(&waiting, b, 50, NULL) == GVD_AGAIN);
    pid_t pid = fork();
    if (pid == 0) {
        gvd_charge mine = {0};
        bool good = held(b) == 0;
        gvd_charge_give(&extra); // the parent's: void
        gvd_claim_drop(&claim);
        gvd_claim_drop(&waiting);
        good = good && held(b) == 0 && gvd_budget_share(b) == 100 &&
               gvd_charge_take(&mine, b, 100, GVD_CHARGE_EXTRA);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    REQUIRE(held(b) == 100);
    gvd_charge_give(&extra);
    gvd_claim_drop(&waiting);
    gvd_claim_drop(&claim);
    REQUIRE(held(b) == 0);
}

// --- many readings ---

#define READINGS 6
#define BATCH_BYTES (4 * FAKE_FRAME_BYTES)

typedef struct reading {
    pthread_t thread;
    gvd_budget *budget;
    fake fake;
    uint64_t seed;
    gvd_charge session;
    seen got;
} reading;

// A session that the budget counts, as a GPU's are.
static int open_counted(fake *f, int nth, bool may_create)
{
    (void)nth;
    if (!may_create)
        return GVD_AGAIN; // there is no pool
    reading *r = (reading *)((char *)f - offsetof(reading, fake));
    gvd_charge_give(&r->session);
    bool taken = gvd_charge_take(&r->session, r->budget, FAKE_FRAME_BYTES,
                                 GVD_CHARGE_NEEDED);
    return taken ? GVD_OK : GVD_ERR_NO_MEMORY;
}

static void *read_stream(void *argument)
{
    reading *r = argument;
    gvd_scheduler_params params =
        drive_params(&r->fake, r->seed % 2, 1 + (int)(r->seed % 4));
    params.budget = r->budget;
    params.batch_bytes = BATCH_BYTES;
    if (r->seed % 3 == 0) {
        params.workers = 1;
        params.session_bytes = FAKE_FRAME_BYTES;
        r->fake.open = open_counted;
    }
    gvd_scheduler *s = start(&params);
    r->got = drain(s, &r->fake, r->seed);
    stop(&s, &r->fake);
    gvd_charge_give(&r->session);
    return NULL;
}

static void read_many(gvd_budget *budget, uint64_t seed)
{
    reading *all = calloc(READINGS, sizeof *all);
    REQUIRE(all);
    for (int i = 0; i < READINGS; i++) {
        uint64_t own = seed * READINGS + (uint64_t)i;
        gop_style style = random_style(&own);
        fake_init(&all[i].fake, &style, own);
        all[i].fake.jitter = i % 2 ? 40 : 0;
        all[i].seed = own;
        all[i].budget = budget;
    }
    for (int i = 0; i < READINGS; i++)
        REQUIRE(!pthread_create(&all[i].thread, NULL, read_stream, &all[i]));
    for (int i = 0; i < READINGS; i++)
        pthread_join(all[i].thread, NULL);
    for (int i = 0; i < READINGS; i++) {
        REQUIRE(all[i].got.status == GVD_EOF);
        fake_free(&all[i].fake);
    }
    free(all);
}

// From a limit that lets one reading at a time through, up to one that is none.
static void test_many_readings_share_one_limit(void)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        test_begin("many readings", seed, 30);
        int64_t frames = 6 + (int64_t)(seed % 8) * 12;
        gvd_budget *b = gvd_budget_of(38);
        gvd_budget_set(b, frames * FAKE_FRAME_BYTES, 20);
        read_many(b, seed);
        REQUIRE(held(b) == 0);
    }
}

static int open_idle(fake *f, int nth, bool may_create)
{
    (void)f, (void)nth;
    return may_create ? GVD_ERR_NO_MEMORY : GVD_OK;
}

static void trim_nothing(gvd_trimmer *trimmer, int64_t bytes)
{
    (void)trimmer, (void)bytes;
    REQUIRE(!"trimmed for a session that is there");
}

// Memory for another session would only be had by destroying the idle one.
static void test_an_idle_session_is_taken_before_memory_for_one_is_claimed(void)
{
    test_begin("idle session", 1, 20);
    const int64_t needed = BATCH_BYTES + 8 * FAKE_FRAME_BYTES;
    gvd_budget *b = fresh_budget(needed, 5);
    gvd_trimmer trimmer = {.trim = trim_nothing};
    gvd_budget_add_trimmer(b, &trimmer, true);
    gop_style style = {.gops = 6, .max_length = 6, .max_b = 2};
    fake f;
    fake_init(&f, &style, 3);
    f.open = open_idle;
    gvd_scheduler_params params = drive_params(&f, false, 1);
    params.budget = b;
    params.batch_bytes = BATCH_BYTES;
    params.session_bytes = needed; // never to be had
    gvd_scheduler *s = start(&params);
    REQUIRE(drain(s, &f, 3).status == GVD_EOF);
    stop(&s, &f);
    fake_free(&f);
    gvd_budget_remove_trimmer(b, &trimmer);
    REQUIRE(held(b) == 0);
}

// Several workers open their first session at once: nothing is claimed again
// for the second, which would stand in the way of all others.
static void test_a_reading_claims_once(void)
{
    gvd_budget *b = fresh_budget(1 << 20, 20);
    gvd_backend costly = fake_plain;
    costly.open_seconds = 1e-6;
    costly.pixels_per_second = 1;
    gop_style style = {.gops = 8, .max_length = 4};
    for (uint64_t seed = 0; seed < 2000; seed++) {
        test_begin("claims once", seed, 20);
        fake f;
        fake_init(&f, &style, seed);
        f.gate_keys = true;
        gvd_scheduler_params params = drive_params(&f, false, 4);
        params.backend = &costly;
        params.budget = b;
        params.batch_bytes = BATCH_BYTES;
        params.session_bytes = FAKE_FRAME_BYTES;
        gvd_scheduler *s = start(&params);
        while (atomic_load(&f.opened) < 2)
            usleep(10);
        atomic_store(&f.gate_open, true);
        gvd_frame *frame = NULL;
        REQUIRE(gvd_scheduler_next(s, -1, &frame, NULL) == GVD_OK);
        gvd_frame_unref(&frame);
        REQUIRE(!gvd_budget_is_wanted(b));
        stop(&s, &f);
        fake_free(&f);
    }
    REQUIRE(held(b) == 0);
}

// The order counts only where there is not room for all who wait.
static void test_whoever_comes_is_next_where_all_fit(void)
{
    test_begin("all fit", 1, 20);
    gvd_budget *b = fresh_budget(100, 20);
    gvd_claim first = {0}, second = {0}, third = {0};
    REQUIRE(gvd_claim_is_next(&first, b, 40));
    REQUIRE(gvd_claim_is_next(&second, b, 60));
    REQUIRE(!gvd_claim_is_next(&third, b, 1));
    REQUIRE(!gvd_claim_is_next(&second, b, 60)); // not any more
    REQUIRE(gvd_claim_is_next(&first, b, 40));
    gvd_claim_drop(&third);
    REQUIRE(gvd_claim_grow(&second, b, 60, NULL) == GVD_OK);
    REQUIRE(gvd_claim_grow(&first, b, 40, NULL) == GVD_OK);
    gvd_claim_drop(&first);
    gvd_claim_drop(&second);
    REQUIRE(held(b) == 0);
}

// Two readings in one thread: the second one is refused, and the first goes on.
static void test_a_reading_without_room_fails_and_the_other_goes_on(void)
{
    test_begin("no room", 1, 20);
    gvd_budget *b = fresh_budget(BATCH_BYTES + 9 * FAKE_FRAME_BYTES, 0.1);
    gop_style style = {.gops = 12, .max_length = 8, .max_b = 3};
    fake *fakes = calloc(2, sizeof *fakes);
    REQUIRE(fakes);
    gvd_scheduler *s[2];
    gvd_frame *frame = NULL;
    gvd_error err = {0};
    for (int i = 0; i < 2; i++) {
        fake_init(&fakes[i], &style, 5);
        gvd_scheduler_params params = drive_params(&fakes[i], false, 3);
        params.budget = b;
        params.batch_bytes = BATCH_BYTES;
        s[i] = start(&params);
        int want = i == 0 ? GVD_OK : GVD_ERR_NO_MEMORY;
        REQUIRE(gvd_scheduler_next(s[i], -1, &frame, &err) == want);
        gvd_frame_unref(&frame);
    }
    REQUIRE(strstr(err.text, "nothing was given back for 0.1 s"));
    while (gvd_scheduler_next(s[0], -1, &frame, &err) == GVD_OK)
        gvd_frame_unref(&frame);
    gvd_stats stats;
    gvd_scheduler_stats(s[0], &stats);
    REQUIRE(stats.frames == fakes[0].gops.count);
    stop(&s[0], &fakes[0]);
    stop(&s[1], &fakes[1]);
    fake_free(&fakes[0]);
    fake_free(&fakes[1]);
    free(fakes);
    REQUIRE(held(b) == 0);
}

// The consumer sleeps: what waits, and what is claimed, stays within the limit.
static void test_one_frame_and_its_batch_are_enough(void)
{
    test_begin("one frame and a batch", 1, 20);
    for (int64_t spare = -1; spare < 3; spare++) {
        gvd_budget *b =
            fresh_budget(BATCH_BYTES + (1 + spare) * FAKE_FRAME_BYTES, 1);
        gop_style style = {.gops = 6, .max_length = 8, .max_b = 3};
        fake f;
        fake_init(&f, &style, 3);
        gvd_scheduler_params params = drive_params(&f, false, 3);
        params.budget = b;
        params.batch_bytes = BATCH_BYTES;
        gvd_scheduler *s = start(&params);
        seen got = drain(s, &f, 7);
        REQUIRE(got.status == (spare < 0 ? GVD_ERR_NO_MEMORY : GVD_EOF));
        stop(&s, &f);
        fake_free(&f);
        REQUIRE(held(b) == 0);
    }
}

int main(void)
{
    test_begin("charges and claims", 0, 20);
    test_there_is_a_budget_for_each_device();
    test_a_default_replaces_no_limit();
    test_a_charge_is_refused_above_the_limit();
    test_claims_are_granted_in_their_order();
    test_a_claim_that_leaves_lets_others_pass();
    test_what_never_fits_is_told_with_figures();
    test_waiting_in_vain_ends();
    test_what_is_reserved_is_for_a_session();
    test_idle_memory_goes_before_anything_is_refused();
    test_idle_memory_that_is_not_enough_is_kept();
    test_a_lower_limit_trims_at_once();
    test_a_child_begins_with_nothing();
    test_many_readings_share_one_limit();
    test_an_idle_session_is_taken_before_memory_for_one_is_claimed();
    test_a_reading_claims_once();
    test_whoever_comes_is_next_where_all_fit();
    test_a_reading_without_room_fails_and_the_other_goes_on();
    test_one_frame_and_its_batch_are_enough();
    puts("memory: ok");
    return 0;
}
