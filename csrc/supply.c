#include "supply.h"

// To read over so few packets is quicker than to seek.
#define NEAR_PACKETS 8

void gvd_supply_init(gvd_supply *supply, gvd_reader *reader, gvd_source *source,
                     gvd_request *request)
{
    *supply = (gvd_supply){
        .reader = reader,
        .source = source,
        .first = source,
        .request = request,
        .whole = !request && reader->params.on_corrupt == GVD_CORRUPT_RAISE,
    };
    gvd_plan_init(&supply->plan);
    atomic_init(&supply->stopped, false);
    gvd_source_lend(source, &supply->stopped);
}

void gvd_supply_abort(gvd_supply *supply)
{
    atomic_store(&supply->stopped, true);
}

gvd_source *gvd_supply_free(gvd_supply *supply)
{
    gvd_source *source = supply->source;
    if (source != supply->first)
        gvd_source_close(&supply->first);
    if (supply->lost || gvd_source_is_over(source))
        gvd_source_close(&source);
    else
        gvd_source_lend(source, NULL);
    return source;
}

static int reopen(gvd_supply *s, gvd_error *err)
{
    gvd_source *fresh = NULL;
    s->lost = true;
    int rc = gvd_reader_open_source(s->reader, &s->stopped, &fresh, err);
    if (rc < 0)
        return rc;
    if (s->source != s->first)
        gvd_source_close(&s->source);
    s->source = fresh;
    s->lost = false;
    return GVD_OK;
}

// The file is opened again and read through from its start on.
static int start_over(gvd_supply *s, gvd_error *err)
{
    s->linear = true;
    return reopen(s, err);
}

static int seek(gvd_supply *s, int64_t packet, gvd_error *err)
{
    const gvd_index *index = gvd_request_index(s->request);
    const gvd_index_job *job = &index->jobs[gvd_index_job_at(index, packet)];
    gvd_source_mark mark = {
        .ordinal = job->packet,
        .pts = job->pts,
        .dts = job->dts,
        .position = job->position,
    };
    if (packet == 0)
        return reopen(s, err);
    if (job->packet != packet)
        return start_over(s, err);
    int rc = gvd_source_seek(s->source, &mark, err);
    return rc == GVD_AGAIN ? start_over(s, err) : rc;
}

// Makes `packet` the next to be read, or one a little before it.
static int go_to(gvd_supply *s, int64_t packet, gvd_error *err)
{
    int64_t next = gvd_source_next(s->source);
    if (next <= packet && (s->linear || packet - next <= NEAR_PACKETS))
        return GVD_OK;
    return s->linear ? start_over(s, err) : seek(s, packet, err);
}

static int check_packet(gvd_supply *s, const gvd_packet *packet, gvd_error *err)
{
    const gvd_index *index = gvd_request_index(s->request);
    if (packet->ordinal < index->packet_count &&
        gvd_index_has_size(index, packet->ordinal, packet->file_size))
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_DECODE,
                    "it is not the file that was indexed: packet %lld "
                    "differs; open it without index= to have it scanned",
                    (long long)packet->ordinal);
}

static int read_wanted(gvd_supply *s, gvd_packet **out, gvd_route *route,
                       gvd_error *err)
{
    for (;;) {
        int64_t entry = gvd_request_entry(s->request);
        int rc = entry < 0 ? GVD_EOF : go_to(s, entry, err);
        if (rc == GVD_OK)
            rc = gvd_source_read(s->source, out, err);
        if (rc == GVD_OK)
            rc = check_packet(s, *out, err);
        // After a seek things may be out of step where they are not from the
        // start.
        if (rc == GVD_ERR_DECODE && *out && !s->linear) {
            gvd_packet_unref(out);
            rc = start_over(s, err);
            if (rc == GVD_OK)
                continue;
        }
        if (rc != GVD_OK)
            return rc;
        int64_t ordinal = (*out)->ordinal;
        if (ordinal >= entry && gvd_request_route(s->request, ordinal, route)) {
            // Where only counting tells, its own time still tells the order.
            int64_t number = gvd_request_number(s->request);
            (*out)->pts = number != GVD_NO_PTS ? number : (*out)->pts;
            return GVD_OK;
        }
        gvd_packet_unref(out);
    }
}

int gvd_supply_read(void *supply, gvd_packet **out, gvd_route *route,
                    gvd_error *err)
{
    gvd_supply *s = supply;
    if (s->request)
        return read_wanted(s, out, route, err);
    int rc = gvd_source_read(s->source, out, err);
    if (rc == GVD_EOF && s->whole && gvd_source_ends_early(s->source))
        return gvd_fail(err, GVD_ERR_DECODE,
                        "the file ends early, after %lld packets: it was cut "
                        "off; on_corrupt=\"keep\" and \"skip\" take what there "
                        "is",
                        (long long)gvd_source_next(s->source));
    if (rc == GVD_OK)
        *route = gvd_plan_route(&s->plan, *out);
    else if (rc == GVD_ERR_DECODE || rc == GVD_ERR_READ)
        gvd_error_prefix(
            err, "at packet %lld: ", (long long)gvd_source_next(s->source));
    return rc;
}
