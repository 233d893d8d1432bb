#include "cuda/buffer.h"

#include <stdlib.h>

#include "cuda/device.h"
#include "thread.h"

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
    gvd_late_retry();
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
    gvd_late_retry();
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
    const gvd_driver *drv = buffer->gpu->drv;
    int rc = CU(err, drv->cuEventRecord(buffer->event, stream));
    if (rc < 0) // nothing else tells when the memory is free
        drv->cuStreamSynchronize(stream);
    return rc;
}

static void put_again(void *buffer)
{
    gvd_buffer *b = buffer;
    gvd_buffer_put(&b);
}

// Whoever has it on the GPU comes before the next use: false where that cannot
// be had now.
static bool settle(gvd_buffer *b)
{
    gvd_gpu *gpu = b->gpu;
    if (b->user_count == 0 || gvd_gpu_push(gpu, NULL) < 0)
        return true;
    bool settled = gvd_buffer_settle(b, gpu->release_stream);
    if (settled)
        gvd_buffer_mark(b, gpu->release_stream, NULL);
    gvd_gpu_pop(gpu);
    return settled;
}

void gvd_buffer_put(gvd_buffer **buffer)
{
    gvd_buffer *b = *buffer;
    *buffer = NULL;
    if (!b || gvd_driver_is_inherited())
        return;
    gvd_gpu *gpu = b->gpu;
    if (!settle(b)) {
        gvd_late_add(&b->late, put_again, b);
        return;
    }
    pthread_mutex_lock(&idle.lock);
    bool kept = push_locked(b);
    bool full = idle.bytes > IDLE_LIMIT;
    pthread_mutex_unlock(&idle.lock);
    if (!kept && !gvd_may_wait()) {
        gvd_late_add(&b->late, put_again, b);
    } else if (!kept && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        destroy(b);
        gvd_gpu_pop(gpu);
    }
    if (full && gvd_may_wait() && gvd_gpu_push(gpu, NULL) == GVD_OK) {
        shrink(gpu, IDLE_LIMIT);
        gvd_gpu_pop(gpu);
    }
}

void gvd_buffer_trim(void)
{
    gvd_late_retry();
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
