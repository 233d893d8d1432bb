#include "thread.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#define STACK_BYTES ((size_t)2 << 20)

bool gvd_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failed = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return !failed;
}

static _Thread_local int no_wait; // how many have begun and not ended

void gvd_no_wait_begin(void)
{
    no_wait++;
}

void gvd_no_wait_end(void)
{
    no_wait--;
}

bool gvd_may_wait(void)
{
    return no_wait == 0;
}

double gvd_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void gvd_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool gvd_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double start,
              int timeout_ms)
{
    if (timeout_ms < 0) {
        pthread_cond_wait(cond, lock);
        return true;
    }
    double end = start + timeout_ms * 1e-3;
    struct timespec limit = {.tv_sec = (time_t)end};
    limit.tv_nsec = (long)((end - (double)limit.tv_sec) * 1e9);
    return pthread_cond_timedwait(cond, lock, &limit) != ETIMEDOUT;
}
