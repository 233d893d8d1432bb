// Streams of others that were handed a buffer's contents.
#include "cuda/buffer.h"
#include "thread.h"

// The default stream of a thread, maybe of another one: it cannot be asked.
#define PER_THREAD ((CUstream)2)

void gvd_buffer_add_user(gvd_buffer *buffer, CUstream stream)
{
    gvd_buffer *b = buffer;
    pthread_mutex_lock(&b->lock);
    int at = 0;
    while (at < b->user_count && b->users[at] != stream)
        at++;
    if (at == b->user_count && at < GVD_MAX_USERS)
        b->users[b->user_count++] = stream;
    else if (at == GVD_MAX_USERS)
        b->more_users = true;
    pthread_mutex_unlock(&b->lock);
}

int gvd_buffer_order(gvd_buffer *buffer, CUstream stream, gvd_error *err)
{
    gvd_gpu *gpu = buffer->gpu;
    int rc = gvd_gpu_push(gpu, err);
    if (rc < 0)
        return rc;
    rc = gvd_gpu_check_stream(gpu, stream, err);
    if (rc == GVD_OK) {
        gvd_buffer_add_user(buffer, stream);
        rc = CU(err, gpu->drv->cuStreamWaitEvent(stream, buffer->event, 0));
    }
    gvd_gpu_pop(gpu);
    return rc;
}

// `stream` comes after what the user has queued so far; the event is recorded
// for that. False where only the host can wait for the user.
static bool follow(const gvd_driver *drv, CUstream stream, CUstream user,
                   CUevent event)
{
    return user != PER_THREAD &&
           drv->cuEventRecord(event, user) == CUDA_SUCCESS &&
           drv->cuStreamWaitEvent(stream, event, 0) == CUDA_SUCCESS;
}

static bool captures(const gvd_gpu *gpu, CUstream stream)
{
    return stream != PER_THREAD && gvd_gpu_is_capturing(gpu, stream);
}

// --- to the host ---

// What is being captured does not run, so there is nothing to wait for.
static int follow_users(gvd_buffer *b, CUstream stream, gvd_error *err)
{
    const gvd_driver *drv = b->gpu->drv;
    CUstream users[GVD_MAX_USERS];
    pthread_mutex_lock(&b->lock);
    const int count = b->user_count;
    for (int i = 0; i < count; i++)
        users[i] = b->users[i];
    bool all = b->more_users;
    pthread_mutex_unlock(&b->lock);
    if (count == 0)
        return GVD_OK;
    CUevent event;
    int rc = CU(err, drv->cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    if (rc < 0)
        return rc;
    for (int i = 0; i < count; i++)
        all |= !captures(b->gpu, users[i]) &&
               !follow(drv, stream, users[i], event);
    drv->cuEventDestroy(event);
    return all ? CU(err, drv->cuCtxSynchronize()) : GVD_OK;
}

// One row goes as a linear copy: a batch may be longer than the largest pitch.
static int queue_download(const gvd_gpu *gpu, const CUDA_MEMCPY2D *copy,
                          gvd_error *err)
{
    const gvd_driver *drv = gpu->drv;
    CUstream stream = gpu->copy_stream;
    if (copy->Height == 1)
        return CU(err, drv->cuMemcpyDtoHAsync(copy->dstHost, copy->srcDevice,
                                              copy->WidthInBytes, stream));
    return CU(err, drv->cuMemcpy2DAsync(copy, stream));
}

int gvd_buffer_download(gvd_buffer *buffer, const CUDA_MEMCPY2D *copy,
                        gvd_error *err)
{
    gvd_gpu *gpu = buffer->gpu;
    const gvd_driver *drv = gpu->drv;
    int rc = gvd_gpu_push(gpu, err);
    if (rc < 0)
        return rc;
    rc = CU(err, drv->cuStreamWaitEvent(gpu->copy_stream, buffer->event, 0));
    if (rc == GVD_OK)
        rc = follow_users(buffer, gpu->copy_stream, err);
    if (rc == GVD_OK)
        rc = queue_download(gpu, copy, err);
    if (rc == GVD_OK)
        rc = CU(err, drv->cuStreamSynchronize(gpu->copy_stream));
    gvd_gpu_pop(gpu);
    return rc;
}

// --- before the memory is used again ---

bool gvd_buffer_settle(gvd_buffer *buffer, CUstream stream)
{
    gvd_buffer *b = buffer;
    const gvd_driver *drv = b->gpu->drv;
    bool all = b->more_users, capturing = captures(b->gpu, stream);
    for (int i = 0; i < b->user_count; i++) {
        all |= b->users[i] == PER_THREAD;
        capturing |= captures(b->gpu, b->users[i]);
    }
    if (capturing || (all && !gvd_may_wait()))
        return false;
    // What the core itself has queued: the event is another's after this.
    drv->cuStreamWaitEvent(stream, b->event, 0);
    for (int i = 0; i < b->user_count; i++)
        all |= !follow(drv, stream, b->users[i], b->event);
    if (all && !gvd_may_wait())
        return false; // what was recorded is recorded once more
    if (all)
        drv->cuCtxSynchronize();
    b->user_count = 0;
    b->more_users = false;
    return true;
}
