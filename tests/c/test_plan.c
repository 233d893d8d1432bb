// The cutting of streams into jobs, by rules and by made-up streams.
#include "plan.h"

#include "gops.h"

// --- a recorder of routes ---

typedef struct job {
    int first; // packet that opened it
    int packets;
    bool closed;
    int64_t *sent; // ordinals
    bool *shown;
} job;

typedef struct record {
    gvd_plan plan;
    job *jobs;
    int count, capacity;
    int fed, room;
} record;

static record start_record(int room)
{
    record r = {.capacity = room + 1, .room = room};
    gvd_plan_init(&r.plan);
    r.jobs = calloc((size_t)r.capacity, sizeof *r.jobs);
    REQUIRE(r.jobs);
    return r;
}

static void free_record(record *r)
{
    for (int i = 0; i < r->count; i++) {
        free(r->jobs[i].sent);
        free(r->jobs[i].shown);
    }
    free(r->jobs);
}

static void send_packet(record *r, int number, int ordinal, bool shown)
{
    REQUIRE(number >= 0 && number < r->count);
    job *j = &r->jobs[number];
    REQUIRE(!j->closed);
    j->sent[j->packets] = ordinal;
    j->shown[j->packets++] = shown;
}

static void close_job(record *r, int number)
{
    REQUIRE(number >= 0 && !r->jobs[number].closed);
    r->jobs[number].closed = true;
}

// Does what the feeder does.
static gvd_route feed(record *r, const picture *p)
{
    gvd_packet packet = {
        .ordinal = r->fed,
        .pts = p->pts,
        .dts = GVD_NO_PTS,
        .key = p->key,
        .discard = p->discard,
        .skippable = p->skippable,
        .parameters = p->parameters,
        .all_parameters = p->all_parameters,
        .entry = p->entry,
    };
    gvd_route route = gvd_plan_route(&r->plan, &packet);
    if (route.closes_previous)
        close_job(r, r->count - 2);
    if (route.opens) {
        job *j = &r->jobs[r->count++];
        *j = (job){.first = r->fed};
        j->sent = malloc((size_t)r->room * sizeof *j->sent);
        j->shown = malloc((size_t)r->room * sizeof *j->shown);
        REQUIRE(j->sent && j->shown);
    }
    if (route.closes_before)
        close_job(r, r->count - 2);
    if (route.to_previous)
        send_packet(r, r->count - 2, r->fed, route.shown_by_previous);
    if (route.to_current)
        send_packet(r, r->count - 1, r->fed, route.shown_by_current);
    r->fed++;
    return route;
}

// --- rules ---

static picture key_at(int64_t pts, enum gvd_entry entry)
{
    return (picture){.pts = pts, .key = true, .entry = entry};
}

static picture plain_at(int64_t pts)
{
    return (picture){.pts = pts};
}

// A key picture and plain ones behind it, `count` in all.
static record long_job(int count)
{
    record r = start_record(200);
    picture key = key_at(0, GVD_ENTRY_CLOSED);
    REQUIRE(feed(&r, &key).opens);
    for (int i = 1; i < count; i++) {
        picture p = plain_at(i);
        REQUIRE(!feed(&r, &p).opens);
    }
    return r;
}

static bool opens(record *r, picture p)
{
    return feed(r, &p).opens;
}

static void test_closed_gops_are_jobs(void)
{
    record r = long_job(30);
    picture key = key_at(30, GVD_ENTRY_CLOSED);
    gvd_route route = feed(&r, &key);
    REQUIRE(route.opens && route.closes_before && !route.to_previous);
    REQUIRE(route.to_current && route.shown_by_current);
    picture next = plain_at(31);
    route = feed(&r, &next);
    REQUIRE(!route.opens && !route.to_previous && route.shown_by_current);
    REQUIRE(r.jobs[0].closed && !r.jobs[1].closed);
    free_record(&r);
}

static void test_short_gops_share_a_job(void)
{
    record r = long_job(GVD_PLAN_MIN_PACKETS - 1);
    REQUIRE(!opens(&r, key_at(20, GVD_ENTRY_CLOSED)));
    REQUIRE(opens(&r, key_at(21, GVD_ENTRY_CLOSED)));
    REQUIRE(!opens(&r, key_at(22, GVD_ENTRY_CLOSED)));
    free_record(&r);
}

static void test_a_stream_may_start_anywhere(void)
{
    record r = start_record(20);
    picture p = plain_at(7);
    gvd_route route = feed(&r, &p);
    REQUIRE(route.opens && route.to_current && route.shown_by_current);
    REQUIRE(!route.to_previous && !route.closes_previous);
    free_record(&r);
}

