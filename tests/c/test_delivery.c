// What a request asks for, decoded by many sessions and presented: each frame
// once, in order, to all of its places.
#include "presenter.h"

#include "asked.h"
#include "assembler.h"
#include "drive.h"

typedef struct delivery_run {
    asked asked;
    gvd_scheduler *scheduler;
    gvd_request *request;
    gvd_presenter presenter;
    int filled[ASKED_PLACES]; // how often a place was
    int64_t latest;           // number
} delivery_run;

// What supply.c does; the scheduler's read.
static int read_wanted(void *context, gvd_packet **out, gvd_route *route,
                       gvd_error *err)
{
    delivery_run *run = context;
    fake *f = &run->asked.fake;
    for (;;) {
        int64_t packet = gvd_request_entry(run->request);
        uint64_t seed = f->seed + (uint64_t)packet;
        fake_pause(f, &seed);
        if (atomic_load(&f->aborted))
            return gvd_fail(err, GVD_ERR_CLOSED, "aborted");
        if (packet < 0)
            return GVD_EOF;
        if (!gvd_request_route(run->request, packet, route))
            continue;
        *out = fake_packet(f, (int)packet);
        // Where only counting tells, its own time still tells the order.
        int64_t number = gvd_request_number(run->request);
        (*out)->pts = number != GVD_NO_PTS ? number : (*out)->pts;
        return GVD_OK;
    }
}

static int place_in_run(void *context, gvd_frame **frame, gvd_error *err)
{
    delivery_run *run = context;
    return fake_place(&run->asked.fake, frame, err);
}

static void start_request(delivery_run *run, bool checked, uint64_t *seed)
{
    asked *a = &run->asked;
    run->request = make_request(a);
    gvd_scheduler_params params =
        drive_params(&a->fake, checked, 1 + draw_below(seed, 5));
    params.read = read_wanted;
    params.place = place_in_run;
    params.context = run;
    params.keeps_times = true;
    params.memory_limit = FAKE_FRAME_BYTES * (1 + draw_below(seed, 60));
    run->scheduler = start(&params);
    run->presenter = (gvd_presenter){
        .scheduler = run->scheduler,
        .request = run->request,
        .cache = a->cache,
    };
    run->latest = -1;
    memset(run->filled, 0, sizeof run->filled);
}

// The order in which a pass closes.
static void stop_request(delivery_run *run)
{
    stop(&run->scheduler, &run->asked.fake);
    atomic_store(&run->asked.fake.aborted, false);
    gvd_request_free(&run->request);
}

static void start_stream(delivery_run *run, bool one_to_one, uint64_t *seed)
{
    gop_style style = asked_style(seed);
    style.gops += 2;
    style.discard = 0;
    asked_init(&run->asked, &style, one_to_one, *seed);
    run->asked.fake.jitter = draw_below(seed, 3) * 40;
}

static void make_faults(fake *f, int percent, uint64_t *seed)
{
    for (int i = 0; i < f->gops.count; i++)
        f->faults[i] = chance(seed, percent)
                           ? (uint8_t)draw_below(seed, FAKE_STRAY + 1)
                           : FAKE_SOUND;
}

// --- what comes ---

static void check_delivery(delivery_run *run, const gvd_delivery *d)
{
    const asked *a = &run->asked;
    REQUIRE(d->number > run->latest && is_asked(a, d->number));
    for (int64_t i = run->latest + 1; i < d->number; i++)
        REQUIRE(!is_asked(a, i));
    run->latest = d->number;
    REQUIRE(d->frame->number == d->number);
    REQUIRE(d->frame->pts == a->index->pts[d->number]);
    int packet = a->model.frames[d->number];
    REQUIRE(d->frame->ordinal == packet);
    REQUIRE(d->frame->planes[0].data[0] == fake_pixel(packet));
    REQUIRE(a->cache ||
            !strcmp(d->frame->backend, "ready") == a->ready[d->number]);
    REQUIRE(a->ready[d->number] || d->frame->duration == a->fake.gops.pts_step);
    for (int i = 0; i < d->place_count; i++) {
        REQUIRE(a->numbers[d->places[i]] == d->number);
        run->filled[d->places[i]]++;
    }
}

// Takes frames to the end, or to an error.
static int take_all(delivery_run *run, uint64_t *seed, gvd_error *err)
{
    int rc = GVD_OK;
    while (rc == GVD_OK || rc == GVD_AGAIN) {
        gvd_delivery d;
        int timeout = chance(seed, 50) ? -1 : draw_below(seed, 3);
        rc = gvd_presenter_next(&run->presenter, timeout, &d, err);
        REQUIRE((rc == GVD_OK) == (d.frame != NULL));
        REQUIRE(rc != GVD_AGAIN || timeout >= 0);
        if (rc == GVD_OK)
            check_delivery(run, &d);
        gvd_frame_unref(&d.frame);
    }
    return rc;
}

