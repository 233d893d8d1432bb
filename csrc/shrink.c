#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/convert.h"
#include "cpu/host_pool.h"
#include "cuda/device.h"

// A frame with the facts of another and a block of memory, which is its owner.
static int create_on_host(const gvd_frame *like, int64_t bytes, gvd_frame **out,
                          gvd_error *err)
{
    gvd_host_block *block = gvd_host_block_get((size_t)bytes);
    *out = block ? gvd_frame_copy_facts(like, false) : NULL;
    if (*out) {
        gvd_host_block_own(block, *out);
        return GVD_OK;
    }
    if (block)
        gvd_host_block_put(block);
    return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
}

static int shrink_on_host(const gvd_conversion *c, gvd_frame **frame,
                          gvd_error *err)
{
    const int64_t bytes = gvd_conversion_bytes(c);
    gvd_frame *small = NULL;
    int rc = create_on_host(*frame, bytes, &small, err);
    if (rc < 0)
        return rc;
    gvd_frame_set_output(small, gvd_host_block_data(small->owner), bytes,
                         c->width, c->height);
    rc = gvd_cpu_convert(c, *frame, small->planes[0].data, err);
    if (rc < 0) {
        gvd_frame_unref(&small);
        return rc;
    }
    gvd_frame_unref(frame);
    *frame = small;
    return GVD_OK;
}

int gvd_frame_settle(gvd_reader *reader, gvd_frame **frame, gvd_error *err)
{
    const bool cuda = reader->device.type == GVD_DEVICE_CUDA;
    int rc = GVD_OK;
    if (cuda && (*frame)->memory == GVD_MEMORY_HOST)
        rc = gvd_cuda_place(reader->device.id, frame, err);
    const gvd_output *output = &reader->params.output;
    if (rc < 0 || output->native || gvd_output_is_whole(output))
        return rc;
    gvd_conversion *c = NULL;
    rc = gvd_conversions_get(&reader->conversions, *frame, &c, err);
    if (rc == GVD_OK && gvd_conversion_bytes(c) < gvd_frame_bytes(*frame))
        rc = cuda ? gvd_cuda_shrink(reader->device.id, c, frame, err)
                  : shrink_on_host(c, frame, err);
    gvd_conversion_unref(&c);
    return rc;
}

static int duplicate_on_host(const gvd_frame *frame, gvd_frame **out,
                             gvd_error *err)
{
    gvd_frame *copy = NULL;
    int rc = create_on_host(frame, gvd_frame_bytes(frame) + 1, &copy, err);
    if (rc < 0)
        return rc;
    copy->plane_count = frame->plane_count;
    copy->sample_bytes = frame->sample_bytes;
    uint8_t *at = gvd_host_block_data(copy->owner);
    for (int i = 0; i < frame->plane_count; i++) {
        const gvd_plane *from = &frame->planes[i];
        const size_t row = (size_t)from->width * (size_t)frame->sample_bytes;
        copy->planes[i] = *from;
        copy->planes[i].data = at;
        copy->planes[i].stride = (ptrdiff_t)row;
        for (int y = 0; y < from->height; y++, at += row)
            memcpy(at, from->data + y * from->stride, row);
    }
    *out = copy;
    return GVD_OK;
}

int gvd_frame_duplicate(const gvd_frame *frame, gvd_frame **out, gvd_error *err)
{
    return frame->memory == GVD_MEMORY_HOST
               ? duplicate_on_host(frame, out, err)
               : gvd_cuda_duplicate(frame, out, err);
}

// Of one frame as it is given, or 0 where the header's size is none.
static int64_t made_bytes(gvd_reader *reader)
{
    int64_t shape[GVD_MAX_DIMS];
    if (gvd_reader_shape(reader, 1, shape, NULL) < 0)
        return 0;
    return gvd_array_bytes(reader->params.output.dtype, GVD_MAX_DIMS, shape);
}

int64_t gvd_frame_expected_bytes(gvd_reader *reader, const gvd_media *media)
{
    int64_t bytes = (int64_t)media->width * media->height * 3 / 2;
    bytes *= media->bit_depth > 8 ? 2 : 1;
    const gvd_output *output = &reader->params.output;
    if (output->native || gvd_output_is_whole(output))
        return bytes;
    int64_t made = made_bytes(reader);
    return made > 0 && made < bytes ? made : bytes;
}

int64_t gvd_batch_frame_bytes(gvd_reader *reader, const gvd_media *media)
{
    bool ahead =
        reader->device.type == GVD_DEVICE_CPU && !reader->params.output.native;
    return ahead ? made_bytes(reader) : gvd_frame_expected_bytes(reader, media);
}
