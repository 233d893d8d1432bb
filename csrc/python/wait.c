// Calls of the core that may wait for a source: on a thread of their own, so
// that signals are acted on meanwhile. What a signal's handler ends goes on
// alone.
#include <stdlib.h>

#include "module.h"
#include "thread.h"

#define SLICE_MS 50
// Beyond its timeout: the core's own end of a wait comes first, but nothing
// ends the search for a host's address.
#define GRACE_SECONDS 0.5

int gvd_py_may_wait(gvd_py_state *state, const gvd_reader *reader, double start,
                    double grace)
{
    const double timeout = gvd_reader_timeout(reader);
    if (PyErr_CheckSignals() < 0)
        return -1;
    if (timeout <= 0 || gvd_seconds() - start <= timeout + grace)
        return GVD_OK;
    gvd_error err;
    gvd_fail_timeout(&err, timeout);
    gvd_error_prefix(&err, "%s: ", gvd_reader_url(reader));
    gvd_py_raise(state, &err, NULL);
    return -1;
}

// False with an exception set.
static bool wait_errand(gvd_py_state *state, gvd_errand *errand,
                        const gvd_reader *reader, int *rc, gvd_error *err)
{
    const double start = gvd_seconds();
    for (;;) {
        PyThreadState *thread = PyEval_SaveThread();
        bool done = gvd_errand_wait(errand, SLICE_MS, rc, err);
        PyEval_RestoreThread(thread);
        if (done)
            return true;
        if (gvd_py_may_wait(state, reader, start, GRACE_SECONDS) < 0)
            return false;
    }
}

bool gvd_py_wait(gvd_py_state *state, const gvd_errand_params *call,
                 const gvd_reader *reader, int *rc, gvd_error *err)
{
    if (!gvd_reader_may_wait(reader)) {
        PyThreadState *thread = PyEval_SaveThread();
        *rc = call->run(call->context, err);
        PyEval_RestoreThread(thread);
        return true;
    }
    gvd_errand *errand = NULL;
    *rc = gvd_errand_start(call, &errand, err);
    if (*rc < 0)
        return true;
    const bool done = wait_errand(state, errand, reader, rc, err);
    PyThreadState *thread = PyEval_SaveThread(); // it may release the context
    gvd_errand_leave(&errand);
    PyEval_RestoreThread(thread);
    return done;
}

// --- a reader's calls ---

typedef struct call {
    gvd_reader *reader;
    int timeout_ms;
    gvd_media *streams;
    int stream_count;
} call;

static void release_call(void *context)
{
    call *c = context;
    gvd_reader_unref(&c->reader);
    free(c->streams);
    free(c);
}

static int call_open(void *context, gvd_error *err)
{
    call *c = context;
    return gvd_reader_open(c->reader, err);
}

static int call_media(void *context, gvd_error *err)
{
    call *c = context;
    (void)err;
    (void)gvd_reader_media(c->reader);
    return GVD_OK;
}

static int call_streams(void *context, gvd_error *err)
{
    call *c = context;
    return gvd_reader_streams(c->reader, &c->streams, &c->stream_count, err);
}

static int call_index(void *context, gvd_error *err)
{
    call *c = context;
    return gvd_reader_build_index(c->reader, c->timeout_ms, err);
}

// Runs one of them: a call that the caller releases, and what it returned in
// *rc, which is no error; or NULL with an exception set.
static call *make_call(gvd_py_state *state, gvd_reader *reader,
                       int (*run)(void *, gvd_error *), int timeout_ms, int *rc)
{
    call *c = calloc(1, sizeof *c);
    if (!c) {
        PyErr_NoMemory();
        return NULL;
    }
    c->reader = gvd_reader_ref(reader);
    c->timeout_ms = timeout_ms;
    const gvd_errand_params errand = {run, c, release_call};
    gvd_error err = {0};
    if (!gvd_py_wait(state, &errand, reader, rc, &err))
        return NULL;
    if (*rc >= 0)
        return c;
    gvd_py_raise_of(state, reader, &err);
    release_call(c);
    return NULL;
}

int gvd_py_call_open(gvd_py_state *state, gvd_reader *reader)
{
    int rc;
    call *c = make_call(state, reader, call_open, 0, &rc);
    if (!c)
        return -1;
    release_call(c);
    return 0;
}

const gvd_media *gvd_py_call_media(gvd_py_state *state, gvd_reader *reader)
{
    int rc;
    call *c = make_call(state, reader, call_media, 0, &rc);
    if (!c)
        return NULL;
    release_call(c);
    return gvd_reader_media(reader); // which is there now
}

PyObject *gvd_py_call_streams(gvd_py_state *state, gvd_reader *reader)
{
    int rc;
    call *c = make_call(state, reader, call_streams, 0, &rc);
    if (!c)
        return NULL;
    PyObject *list = gvd_py_media_list(c->streams, c->stream_count);
    release_call(c);
    return list;
}

int gvd_py_call_index(gvd_py_state *state, gvd_reader *reader, int timeout_ms)
{
    int rc;
    call *c = make_call(state, reader, call_index, timeout_ms, &rc);
    if (!c)
        return -1;
    release_call(c);
    return rc;
}
