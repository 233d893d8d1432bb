// Batches made of frames by the workers: complete, in order, of one size each.
#include "assembler.h"

#include "drive.h"

enum {
    WIDE = FAKE_WIDTH + 3,
};

// The stream changes its size at this packet, or never.
static int size_changes_at;

// Of three frames so many are pictures of the output already.
static int pictures_of_three;

static int width_of(int64_t ordinal)
{
    return size_changes_at >= 0 && ordinal >= size_changes_at ? WIDE
                                                              : FAKE_WIDTH;
}

static bool is_picture(int64_t ordinal)
{
    return ordinal % 3 < pictures_of_three;
}

// Stands in for a decoder's own larger pictures, and for a GPU's.
static int place_sized(void *context, gvd_frame **frame, gvd_error *err)
{
    gvd_frame *f = *frame;
    const int width = width_of(f->ordinal);
    (void)context;
    (void)err;
    const size_t bytes = is_picture(f->ordinal)
                             ? (size_t)width * FAKE_HEIGHT * 3
                             : fake_bytes(width, FAKE_HEIGHT);
    uint8_t *pixels = realloc(f->owner, bytes);
    REQUIRE(pixels);
    if (!is_picture(f->ordinal)) {
        fake_fill(f, f->ordinal, pixels, width, FAKE_HEIGHT);
        return GVD_OK;
    }
    memset(pixels, fake_pixel(f->ordinal), bytes);
    f->owner = pixels;
    f->width = width;
    gvd_frame_set_output(f, pixels, (int64_t)bytes, width, FAKE_HEIGHT);
    return GVD_OK;
}

typedef struct run {
    fake fake;
    gvd_scheduler *scheduler;
    gvd_presenter presenter;
    gvd_assembler *assembler;
    gvd_conversions conversions;
    int batch_size;
    int64_t *want;
    int count, given;
    int64_t hidden, lost; // packets that give no frame; passed over so far
} run;

static void init_conversions(gvd_conversions *conversions,
                             enum gvd_dimension_order order)
{
    const gvd_output output = {.order = order, .matrix = -1, .unit = 255};
    gvd_conversions_init(conversions, &output, GVD_UPRIGHT);
}

// Depth 0: on demand.
static gvd_assembler *assemble(gvd_presenter *presenter, int batch_size,
                               int depth, gvd_conversions *conversions)
{
    static gvd_target none;
    gvd_assembler_params params = {
        .presenter = presenter,
        .batch_size = batch_size,
        .depth = depth ? depth : 1,
        .conversions = conversions,
        .target = &none,
        .on_demand = depth == 0,
    };
    gvd_assembler *a = NULL;
    gvd_error err;
    REQUIRE(gvd_assembler_create(&params, &a, &err) == GVD_OK && a);
    return a;
}

static void start_run(run *r, uint64_t *seed, int batch_size, int depth)
{
    gop_style style = random_style(seed);
    fake_init(&r->fake, &style, *seed);
    r->fake.jitter = draw_below(seed, 3) * 40;
    size_changes_at =
        chance(seed, 30) ? draw_below(seed, r->fake.gops.count) : -1;
    r->want = shown_ordinals(&r->fake.gops, &r->count);
    r->given = 0;
    r->hidden = r->lost = 0;
    for (int i = 0; i < r->fake.gops.count; i++) {
        const picture *p = &r->fake.gops.list[i];
        r->hidden += p->no_frame && !p->second_field;
    }
    r->batch_size = batch_size;
    pictures_of_three = draw_below(seed, 4);
    init_conversions(&r->conversions, chance(seed, 50) ? GVD_NCHW : GVD_NHWC);
    gvd_scheduler_params params =
        drive_params(&r->fake, chance(seed, 50), 1 + draw_below(seed, 4));
    params.place = place_sized;
    params.memory_limit = FAKE_FRAME_BYTES * (1 + draw_below(seed, 60));
    r->scheduler = start(&params);
    r->presenter = (gvd_presenter){.scheduler = r->scheduler};
    r->assembler = assemble(&r->presenter, batch_size, depth, &r->conversions);
}

