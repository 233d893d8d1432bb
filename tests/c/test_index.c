// Frames, jobs and verdicts that a scan of made-up packets gives.
#include "index.h"

#include "indexed.h"

static gop_style random_stream(uint64_t *seed)
{
    gop_style style = random_style(seed);
    style.disposable = draw_below(seed, 3) * 40;
    return style;
}

// --- against the model ---

static void check_frames(const gvd_index *x, const model *m,
                         const gvd_packet *packets)
{
    REQUIRE(x->frame_count == m->frame_count && !x->counted);
    for (int i = 0; i < m->frame_count; i++) {
        const gvd_packet *p = &packets[m->frames[i]];
        REQUIRE(x->frame_packets[i] == p->ordinal);
        REQUIRE(x->pts[i] == p->pts);
        REQUIRE(gvd_index_duration(x, i, -1) == p->duration);
        REQUIRE(gvd_index_is_key(x, i) == p->key);
        REQUIRE(gvd_index_find_job(x, i) == m->frame_jobs[i]);
        REQUIRE(gvd_index_job_of_packet(x, p->ordinal) == m->frame_jobs[i]);
    }
    int last = m->frame_count - 1;
    const gvd_packet *p = last >= 0 ? &packets[m->frames[last]] : NULL;
    REQUIRE(x->end == (p ? p->pts + p->duration : GVD_NO_PTS));
}

static void check_jobs(const gvd_index *x, const model *m,
                       const gvd_packet *packets)
{
    REQUIRE(x->job_count == m->job_count);
    int frame = 0;
    for (int n = 0; n < m->job_count; n++) {
        const gvd_index_job *job = &x->jobs[n];
        const gvd_packet *p = &packets[m->jobs[n].first];
        while (frame < m->frame_count && m->frame_jobs[frame] < n)
            frame++;
        REQUIRE(job->packet == p->ordinal && job->frame == frame);
        REQUIRE(job->pts == p->pts && job->dts == p->dts);
        REQUIRE(job->position == p->position);
        REQUIRE(job->next_packet == m->jobs[n].end);
    }
}

static void check_packets(const gvd_index *x, const model *m,
                          const gvd_packet *packets)
{
    int job = -1;
    for (int i = 0; i < m->packet_count; i++) {
        const gvd_route *r = &m->routes[i];
        int flags = gvd_index_flags(x, i);
        REQUIRE(!(flags & GVD_PACKET_OPENS) == !r->opens);
        REQUIRE(!(flags & GVD_PACKET_TO_PREVIOUS) == !r->to_previous);
        REQUIRE(!(flags & GVD_PACKET_TO_CURRENT) == !r->to_current);
        REQUIRE(!(flags & GVD_PACKET_SHOWN_BY_PREVIOUS) ==
                !r->shown_by_previous);
        REQUIRE(!(flags & GVD_PACKET_SHOWN_BY_CURRENT) == !r->shown_by_current);
        REQUIRE(!(flags & GVD_PACKET_KEY) == !packets[i].key);
        REQUIRE(!(flags & GVD_PACKET_FIELD) == !packets[i].field);
        bool kept = x->trust == GVD_TRUST_NOTHING ||
                    (x->trust == GVD_TRUST_ALL_BUT_FIRST && m->jobs[0].end > i);
        REQUIRE(!(flags & GVD_PACKET_DISPOSABLE) ==
                !(packets[i].disposable && !packets[i].field && !kept));
        REQUIRE(gvd_index_has_size(x, i, packets[i].file_size));
        REQUIRE(!gvd_index_has_size(x, i, packets[i].file_size + 1));
        job += r->opens;
        REQUIRE(gvd_index_job_at(x, i) == job);
    }
}

static void check_stream(uint64_t seed)
{
    gop_style style = random_stream(&seed);
    gops g = make_gops(&style, &seed);
    gvd_packet *packets = make_packets(&g);
    model m = make_model(packets, g.count);
    gvd_index *x = build_index(packets, g.count, true);
    REQUIRE(x->trust == (style.fields ? GVD_TRUST_NOTHING
                         : g.list[0].entry == GVD_ENTRY_CLOSED
                             ? GVD_TRUST_PACKETS
                             : GVD_TRUST_ALL_BUT_FIRST));
    check_frames(x, &m, packets);
    check_jobs(x, &m, packets);
    check_packets(x, &m, packets);
    // Hidden packets and leading pictures of the start give no frames.
    keep_seen_frames(&m, &g);
    bool learns = style.fields || (style.hidden == 0 && x->trust);
    if (learns) {
        learn_frames(x, packets, &m);
        check_frames(x, &m, packets);
        check_jobs(x, &m, packets);
    }
    gvd_index_unref(&x);
    free_model(&m);
    free(packets);
    free_gops(&g);
}

