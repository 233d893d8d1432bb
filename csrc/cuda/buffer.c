#include "cuda/buffer.h"

#include <stdlib.h>

#include "cuda/device.h"

#define IDLE_LIMIT ((size_t)8 << 30)

// Idle buffers of one size, so that none has to be looked for.
typedef struct shelf {
    const gvd_gpu *gpu;
    size_t capacity;
    gvd_buffer *first, *last; // first is idle longest
    struct shelf *next;
} shelf;

static struct {
    pthread_mutex_t lock;
    // Guarded by lock.
    shelf *shelves; // stay once they are there
    size_t bytes;
    int64_t puts; // counts them, to know which buffer is idle longest
} idle = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void destroy(gvd_buffer *b)
{
    if (b->memory)
        b->gpu->drv->cuMemFree(b->memory);
    if (b->event)
        b->gpu->drv->cuEventDestroy(b->event);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static gvd_buffer *pop_locked(shelf *from)
{
    gvd_buffer *b = from->first;
    from->first = b->next;
    if (!from->first)
        from->last = NULL;
    b->next = NULL;
    idle.bytes -= b->capacity;
    gvd_charge_give(&b->charge);
    return b;
}

// The buffer of about this size that has been idle longest: its event is the
// likeliest to be over.
static gvd_buffer *take(const gvd_gpu *gpu, size_t bytes)
{
    pthread_mutex_lock(&idle.lock);
    shelf *at = idle.shelves;
    while (at && (!at->first || at->gpu != gpu || at->capacity < bytes ||
                  at->capacity > bytes + bytes / 4))
        at = at->next;
    gvd_buffer *b = at ? pop_locked(at) : NULL;
    pthread_mutex_unlock(&idle.lock);
    return b;
}

// False without memory for another shelf, or where all decoders hold too much.
static bool push_locked(gvd_buffer *b)
{
    gvd_budget *budget = gvd_budget_of(b->gpu->index);
    int64_t bytes = (int64_t)b->capacity;
    shelf *at = idle.shelves;
    while (at && (at->gpu != b->gpu || at->capacity != b->capacity))
        at = at->next;
    if (!at) {
        at = calloc(1, sizeof *at);
        if (!at)
            return false;
        *at = (shelf){b->gpu, b->capacity, NULL, NULL, idle.shelves};
        idle.shelves = at;
    }
    if (!gvd_charge_take(&b->charge, budget, bytes, GVD_CHARGE_IDLE))
        return false;
    if (at->last)
        at->last->next = b;
    else
        at->first = b;
    at->last = b;
    b->put = idle.puts++;
    idle.bytes += b->capacity;
    return true;
}

// NULL for any GPU.
static shelf *find_oldest_locked(const gvd_gpu *gpu)
{
    shelf *oldest = NULL;
    for (shelf *at = idle.shelves; at; at = at->next)
        if (at->first && (!gpu || at->gpu == gpu) &&
            (!oldest || at->first->put < oldest->first->put))
            oldest = at;
    return oldest;
}

// Frees idle buffers, oldest first, until no more than `keep` bytes are left.
static void shrink(const gvd_gpu *gpu, size_t keep)
{
    for (;;) {
        pthread_mutex_lock(&idle.lock);
        shelf *from = find_oldest_locked(gpu);
        bool over = from && (keep == 0 || idle.bytes > keep);
        gvd_buffer *b = over ? pop_locked(from) : NULL;
        pthread_mutex_unlock(&idle.lock);
        if (!b)
            return;
        destroy(b); // cuMemFree itself waits for work that uses the memory
    }
}

int64_t gvd_buffer_trim_some(gvd_gpu *gpu, int64_t bytes)
{
    int64_t freed = 0;
    if (gvd_gpu_push(gpu, NULL) < 0)
        return 0;
    while (freed < bytes) {
        pthread_mutex_lock(&idle.lock);
        shelf *from = find_oldest_locked(gpu);
        gvd_buffer *b = from ? pop_locked(from) : NULL;
        pthread_mutex_unlock(&idle.lock);
        if (!b)
            break;
        freed += (int64_t)b->capacity;
        destroy(b);
    }
    gvd_gpu_pop(gpu);
    return freed;
}

static int create(gvd_gpu *gpu, size_t bytes, gvd_buffer **out, gvd_error *err)
{
    const gvd_driver *drv = gpu->drv;
    gvd_buffer *b = calloc(1, sizeof *b);
    if (!b)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    b->gpu = gpu;
    b->capacity = bytes;
    pthread_mutex_init(&b->lock, NULL);
    int rc = bytes > 0 ? CU(err, drv->cuMemAlloc(&b->memory, bytes)) : GVD_OK;
    if (rc == GVD_ERR_NO_MEMORY) {
        gvd_cuda_trim();
        rc = CU(err, drv->cuMemAlloc(&b->memory, bytes));
    }
    if (rc == GVD_OK)
        rc = CU(err, drv->cuEventCreate(&b->event, CU_EVENT_DISABLE_TIMING));
    if (rc == GVD_ERR_NO_MEMORY) {
        size_t free_bytes = 0, total = 0;
        drv->cuMemGetInfo(&free_bytes, &total);
        rc = gvd_fail(err, rc,
                      "no %zu MiB of device memory for a buffer: %zu of %zu "
                      "MiB are free; a smaller batch_size or memory_limit "
                      "needs less",
                      bytes >> 20, free_bytes >> 20, total >> 20);
    }
    if (rc < 0) {
        destroy(b);
        return rc;
    }
    *out = b;
    return GVD_OK;
}

int gvd_buffer_get(gvd_gpu *gpu, size_t bytes, CUstream stream,
                   gvd_buffer **out, gvd_error *err)
{
    gvd_buffer *b = take(gpu, bytes);
    if (!b)
        return create(gpu, bytes, out, err);
    // An event alone is recorded anew before anybody waits for it.
    int rc = bytes == 0
                 ? GVD_OK
                 : CU(err, gpu->drv->cuStreamWaitEvent(stream, b->event, 0));
    if (rc < 0) {
        destroy(b);
        return rc;
    }
    *out = b;
    return GVD_OK;
}

int gvd_buffer_mark(gvd_buffer *buffer, CUstream stream, gvd_error *err)
{
    return CU(err, buffer->gpu->drv->cuEventRecord(buffer->event, stream));
}

static void remember(gvd_buffer *b, CUstream stream)
{
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
        remember(buffer, stream);
        rc = CU(err, gpu->drv->cuStreamWaitEvent(stream, buffer->event, 0));
    }
    gvd_gpu_pop(gpu);
    return rc;
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
        rc = queue_download(gpu, copy, err);
    if (rc == GVD_OK)
        rc = CU(err, drv->cuStreamSynchronize(gpu->copy_stream));
    gvd_gpu_pop(gpu);
    return rc;
}

