// Which packets a request has decoded, by which jobs, and what it shows.
#include "request.h"

#include "asked.h"

// --- what the scheduler is told ---

typedef struct told_job {
    int number; // the model's
    bool *sent, *shown;
    bool ended;
} told_job;

typedef struct told {
    told_job *jobs;
    int count;
    int64_t packets; // routed to any job
} told;

static void open_job(told *t, const asked *a, int64_t packet)
{
    const model *m = &a->model;
    int number = 0;
    while (number < m->job_count && m->jobs[number].first != packet)
        number++;
    REQUIRE(number < m->job_count && t->count < m->job_count);
    t->jobs[t->count++] = (told_job){
        .number = number,
        .sent = new_array(m->packet_count, sizeof(bool)),
        .shown = new_array(m->packet_count, sizeof(bool)),
    };
}

static void tell_job(told *t, int at, int64_t packet, bool shown, bool ends)
{
    REQUIRE(at >= 0 && at < t->count);
    told_job *j = &t->jobs[at];
    REQUIRE(!j->ended && !j->sent[packet]);
    j->sent[packet] = true;
    j->shown[packet] = shown;
    j->ended = ends;
}

// The number that a frame of this packet must have to come in order.
static void check_number(const asked *a, const gvd_request *r, int64_t packet)
{
    int64_t number = gvd_request_number(r);
    REQUIRE(a->index->counted
                ? number == GVD_NO_PTS
                : number >= 0 && number < a->model.frame_count &&
                      a->model.frames[number] == packet && a->wanted[number]);
}

static void tell(told *t, const asked *a, const gvd_request *r, int64_t packet,
                 const gvd_route *route)
{
    REQUIRE(!route->closes_previous && !route->closes_before);
    if (route->opens)
        open_job(t, a, packet);
    REQUIRE(!route->opens ||
            route->starts_stream == (t->jobs[t->count - 1].number == 0));
    if (route->to_previous)
        tell_job(t, t->count - 2, packet, route->shown_by_previous,
                 route->ends_previous);
    if (route->to_current)
        tell_job(t, t->count - 1, packet, route->shown_by_current,
                 route->ends_current);
    REQUIRE(route->to_previous ||
            (!route->shown_by_previous && !route->ends_previous));
    REQUIRE(route->to_current ||
            (!route->shown_by_current && !route->ends_current));
    if (route->shown_by_previous || route->shown_by_current)
        check_number(a, r, packet);
    t->packets++;
}

// As supply.c does.
static told replay(const asked *a, gvd_request *r)
{
    told t = {.jobs = new_array(a->model.job_count, sizeof *t.jobs)};
    int64_t packet, passed = 0;
    while ((packet = gvd_request_entry(r)) >= 0) {
        REQUIRE(packet >= passed && packet < a->model.packet_count);
        passed = packet + 1;
        gvd_route route;
        if (gvd_request_route(r, packet, &route))
            tell(&t, a, r, packet, &route);
    }
    return t;
}

static void free_told(told *t)
{
    for (int i = 0; i < t->count; i++) {
        free(t->jobs[i].sent);
        free(t->jobs[i].shown);
    }
    free(t->jobs);
}

// --- the model ---

// Behind the last packet that the job needs; 0 if nothing of it is wanted.
static int end_of_need(const asked *a, int job)
{
    const gvd_index *x = a->index;
    const model *m = &a->model;
    int end = 0;
    for (int i = 0; i < m->frame_count; i++)
        if (a->wanted[i] && m->frame_jobs[i] == job && m->frames[i] >= end)
            end = m->frames[i] + 1;
    bool whole = x->trust == GVD_TRUST_NOTHING ||
                 (x->trust == GVD_TRUST_ALL_BUT_FIRST && job == 0);
    return end > 0 && whole ? m->jobs[job].end : end;
}

// The wanted frame of a packet, or -1.
static int wanted_frame(const asked *a, int packet)
{
    for (int i = 0; i < a->model.frame_count; i++)
        if (a->model.frames[i] == packet)
            return a->wanted[i] ? i : -1;
    return -1;
}

static void check_job(const asked *a, const told_job *j)
{
    const model_job *whole = &a->model.jobs[j->number];
    int end = end_of_need(a, j->number);
    int last = -1;
    for (int i = 0; i < a->model.packet_count; i++) {
        bool wanted = wanted_frame(a, i) >= 0;
        bool may_go = gvd_index_flags(a->index, i) & GVD_PACKET_DISPOSABLE &&
                      i > whole->first;
        bool shown = wanted && whole->shown[i];
        // What another job shows may come here too.
        REQUIRE(!j->sent[i] ||
                (whole->sent[i] && i < end && (!may_go || wanted)));
        REQUIRE(j->sent[i] || !whole->sent[i] || i >= end ||
                (may_go && !shown));
        REQUIRE(j->shown[i] == shown);
        last = j->sent[i] ? i : last;
    }
    REQUIRE(j->ended && last == end - 1);
}

static void check_told(const asked *a, const told *t)
{
    int at = 0;
    for (int job = 0; job < a->model.job_count; job++) {
        if (end_of_need(a, job) == 0)
            continue;
        REQUIRE(at < t->count && t->jobs[at].number == job);
        check_job(a, &t->jobs[at++]);
    }
    REQUIRE(at == t->count);
}

