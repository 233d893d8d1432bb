// The pure middle of the core on packets that the input describes: what their
// bytes tell (nal), how they are cut (plan), the index made of them, given back
// from its arrays, corrected, and requests of its frames. Or an index whose
// arrays are the input's, as a file might hold them.
#include <stdlib.h>

#include "index_state.h"
#include "input.h"
#include "nal.h"
#include "request.h"

enum {
    PACKETS_MAX = 512,
    WANTED_MAX = 16,
};

typedef struct stream {
    gvd_classifier classifier;
    gvd_plan plan;
    gvd_index *index;
    int64_t pts, dts;
    bool classified; // from the packets' bytes; else the input says it
} stream;

// --- packets ---

static void draw_times(stream *s, gvd_packet *packet, input *in)
{
    int kind = take_byte(in) % 8;
    s->dts = kind == 7 ? take_int64(in) : (int64_t)((uint64_t)s->dts + 40);
    s->pts = kind == 6 ? take_int64(in)
                       : (int64_t)((uint64_t)s->dts + 40 * (uint64_t)kind);
    packet->dts = kind == 5 ? GVD_NO_PTS : s->dts;
    packet->pts = kind == 4 || kind == 5 ? GVD_NO_PTS : s->pts;
    packet->duration = kind == 6 ? take_int64(in) : 40;
}

static void draw_facts(gvd_packet *packet, input *in)
{
    int bits = take_byte(in), more = take_byte(in);
    packet->skippable = bits & 1;
    packet->parameters = bits & 2;
    packet->all_parameters = bits & 4;
    packet->disposable = bits & 8;
    packet->field = bits & 16;
    packet->second_field = bits & 32;
    packet->damaged = bits & 64;
    packet->entry = (enum gvd_entry)(more % 3);
    packet->layer = more / 3 % 8;
}

static void push_packet(stream *s, input *in)
{
    uint8_t payload[255];
    int bits = take_byte(in);
    size_t size = (size_t)take_byte(in);
    gvd_packet packet = {.ordinal = s->index->packet_count,
                         .position = bits & 4 ? -1 : take_byte(in),
                         .key = bits & 1,
                         .discard = bits & 2,
                         .size = size,
                         .file_size = size};
    draw_times(s, &packet, in);
    if (s->classified) {
        take_bytes(in, payload, size);
        packet.data = payload;
        gvd_packet_classify(&packet, &s->classifier);
        REQUIRE(gvd_nal_to_annexb(payload, size) <= size);
    } else {
        draw_facts(&packet, in);
    }
    gvd_route route = gvd_plan_route(&s->plan, &packet);
    REQUIRE(route.to_previous || !route.shown_by_previous);
    REQUIRE(route.to_current || !route.shown_by_current);
    REQUIRE(!(route.shown_by_previous && route.shown_by_current));
    REQUIRE(gvd_index_push(s->index, &packet, &route, NULL) == GVD_OK);
}

// --- requests ---

typedef struct walk {
    int64_t shown, opened, last;
} walk;

static void walk_packet(gvd_request *r, const gvd_index *x, int64_t packet,
                        walk *seen)
{
    gvd_route route;
    REQUIRE(packet > seen->last && packet < x->packet_count);
    seen->last = packet;
    if (!gvd_request_route(r, packet, &route))
        return;
    REQUIRE(route.to_previous || route.to_current);
    REQUIRE(!route.to_previous || seen->opened + route.opens > 1);
    seen->opened += route.opens;
    REQUIRE(seen->opened > 0);
    seen->shown += route.shown_by_previous + route.shown_by_current;
    gvd_request_number(r);
}