static void check_all_came(const delivery_run *run)
{
    for (int i = 0; i < run->asked.count; i++)
        REQUIRE(run->filled[i] == 1);
    for (int64_t i = run->latest + 1; i < run->asked.model.frame_count; i++)
        REQUIRE(!is_asked(&run->asked, i));
}

static void answer(delivery_run *run, bool checked, uint64_t *seed)
{
    ask(&run->asked, seed);
    start_request(run, checked, seed);
    gvd_error err = {0};
    REQUIRE(take_all(run, seed, &err) == GVD_EOF);
    check_all_came(run);
    gvd_delivery none;
    REQUIRE(gvd_presenter_next(&run->presenter, -1, &none, &err) == GVD_EOF);
    stop_request(run);
}

// --- tests ---

static void test_every_place_is_filled(void)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        test_begin("delivery", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, chance(&state, 80), &state);
        for (int i = 0; i < 3; i++)
            answer(&run, chance(&state, 50), &state);
        asked_free(&run.asked);
    }
}

static void test_counted_frames_find_their_places(void)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        test_begin("counted delivery", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, false, &state);
        asked_make_counted(&run.asked);
        for (int i = 0; i < 2; i++)
            answer(&run, chance(&state, 50), &state);
        asked_free(&run.asked);
    }
}

// Whatever the first decoder does, the fallback makes it good.
static void test_faults_are_mended(void)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        test_begin("delivery with faults", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, chance(&state, 80), &state);
        if (run.asked.index->trust == GVD_TRUST_NOTHING && chance(&state, 30))
            asked_make_counted(&run.asked);
        for (int i = 0; i < 2; i++) {
            make_faults(&run.asked.fake, draw_below(&state, 8), &state);
            answer(&run, true, &state);
        }
        asked_free(&run.asked);
    }
}

// A frame that the decoder does not give ends it; those before it are given.
static void test_a_frame_that_is_missing(void)
{
    for (uint64_t seed = 0; seed < 80; seed++) {
        test_begin("missing frame", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, true, &state);
        asked *a = &run.asked;
        ask(a, &state);
        memset(a->ready, 0, (size_t)a->model.frame_count);
        int lost = draw_frame(a, &state);
        a->extra = lost;
        a->extra_end = lost + 1;
        a->fake.faults[a->model.frames[lost]] = FAKE_MISSING;
        start_request(&run, false, &state);
        gvd_error err = {0};
        char text[64];
        snprintf(text, sizeof text, "frame %d is damaged", lost);
        REQUIRE(take_all(&run, &state, &err) == GVD_ERR_DECODE);
        REQUIRE(strstr(err.text, text) ||
                (run.latest < 0 && strstr(err.text, "could be decoded")));
        REQUIRE(run.latest < lost);
        for (int64_t i = run.latest + 1; i < lost; i++)
            REQUIRE(!is_asked(a, i));
        stop_request(&run);
        asked_free(a);
    }
}

// A corrupt frame ends a request that it has a place in, unless all are kept;
// one that is decoded beside it does not.
static void test_a_corrupt_frame_that_was_asked_for(void)
{
    for (uint64_t seed = 0; seed < 80; seed++) {
        test_begin("corrupt frame", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, true, &state);
        asked *a = &run.asked;
        int bad = draw_frame(a, &state), other = draw_frame(a, &state);
        bool placed = chance(&state, 50);
        a->numbers[0] = placed ? bad : other;
        a->count = 1;
        a->extra = bad;
        a->extra_end = bad + 1;
        a->fake.faults[a->model.frames[bad]] = FAKE_CORRUPT;
        start_request(&run, false, &state);
        run.presenter.on_corrupt = (enum gvd_on_corrupt)draw_below(&state, 3);
        bool refused = (placed || other == bad) &&
                       run.presenter.on_corrupt != GVD_CORRUPT_KEEP;
        gvd_error err = {0};
        int rc = take_all(&run, &state, &err);
        REQUIRE(rc == (refused ? GVD_ERR_DECODE : GVD_EOF));
        REQUIRE(!refused || strstr(err.text, "is corrupt"));
        stop_request(&run);
        asked_free(a);
    }
}

static void test_a_request_may_be_dropped_anywhere(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        test_begin("dropped delivery", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, true, &state);
        make_faults(&run.asked.fake, draw_below(&state, 4), &state);
        ask(&run.asked, &state);
        start_request(&run, true, &state);
        int rc = GVD_OK;
        for (int left = draw_below(&state, 30); left > 0 && rc == GVD_OK;
             left--) {
            gvd_delivery d;
            gvd_error err;
            rc = gvd_presenter_next(&run.presenter, 2, &d, &err);
            if (rc == GVD_OK)
                check_delivery(&run, &d);
            gvd_frame_unref(&d.frame);
        }
        stop_request(&run);
        asked_free(&run.asked);
    }
}

