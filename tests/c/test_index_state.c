// An index that is written down and given back, or spoilt on the way.
#include "index_state.h"

#include "asked.h"

// An index of frames that are known, learnt or counted.
static void start_stream(asked *a, uint64_t *seed)
{
    gop_style style = asked_style(seed);
    asked_init(a, &style, chance(seed, 70), *seed);
    if (a->index->trust == GVD_TRUST_NOTHING && a->model.frame_count > 1 &&
        chance(seed, 50))
        asked_make_counted(a);
}

// --- round trips ---

static bool same(const void *a, const void *b, int64_t count, size_t size)
{
    return count == 0 || !memcmp(a, b, (size_t)count * size);
}

static void check_same(const gvd_index *x, const gvd_index *y)
{
    REQUIRE(x->packet_count == y->packet_count);
    REQUIRE(x->frame_count == y->frame_count && x->job_count == y->job_count);
    REQUIRE(x->end == y->end && x->counted == y->counted);
    REQUIRE(x->trust == y->trust && x->duration_count == y->duration_count);
    REQUIRE(same(x->packets, y->packets, x->packet_count, sizeof *x->packets));
    REQUIRE(same(x->pts, y->pts, x->frame_count, sizeof *x->pts));
    REQUIRE(same(x->frame_packets, y->frame_packets, x->frame_count,
                 sizeof *x->frame_packets));
    REQUIRE(same(x->frame_durations, y->frame_durations, x->frame_count, 1));
    REQUIRE(same(x->jobs, y->jobs, x->job_count, sizeof *x->jobs));
    REQUIRE(same(x->durations, y->durations, x->duration_count,
                 sizeof *x->durations));
    REQUIRE(gvd_index_bytes(x) == gvd_index_bytes(y));
}

static void test_a_round_trip_keeps_all(void)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        test_begin("round trip", seed, 30);
        uint64_t state = seed;
        asked a;
        start_stream(&a, &state);
        gvd_index_state written = gvd_index_to_state(a.index);
        gvd_index *again = NULL;
        REQUIRE(gvd_index_from_state(&written, &again, NULL) == GVD_OK);
        check_same(a.index, again);
        gvd_index_unref(&again);
        asked_free(&a);
    }
}

static void test_an_empty_index(void)
{
    test_begin("empty state", 0, 10);
    gvd_index *x = build_index(NULL, 0, true), *again = NULL;
    gvd_index_state written = gvd_index_to_state(x);
    REQUIRE(gvd_index_from_state(&written, &again, NULL) == GVD_OK);
    check_same(x, again);
    gvd_index_unref(&again);
    gvd_index_unref(&x);
}

// --- what a file may hold ---

typedef struct copy {
    gvd_index_state state;
    void *arrays[6];
    size_t bytes[6];
} copy;

static const void *keep(copy *c, int at, const void *from, int64_t count,
                        size_t size)
{
    c->bytes[at] = (size_t)count * size;
    c->arrays[at] = calloc(c->bytes[at] + 1, 1);
    REQUIRE(c->arrays[at]);
    if (count > 0)
        memcpy(c->arrays[at], from, c->bytes[at]);
    return c->arrays[at];
}

static copy copy_state(const gvd_index *x)
{
    copy c = {.state = gvd_index_to_state(x)};
    gvd_index_state *s = &c.state;
    s->packets = keep(&c, 0, s->packets, s->packet_count, sizeof *s->packets);
    s->pts = keep(&c, 1, s->pts, s->frame_count, sizeof *s->pts);
    s->frame_packets =
        keep(&c, 2, s->frame_packets, s->frame_count, sizeof *s->frame_packets);
    s->frame_durations = keep(&c, 3, s->frame_durations, s->frame_count, 1);
    s->jobs = keep(&c, 4, s->jobs, s->job_count, sizeof *s->jobs);
    s->durations =
        keep(&c, 5, s->durations, s->duration_count, sizeof *s->durations);
    return c;
}