void gvd_buffer_settle(gvd_buffer *buffer, CUstream stream)
{
    const gvd_driver *drv = buffer->gpu->drv;
    for (int i = 0; i < buffer->user_count; i++) {
        CUstream user = buffer->users[i];
        // 2 is the default stream of a thread, maybe of another one.
        if (user != (CUstream)2 &&
            drv->cuEventRecord(buffer->event, user) == CUDA_SUCCESS)
            drv->cuStreamWaitEvent(stream, buffer->event, 0);
        else
            drv->cuCtxSynchronize(); // a stream that cannot be asked
    }
    if (buffer->more_users)
        drv->cuCtxSynchronize();
    buffer->user_count = 0;
    buffer->more_users = false;
}

void gvd_buffer_put(gvd_buffer **buffer)
{
    gvd_buffer *b = *buffer;
    *buffer = NULL;
    if (!b || gvd_driver_is_inherited())
        return;
    gvd_gpu *gpu = b->gpu;
    if (b->user_count > 0 && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        gvd_buffer_settle(b, gpu->release_stream);
        gvd_buffer_mark(b, gpu->release_stream, NULL);
        gvd_gpu_pop(gpu);
    }
    pthread_mutex_lock(&idle.lock);
    bool kept = push_locked(b);
    bool full = idle.bytes > IDLE_LIMIT;
    pthread_mutex_unlock(&idle.lock);
    if (!kept && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        destroy(b);
        gvd_gpu_pop(gpu);
    }
    if (full && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        shrink(gpu, IDLE_LIMIT);
        gvd_gpu_pop(gpu);
    }
}

void gvd_buffer_trim(void)
{
    for (int i = 0; i < GVD_MAX_GPUS; i++) {
        pthread_mutex_lock(&idle.lock);
        const shelf *oldest = find_oldest_locked(NULL);
        gvd_gpu *gpu = oldest ? oldest->first->gpu : NULL;
        pthread_mutex_unlock(&idle.lock);
        if (!gpu || gvd_gpu_push(gpu, NULL) < 0)
            return;
        shrink(gpu, 0);
        gvd_gpu_pop(gpu);
    }
}