static void test_frames_are_found_without_decoding(void)
{
    for (uint64_t seed = 0; seed < 2000; seed++) {
        test_begin("index", seed, 30);
        check_stream(seed);
    }
}

static void test_an_empty_stream(void)
{
    test_begin("empty index", 0, 10);
    for (int sound = 0; sound < 2; sound++) {
        gvd_index *x = build_index(NULL, 0, sound);
        REQUIRE(x->frame_count == 0 && x->job_count == 0);
        REQUIRE(x->end == GVD_NO_PTS);
        if (!sound)
            REQUIRE(gvd_index_correct(x, NULL, 0, NULL) == GVD_OK);
        gvd_index *other = gvd_index_ref(x);
        gvd_index_unref(&x);
        REQUIRE(!x && other->frame_count == 0);
        gvd_index_unref(&other);
    }
}

// --- verdicts ---

enum {
    GOP = 20, // packets, each later than the one before
};

// Closed GOPs without B frames.
static gvd_packet *plain_packets(int count)
{
    gvd_packet *packets = calloc((size_t)count, sizeof *packets);
    REQUIRE(packets);
    for (int i = 0; i < count; i++)
        packets[i] = (gvd_packet){
            .ordinal = i,
            .pts = i * 40,
            .dts = i * 40,
            .duration = 40,
            .position = i * INT64_C(1000),
            .file_size = 1000,
            .key = i % GOP == 0,
            .entry = i % GOP == 0 ? GVD_ENTRY_CLOSED : GVD_ENTRY_NONE,
        };
    return packets;
}

typedef void (*spoiler)(gvd_packet *packet);

static enum gvd_trust trust_after(spoiler spoil, int at, bool one_to_one)
{
    gvd_packet *packets = plain_packets(100);
    if (spoil)
        spoil(&packets[at]);
    gvd_index *x = build_index(packets, 100, one_to_one);
    enum gvd_trust trust = x->trust;
    gvd_index_unref(&x);
    free(packets);
    return trust;
}

static void lose_pts(gvd_packet *packet)
{
    packet->pts = GVD_NO_PTS;
}

static void lose_dts(gvd_packet *packet)
{
    packet->dts = GVD_NO_PTS;
}

static void repeat_pts(gvd_packet *packet)
{
    packet->pts = packet[-1].pts;
}

static void go_back_in_dts(gvd_packet *packet)
{
    packet->dts = packet[-1].dts - 1;
}

static void go_back_in_pts(gvd_packet *packet)
{
    packet->pts = packet[-1].pts - 1;
}

static void be_field(gvd_packet *packet)
{
    packet->field = true;
}

static void be_damaged(gvd_packet *packet)
{
    packet->damaged = true;
}

static void be_empty(gvd_packet *packet)
{
    packet->file_size = 0;
}

static void be_no_entry(gvd_packet *packet)
{
    packet->entry = GVD_ENTRY_NONE;
}

static void be_open(gvd_packet *packet)
{
    packet->entry = GVD_ENTRY_OPEN;
}

static void be_hidden(gvd_packet *packet)
{
    packet->discard = true;
    packet->pts = GVD_NO_PTS;
}

static void be_damaged_behind_a_hidden(gvd_packet *packet)
{
    packet->damaged = true;
    packet[1].discard = true;
}

static void test_what_is_sound_is_trusted(void)
{
    test_begin("trust", 0, 10);
    REQUIRE(trust_after(NULL, 0, true) == GVD_TRUST_PACKETS);
    REQUIRE(trust_after(NULL, 0, false) == GVD_TRUST_NOTHING);
    static const spoiler harmless[] = {lose_dts, go_back_in_pts, be_hidden};
    for (int i = 0; i < 3; i++)
        REQUIRE(trust_after(harmless[i], 51, true) == GVD_TRUST_PACKETS);
    REQUIRE(trust_after(be_open, 60, true) == GVD_TRUST_PACKETS);
    REQUIRE(trust_after(be_no_entry, 60, true) == GVD_TRUST_PACKETS);
}

