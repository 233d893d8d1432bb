#include "cpu/host_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "cpu/limits.h"

#define ALIGNMENT 4096

typedef struct block {
    gvd_tensor tensor;
    uint8_t *memory; // tensor.data may be a part of it
    size_t capacity;
    struct block *next; // while it is idle
} block;

static struct {
    pthread_mutex_t lock;
    // Guarded by lock.
    block *idle; // last released first
    int64_t idle_bytes;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void free_blocks(block *list)
{
    while (list) {
        block *next = list->next;
        free(list->memory);
        free(list);
        list = next;
    }
}

static void release_block(gvd_tensor *tensor)
{
    block *b = (block *)tensor;
    static int64_t limit;
    pthread_mutex_lock(&pool.lock);
    if (limit == 0)
        limit = gvd_cpu_memory_default() / 2;
    bool keep = pool.idle_bytes + (int64_t)b->capacity <= limit;
    if (keep) {
        b->next = pool.idle;
        pool.idle = b;
        pool.idle_bytes += (int64_t)b->capacity;
    }
    pthread_mutex_unlock(&pool.lock);
    if (!keep) {
        b->next = NULL;
        free_blocks(b);
    }
}

static const gvd_tensor_ops host_ops = {.release = release_block};

// An idle block that is large enough and not wastefully so.
static block *take_idle(size_t bytes)
{
    pthread_mutex_lock(&pool.lock);
    block **at = &pool.idle;
    while (*at && ((*at)->capacity < bytes || (*at)->capacity > bytes * 2))
        at = &(*at)->next;
    block *b = *at;
    if (b) {
        *at = b->next;
        pool.idle_bytes -= (int64_t)b->capacity;
    }
    pthread_mutex_unlock(&pool.lock);
    return b;
}

static block *create_block(size_t bytes)
{
    block *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->capacity = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    b->memory = aligned_alloc(ALIGNMENT, b->capacity ? b->capacity : ALIGNMENT);
    if (!b->memory) {
        free(b);
        return NULL;
    }
    return b;
}

int gvd_host_tensor_create(int ndim, const int64_t *shape, gvd_tensor **out,
                           gvd_error *err)
{
    size_t bytes = 1;
    for (int i = 0; i < ndim; i++)
        bytes *= (size_t)shape[i];
    block *b = take_idle(bytes);
    if (!b)
        b = create_block(bytes);
    if (!b)
        return gvd_fail(err, GVD_ERR_NO_MEMORY,
                        "no %zu MiB of host memory for a batch; a smaller "
                        "batch_size needs less",
                        bytes >> 20);
    b->tensor = (gvd_tensor){
        .ops = &host_ops,
        .data = b->memory,
        .bits = 8,
        .device = {GVD_DEVICE_CPU, 0},
    };
    gvd_ref_init(&b->tensor.ref);
    gvd_tensor_set_shape(&b->tensor, ndim, shape);
    *out = &b->tensor;
    return GVD_OK;
}

void gvd_host_pool_trim(void)
{
    pthread_mutex_lock(&pool.lock);
    block *list = pool.idle;
    pool.idle = NULL;
    pool.idle_bytes = 0;
    pthread_mutex_unlock(&pool.lock);
    free_blocks(list);
}