// An index from elsewhere may name a packet for several frames, so that frames
// are missing in the end; ours never does.
static void deliver_all(gvd_request *r, const gvd_index *x, int64_t count,
                        bool ours)
{
    int64_t places = 0;
    for (int64_t n = 0; n < x->frame_count && !gvd_request_is_over(r); n++) {
        gvd_frame frame = {.ordinal = x->frame_packets[n]};
        gvd_delivery delivery;
        int rc = gvd_request_accept(r, &frame, &delivery, NULL);
        REQUIRE(!ours || rc == GVD_OK || rc == GVD_AGAIN);
        if (rc != GVD_OK)
            continue;
        REQUIRE(!ours || delivery.number == n);
        for (int64_t i = 0; i < delivery.place_count; i++)
            REQUIRE(delivery.places[i] >= 0 && delivery.places[i] < count);
        places += delivery.place_count;
    }
    REQUIRE(!ours || (gvd_request_is_over(r) && places == count));
}

// What is asked for is read, in file order, and comes to its places.
static void ask(gvd_index *x, input *in, bool ours)
{
    int64_t numbers[WANTED_MAX];
    int64_t count = x->frame_count ? take_below(in, WANTED_MAX) : 0;
    for (int64_t i = 0; i < count; i++)
        numbers[i] = take_below(in, x->frame_count);
    int64_t extra = take_below(in, x->frame_count + 1);
    gvd_request_params params = {
        .index = x,
        .numbers = numbers,
        .count = count,
        .extra = extra,
        .extra_end = extra + take_below(in, x->frame_count + 1 - extra),
    };
    gvd_request *r = NULL;
    REQUIRE(gvd_request_create(&params, &r, NULL) == GVD_OK);
    REQUIRE(gvd_request_count(r) == count);
    REQUIRE(gvd_request_size(r) >= 0 && gvd_request_jobs(r) >= 0);
    walk seen = {.last = -1};
    int64_t entry;
    while ((entry = gvd_request_entry(r)) >= 0)
        walk_packet(r, x, entry, &seen);
    REQUIRE(seen.opened == gvd_request_jobs(r));
    deliver_all(r, x, count, ours);
    gvd_request_free(&r);
}

// --- indexes ---

static void look_up(const gvd_index *x)
{
    for (int64_t i = 0; i < x->frame_count; i++) {
        int64_t job = gvd_index_find_job(x, i);
        REQUIRE(x->counted || (job >= 0 && job < x->job_count));
        gvd_index_duration(x, i, 0);
        gvd_index_is_key(x, i);
    }
    REQUIRE(gvd_index_bytes(x) > 0);
}

// An index that we made is one that we take.
static void give_back(const gvd_index *x, input *in)
{
    gvd_index_state state = gvd_index_to_state(x);
    gvd_index *same = NULL;
    REQUIRE(gvd_index_from_state(&state, &same, NULL) == GVD_OK);
    REQUIRE(same->frame_count == x->frame_count && same->end == x->end);
    ask(same, in, true);
    gvd_index_unref(&same);
}

// As after a scan that decoded, whatever the decoder showed.
static void correct(gvd_index *x, input *in)
{
    bool first = x->trust == GVD_TRUST_ALL_BUT_FIRST && x->job_count > 1;
    int64_t old = first ? x->jobs[1].frame : x->frame_count;
    gvd_index_frame frames[PACKETS_MAX];
    int64_t count = 0, kind = take_byte(in) % 4;
    for (int64_t i = 0; i < old && i < PACKETS_MAX; i++) {
        int64_t ordinal = x->frame_packets[i];
        if (!first && kind == 3 && take_byte(in) > 200)
            ordinal = take_int64(in);
        if (kind == 0 || take_byte(in) % 4)
            frames[count++] = (gvd_index_frame){ordinal, x->pts[i], 40};
        if (!first && kind == 2 && count < PACKETS_MAX && take_byte(in) > 200)
            frames[count++] = (gvd_index_frame){ordinal, x->pts[i], 20};
    }
    REQUIRE(gvd_index_correct(x, frames, count, NULL) == GVD_OK);
}

