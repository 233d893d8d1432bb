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
    if (f && gvd_ref_put(&f->ref))
        f->release(f);
}

static void release_facts(gvd_frame *frame)
{
    free(frame);
}

void gvd_frame_set_facts(gvd_frame *to, const gvd_frame *from)
{
    to->layout = from->layout;
    to->pixel_format = from->pixel_format;
    to->width = from->width;
    to->height = from->height;
    to->color = from->color;
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

int64_t gvd_frame_bytes(const gvd_frame *frame)
{
    int64_t bytes = 0;
    for (int i = 0; i < frame->plane_count; i++) {
        const gvd_plane *p = &frame->planes[i];
        int64_t row = (int64_t)p->width * frame->sample_bytes;
        if (frame->layout == GVD_LAYOUT_RGB24)
            row *= 3;
        bytes += row * p->height;
    }
    return bytes;
}

bool gvd_frame_is_420p8(const gvd_frame *frame)
{
    return frame->layout == GVD_LAYOUT_YUV && frame->plane_count == 3 &&
           frame->sample_bytes == 1 &&
           frame->planes[1].width == (frame->width + 1) / 2 &&
           frame->planes[1].height == (frame->height + 1) / 2;
}
