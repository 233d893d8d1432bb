#include "frame.h"

#include <stdlib.h>

gvd_frame *gvd_frame_ref(gvd_frame *frame)
{
    gvd_ref_get(&frame->ref);
    return frame;
}

void gvd_frame_unref(gvd_frame **frame)
{
    gvd_frame *f = *frame;
    *frame = NULL;
    if (!f || !gvd_ref_put(&f->ref))
        return;
    gvd_charge_give(&f->charge);
    f->release(f);
}

static void release_facts(gvd_frame *frame)
{
    free(frame);
}

void gvd_frame_set_facts(gvd_frame *to, const gvd_frame *from)
{
    to->layout = from->layout;
    to->output_width = from->output_width;
    to->output_height = from->output_height;
    to->pixel_format = from->pixel_format;
    to->width = from->width;
    to->height = from->height;
    to->color = from->color;
    to->depth = from->depth;
    to->ordinal = from->ordinal;
    to->number = from->number;
    to->pts = from->pts;
    to->duration = from->duration;
    to->key = from->key;
    to->corrupt = from->corrupt;
    to->interlaced = from->interlaced;
    to->top_field_first = from->top_field_first;
    to->picture_type = from->picture_type;
    to->backend = from->backend;
}

gvd_frame *gvd_frame_copy_facts(const gvd_frame *frame, bool transposed)
{
    gvd_frame *facts = calloc(1, sizeof *facts);
    if (!facts)
        return NULL;
    gvd_ref_init(&facts->ref);
    facts->release = release_facts;
    facts->memory = frame->memory;
    gvd_frame_set_facts(facts, frame);
    if (transposed) {
        facts->width = frame->height;
        facts->height = frame->width;
    }
    return facts;
}

void gvd_frame_set_output(gvd_frame *frame, void *data, int64_t bytes,
                          int width, int height)
{
    frame->layout = GVD_LAYOUT_OUTPUT;
    frame->output_width = width;
    frame->output_height = height;
    frame->plane_count = 1;
    frame->sample_bytes = 1;
    frame->planes[0] = (gvd_plane){data, (ptrdiff_t)bytes, (int)bytes, 1, 1};
}

int64_t gvd_frame_bytes(const gvd_frame *frame)
{
    int64_t bytes = 0;
    for (int i = 0; i < frame->plane_count; i++) {
        const gvd_plane *p = &frame->planes[i];
        bytes += (int64_t)p->width * frame->sample_bytes * p->height;
    }
    return bytes;
}

bool gvd_frame_is_like(const gvd_frame *a, const gvd_frame *b)
{
    return a->layout == b->layout && a->width == b->width &&
           a->height == b->height && a->depth == b->depth &&
           a->sample_bytes == b->sample_bytes &&
           a->plane_count == b->plane_count &&
           a->color.matrix == b->color.matrix &&
           a->color.full_range == b->color.full_range &&
           a->color.limited_range == b->color.limited_range &&
           a->planes[1].width == b->planes[1].width &&
           a->planes[1].height == b->planes[1].height;
}

bool gvd_frame_is_420p8(const gvd_frame *frame)
{
    return frame->layout == GVD_LAYOUT_YUV && frame->plane_count == 3 &&
           frame->sample_bytes == 1 &&
           frame->planes[1].width == (frame->width + 1) / 2 &&
           frame->planes[1].height == (frame->height + 1) / 2;
}
