#include "assembler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/convert.h"
#include "cpu/host_pool.h"
#include "thread.h"

// A batch in the making.
typedef struct draft {
    gvd_batch *batch;
    gvd_size size; // of its pictures
    int64_t first_place;
    int pending;       // frames that are still being converted
    bool complete;     // takes no more frames
    bool dropped;      // is a part of what was asked for: not to be given
    gvd_charge charge; // empty in the one that was claimed
    struct draft *next;
} draft;

struct gvd_assembler {
    // Immutable after create.
    gvd_assembler_params params;
    pthread_t thread;

    // Assembling thread only.
    draft *current; // that takes frames
    int64_t placed; // frames of the drafts before it

    pthread_mutex_t lock;
    pthread_cond_t changed;
    // Guarded by lock.
    draft *head, *tail;
    int drafts;
    bool claim_used; // by one of them
    bool stopped;
    bool wanted; // somebody waits for a batch
    int end;     // GVD_OK while frames come, then GVD_EOF or an error
    gvd_error end_error;
    int convert_status;
    gvd_error convert_error;
    double waited; // of gvd_assembler_next for conversion, in seconds
};

typedef struct convert_task {
    gvd_task task;
    gvd_assembler *assembler;
    draft *draft;
    gvd_frame *frame;
    gvd_conversion *conversion; // NULL for what is a picture already
    uint8_t *destination;
} convert_task;

static int convert(const convert_task *t, gvd_error *err)
{
    if (t->conversion)
        return gvd_cpu_convert(t->conversion, t->frame, t->destination, err);
    const gvd_plane *picture = &t->frame->planes[0];
    memcpy(t->destination, picture->data, (size_t)picture->width);
    return GVD_OK;
}

static void run_convert(gvd_task *task, bool cancelled)
{
    convert_task *t = (convert_task *)task;
    gvd_assembler *a = t->assembler;
    gvd_error err = {0};
    int rc = cancelled ? gvd_fail_closed(&err) : convert(t, &err);
    gvd_frame_unref(&t->frame);
    gvd_conversion_unref(&t->conversion);
    pthread_mutex_lock(&a->lock);
    if (rc < 0 && a->convert_status == GVD_OK) {
        a->convert_status = rc;
        a->convert_error = err;
    }
    if (--t->draft->pending == 0)
        pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    free(t);
}

static void free_draft(draft *d)
{
    gvd_charge_give(&d->charge);
    gvd_batch_free(&d->batch);
    free(d);
}

static int create_tensor(gvd_assembler *a, gvd_size size, gvd_tensor **out,
                         gvd_error *err)
{
    const gvd_output *output = &a->params.conversions->output;
    gvd_target *target = a->params.target;
    int64_t shape[GVD_MAX_DIMS];
    gvd_output_shape(output, a->params.batch_size, size, shape);
    int rc = gvd_target_check(target, output->dtype, shape, err);
    if (rc < 0)
        return rc;
    if (target->block.data)
        return gvd_host_tensor_take(output->dtype, GVD_MAX_DIMS, shape,
                                    &target->block, out, err);
    return gvd_host_tensor_create(output->dtype, GVD_MAX_DIMS, shape, out, err);
}

// False where there is no room for another batch now.
static bool find_room_locked(gvd_assembler *a, int64_t bytes,
                             gvd_charge *charge)
{
    if (a->drafts >= a->params.depth)
        return false;
    if (!a->claim_used || !a->params.budget) {
        a->claim_used = true;
        return true;
    }
    pthread_mutex_unlock(&a->lock);
    bool found =
        gvd_charge_take(charge, a->params.budget, bytes, GVD_CHARGE_EXTRA);
    pthread_mutex_lock(&a->lock);
    return found;
}

// Waits until the caller, and what all readings hold, leave room for a batch.
static int wait_room(gvd_assembler *a, gvd_size size, gvd_charge *charge,
                     gvd_error *err)
{
    const gvd_output *output = &a->params.conversions->output;
    int64_t shape[GVD_MAX_DIMS];
    gvd_output_shape(output, a->params.batch_size, size, shape);
    const int64_t bytes = gvd_array_bytes(output->dtype, GVD_MAX_DIMS, shape);
    pthread_mutex_lock(&a->lock);
    while (!a->stopped && !find_room_locked(a, bytes, charge))
        gvd_wait(&a->changed, &a->lock, gvd_seconds(),
                 a->drafts < a->params.depth ? GVD_BUDGET_LOOK_MS : -1);
    bool stopped = a->stopped;
    pthread_mutex_unlock(&a->lock);
    return stopped ? gvd_fail_closed(err) : GVD_OK;
}