// --- the cache ---

// What was asked for lately is not decoded again, though it was put there out
// of the order of the file.
static void test_the_cache_saves_decoding(void)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        test_begin("cache", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, true, &state);
        gvd_frame_cache cache;
        gvd_frame_cache_init(&cache);
        run.asked.cache = &cache;
        for (int i = 0; i < 4; i++)
            answer(&run, chance(&state, 50), &state);
        gvd_frame_cache_trim(&cache, INT64_MAX);
        asked *a = &run.asked;
        a->count = a->model.frame_count < 20 ? a->model.frame_count : 20;
        a->extra = a->extra_end = 0;
        for (int i = 0; i < a->count; i++)
            a->numbers[i] = a->count - 1 - i;
        for (int again = 0; again < 2; again++) {
            start_request(&run, true, &state);
            REQUIRE((gvd_request_jobs(run.request) == 0) == again);
            gvd_error err = {0};
            REQUIRE(take_all(&run, &state, &err) == GVD_EOF);
            check_all_came(&run);
            stop_request(&run);
        }
        gvd_frame_cache_destroy(&cache);
        asked_free(a);
    }
}

// --- batches ---

static void check_batch(const delivery_run *run, const gvd_batch *batch,
                        int place)
{
    const asked *a = &run->asked;
    const int64_t bytes = FAKE_WIDTH * FAKE_HEIGHT * 3;
    REQUIRE(place >= 0);
    REQUIRE(batch->tensor->strides[0] == bytes);
    REQUIRE(batch->tensor->shape[0] == batch->count);
    for (int i = 0; i < batch->count; i++) {
        int64_t number = a->numbers[place + i];
        const gvd_frame *facts = batch->frames[i];
        REQUIRE(facts->number == number);
        REQUIRE(facts->pts == a->index->pts[number]);
        for (int64_t k = 0; k < bytes; k++)
            REQUIRE(batch->tensor->data[i * bytes + k] ==
                    fake_pixel(a->model.frames[number]));
    }
}

static int by_size(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

// One batch for all, or several of numbers that rise.
static void check_batches(delivery_run *run, uint64_t *seed)
{
    static const gvd_output output = {
        .order = GVD_NHWC, .matrix = -1, .unit = 255};
    asked *a = &run->asked;
    gvd_conversions conversions;
    gvd_conversions_init(&conversions, &output, GVD_UPRIGHT);
    gvd_target none = {0};
    gvd_assembler_params params = {
        .presenter = &run->presenter,
        .batch_size = a->count + 1,
        .depth = 1 + draw_below(seed, 3),
        .conversions = &conversions,
        .target = &none,
    };
    if (chance(seed, 50)) {
        qsort(a->numbers, (size_t)a->count, sizeof *a->numbers, by_size);
        params.batch_size = 1 + draw_below(seed, a->count + 3);
    }
    start_request(run, chance(seed, 50), seed);
    if (gvd_request_jobs(run->request) == 0)
        run->presenter.scheduler = NULL; // nothing is to be decoded
    gvd_assembler *assembler = NULL;
    gvd_error err;
    REQUIRE(gvd_assembler_create(&params, &assembler, &err) == GVD_OK);
    int placed = 0;
    gvd_batch *batch = NULL;
    while (gvd_assembler_next(assembler, -1, &batch, &err) == GVD_OK) {
        int left = a->count - placed;
        REQUIRE(batch->count ==
                (left < params.batch_size ? left : params.batch_size));
        check_batch(run, batch, placed);
        placed += batch->count;
        gvd_batch_free(&batch);
    }
    REQUIRE(placed == a->count);
    REQUIRE(gvd_assembler_next(assembler, -1, &batch, &err) == GVD_EOF);
    gvd_scheduler_abort(run->scheduler);
    gvd_assembler_stop(assembler);
    stop_request(run);
    gvd_assembler_destroy(&assembler);
    gvd_conversions_destroy(&conversions);
}

static void test_batches_have_each_frame_in_its_places(void)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        test_begin("batches of a request", seed, 20);
        uint64_t state = seed;
        delivery_run run;
        start_stream(&run, chance(&state, 80), &state);
        for (int i = 0; i < 3; i++) {
            ask(&run.asked, &state);
            check_batches(&run, &state);
        }
        asked_free(&run.asked);
    }
}

int main(void)
{
    test_every_place_is_filled();
    test_counted_frames_find_their_places();
    test_faults_are_mended();
    test_a_frame_that_is_missing();
    test_a_corrupt_frame_that_was_asked_for();
    test_a_request_may_be_dropped_anywhere();
    test_the_cache_saves_decoding();
    test_batches_have_each_frame_in_its_places();
    puts("delivery: ok");
    return 0;
}
