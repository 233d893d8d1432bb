#include "errand.h"

#include <stdlib.h>

#include "ref.h"
#include "thread.h"

struct gvd_errand {
    gvd_ref ref; // the starter's and the thread's
    gvd_errand_params params;
    pthread_mutex_t lock;
    pthread_cond_t over;
    // Guarded by lock.
    bool done;
    bool taken; // what it returned was
    bool left;  // before that
    int status;
    gvd_error error;
};

static void drop(gvd_errand *e)
{
    if (!gvd_ref_put(&e->ref))
        return;
    if (e->left)
        e->params.release(e->params.context);
    pthread_cond_destroy(&e->over);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static void *run_errand(void *errand)
{
    gvd_errand *e = errand;
    gvd_error error = {0};
    int status = e->params.run(e->params.context, &error);
    pthread_mutex_lock(&e->lock);
    e->done = true;
    e->status = status;
    e->error = error;
    pthread_cond_signal(&e->over);
    pthread_mutex_unlock(&e->lock);
    drop(e);
    return NULL;
}

int gvd_errand_start(const gvd_errand_params *params, gvd_errand **out,
                     gvd_error *err)
{
    pthread_t thread;
    gvd_errand *e = calloc(1, sizeof *e);
    if (!e)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    e->params = *params;
    gvd_ref_init(&e->ref);
    gvd_ref_get(&e->ref);
    pthread_mutex_init(&e->lock, NULL);
    gvd_cond_init(&e->over);
    if (!gvd_thread_start(&thread, run_errand, e)) {
        (void)gvd_ref_put(&e->ref); // the thread's
        drop(e);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "cannot start a thread");
    }
    pthread_detach(thread);
    *out = e;
    return GVD_OK;
}

bool gvd_errand_wait(gvd_errand *errand, int timeout_ms, int *status,
                     gvd_error *err)
{
    gvd_errand *e = errand;
    const double start = gvd_seconds();
    bool in_time = true;
    pthread_mutex_lock(&e->lock);
    while (!e->done && in_time)
        in_time = gvd_wait(&e->over, &e->lock, start, timeout_ms);
    const bool done = e->taken = e->done;
    if (done)
        *status = e->status;
    if (done && e->status < 0 && err)
        *err = e->error;
    pthread_mutex_unlock(&e->lock);
    return done;
}

void gvd_errand_leave(gvd_errand **errand)
{
    gvd_errand *e = *errand;
    *errand = NULL;
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->left = !e->taken;
    pthread_mutex_unlock(&e->lock);
    drop(e);
}