static void test_what_speaks_against_it(void)
{
    test_begin("distrust", 0, 10);
    static const spoiler bad[] = {
        lose_pts, repeat_pts, go_back_in_dts, be_field, be_damaged, be_empty,
    };
    for (int i = 0; i < 6; i++)
        for (int at = 1; at < 100; at += 7)
            REQUIRE(trust_after(bad[i], at, true) == GVD_TRUST_NOTHING);
    // Joined clips: in the middle of a job or where one begins.
    REQUIRE(trust_after(go_back_in_pts, 60, true) == GVD_TRUST_NOTHING);
    REQUIRE(trust_after(be_no_entry, 0, true) == GVD_TRUST_ALL_BUT_FIRST);
    REQUIRE(trust_after(be_open, 0, true) == GVD_TRUST_ALL_BUT_FIRST);
    REQUIRE(trust_after(be_open, 0, false) == GVD_TRUST_NOTHING);
}

// --- what decoding showed ---

typedef struct learnt {
    gvd_packet *packets;
    gvd_index *index;
    gvd_index_frame frames[200];
    int count;
} learnt;

// 100 packets in 5 jobs.
static learnt start_learning(spoiler spoil)
{
    learnt l = {.packets = plain_packets(100), .count = 100};
    spoil(&l.packets[0]);
    l.index = build_index(l.packets, 100, true);
    REQUIRE(l.index->job_count == 5);
    for (int i = 0; i < l.count; i++)
        l.frames[i] = (gvd_index_frame){i, i * 40 + 1, 39};
    return l;
}

static void correct(learnt *l)
{
    REQUIRE(gvd_index_correct(l->index, l->frames, l->count, NULL) == GVD_OK);
}

static void free_learnt(learnt *l)
{
    gvd_index_unref(&l->index);
    free(l->packets);
}

static void leave_out(learnt *l, int from, int count)
{
    l->count -= count;
    memmove(l->frames + from, l->frames + from + count,
            (size_t)(l->count - from) * sizeof *l->frames);
}

static void test_the_first_job_is_corrected_alone(void)
{
    test_begin("first job", 0, 10);
    for (int lost = 0; lost <= GOP; lost++) {
        learnt l = start_learning(be_no_entry);
        l.count = GOP - lost;
        for (int i = 0; i < l.count; i++)
            l.frames[i].ordinal = lost + i;
        correct(&l);
        const gvd_index *x = l.index;
        REQUIRE(x->frame_count == 100 - lost && !x->counted);
        for (int i = 0; i < x->frame_count; i++) {
            bool first = i < l.count;
            REQUIRE((int)x->frame_packets[i] == i + lost);
            REQUIRE(x->pts[i] == (first ? i * 40 + 1 : (i + lost) * 40));
            REQUIRE(gvd_index_duration(x, i, 0) == (first ? 39 : 40));
            REQUIRE(gvd_index_find_job(x, i) == (i + lost) / GOP);
        }
        for (int j = 1; j < 5; j++)
            REQUIRE(x->jobs[j].frame == j * GOP - lost);
        REQUIRE(x->end == 100 * 40);
        free_learnt(&l);
    }
}

static void test_more_frames_than_the_first_job_holds(void)
{
    test_begin("too many frames", 0, 10);
    learnt l = start_learning(be_no_entry);
    REQUIRE(gvd_index_correct(l.index, l.frames, GOP + 1, NULL) < 0);
    REQUIRE(l.index->frame_count == 100);
    free_learnt(&l);
}

static void test_all_frames_are_corrected(void)
{
    test_begin("all jobs", 0, 10);
    learnt l = start_learning(be_damaged);
    leave_out(&l, 0, 3);
    leave_out(&l, 27, 20); // the packets 30 to 49, so all of a job and a half
    correct(&l);
    const gvd_index *x = l.index;
    REQUIRE(x->frame_count == 77 && !x->counted && x->end == 99 * 40 + 40);
    for (int i = 0; i < 77; i++) {
        int packet = i < 27 ? i + 3 : i + 23;
        REQUIRE((int)x->frame_packets[i] == packet);
        REQUIRE(x->pts[i] == packet * 40 + 1);
        REQUIRE(gvd_index_find_job(x, i) == packet / GOP);
    }
    static const int firsts[] = {0, 17, 27, 37, 57};
    for (int j = 0; j < 5; j++)
        REQUIRE(x->jobs[j].frame == firsts[j]);
    free_learnt(&l);
}

static void check_counted(learnt *l)
{
    correct(l);
    const gvd_index *x = l->index;
    REQUIRE(x->counted && x->frame_count == l->count);
    for (int i = 0; i < l->count; i++) {
        REQUIRE(x->pts[i] == l->frames[i].pts && !gvd_index_is_key(x, i));
        REQUIRE(gvd_index_find_job(x, i) == 0);
    }
    free_learnt(l);
}