static void test_leading_pictures_are_carried(void)
{
    record r = long_job(20);
    picture key = key_at(25, GVD_ENTRY_OPEN);
    gvd_route route = feed(&r, &key);
    REQUIRE(route.opens && !route.closes_before);
    REQUIRE(route.to_previous && !route.shown_by_previous);
    REQUIRE(route.to_current && route.shown_by_current);
    picture rasl = {.pts = 23, .skippable = true};
    route = feed(&r, &rasl);
    REQUIRE(route.to_previous && route.shown_by_previous);
    REQUIRE(!route.to_current && !route.shown_by_current);
    picture radl = {.pts = 24};
    route = feed(&r, &radl);
    REQUIRE(route.to_previous && route.shown_by_previous);
    REQUIRE(route.to_current && !route.shown_by_current);
    REQUIRE(!r.jobs[0].closed);
    picture trailing = plain_at(26);
    route = feed(&r, &trailing);
    REQUIRE(route.closes_previous && r.jobs[0].closed);
    REQUIRE(!route.to_previous && route.shown_by_current);
    free_record(&r);
}

// The first field alone would leave the leading pictures half a reference.
static void test_both_fields_of_the_key_are_carried(void)
{
    for (int missing = 0; missing < 2; missing++) {
        record r = long_job(20);
        picture key = key_at(25, GVD_ENTRY_OPEN);
        feed(&r, &key);
        picture field = plain_at(missing ? GVD_NO_PTS : 25);
        gvd_route route = feed(&r, &field);
        REQUIRE(route.to_previous && !route.shown_by_previous);
        REQUIRE(route.to_current && route.shown_by_current);
        picture leading = plain_at(22);
        route = feed(&r, &leading);
        REQUIRE(route.to_previous && route.shown_by_previous);
        REQUIRE(!r.jobs[0].closed);
        free_record(&r);
    }
}

static void test_an_entry_ends_the_carrying(void)
{
    record r = long_job(20);
    picture key = key_at(25, GVD_ENTRY_OPEN);
    feed(&r, &key);
    for (int i = 0; i < GVD_PLAN_MIN_PACKETS; i++) {
        picture leading = {.pts = 20, .skippable = true};
        feed(&r, &leading);
    }
    picture next = key_at(40, GVD_ENTRY_CLOSED);
    gvd_route route = feed(&r, &next);
    REQUIRE(route.closes_previous && route.opens && route.closes_before);
    REQUIRE(r.jobs[0].closed && r.jobs[1].closed && !r.jobs[2].closed);
    free_record(&r);
}

// An edit list that starts in a GOP: its packets are decoded and not shown.
static void test_discarded_packets(void)
{
    record r = long_job(20);
    picture key = key_at(20, GVD_ENTRY_CLOSED);
    key.discard = true;
    gvd_route route = feed(&r, &key);
    REQUIRE(!route.opens && route.to_current && !route.shown_by_current);
    key = key_at(25, GVD_ENTRY_OPEN);
    REQUIRE(feed(&r, &key).opens);
    picture leading = {.pts = 22, .discard = true};
    route = feed(&r, &leading);
    REQUIRE(route.to_previous && route.to_current);
    REQUIRE(!route.shown_by_previous && !route.shown_by_current);
    free_record(&r);
    r = start_record(4);
    picture first = {.pts = -3, .key = true, .discard = true};
    route = feed(&r, &first);
    REQUIRE(route.opens && route.to_current && !route.shown_by_current);
    free_record(&r);
}

static void test_a_missing_pts_ends_all_cutting(void)
{
    record r = long_job(20);
    picture lost = plain_at(GVD_NO_PTS);
    feed(&r, &lost);
    for (int i = 0; i < 40; i++)
        REQUIRE(!opens(&r, key_at(100 + i, GVD_ENTRY_CLOSED)));
    free_record(&r);
    r = long_job(20);
    REQUIRE(!opens(&r, key_at(GVD_NO_PTS, GVD_ENTRY_CLOSED)));
    free_record(&r);
}

// Joined clips and repeated timestamps: pts windows would show frames twice.
static void test_no_cut_where_pts_do_not_rise(void)
{
    record r = long_job(20);
    REQUIRE(!opens(&r, key_at(19, GVD_ENTRY_CLOSED)));
    REQUIRE(!opens(&r, key_at(3, GVD_ENTRY_CLOSED)));
    REQUIRE(opens(&r, key_at(20, GVD_ENTRY_CLOSED)));
    free_record(&r);
}

// AVI flags every packet; a recovery point that the container does not know.
static void test_flag_and_bitstream_must_agree(void)
{
    record r = long_job(20);
    REQUIRE(!opens(&r, key_at(30, GVD_ENTRY_NONE)));
    REQUIRE(!opens(&r, (picture){.pts = 31, .entry = GVD_ENTRY_OPEN}));
    REQUIRE(opens(&r, key_at(32, GVD_ENTRY_OPEN)));
    free_record(&r);
}

