#include "cpu/host_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "cpu/limits.h"
#include "memory.h"

#define PAGE ((size_t)4096)

struct gvd_host_block {
    uint8_t *memory;
    size_t capacity;
    // While it is idle.
    gvd_host_block *next;
    gvd_charge charge;
};

typedef struct host_tensor {
    gvd_tensor tensor;
    gvd_host_block *block; // or NULL
    gvd_block foreign;     // memory of somebody else's
} host_tensor;

static struct {
    pthread_mutex_t lock;
    // Guarded by lock.
    gvd_host_block *idle; // last released first
    int64_t idle_bytes, limit;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void free_blocks(gvd_host_block *list)
{
    while (list) {
        gvd_host_block *next = list->next;
        gvd_charge_give(&list->charge);
        free(list->memory);
        free(list);
        list = next;
    }
}

// Idle blocks of `bytes` together, or all there are, as a list.
static gvd_host_block *unlink_idle(int64_t bytes)
{
    pthread_mutex_lock(&pool.lock);
    gvd_host_block *list = pool.idle, **at = &pool.idle;
    for (; *at && bytes > 0; at = &(*at)->next) {
        bytes -= (int64_t)(*at)->capacity;
        pool.idle_bytes -= (int64_t)(*at)->capacity;
    }
    pool.idle = *at;
    *at = NULL;
    pthread_mutex_unlock(&pool.lock);
    return list;
}

static void trim_some(gvd_trimmer *unused, int64_t bytes)
{
    (void)unused;
    free_blocks(unlink_idle(bytes));
}

static gvd_trimmer trimmer = {.trim = trim_some};

static void join_budget(void)
{
    gvd_budget_add_trimmer(gvd_budget_of(GVD_HOST), &trimmer, true);
}

// A forked child begins with an empty pool: the lock may have been held.
static void reset_pool(void)
{
    pthread_mutex_init(&pool.lock, NULL);
    pool.idle = NULL;
    pool.idle_bytes = 0;
    join_budget();
}

// The budget's handler in the child, which comes before the pool's, forgets all
// trimmers.
static void register_pool(void)
{
    join_budget();
    pthread_atfork(NULL, NULL, reset_pool);
}

static size_t capacity_for(size_t bytes)
{
    return (bytes + PAGE) / PAGE * PAGE;
}

// An idle block that is large enough and not wastefully so.
static gvd_host_block *take_idle(size_t bytes)
{
    const size_t most = 2 * capacity_for(bytes);
    pthread_mutex_lock(&pool.lock);
    gvd_host_block **at = &pool.idle;
    while (*at && ((*at)->capacity < bytes || (*at)->capacity > most))
        at = &(*at)->next;
    gvd_host_block *b = *at;
    if (b) {
        *at = b->next;
        b->next = NULL;
        pool.idle_bytes -= (int64_t)b->capacity;
    }
    pthread_mutex_unlock(&pool.lock);
    if (b)
        gvd_charge_give(&b->charge);
    return b;
}

gvd_host_block *gvd_host_block_get(size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_pool);
    gvd_host_block *b = take_idle(bytes);
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->capacity = capacity_for(bytes);
    b->memory = aligned_alloc(PAGE, b->capacity);
    if (!b->memory) {
        free(b);
        return NULL;
    }
    return b;
}

uint8_t *gvd_host_block_data(gvd_host_block *block)
{
    return block->memory;
}

size_t gvd_host_block_capacity(const gvd_host_block *block)
{
    return block->capacity;
}

void gvd_host_block_put(gvd_host_block *block)
{
    pthread_mutex_lock(&pool.lock);
    if (pool.limit == 0)
        pool.limit = gvd_cpu_memory_default();
    int64_t bytes = (int64_t)block->capacity;
    bool keep = pool.idle_bytes + bytes <= pool.limit &&
                gvd_charge_take(&block->charge, gvd_budget_of(GVD_HOST), bytes,
                                GVD_CHARGE_IDLE);
    if (keep) {
        block->next = pool.idle;
        pool.idle = block;
        pool.idle_bytes += bytes;
    }
    pthread_mutex_unlock(&pool.lock);
    if (!keep)
        free_blocks(block);
}

static void release_frame(gvd_frame *frame)
{
    gvd_host_block_put(frame->owner);
    free(frame);
}

void gvd_host_block_own(gvd_host_block *block, gvd_frame *frame)
{
    frame->owner = block;
    frame->held = (int64_t)block->capacity;
    frame->release = release_frame;
}

static void release_tensor(gvd_tensor *tensor)
{
    host_tensor *t = (host_tensor *)tensor;
    if (t->block)
        gvd_host_block_put(t->block);
    if (t->foreign.release)
        t->foreign.release(t->foreign.handle);
    free(t);
}

static const gvd_tensor_ops host_ops = {.release = release_tensor};

static gvd_tensor *fill_tensor(host_tensor *t, enum gvd_dtype dtype, int ndim,
                               const int64_t *shape)
{
    t->tensor = (gvd_tensor){
        .ops = &host_ops,
        .data = t->block ? t->block->memory : t->foreign.data,
        .dtype = dtype,
        .device = {GVD_DEVICE_CPU, 0},
    };
    gvd_ref_init(&t->tensor.ref);
    gvd_tensor_set_shape(&t->tensor, ndim, shape);
    return &t->tensor;
}

int gvd_host_tensor_create(enum gvd_dtype dtype, int ndim, const int64_t *shape,
                           gvd_tensor **out, gvd_error *err)
{
    size_t bytes = (size_t)gvd_dtype_bytes(dtype);
    for (int i = 0; i < ndim; i++)
        bytes *= (size_t)shape[i];
    host_tensor *t = calloc(1, sizeof *t);
    if (t)
        t->block = gvd_host_block_get(bytes);
    if (!t || !t->block) {
        free(t);
        return gvd_fail(err, GVD_ERR_NO_MEMORY,
                        "no %zu MiB of host memory for a batch; a smaller "
                        "batch_size needs less",
                        bytes >> 20);
    }
    *out = fill_tensor(t, dtype, ndim, shape);
    return GVD_OK;
}

int gvd_host_tensor_take(enum gvd_dtype dtype, int ndim, const int64_t *shape,
                         gvd_block *block, gvd_tensor **out, gvd_error *err)
{
    const gvd_block taken = *block;
    *block = (gvd_block){0};
    host_tensor *t = calloc(1, sizeof *t);
    if (!t) {
        taken.release(taken.handle);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    t->foreign = taken;
    *out = fill_tensor(t, dtype, ndim, shape);
    return GVD_OK;
}

void gvd_host_pool_trim(void)
{
    free_blocks(unlink_idle(INT64_MAX));
}