// The order in which a pass closes.
static void stop_run(run *r)
{
    atomic_store(&r->fake.aborted, true);
    gvd_scheduler_abort(r->scheduler);
    gvd_assembler_stop(r->assembler);
    gvd_scheduler_destroy(&r->scheduler);
    gvd_assembler_destroy(&r->assembler);
    REQUIRE(!r->assembler);
    gvd_conversions_destroy(&r->conversions);
    free(r->want);
    fake_free(&r->fake);
}

static void check_pixels(const gvd_tensor *t, int slot, int64_t ordinal)
{
    int64_t bytes = (int64_t)width_of(ordinal) * FAKE_HEIGHT * 3;
    REQUIRE(t->strides[0] == bytes);
    for (int64_t i = 0; i < bytes; i++)
        REQUIRE(t->data[slot * bytes + i] == fake_pixel(ordinal));
}

static void check_batch(run *r, gvd_batch *batch)
{
    const gvd_tensor *t = batch->tensor;
    REQUIRE(batch->count > 0 && batch->count <= r->batch_size);
    REQUIRE(r->given + batch->count <= r->count);
    int64_t first = r->want[r->given];
    int64_t shape[GVD_MAX_DIMS];
    gvd_output_shape(&r->conversions.output, batch->count,
                     (gvd_size){FAKE_HEIGHT, width_of(first)}, shape);
    REQUIRE(t->ndim == 4 && !memcmp(t->shape, shape, sizeof shape));
    REQUIRE(gvd_tensor_is_contiguous(t) && t->dtype == GVD_UINT8);
    for (int i = 0; i < batch->count; i++) {
        int64_t ordinal = r->want[r->given++];
        const gvd_frame *facts = batch->frames[i];
        REQUIRE(facts->ordinal == ordinal && facts->plane_count == 0);
        const int64_t lost = facts->number - (r->given - 1);
        REQUIRE(lost >= r->lost && lost <= r->hidden);
        r->lost = lost;
        REQUIRE(facts->pts == r->fake.gops.list[ordinal].pts);
        REQUIRE(facts->width == width_of(ordinal));
        check_pixels(t, i, ordinal);
    }
    // It is short only at the end or where the size changes.
    if (batch->count < r->batch_size && r->given < r->count)
        REQUIRE(width_of(r->want[r->given]) != width_of(first));
}

// GVD_AGAIN at most for as long as it was told to wait.
static int next_batch(run *r, uint64_t *seed, gvd_batch **batch)
{
    gvd_error err;
    int rc = GVD_AGAIN;
    while (rc == GVD_AGAIN) {
        int timeout = chance(seed, 50) ? -1 : draw_below(seed, 3);
        rc = gvd_assembler_next(r->assembler, timeout, batch, &err);
        REQUIRE(rc != GVD_AGAIN || timeout >= 0);
    }
    return rc;
}

static void test_batches_hold_every_frame_in_order(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        test_begin("batches", seed, 10);
        uint64_t state = seed;
        run r;
        start_run(&r, &state, 1 + draw_below(&state, 9),
                  1 + draw_below(&state, 4));
        gvd_batch *batch = NULL;
        int rc;
        while ((rc = next_batch(&r, &state, &batch)) == GVD_OK) {
            check_batch(&r, batch);
            gvd_batch_free(&batch);
        }
        REQUIRE(rc == GVD_EOF && r.given == r.count);
        gvd_error err;
        REQUIRE(gvd_assembler_next(r.assembler, -1, &batch, &err) == GVD_EOF);
        REQUIRE(gvd_assembler_waited(r.assembler) >= 0);
        stop_run(&r);
    }
}

// Nobody takes batches: no more than `depth` of them are made.
static void test_no_more_batches_than_the_depth(void)
{
    for (uint64_t seed = 1000; seed < 1010; seed++) {
        test_begin("depth", seed, 10);
        uint64_t state = seed;
        run r;
        start_run(&r, &state, 2, 3);
        usleep(20000);
        // Frames that are converted are counted as given.
        gvd_stats stats;
        gvd_scheduler_stats(r.scheduler, &stats);
        REQUIRE(stats.frames <= 3 * 2 + 1);
        stop_run(&r);
    }
}