// Starts a batch for pictures of this size, once there is room for it.
static int start_draft(gvd_assembler *a, gvd_size size, gvd_error *err)
{
    draft *d = calloc(1, sizeof *d);
    if (!d)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    d->size = size;
    d->first_place = a->placed;
    int rc = wait_room(a, size, &d->charge, err);
    if (rc == GVD_OK)
        rc = gvd_batch_create(a->params.batch_size, &d->batch, err);
    if (rc == GVD_OK)
        rc = create_tensor(a, size, &d->batch->tensor, err);
    if (rc < 0) {
        free_draft(d);
        return rc;
    }
    pthread_mutex_lock(&a->lock);
    if (a->tail)
        a->tail->next = d;
    else
        a->head = d;
    a->tail = a->current = d;
    a->drafts++;
    pthread_mutex_unlock(&a->lock);
    return GVD_OK;
}

// The current draft takes no more frames: its first dimension is what it has.
static void complete_draft(gvd_assembler *a)
{
    draft *d = a->current;
    a->current = NULL;
    if (!d)
        return;
    a->placed += d->batch->count;
    int64_t shape[GVD_MAX_DIMS];
    for (int i = 0; i < GVD_MAX_DIMS; i++)
        shape[i] = d->batch->tensor->shape[i];
    pthread_mutex_lock(&a->lock);
    shape[0] = d->batch->count;
    gvd_tensor_set_shape(d->batch->tensor, GVD_MAX_DIMS, shape);
    d->complete = true;
    a->wanted = false;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

// True if the draft takes a picture of this size at this slot.
static bool fits(const gvd_assembler *a, gvd_size size, int64_t slot)
{
    const draft *d = a->current;
    return d && slot < a->params.batch_size && d->size.width == size.width &&
           d->size.height == size.height;
}

static int64_t slot_of(const gvd_assembler *a, const gvd_delivery *delivery,
                       int64_t place)
{
    const draft *d = a->current;
    if (!delivery->places)
        return d ? d->batch->count : 0;
    return delivery->places[place] - (d ? d->first_place : a->placed);
}

// Sends the frame on its way into a slot of the current draft.
static int submit(gvd_assembler *a, gvd_frame *frame, int64_t slot,
                  gvd_error *err)
{
    convert_task *t = calloc(1, sizeof *t);
    gvd_frame *facts =
        t ? gvd_frame_copy_facts(frame, a->params.transposed) : NULL;
    gvd_conversion *conversion = NULL;
    int rc =
        facts ? GVD_OK : gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    if (rc == GVD_OK && frame->layout != GVD_LAYOUT_OUTPUT)
        rc =
            gvd_conversions_get(a->params.conversions, frame, &conversion, err);
    if (rc < 0)
        gvd_frame_unref(&facts);
    else
        rc = gvd_batch_put(a->current->batch, slot, facts, err);
    if (rc < 0) {
        gvd_conversion_unref(&conversion);
        free(t);
        return rc;
    }
    draft *d = a->current;
    *t = (convert_task){
        .task.run = run_convert,
        .assembler = a,
        .draft = d,
        .frame = gvd_frame_ref(frame),
        .conversion = conversion,
        .destination = d->batch->tensor->data +
                       slot * d->batch->tensor->strides[0] *
                           gvd_dtype_bytes(d->batch->tensor->dtype),
    };
    pthread_mutex_lock(&a->lock);
    d->batch->count++;
    d->pending++;
    pthread_mutex_unlock(&a->lock);
    if (a->params.presenter->scheduler)
        gvd_scheduler_submit(a->params.presenter->scheduler, &t->task);
    else
        run_convert(&t->task, false);
    return GVD_OK;
}

static int place_frame(gvd_assembler *a, const gvd_delivery *delivery,
                       gvd_error *err)
{
    gvd_size size = {0};
    int rc = GVD_OK;
    if (delivery->place_count > 0)
        rc =
            gvd_output_size(a->params.conversions, delivery->frame, &size, err);
    for (int64_t i = 0; rc == GVD_OK && i < delivery->place_count; i++) {
        int64_t slot = slot_of(a, delivery, i);
        if (!fits(a, size, slot)) {
            bool full = !a->current || slot >= a->params.batch_size;
            if (!full && delivery->places)
                return gvd_fail_sizes(err);
            complete_draft(a);
            rc = start_draft(a, size, err);
            slot = slot_of(a, delivery, i);
        }
        if (rc == GVD_OK)
            rc = submit(a, delivery->frame, slot, err);
        if (rc == GVD_OK && a->current->batch->count == a->params.batch_size)
            complete_draft(a);
    }
    return rc;
}

// The draft holds a part of what was asked for, and the rest cannot be had.
static void drop_draft(gvd_assembler *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->current)
        a->current->dropped = true;
    pthread_mutex_unlock(&a->lock);
}

