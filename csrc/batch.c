#include "batch.h"

#include <stdlib.h>

int gvd_batch_create(int capacity, gvd_batch **out, gvd_error *err)
{
    gvd_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    batch->capacity = capacity;
    *out = batch;
    return GVD_OK;
}

int gvd_batch_put(gvd_batch *batch, int64_t slot, gvd_frame *frame,
                  gvd_error *err)
{
    if (slot >= batch->room) {
        int64_t room = 2 * slot + 16;
        if (room > batch->capacity)
            room = batch->capacity;
        gvd_frame **grown =
            realloc(batch->frames, (size_t)room * sizeof(gvd_frame *));
        if (!grown) {
            gvd_frame_unref(&frame);
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        }
        for (int64_t i = batch->room; i < room; i++)
            grown[i] = NULL;
        batch->frames = grown;
        batch->room = (int)room;
    }
    batch->frames[slot] = frame;
    return GVD_OK;
}

void gvd_batch_free(gvd_batch **batch)
{
    gvd_batch *b = *batch;
    *batch = NULL;
    if (!b)
        return;
    for (int i = 0; i < b->room; i++)
        gvd_frame_unref(&b->frames[i]);
    gvd_tensor_unref(&b->tensor);
    free(b->frames);
    free(b);
}

int gvd_batch_drop_planes(gvd_batch *batch, bool transposed, gvd_error *err)
{
    for (int i = 0; i < batch->count; i++) {
        gvd_frame *facts = gvd_frame_copy_facts(batch->frames[i], transposed);
        if (!facts)
            return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        gvd_frame_unref(&batch->frames[i]);
        batch->frames[i] = facts;
    }
    return GVD_OK;
}

int gvd_target_check(const gvd_target *target, enum gvd_dtype dtype,
                     const int64_t shape[GVD_MAX_DIMS], gvd_error *err)
{
    if (!target->block.data ||
        gvd_array_bytes(dtype, GVD_MAX_DIMS, shape) == target->bytes)
        return GVD_OK;
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "the frames are of another size than the file says and do "
                    "not fit into out; size= makes them fit");
}

void gvd_target_release(gvd_target *target)
{
    if (target->block.release)
        target->block.release(target->block.handle);
    *target = (gvd_target){0};
}

int gvd_fail_sizes(gvd_error *err)
{
    return gvd_fail(err, GVD_ERR_UNSUPPORTED,
                    "the frames differ in size and cannot be one array; size= "
                    "makes them one size, and native ones may differ");
}
