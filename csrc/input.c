#include "input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread.h"

// Of a question: large, as each costs two changes of threads.
#define BUFFER_BYTES (256 << 10)

struct gvd_input {
    gvd_ref ref; // of those who read, and one of the thread
    // Immutable after create.
    gvd_input_params params;
    pid_t process; // that the thread is in

    pthread_mutex_t lock;
    pthread_cond_t changed;
    // Guarded by lock.
    int readers;
    bool started;  // the thread is
    bool asked;    // a question is open, or its answer not yet taken
    bool answered; // its answer is there
    bool left;     // nobody waits for it any more
    int64_t offset;
    int size; // asked for
    int got;  // bytes, or an error
    gvd_error error;
    uint8_t *buffer; // the thread's until it has answered
};

int gvd_input_create(const gvd_input_params *params, gvd_input **out,
                     gvd_error *err)
{
    gvd_input *input = calloc(1, sizeof *input);
    uint8_t *buffer = params->data ? NULL : malloc(BUFFER_BYTES);
    if (!input || (!params->data && !buffer)) {
        free(input);
        free(buffer);
        params->release(params->owner);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    gvd_ref_init(&input->ref);
    input->params = *params;
    input->process = getpid();
    input->readers = 1;
    input->buffer = buffer;
    pthread_mutex_init(&input->lock, NULL);
    gvd_cond_init(&input->changed);
    *out = input;
    return GVD_OK;
}

gvd_input *gvd_input_ref(gvd_input *input)
{
    pthread_mutex_lock(&input->lock);
    input->readers++;
    pthread_mutex_unlock(&input->lock);
    gvd_ref_get(&input->ref);
    return input;
}

static void drop(gvd_input *input)
{
    if (!gvd_ref_put(&input->ref))
        return;
    input->params.release(input->params.owner);
    pthread_cond_destroy(&input->changed);
    pthread_mutex_destroy(&input->lock);
    free(input->buffer);
    free(input);
}

void gvd_input_unref(gvd_input **input)
{
    gvd_input *i = *input;
    *input = NULL;
    // In a forked child the thread does not exist and the lock may be held.
    if (!i || i->process != getpid())
        return;
    pthread_mutex_lock(&i->lock);
    i->readers--;
    pthread_cond_broadcast(&i->changed);
    pthread_mutex_unlock(&i->lock);
    drop(i);
}

int64_t gvd_input_size(const gvd_input *input)
{
    return input->params.size;
}

bool gvd_input_is_memory(const gvd_input *input)
{
    return input->params.data;
}

void *gvd_input_owner(const gvd_input *input)
{
    return input->params.owner;
}

// --- the thread ---

static void answer_locked(gvd_input *i)
{
    gvd_error error = {0};
    pthread_mutex_unlock(&i->lock);
    int got =
        i->params.read(i->params.owner, i->offset, i->buffer, i->size, &error);
    pthread_mutex_lock(&i->lock);
    i->got = got;
    i->error = error;
    i->asked = !i->left;
    i->answered = !i->left;
    i->left = false;
    pthread_cond_broadcast(&i->changed);
}

static void *answer_all(void *input)
{
    gvd_input *i = input;
    pthread_mutex_lock(&i->lock);
    while (i->readers > 0) {
        if (i->asked && !i->answered)
            answer_locked(i);
        else
            pthread_cond_wait(&i->changed, &i->lock);
    }
    pthread_mutex_unlock(&i->lock);
    drop(i);
    return NULL;
}

static int start_locked(gvd_input *i, gvd_error *err)
{
    pthread_t thread;
    if (i->started)
        return GVD_OK;
    gvd_ref_get(&i->ref);
    i->started = gvd_thread_start(&thread, answer_all, i);
    if (!i->started) {
        (void)gvd_ref_put(&i->ref); // the caller has another
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "cannot start a thread");
    }
    pthread_detach(thread);
    return GVD_OK;
}

// --- reading ---

static int wait_locked(gvd_input *i, const gvd_limit *limit, gvd_error *err)
{
    gvd_wait(&i->changed, &i->lock, gvd_seconds(), GVD_LOOK_MS);
    return gvd_limit_check(limit, err);
}

static int ask_locked(gvd_input *i, int64_t offset, int size,
                      const gvd_limit *limit, gvd_error *err)
{
    int rc = start_locked(i, err);
    while (rc == GVD_OK && i->asked) // by another, who may have left
        rc = wait_locked(i, limit, err);
    if (rc < 0)
        return rc;
    i->offset = offset;
    i->size = size < BUFFER_BYTES ? size : BUFFER_BYTES;
    i->asked = true;
    i->answered = i->left = false;
    pthread_cond_broadcast(&i->changed);
    while (rc == GVD_OK && !i->answered)
        rc = wait_locked(i, limit, err);
    if (!i->answered)
        i->left = true;
    return i->answered ? GVD_OK : rc;
}

static int read_memory(const gvd_input *input, int64_t offset, uint8_t *buffer,
                       int size)
{
    int64_t left = input->params.size - offset;
    if (left <= 0)
        return 0;
    int n = left < size ? (int)left : size;
    memcpy(buffer, input->params.data + offset, (size_t)n);
    return n;
}

int gvd_input_read(gvd_input *input, int64_t offset, uint8_t *buffer, int size,
                   const gvd_limit *limit, gvd_error *err)
{
    gvd_input *i = input;
    if (i->params.data)
        return read_memory(i, offset, buffer, size);
    pthread_mutex_lock(&i->lock);
    int got = ask_locked(i, offset, size, limit, err);
    if (got == GVD_OK) {
        got = i->got;
        if (got > 0)
            memcpy(buffer, i->buffer, (size_t)got);
        else if (got < 0 && err)
            *err = i->error;
        i->asked = i->answered = false;
        pthread_cond_broadcast(&i->changed);
    }
    pthread_mutex_unlock(&i->lock);
    return got;
}