// Everything, as the plan routes it.
static void check_told_all(const asked *a, const told *t)
{
    REQUIRE(t->packets == a->model.packet_count);
    REQUIRE(t->count == a->model.job_count);
    for (int job = 0; job < t->count; job++) {
        const model_job *whole = &a->model.jobs[job];
        size_t bytes = (size_t)a->model.packet_count * sizeof *whole->sent;
        REQUIRE(t->jobs[job].number == job && t->jobs[job].ended);
        REQUIRE(!memcmp(t->jobs[job].sent, whole->sent, bytes));
        REQUIRE(!memcmp(t->jobs[job].shown, whole->shown, bytes));
    }
}

static bool wants_any(const asked *a)
{
    for (int i = 0; i < a->model.frame_count; i++)
        if (a->wanted[i])
            return true;
    return false;
}

static void check_request(asked *a)
{
    gvd_request *r = make_request(a);
    int64_t size = gvd_request_size(r), jobs = gvd_request_jobs(r);
    told t = replay(a, r);
    REQUIRE(t.count == jobs && t.packets <= size);
    if (a->index->counted && wants_any(a))
        check_told_all(a, &t);
    else
        check_told(a, &t);
    free_told(&t);
    gvd_request_free(&r);
    REQUIRE(!r);
}

// --- tests ---

static void test_jobs_get_what_their_frames_need(void)
{
    for (uint64_t seed = 0; seed < 1500; seed++) {
        test_begin("request", seed, 30);
        uint64_t state = seed;
        gop_style style = asked_style(&state);
        asked a;
        asked_init(&a, &style, chance(&state, 80), state);
        for (int i = 0; i < 4 && a.model.frame_count > 0; i++) {
            ask(&a, &state);
            check_request(&a);
        }
        asked_free(&a);
    }
}

static void test_counted_frames_need_everything(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        test_begin("counted request", seed, 30);
        uint64_t state = seed;
        gop_style style = asked_style(&state);
        asked a;
        asked_init(&a, &style, false, state);
        if (a.model.frame_count > 1) {
            asked_make_counted(&a);
            ask(&a, &state);
            check_request(&a);
        }
        asked_free(&a);
    }
}

// The frames that are there, in order, each with its places in order.
static void check_ready(asked *a)
{
    for (int i = 0; i < a->model.frame_count; i++)
        a->ready[i] = true;
    gvd_request *r = make_request(a);
    REQUIRE(gvd_request_entry(r) == -1 && gvd_request_jobs(r) == 0);
    REQUIRE(gvd_request_size(r) == 0);
    int places = 0;
    for (int i = 0; i < a->model.frame_count; i++) {
        if (!is_asked(a, i))
            continue;
        gvd_delivery d = {0};
        REQUIRE(!gvd_request_is_over(r) && gvd_request_take_ready(r, &d));
        REQUIRE(d.number == i && d.frame->number == i);
        for (int k = 0; k < d.place_count; k++) {
            REQUIRE(a->numbers[d.places[k]] == i);
            REQUIRE(k == 0 || d.places[k] > d.places[k - 1]);
        }
        places += (int)d.place_count;
        gvd_frame_unref(&d.frame);
    }
    gvd_delivery none = {0};
    REQUIRE(gvd_request_is_over(r) && !gvd_request_take_ready(r, &none));
    REQUIRE(places == a->count);
    gvd_request_free(&r);
}

static void test_what_is_there_is_not_decoded(void)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        test_begin("ready", seed, 30);
        uint64_t state = seed;
        gop_style style = asked_style(&state);
        asked a;
        asked_init(&a, &style, true, state);
        if (a.model.frame_count > 0) {
            ask(&a, &state);
            check_ready(&a);
        }
        asked_free(&a);
    }
}

static void test_a_request_for_nothing(void)
{
    test_begin("empty request", 0, 10);
    gop_style style = {.gops = 3, .max_length = 9};
    asked a;
    asked_init(&a, &style, true, 1);
    gvd_request *r = make_request(&a);
    REQUIRE(gvd_request_is_over(r) && gvd_request_entry(r) == -1);
    gvd_request_free(&r);
    gvd_request_free(&r);
    asked_free(&a);
}

// Frames that are ready are given back if nobody takes them.
static void test_a_request_that_is_dropped(void)
{
    test_begin("dropped request", 0, 10);
    gop_style style = {.gops = 3, .max_length = 9};
    asked a;
    asked_init(&a, &style, true, 1);
    a.extra_end = a.model.frame_count;
    memset(a.ready, 1, (size_t)a.model.frame_count);
    gvd_request *r = make_request(&a);
    REQUIRE(atomic_load(&fake_frames) == a.model.frame_count);
    gvd_request_free(&r);
    asked_free(&a);
}

int main(void)
{
    test_jobs_get_what_their_frames_need();
    test_counted_frames_need_everything();
    test_what_is_there_is_not_decoded();
    test_a_request_for_nothing();
    test_a_request_that_is_dropped();
    puts("request: ok");
    return 0;
}