static void test_parameter_sets_inside_packets(void)
{
    // Seen once, so every entry must bring its own.
    record r = start_record(100);
    picture first = key_at(0, GVD_ENTRY_CLOSED);
    first.parameters = true;
    feed(&r, &first);
    for (int i = 1; i < 20; i++) {
        picture p = plain_at(i);
        feed(&r, &p);
    }
    picture bare = key_at(20, GVD_ENTRY_CLOSED);
    REQUIRE(!feed(&r, &bare).opens);
    picture part = key_at(21, GVD_ENTRY_CLOSED);
    part.parameters = true; // a PPS, and no SPS
    REQUIRE(!feed(&r, &part).opens);
    picture full = key_at(22, GVD_ENTRY_CLOSED);
    full.parameters = full.all_parameters = true;
    REQUIRE(feed(&r, &full).opens);
    // Between entries: who starts later may lack them.
    picture stray = plain_at(23);
    stray.parameters = true;
    feed(&r, &stray);
    for (int i = 24; i < 50; i++) {
        full.pts = i;
        REQUIRE(!feed(&r, &full).opens);
    }
    free_record(&r);
}

// --- made-up streams ---

// A picture that refers to what stands before its entry must find it there.
static void check_can_decode(const gops *g, const job *j, int number)
{
    int first_gop = g->list[j->first].gop;
    for (int i = 0; i < j->packets; i++) {
        const picture *p = &g->list[j->sent[i]];
        bool lost = p->leading && p->gop == first_gop;
        REQUIRE(!lost || number == 0 || !j->shown[i]);
        REQUIRE(!lost || number == 0 || !p->skippable);
    }
}

static void check_jobs(const gops *g, const record *r, int *shown_by)
{
    int64_t latest = INT64_MIN;
    for (int n = 0; n < r->count; n++) {
        const job *j = &r->jobs[n];
        const picture *first = &g->list[j->first];
        REQUIRE(j->closed == (n + 1 < r->count) || n + 2 == r->count);
        REQUIRE(n == 0 || (first->key && first->entry != GVD_ENTRY_NONE));
        REQUIRE(n + 1 == r->count ||
                r->jobs[n + 1].first - j->first >= GVD_PLAN_MIN_PACKETS);
        check_can_decode(g, j, n);
        int64_t highest = latest;
        for (int i = 0; i < j->packets; i++) {
            REQUIRE(i == 0 || j->sent[i] > j->sent[i - 1]);
            if (!j->shown[i])
                continue;
            int64_t pts = g->list[j->sent[i]].pts;
            shown_by[j->sent[i]]++;
            REQUIRE(pts > latest || g->list[j->sent[i]].no_frame);
            highest = pts > highest ? pts : highest;
        }
        latest = highest;
    }
}

// Every packet that is to be shown is shown by exactly one job, and the jobs'
// frames, sorted within each, are in presentation order.
static void check_stream(uint64_t seed)
{
    gop_style style = random_style(&seed);
    gops g = make_gops(&style, &seed);
    record r = start_record(g.count);
    int *shown_by = calloc((size_t)g.count, sizeof *shown_by);
    REQUIRE(shown_by);
    for (int i = 0; i < g.count; i++)
        feed(&r, &g.list[i]);
    check_jobs(&g, &r, shown_by);
    for (int i = 0; i < g.count; i++)
        REQUIRE(shown_by[i] == !g.list[i].discard);
    free(shown_by);
    free_record(&r);
    free_gops(&g);
}

static void test_every_picture_is_shown_by_one_job(void)
{
    for (uint64_t seed = 0; seed < 3000; seed++) {
        test_begin("plan", seed, 30);
        check_stream(seed);
    }
}

// Whatever the packets say, the routes can be carried out.
static void test_any_packets_give_sound_routes(void)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        test_begin("plan of noise", seed, 30);
        uint64_t state = seed;
        record r = start_record(150);
        for (int i = 0; i < 150; i++) {
            picture p = {
                .pts = chance(&state, 2) && seed % 3 == 0
                           ? GVD_NO_PTS
                           : i + draw_below(&state, 9) - 4,
                .entry = draw_below(&state, 3),
                .key = chance(&state, 60),
                .discard = chance(&state, 10),
                .skippable = chance(&state, 20),
                .parameters = seed % 2 == 0,
            };
            gvd_route route = feed(&r, &p);
            REQUIRE(route.to_current || route.to_previous);
            REQUIRE(route.shown_by_previous + route.shown_by_current <= 1);
            REQUIRE(p.discard ||
                    route.shown_by_previous + route.shown_by_current == 1);
        }
        free_record(&r);
    }
}

int main(void)
{
    test_begin("plan", 0, 30);
    test_closed_gops_are_jobs();
    test_short_gops_share_a_job();
    test_a_stream_may_start_anywhere();
    test_leading_pictures_are_carried();
    test_both_fields_of_the_key_are_carried();
    test_an_entry_ends_the_carrying();
    test_discarded_packets();
    test_a_missing_pts_ends_all_cutting();
    test_no_cut_where_pts_do_not_rise();
    test_flag_and_bitstream_must_agree();
    test_parameter_sets_inside_packets();
    test_every_picture_is_shown_by_one_job();
    test_any_packets_give_sound_routes();
    puts("plan: ok");
    return 0;
}
