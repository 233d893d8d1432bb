// Threads, and waiting on a condition with a limit by a clock that never runs
// back.
#pragma once

#include <pthread.h>
#include <stdbool.h>

// Starts a thread that must be joined; false if there can be none. Its stack is
// small enough for the C library to keep a whole reading's stacks for the next.
bool gvd_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

double gvd_seconds(void);

// Between the two this thread runs code of the core for somebody whose locks it
// may hold, like the GIL: it must not wait for a device, whose work may wait
// for these.
void gvd_no_wait_begin(void);
void gvd_no_wait_end(void);
bool gvd_may_wait(void);

void gvd_cond_init(pthread_cond_t *cond);

// Waits for a signal, but no longer than timeout_ms (-1: for ever) after
// `start`, a gvd_seconds(). False once that time is over.
bool gvd_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double start,
              int timeout_ms);