// Each batch is begun when somebody asks for it.
static void test_on_demand_nothing_is_taken_ahead(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        test_begin("on demand", seed, 20);
        uint64_t state = seed;
        run r;
        start_run(&r, &state, 1 + draw_below(&state, 5), 0);
        gvd_stats stats;
        gvd_batch *batch = NULL;
        int rc;
        do {
            usleep(500);
            gvd_scheduler_stats(r.scheduler, &stats);
            // One more was taken where it is of another size.
            REQUIRE(stats.frames <= r.given + (size_changes_at >= 0));
            rc = next_batch(&r, &state, &batch);
            if (rc == GVD_OK)
                check_batch(&r, batch);
            gvd_batch_free(&batch);
        } while (rc == GVD_OK);
        REQUIRE(rc == GVD_EOF && r.given == r.count);
        stop_run(&r);
    }
}

// What was complete before the error is given first.
static void test_an_error_comes_after_the_batches(void)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        test_begin("error behind batches", seed, 10);
        uint64_t state = seed;
        fake f;
        gop_style style = {.gops = 6, .max_length = 8, .max_b = 2};
        fake_init(&f, &style, seed);
        f.faults[f.gops.count - 1] = FAKE_ERROR;
        gvd_scheduler_params params = drive_params(&f, false, 2);
        gvd_scheduler *s = start(&params);
        gvd_presenter presenter = {.scheduler = s};
        gvd_conversions conversions;
        init_conversions(&conversions, GVD_NHWC);
        gvd_assembler *a = assemble(&presenter, 4, 2, &conversions);
        gvd_error err = {0};
        int frames = 0, rc;
        gvd_batch *batch = NULL;
        while ((rc = gvd_assembler_next(a, -1, &batch, &err)) == GVD_OK) {
            frames += batch->count;
            gvd_batch_free(&batch);
        }
        REQUIRE(rc == GVD_ERR_DECODE && strstr(err.text, "is broken"));
        gvd_stats stats;
        gvd_scheduler_stats(s, &stats);
        REQUIRE(stats.frames == frames);
        gvd_scheduler_abort(s);
        gvd_assembler_stop(a);
        stop(&s, &f);
        gvd_assembler_destroy(&a);
        gvd_conversions_destroy(&conversions);
        fake_free(&f);
        (void)state;
    }
}

typedef struct waiter {
    gvd_assembler *assembler;
    int status;
    gvd_error error;
} waiter;

static void *take_all(void *argument)
{
    waiter *w = argument;
    w->status = GVD_OK;
    while (w->status == GVD_OK) {
        gvd_batch *batch = NULL;
        w->status = gvd_assembler_next(w->assembler, -1, &batch, &w->error);
        gvd_batch_free(&batch);
    }
    return NULL;
}

// Closed from another thread: the tasks in the queue are never run, and who
// waits for them must wake all the same.
static void test_abort_ends_the_wait_for_a_batch(void)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        test_begin("abort while waiting for a batch", seed, 10);
        uint64_t state = seed;
        run r;
        start_run(&r, &state, 1 + draw_below(&state, 5),
                  1 + draw_below(&state, 3));
        waiter w = {.assembler = r.assembler};
        pthread_t thread;
        REQUIRE(!pthread_create(&thread, NULL, take_all, &w));
        usleep((useconds_t)draw_below(&state, 600));
        gvd_scheduler_abort(r.scheduler);
        pthread_join(thread, NULL);
        REQUIRE(w.status == GVD_ERR_CLOSED || w.status == GVD_EOF);
        REQUIRE(w.status == GVD_EOF ||
                (w.error.code == w.status && w.error.text[0]));
        stop_run(&r);
    }
}

static void test_destroy_at_any_point(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        test_begin("destroy of an assembler", seed, 10);
        uint64_t state = seed;
        run r;
        start_run(&r, &state, 1 + draw_below(&state, 6),
                  1 + draw_below(&state, 3));
        for (int left = draw_below(&state, 6); left > 0; left--) {
            gvd_batch *batch = NULL;
            gvd_error err;
            if (gvd_assembler_next(r.assembler, 1, &batch, &err) == GVD_OK)
                check_batch(&r, batch);
            gvd_batch_free(&batch);
        }
        stop_run(&r);
    }
}

int main(void)
{
    test_batches_hold_every_frame_in_order();
    test_no_more_batches_than_the_depth();
    test_on_demand_nothing_is_taken_ahead();
    test_an_error_comes_after_the_batches();
    test_abort_ends_the_wait_for_a_batch();
    test_destroy_at_any_point();
    puts("assembler: ok");
    return 0;
}
