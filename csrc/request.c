#include "request.h"

#include <stdlib.h>

// A frame to deliver.
typedef struct item {
    int64_t number;
    int64_t first_place; // its places are up to those of the next item
    gvd_frame *ready;
} item;

// A frame to decode, by its packet.
typedef struct target {
    int64_t packet, number;
} target;

typedef struct wish {
    int64_t job, next_packet; // behind the last that is needed
} wish;

struct gvd_request {
    // Immutable after create.
    gvd_index *index;
    item *items; // by number, and one behind the last
    int64_t item_count;
    int64_t *places;
    target *targets; // by packet
    int64_t target_count;
    wish *wishes; // by job
    int64_t wish_count;
    bool everything; // decode all: only counting tells frames

    // Reading thread only.
    int64_t next_target; // the first that is not passed
    int64_t next_wish;   // the first that is not begun
    int64_t job;         // in the index, of the last packet
    int64_t passed;      // packets up to this one are done with

    // Consumer only.
    int64_t delivered; // items
    int64_t counted;   // decoded frames, in presentation order
};

// --- what is wanted ---

typedef struct place {
    int64_t number, place;
} place;

static int by_number(const void *left, const void *right)
{
    const place *a = left, *b = right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

static int by_packet(const void *left, const void *right)
{
    const target *a = left, *b = right;
    return (a->packet > b->packet) - (a->packet < b->packet);
}

static void add_item(gvd_request *r, const gvd_request_params *params,
                     int64_t number, int64_t first_place)
{
    r->items[r->item_count++] = (item){
        .number = number,
        .first_place = first_place,
        .ready = params->have ? params->have(params->context, number) : NULL,
    };
}

// Merges the sorted places with the extra frames.
static void fill_items(gvd_request *r, const gvd_request_params *params,
                       const place *sorted)
{
    int64_t at = 0, extra = params->extra;
    while (at < params->count || extra < params->extra_end) {
        int64_t number = at < params->count ? sorted[at].number : INT64_MAX;
        if (extra < params->extra_end && extra <= number)
            number = extra++;
        add_item(r, params, number, at);
        for (; at < params->count && sorted[at].number == number; at++)
            r->places[at] = sorted[at].place;
    }
    r->items[r->item_count] = (item){.first_place = at};
}

static void want_job(gvd_request *r, int64_t job, int64_t next_packet)
{
    if (r->wish_count == 0 || r->wishes[r->wish_count - 1].job != job)
        r->wishes[r->wish_count++] = (wish){.job = job};
    wish *w = &r->wishes[r->wish_count - 1];
    if (w->next_packet < next_packet)
        w->next_packet = next_packet;
}

// Behind the last packet that the frame of this one needs.
static int64_t packets_end(const gvd_index *x, int64_t job, int64_t packet)
{
    if (x->trust == GVD_TRUST_NOTHING ||
        (x->trust == GVD_TRUST_ALL_BUT_FIRST && job == 0))
        return x->jobs[job].next_packet;
    bool field = gvd_index_flags(x, packet) & GVD_PACKET_FIELD &&
                 packet + 1 < x->jobs[job].next_packet;
    return packet + 1 + field;
}

static void fill_wishes(gvd_request *r)
{
    const gvd_index *x = r->index;
    for (int64_t i = 0; i < r->item_count; i++) {
        int64_t number = r->items[i].number;
        if (r->items[i].ready)
            continue;
        if (x->counted) {
            r->everything = true;
            return;
        }
        int64_t packet = x->frame_packets[number];
        int64_t job = gvd_index_find_job(x, number);
        want_job(r, job, packets_end(x, job, packet));
        r->targets[r->target_count++] = (target){packet, number};
    }
    qsort(r->targets, (size_t)r->target_count, sizeof *r->targets, by_packet);
}

int gvd_request_create(const gvd_request_params *params, gvd_request **out,
                       gvd_error *err)
{
    size_t most = (size_t)(params->count + params->extra_end - params->extra);
    gvd_request *r = calloc(1, sizeof *r);
    place *sorted = malloc((size_t)(params->count + 1) * sizeof *sorted);
    if (r) {
        r->index = gvd_index_ref(params->index);
        r->items = calloc(most + 1, sizeof *r->items);
        r->places = calloc((size_t)params->count + 1, sizeof *r->places);
        r->targets = calloc(most + 1, sizeof *r->targets);
        r->wishes = calloc(most + 1, sizeof *r->wishes);
    }
    if (!r || !sorted || !r->items || !r->places || !r->targets || !r->wishes) {
        free(sorted);
        gvd_request_free(&r);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    for (int64_t i = 0; i < params->count; i++)
        sorted[i] = (place){params->numbers[i], i};
    qsort(sorted, (size_t)params->count, sizeof *sorted, by_number);
    fill_items(r, params, sorted);
    free(sorted);
    fill_wishes(r);
    *out = r;
    return GVD_OK;
}

void gvd_request_free(gvd_request **request)
{
    gvd_request *r = *request;
    *request = NULL;
    if (!r)
        return;
    for (int64_t i = 0; r->items && i < r->item_count; i++)
        gvd_frame_unref(&r->items[i].ready);
    gvd_index_unref(&r->index);
    free(r->items);
    free(r->places);
    free(r->targets);
    free(r->wishes);
    free(r);
}

const gvd_index *gvd_request_index(const gvd_request *request)
{
    return request->index;
}

int64_t gvd_request_count(const gvd_request *request)
{
    return request->items[request->item_count].first_place;
}

int64_t gvd_request_size(const gvd_request *request)
{
    const gvd_request *r = request;
    int64_t size = r->everything ? r->index->packet_count : 0;
    for (int64_t i = 0; i < r->wish_count; i++)
        size +=
            r->wishes[i].next_packet - r->index->jobs[r->wishes[i].job].packet;
    return size;
}

// --- reading ---

int64_t gvd_request_jobs(const gvd_request *request)
{
    return request->everything ? request->index->job_count
                               : request->wish_count;
}

int64_t gvd_request_entry(const gvd_request *request)
{
    const gvd_request *r = request;
    if (r->everything)
        return r->passed < r->index->packet_count ? r->passed : -1;
    for (int64_t i = r->next_wish - 1; i >= 0 && i >= r->next_wish - 2; i--)
        if (r->passed < r->wishes[i].next_packet)
            return r->passed;
    return r->next_wish < r->wish_count
               ? r->index->jobs[r->wishes[r->next_wish].job].packet
               : -1;
}

// The wish for a job if it was begun and needs the packet, else NULL.
static const wish *find_wish(const gvd_request *r, int64_t job, int64_t packet)
{
    for (int64_t i = r->next_wish - 1; i >= 0 && i >= r->next_wish - 2; i--)
        if (r->wishes[i].job == job && packet < r->wishes[i].next_packet)
            return &r->wishes[i];
    return NULL;
}

static gvd_route route_all(const gvd_request *r, int64_t packet)
{
    const gvd_index_job *job = &r->index->jobs[r->job];
    int flags = gvd_index_flags(r->index, packet);
    gvd_route route = {
        .opens = flags & GVD_PACKET_OPENS,
        .starts_stream = r->job == 0,
        .to_previous = flags & GVD_PACKET_TO_PREVIOUS,
        .shown_by_previous = flags & GVD_PACKET_SHOWN_BY_PREVIOUS,
        .to_current = flags & GVD_PACKET_TO_CURRENT,
        .shown_by_current = flags & GVD_PACKET_SHOWN_BY_CURRENT,
        .ends_current = job->next_packet == packet + 1,
    };
    route.ends_previous =
        route.to_previous && job[-1].next_packet == packet + 1;
    return route;
}

static gvd_route route_wanted(gvd_request *r, int64_t packet, bool opens)
{
    int flags = gvd_index_flags(r->index, packet);
    const wish *current = find_wish(r, r->job, packet);
    const wish *previous = find_wish(r, r->job - 1, packet);
    bool wanted = r->next_target < r->target_count &&
                  r->targets[r->next_target].packet == packet;
    bool needed = wanted || opens || !(flags & GVD_PACKET_DISPOSABLE);
    gvd_route route = {
        .opens = opens,
        .starts_stream = r->job == 0,
        .to_previous = needed && previous && flags & GVD_PACKET_TO_PREVIOUS,
        .to_current = needed && current && flags & GVD_PACKET_TO_CURRENT,
    };
    route.shown_by_previous =
        route.to_previous && wanted && flags & GVD_PACKET_SHOWN_BY_PREVIOUS;
    route.shown_by_current =
        route.to_current && wanted && flags & GVD_PACKET_SHOWN_BY_CURRENT;
    route.ends_previous =
        route.to_previous && previous->next_packet == packet + 1;
    route.ends_current = route.to_current && current->next_packet == packet + 1;
    return route;
}

// Where the packet's own job is not wanted, the one before is the scheduler's
// current.
static void shift(gvd_route *route)
{
    route->to_current = route->to_previous;
    route->shown_by_current = route->shown_by_previous;
    route->ends_current = route->ends_previous;
    route->to_previous = route->shown_by_previous = route->ends_previous =
        false;
}

bool gvd_request_route(gvd_request *request, int64_t packet, gvd_route *route)
{
    gvd_request *r = request;
    const gvd_index *x = r->index;
    while (r->job + 1 < x->job_count && x->jobs[r->job + 1].packet <= packet)
        r->job++;
    r->passed = packet + 1;
    if (r->everything) {
        *route = route_all(r, packet);
        return true;
    }
    while (r->next_target < r->target_count &&
           r->targets[r->next_target].packet < packet)
        r->next_target++;
    bool begins = r->next_wish < r->wish_count &&
                  r->wishes[r->next_wish].job == r->job &&
                  x->jobs[r->job].packet == packet;
    r->next_wish += begins;
    *route = route_wanted(r, packet, begins);
    bool own = r->next_wish > 0 && r->wishes[r->next_wish - 1].job == r->job;
    if (!own)
        shift(route);
    return route->to_previous || route->to_current;
}

int64_t gvd_request_number(const gvd_request *request)
{
    const gvd_request *r = request;
    return r->everything ? GVD_NO_PTS : r->targets[r->next_target].number;
}

// --- delivering ---

static void deliver(gvd_request *r, gvd_delivery *delivery)
{
    const item *it = &r->items[r->delivered++];
    delivery->number = it->number;
    delivery->places = r->places + it->first_place;
    delivery->place_count = it[1].first_place - it->first_place;
}

bool gvd_request_take_ready(gvd_request *request, gvd_delivery *delivery)
{
    gvd_request *r = request;
    if (gvd_request_is_over(r) || !r->items[r->delivered].ready)
        return false;
    delivery->frame = r->items[r->delivered].ready;
    r->items[r->delivered].ready = NULL;
    deliver(r, delivery);
    return true;
}

static bool is_target(const gvd_request *r, int64_t packet)
{
    target key = {.packet = packet};
    return bsearch(&key, r->targets, (size_t)r->target_count,
                   sizeof *r->targets, by_packet) != NULL;
}

int gvd_request_accept(gvd_request *request, const gvd_frame *frame,
                       gvd_delivery *delivery, gvd_error *err)
{
    gvd_request *r = request;
    int64_t number = r->items[r->delivered].number;
    if (r->everything) {
        if (r->counted++ != number)
            return GVD_AGAIN;
    } else if (frame->ordinal != r->index->frame_packets[number]) {
        return is_target(r, frame->ordinal) ? gvd_request_fail_missing(r, err)
                                            : GVD_AGAIN;
    }
    deliver(r, delivery);
    return GVD_OK;
}

bool gvd_request_is_over(const gvd_request *request)
{
    return request->delivered == request->item_count;
}

int gvd_request_fail_missing(const gvd_request *request, gvd_error *err)
{
    return gvd_fail(err, GVD_ERR_DECODE,
                    "frame %lld is damaged and cannot be decoded; reading "
                    "in order goes on without it",
                    (long long)request->items[request->delivered].number);
}

int gvd_request_fail_broken(const gvd_request *request, gvd_error *err)
{
    gvd_error_prefix(err, "frame %lld cannot be decoded: ",
                     (long long)request->items[request->delivered].number);
    return GVD_ERR_DECODE;
}
