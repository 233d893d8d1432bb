#include "scan.h"

#include <stdlib.h>

#include "cpu/limits.h"
#include "scheduler.h"
#include "supply.h"
#include "thread.h"

struct gvd_scan {
    gvd_reader *reader;
    gvd_source *source; // while packets are read
    gvd_plan plan;
    gvd_index *index;

    // While frames are decoded.
    gvd_supply supply;
    gvd_scheduler *scheduler;
    gvd_index_frame *frames;
    int64_t frame_count, frame_capacity;
};

int gvd_scan_create(gvd_reader *reader, gvd_scan **out, gvd_error *err)
{
    gvd_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    scan->reader = reader;
    gvd_plan_init(&scan->plan);
    int rc = gvd_reader_open_plain(reader, &scan->source, err);
    if (rc == GVD_OK)
        rc = gvd_index_create(&gvd_source_stream(scan->source)->media,
                              gvd_source_is_one_to_one(scan->source),
                              &scan->index, err);
    if (rc < 0)
        gvd_scan_free(&scan);
    *out = scan;
    return rc;
}

void gvd_scan_free(gvd_scan **scan)
{
    gvd_scan *s = *scan;
    *scan = NULL;
    if (!s)
        return;
    if (s->scheduler) {
        gvd_supply_abort(&s->supply);
        gvd_scheduler_destroy(&s->scheduler);
        s->source = gvd_supply_free(&s->supply);
    }
    gvd_source_close(&s->source);
    gvd_index_unref(&s->index);
    free(s->frames);
    free(s);
}

// --- packets ---

static int read_packets(gvd_scan *s, double end, gvd_error *err)
{
    while (gvd_seconds() < end) {
        gvd_packet *packet = NULL;
        int rc = gvd_source_read(s->source, &packet, err);
        if (rc == GVD_EOF)
            return gvd_index_finish(s->index, err);
        if (rc == GVD_OK) {
            gvd_route route = gvd_plan_route(&s->plan, packet);
            rc = gvd_index_push(s->index, packet, &route, err);
        }
        gvd_packet_unref(&packet);
        if (rc < 0)
            return rc;
    }
    return GVD_AGAIN;
}

// --- frames ---

static int64_t packets_to_decode(const gvd_index *x)
{
    bool first = x->trust == GVD_TRUST_ALL_BUT_FIRST && x->job_count > 1;
    return first ? x->jobs[0].next_packet : x->packet_count;
}

static int read_for_frames(void *context, gvd_packet **out, gvd_route *route,
                           gvd_error *err)
{
    gvd_scan *s = context;
    if (gvd_source_next(s->supply.source) >= packets_to_decode(s->index))
        return GVD_EOF;
    return gvd_supply_read(&s->supply, out, route, err);
}

static int start_decoding(gvd_scan *s, gvd_error *err)
{
    gvd_source_close(&s->source);
    int rc = gvd_reader_open_plain(s->reader, &s->source, err);
    if (rc < 0)
        return rc;
    gvd_supply_init(&s->supply, s->reader, s->source, NULL);
    int cores = gvd_cpu_cores();
    gvd_scheduler_params params = {
        .backend = &gvd_cpu,
        .session = {.stream = gvd_source_stream(s->source),
                    .pixels = GVD_PIXELS_NONE},
        .read = read_for_frames,
        .context = s,
        .name = s->reader->params.url,
        .workers = cores,
        .workers_reason = "there is one for every core",
        .threads = cores,
        .memory_limit = gvd_cpu_memory_default(),
    };
    s->source = NULL; // the supply's now
    rc = gvd_scheduler_create(&params, &s->scheduler, err);
    if (rc < 0)
        s->source = gvd_supply_free(&s->supply);
    return rc;
}

static int note_frame(gvd_scan *s, const gvd_frame *frame, gvd_error *err)
{
    if (s->frame_count == s->frame_capacity) {
        int64_t capacity = s->frame_capacity * 2 + 256;
        void *grown = realloc(s->frames, (size_t)capacity * sizeof *s->frames);
        if (!grown)
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        s->frames = grown;
        s->frame_capacity = capacity;
    }
    s->frames[s->frame_count++] =
        (gvd_index_frame){frame->ordinal, frame->pts, frame->duration};
    return GVD_OK;
}

// Of a first job that was decoded alone, what came behind it is left out.
static int correct(gvd_scan *s, gvd_error *err)
{
    const gvd_index *x = s->index;
    int64_t count = s->frame_count;
    if (packets_to_decode(x) < x->packet_count) {
        count = 0;
        for (int64_t i = 0; i < s->frame_count; i++) {
            int64_t packet = s->frames[i].ordinal;
            bool repeated = count > 0 && s->frames[count - 1].ordinal == packet;
            if (packet >= 0 && packet < x->packet_count && !repeated &&
                gvd_index_job_of_packet(x, packet) == 0)
                s->frames[count++] = s->frames[i];
        }
    }
    return gvd_index_correct(s->index, s->frames, count, err);
}

static int decode_frames(gvd_scan *s, double end, gvd_error *err)
{
    for (;;) {
        int left = (int)((end - gvd_seconds()) * 1e3);
        gvd_frame *frame = NULL;
        int rc = left < 0 ? GVD_AGAIN
                          : gvd_scheduler_next(s->scheduler, left, &frame, err);
        if (rc == GVD_OK)
            rc = note_frame(s, frame, err);
        gvd_frame_unref(&frame);
        // What ends with an error is as long as what came before it.
        if (rc == GVD_EOF || rc == GVD_ERR_DECODE)
            return correct(s, err);
        if (rc != GVD_OK)
            return rc;
    }
}

int gvd_scan_step(gvd_scan *scan, int timeout_ms, gvd_index **out,
                  gvd_error *err)
{
    gvd_scan *s = scan;
    double end = gvd_seconds() + timeout_ms / 1e3;
    int rc = GVD_OK;
    if (!s->scheduler) {
        rc = read_packets(s, end, err);
        if (rc != GVD_OK)
            return rc;
        if (s->index->trust != GVD_TRUST_PACKETS) {
            rc = start_decoding(s, err);
            if (rc < 0)
                return rc;
        }
    }
    if (s->scheduler)
        rc = decode_frames(s, end, err);
    if (rc == GVD_OK)
        *out = gvd_index_ref(s->index);
    return rc;
}
