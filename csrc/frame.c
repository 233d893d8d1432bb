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

gvd_frame *gvd_frame_copy_facts(const gvd_frame *frame)
{
    gvd_frame *facts = malloc(sizeof *facts);
    if (!facts)
        return NULL;
    *facts = (gvd_frame){
        .release = release_facts,
        .memory = frame->memory,
        .layout = frame->layout,
        .pixel_format = frame->pixel_format,
        .width = frame->width,
        .height = frame->height,
        .color = frame->color,
        .ordinal = frame->ordinal,
        .pts = frame->pts,
        .duration = frame->duration,
        .key = frame->key,
        .corrupt = frame->corrupt,
        .backend = frame->backend,
    };
    gvd_ref_init(&facts->ref);
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