static void free_copy(copy *c)
{
    for (int i = 0; i < 6; i++)
        free(c->arrays[i]);
}

static void spoil_array(copy *c, uint64_t *seed)
{
    int at = draw_below(seed, 6);
    if (c->bytes[at] == 0)
        return;
    uint8_t *byte = c->arrays[at];
    byte += draw_below(seed, (int)c->bytes[at]);
    if (chance(seed, 60))
        *byte ^= (uint8_t)(1 << draw_below(seed, 8));
    else
        *byte = (uint8_t)(*byte + draw_below(seed, 3) - 1);
}

// Counts may only become smaller: the arrays are what they are.
static void spoil(copy *c, uint64_t *seed)
{
    gvd_index_state *s = &c->state;
    int way = draw_below(seed, 10);
    if (way == 0)
        s->packet_count = draw_below(seed, (int)s->packet_count + 1);
    else if (way == 1)
        s->frame_count = draw_below(seed, (int)s->frame_count + 1);
    else if (way == 2)
        s->job_count = draw_below(seed, (int)s->job_count + 1);
    else if (way == 3)
        s->counted = !s->counted;
    else if (way == 4)
        s->trust = draw_below(seed, 6) - 1;
    else
        spoil_array(c, seed);
}

// A scheduler can do what the routes say.
static void follow(gvd_request *r, const gvd_index *x)
{
    bool current = false, previous = false; // take packets
    int64_t packet, passed = 0;
    while ((packet = gvd_request_entry(r)) >= 0) {
        REQUIRE(packet >= passed && packet < x->packet_count);
        passed = packet + 1;
        gvd_route route;
        if (!gvd_request_route(r, packet, &route))
            continue;
        if (route.opens) {
            previous = current;
            current = true;
        }
        REQUIRE(previous || !route.to_previous);
        REQUIRE(current || !route.to_current);
        REQUIRE(route.to_previous || !route.ends_previous);
        REQUIRE(route.to_current || !route.ends_current);
        previous &= !route.ends_previous;
        current &= !route.ends_current;
    }
}

static void check_usable(const gvd_index *x, uint64_t *seed)
{
    int64_t numbers[20];
    int count = x->frame_count > 0 ? draw_below(seed, 20) : 0;
    for (int i = 0; i < count; i++) {
        numbers[i] = draw_below(seed, (int)x->frame_count);
        gvd_index_is_key(x, numbers[i]);
        gvd_index_duration(x, numbers[i], 0);
    }
    gvd_request_params params = {
        .index = (gvd_index *)x, .numbers = numbers, .count = count};
    gvd_request *r = NULL;
    REQUIRE(gvd_request_create(&params, &r, NULL) == GVD_OK);
    follow(r, x);
    gvd_request_free(&r);
}

// It is refused, or it leads nobody astray.
static void test_a_spoilt_state(void)
{
    int taken = 0, refused = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        test_begin("spoilt state", seed, 30);
        uint64_t state = seed;
        asked a;
        start_stream(&a, &state);
        for (int i = 0; i < 10; i++) {
            copy c = copy_state(a.index);
            for (int k = draw_below(&state, 3); k >= 0; k--)
                spoil(&c, &state);
            gvd_index *x = NULL;
            gvd_error err;
            int rc = gvd_index_from_state(&c.state, &x, &err);
            REQUIRE(rc == GVD_OK ? x != NULL : rc == GVD_ERR_ARGUMENT && !x);
            if (x)
                check_usable(x, &state);
            taken += x != NULL;
            refused += x == NULL;
            gvd_index_unref(&x);
            free_copy(&c);
        }
        asked_free(&a);
    }
    REQUIRE(taken > 1000 && refused > 1000);
}

int main(void)
{
    test_a_round_trip_keeps_all();
    test_an_empty_index();
    test_a_spoilt_state();
    puts("index state: ok");
    return 0;
}