// Frames that are taken before they are wanted grow old.
static void wait_until_wanted(gvd_assembler *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->params.on_demand && !a->wanted && !a->stopped)
        pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static void *assemble(void *assembler)
{
    gvd_assembler *a = assembler;
    gvd_error err = {0};
    int rc = GVD_OK;
    while (rc == GVD_OK) {
        gvd_delivery delivery;
        wait_until_wanted(a);
        rc = gvd_presenter_next(a->params.presenter, -1, &delivery, &err);
        if (rc == GVD_OK)
            rc = place_frame(a, &delivery, &err);
        gvd_frame_unref(&delivery.frame);
    }
    if (rc < 0 && a->params.presenter->request)
        drop_draft(a);
    complete_draft(a);
    pthread_mutex_lock(&a->lock);
    a->end = rc;
    a->end_error = err;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

int gvd_assembler_create(const gvd_assembler_params *params,
                         gvd_assembler **out, gvd_error *err)
{
    gvd_assembler *a = calloc(1, sizeof *a);
    if (!a)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    a->params = *params;
    pthread_mutex_init(&a->lock, NULL);
    gvd_cond_init(&a->changed);
    if (!gvd_thread_start(&a->thread, assemble, a)) {
        pthread_cond_destroy(&a->changed);
        pthread_mutex_destroy(&a->lock);
        free(a);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "cannot start a thread");
    }
    *out = a;
    return GVD_OK;
}

static bool is_ready(const draft *d)
{
    return d && d->complete && d->pending == 0;
}

// GVD_AGAIN while there is nothing to give yet.
static int try_take_locked(gvd_assembler *a, gvd_batch **out, gvd_error *err)
{
    if (a->convert_status < 0) {
        *err = a->convert_error;
        return a->convert_status;
    }
    draft *d = a->head;
    if ((!d || d->dropped) && a->end != GVD_OK) {
        *err = a->end_error;
        return a->end;
    }
    if (!is_ready(d) || d->dropped)
        return GVD_AGAIN;
    a->head = d->next;
    if (!a->head)
        a->tail = NULL;
    a->drafts--;
    if (d->charge.bytes == 0)
        a->claim_used = false;
    gvd_charge_give(&d->charge);
    pthread_cond_broadcast(&a->changed);
    *out = d->batch;
    free(d);
    return GVD_OK;
}

int gvd_assembler_next(gvd_assembler *assembler, int timeout_ms,
                       gvd_batch **out, gvd_error *err)
{
    gvd_assembler *a = assembler;
    double start = gvd_seconds();
    bool timed_out = timeout_ms == 0;
    pthread_mutex_lock(&a->lock);
    int rc = try_take_locked(a, out, err);
    if (rc == GVD_AGAIN && !(a->head && a->head->complete)) {
        a->wanted = true;
        pthread_cond_broadcast(&a->changed);
    }
    while (rc == GVD_AGAIN && !timed_out) {
        double since = gvd_seconds();
        bool filled = a->head && a->head->complete;
        timed_out = !gvd_wait(&a->changed, &a->lock, start, timeout_ms);
        if (filled)
            a->waited += gvd_seconds() - since;
        rc = try_take_locked(a, out, err);
    }
    pthread_mutex_unlock(&a->lock);
    return rc;
}

double gvd_assembler_waited(gvd_assembler *assembler)
{
    pthread_mutex_lock(&assembler->lock);
    double waited = assembler->waited;
    pthread_mutex_unlock(&assembler->lock);
    return waited;
}

void gvd_assembler_stop(gvd_assembler *assembler)
{
    pthread_mutex_lock(&assembler->lock);
    assembler->stopped = true;
    pthread_cond_broadcast(&assembler->changed);
    pthread_mutex_unlock(&assembler->lock);
    pthread_join(assembler->thread, NULL);
}

void gvd_assembler_destroy(gvd_assembler **assembler)
{
    gvd_assembler *a = *assembler;
    *assembler = NULL;
    if (!a)
        return;
    while (a->head) {
        draft *d = a->head;
        a->head = d->next;
        free_draft(d);
    }
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