static void test_frames_that_only_counting_tells(void)
{
    test_begin("counted", 0, 10);
    learnt l = start_learning(be_damaged);
    l.frames[50].ordinal = 49; // two frames of a packet
    check_counted(&l);
    l = start_learning(be_damaged);
    l.frames[50].ordinal = -1;
    check_counted(&l);
    l = start_learning(be_damaged);
    l.frames[99].ordinal = 100; // no such packet
    check_counted(&l);
    l = start_learning(be_damaged);
    l.frames[50].ordinal = 10; // of a job before
    l.frames[10].ordinal = 11;
    l.frames[11].ordinal = 12;
    check_counted(&l);
    l = start_learning(be_damaged_behind_a_hidden);
    check_counted(&l); // the frame of a packet that is not shown
    // More frames than packets.
    l = start_learning(be_damaged);
    for (int i = 100; i < 200; i++)
        l.frames[l.count++] = (gvd_index_frame){99, 4000 + i, 1};
    check_counted(&l);
    l = start_learning(be_damaged);
    l.count = 0;
    correct(&l);
    REQUIRE(l.index->frame_count == 0 && l.index->end == GVD_NO_PTS);
    free_learnt(&l);
}

// --- what may be left out ---

static bool may_go(const gvd_index *x, int packet)
{
    return gvd_index_flags(x, packet) & GVD_PACKET_DISPOSABLE;
}

// Only pictures of the highest temporal layer are referred to by no other.
static void test_a_higher_layer_refers_to_the_lower(void)
{
    test_begin("layers", 0, 10);
    gvd_packet *packets = plain_packets(90);
    for (int i = 1; i < 90; i++) {
        packets[i].disposable = packets[i].entry == GVD_ENTRY_NONE;
        packets[i].layer = i < 30 ? 0 : i < 50 ? 1 : i % 3;
    }
    gvd_index *x = build_index(packets, 50, true);
    for (int i = 0; i < 50; i++)
        REQUIRE(may_go(x, i) == (i >= 30 && packets[i].disposable));
    gvd_index_unref(&x);
    x = build_index(packets, 90, true);
    for (int i = 0; i < 90; i++)
        REQUIRE(may_go(x, i) ==
                (i >= 50 && i % 3 == 2 && packets[i].disposable));
    gvd_index_unref(&x);
    packets[80].damaged = true;
    x = build_index(packets, 90, true);
    for (int i = 0; i < 90; i++)
        REQUIRE(!may_go(x, i));
    gvd_index_unref(&x);
    free(packets);
}

// --- size ---

static void test_many_durations(void)
{
    test_begin("durations", 0, 10);
    enum {
        COUNT = 2 * GVD_INDEX_DURATIONS
    };
    gvd_packet *packets = plain_packets(COUNT);
    for (int i = 0; i < COUNT; i++)
        packets[i].duration = i < 2 * 200 ? 30 + i / 2 : 1000 + i;
    gvd_index *x = build_index(packets, COUNT, true);
    REQUIRE(x->duration_count == GVD_INDEX_DURATIONS);
    for (int i = 0; i < COUNT; i++)
        REQUIRE(
            gvd_index_duration(x, i, -1) ==
            (i < 400 + GVD_INDEX_DURATIONS - 200 ? packets[i].duration : -1));
    REQUIRE(x->end == (COUNT - 1) * 40 + packets[COUNT - 1].duration);
    gvd_index_unref(&x);
    free(packets);
}

// 2 bytes a packet and 13 a frame, beside 48 a job and the struct itself.
static void test_an_index_is_small(void)
{
    test_begin("size", 0, 30);
    enum {
        COUNT = 300000
    };
    gvd_packet *packets = plain_packets(COUNT);
    gvd_index *x = build_index(packets, COUNT, true);
    int64_t fixed = (int64_t)sizeof *x + COUNT / GOP * (int64_t)sizeof *x->jobs;
    REQUIRE(gvd_index_bytes(x) == fixed + COUNT * INT64_C(15));
    gvd_index_unref(&x);
    free(packets);
}

int main(void)
{
    test_frames_are_found_without_decoding();
    test_an_empty_stream();
    test_what_is_sound_is_trusted();
    test_what_speaks_against_it();
    test_the_first_job_is_corrected_alone();
    test_more_frames_than_the_first_job_holds();
    test_all_frames_are_corrected();
    test_frames_that_only_counting_tells();
    test_a_higher_layer_refers_to_the_lower();
    test_many_durations();
    test_an_index_is_small();
    puts("index: ok");
    return 0;
}