static void build(input *in)
{
    int kind = take_byte(in);
    gvd_media media = {.time_base = {1, 1 + take_byte(in)},
                       .average_frame_rate = {take_byte(in), 1}};
    stream s = {.classified = kind & 128, .pts = 0};
    uint8_t extradata[255];
    size_t size = kind & 64 ? (size_t)take_byte(in) : 0;
    take_bytes(in, extradata, size);
    enum gvd_bitstream bitstream =
        (enum gvd_bitstream)(kind % (GVD_BITSTREAM_INTRA + 1));
    gvd_classifier_init(&s.classifier, bitstream, extradata, size);
    gvd_extradata_is_420p8(bitstream, extradata, size);
    gvd_plan_init(&s.plan);
    REQUIRE(gvd_index_create(&media, kind & 32, &s.index, NULL) == GVD_OK);
    while (in->size > 0 && s.index->packet_count < PACKETS_MAX)
        push_packet(&s, in);
    REQUIRE(gvd_index_finish(s.index, NULL) == GVD_OK);
    look_up(s.index);
    *in = (input){extradata, size}; // what is drawn from here on
    give_back(s.index, in);
    if (s.index->trust != GVD_TRUST_PACKETS) {
        correct(s.index, in);
        look_up(s.index);
        give_back(s.index, in);
    }
    gvd_index_unref(&s.index);
}

// --- an index from elsewhere ---

static void *take_array(input *in, int64_t count, size_t size)
{
    void *array = malloc((size_t)count * size + 1);
    REQUIRE(array);
    take_bytes(in, array, (size_t)count * size);
    return array;
}

// Small numbers, so that some of them fit.
static gvd_index_job *take_jobs(input *in, int64_t count)
{
    gvd_index_job *jobs = take_array(in, 0, 1);
    jobs = realloc(jobs, (size_t)count * sizeof *jobs + 1);
    REQUIRE(jobs);
    for (int64_t i = 0; i < count; i++) {
        bool wild = take_byte(in) == 255;
        jobs[i] = (gvd_index_job){
            .packet = wild ? take_int64(in) : take_byte(in),
            .frame = wild ? take_int64(in) : take_byte(in),
            .next_packet = wild ? take_int64(in) : take_byte(in),
        };
    }
    return jobs;
}

static void load(input *in)
{
    int bits = take_byte(in);
    int64_t packets = take_byte(in), frames = take_byte(in);
    int64_t jobs = take_byte(in) % 16, durations = take_byte(in);
    gvd_index_job *job_array = take_jobs(in, jobs);
    uint8_t *small = take_array(in, packets, 1);
    uint16_t *flags = take_array(in, 0, 1);
    flags = realloc(flags, (size_t)packets * sizeof *flags + 1);
    uint32_t *ordinals = malloc((size_t)frames * sizeof *ordinals + 1);
    REQUIRE(flags && ordinals);
    for (int64_t i = 0; i < packets; i++)
        flags[i] = small[i];
    for (int64_t i = 0; i < frames; i++)
        ordinals[i] = (uint32_t)take_byte(in) << (bits & 16);
    uint8_t *frame_durations = take_array(in, frames, 1);
    int64_t *times = take_array(in, frames, sizeof *times);
    int64_t *lengths = take_array(in, durations, sizeof *lengths);
    gvd_index_state state = {
        .packets = flags,
        .packet_count = packets,
        .pts = times,
        .frame_packets = ordinals,
        .frame_count = frames,
        .jobs = job_array,
        .job_count = jobs,
        .frame_durations = frame_durations,
        .durations = lengths,
        .duration_count = durations,
        .trust = bits % 4,
        .counted = bits & 4,
    };
    gvd_index *x = NULL;
    if (gvd_index_from_state(&state, &x, NULL) == GVD_OK) {
        look_up(x);
        ask(x, in, false);
    }
    gvd_index_unref(&x);
    free(job_array);
    free(small);
    free(flags);
    free(ordinals);
    free(frame_durations);
    free(times);
    free(lengths);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    if (take_byte(&in) & 1)
        load(&in);
    else
        build(&in);
    return 0;
}
