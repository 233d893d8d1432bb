#include "memory.h"

#include <pthread.h>
#include <stddef.h>

#include "thread.h"

#define DEVICES 65 // the host and 64 GPUs
#define PATIENCE 30.0

struct gvd_budget {
    pthread_mutex_t trim_lock; // taken before lock
    // Guarded by trim_lock.
    gvd_trimmer *trimmers;

    pthread_mutex_t lock;
    // Guarded by lock.
    int64_t limit, held, held_max;
    int64_t claimed, idle, needed; // of what is held
    int64_t reserved;              // for sessions, until they are charged
    int64_t wanted;                // by claims that wait
    double patience;
    double moved;     // when something was given back last
    gvd_claim *first; // that waits
    int claims;       // granted or waiting
    gvd_crowd crowd;  // of the granted
    int trimming;     // threads that do
    bool set;         // there is a limit
};

static gvd_budget budgets[DEVICES];
static unsigned epoch; // changes in a forked child: older charges are void
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void reset(gvd_budget *b)
{
    pthread_mutex_init(&b->trim_lock, NULL);
    b->trimmers = NULL;
    pthread_mutex_init(&b->lock, NULL);
    b->held = b->held_max = b->claimed = b->idle = b->needed = 0;
    b->reserved = b->wanted = 0;
    b->claims = b->trimming = 0;
    b->first = NULL;
    b->crowd = (gvd_crowd){.most = b->crowd.most};
}

// The locks may have been held, and the parent's readings are inert here.
static void reset_in_child(void)
{
    epoch++;
    for (int i = 0; i < DEVICES; i++)
        reset(&budgets[i]);
}

static void init(void)
{
    for (int i = 0; i < DEVICES; i++) {
        reset(&budgets[i]);
        budgets[i].limit = INT64_MAX / 4;
        budgets[i].patience = PATIENCE;
    }
    pthread_atfork(NULL, NULL, reset_in_child);
}

gvd_budget *gvd_budget_of(int gpu)
{
    pthread_once(&once, init);
    return gpu >= GVD_HOST && gpu < DEVICES - 1 ? &budgets[gpu + 1] : NULL;
}

// --- trimming ---

void gvd_budget_add_trimmer(gvd_budget *budget, gvd_trimmer *trimmer,
                            bool first)
{
    pthread_mutex_lock(&budget->trim_lock);
    gvd_trimmer **at = &budget->trimmers;
    while (!first && *at)
        at = &(*at)->next;
    trimmer->next = *at;
    *at = trimmer;
    pthread_mutex_unlock(&budget->trim_lock);
}

void gvd_budget_remove_trimmer(gvd_budget *budget, gvd_trimmer *trimmer)
{
    pthread_mutex_lock(&budget->trim_lock);
    gvd_trimmer **at = &budget->trimmers;
    while (*at && *at != trimmer)
        at = &(*at)->next;
    if (*at)
        *at = trimmer->next;
    pthread_mutex_unlock(&budget->trim_lock);
}

// Bytes too many with so many more. What is reserved is for what is needed.
static int64_t missing_locked(const gvd_budget *b, int64_t bytes, bool needed)
{
    return b->held + (needed ? 0 : b->reserved) + bytes - b->limit;
}

// Gives up the lock. Nothing becomes idle meanwhile: what is freed stays so.
static void trim_locked(gvd_budget *b, int64_t bytes, bool needed)
{
    b->trimming++;
    pthread_mutex_unlock(&b->lock);
    pthread_mutex_lock(&b->trim_lock);
    for (gvd_trimmer *t = b->trimmers; t; t = t->next) {
        pthread_mutex_lock(&b->lock);
        int64_t more = missing_locked(b, bytes, needed);
        pthread_mutex_unlock(&b->lock);
        if (more <= 0)
            break;
        t->trim(t, more);
    }
    pthread_mutex_unlock(&b->trim_lock);
    pthread_mutex_lock(&b->lock);
    b->trimming--;
}

// --- the limit ---

void gvd_budget_set(gvd_budget *budget, int64_t limit, double patience)
{
    pthread_mutex_lock(&budget->lock);
    budget->set = true;
    budget->limit = limit;
    budget->patience = patience;
    trim_locked(budget, 0, false);
    budget->held_max = budget->held;
    pthread_mutex_unlock(&budget->lock);
}

void gvd_budget_set_default(gvd_budget *budget, int64_t limit)
{
    pthread_mutex_lock(&budget->lock);
    if (!budget->set)
        budget->limit = limit;
    budget->set = true;
    pthread_mutex_unlock(&budget->lock);
}

bool gvd_budget_is_set(gvd_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    bool set = budget->set;
    pthread_mutex_unlock(&budget->lock);
    return set;
}

void gvd_budget_usage_get(gvd_budget *budget, gvd_budget_usage *out)
{
    pthread_mutex_lock(&budget->lock);
    *out = (gvd_budget_usage){budget->limit, budget->held, budget->held_max};
    pthread_mutex_unlock(&budget->lock);
}

int64_t gvd_budget_share(gvd_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    int readers = budget->claims > 0 ? budget->claims : 1;
    int64_t share =
        (budget->limit - budget->claimed - budget->needed - budget->reserved) /
        readers;
    pthread_mutex_unlock(&budget->lock);
    return share > 0 ? share : 0;
}

void gvd_budget_set_crowd(gvd_budget *budget, int readings)
{
    pthread_mutex_lock(&budget->lock);
    budget->crowd.most = readings;
    pthread_mutex_unlock(&budget->lock);
}

bool gvd_budget_is_wanted(gvd_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    bool tight = missing_locked(budget, budget->reserved, false) > 0;
    bool wanted = budget->first || (budget->reserved > 0 && tight);
    pthread_mutex_unlock(&budget->lock);
    return wanted;
}

static bool is_patient_locked(const gvd_budget *b, double since)
{
    double start = b->moved > since ? b->moved : since;
    return gvd_seconds() - start < b->patience;
}

double gvd_budget_patience(gvd_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    double patience = budget->patience;
    pthread_mutex_unlock(&budget->lock);
    return patience;
}

// --- charges ---

static bool hold_locked(gvd_budget *b, int64_t bytes, bool needed)
{
    if (missing_locked(b, bytes, needed) > 0)
        return false;
    b->held += bytes;
    if (b->held > b->held_max)
        b->held_max = b->held;
    return true;
}

// What is idle would make room. To free less than that helps nobody.
static bool is_idle_locked(const gvd_budget *b, int64_t bytes)
{
    return missing_locked(b, bytes, false) <= b->idle;
}

static bool take_locked(gvd_budget *b, int64_t bytes, enum gvd_charge_kind kind)
{
    bool extra = kind == GVD_CHARGE_EXTRA, needed = kind == GVD_CHARGE_NEEDED;
    if (kind == GVD_CHARGE_IDLE)
        return b->trimming == 0 && hold_locked(b, bytes, false);
    if (extra && b->first)
        return false;
    if (hold_locked(b, bytes, needed))
        return true;
    if (extra && !is_idle_locked(b, bytes))
        return false;
    trim_locked(b, bytes, needed);
    return !(extra && b->first) && hold_locked(b, bytes, needed);
}

// What is held for what.
static void count_locked(const gvd_charge *charge, int64_t bytes)
{
    if (charge->kind == GVD_CHARGE_IDLE)
        charge->budget->idle += bytes;
    if (charge->kind == GVD_CHARGE_NEEDED)
        charge->budget->needed += bytes;
}

bool gvd_charge_take(gvd_charge *charge, gvd_budget *budget, int64_t bytes,
                     enum gvd_charge_kind kind)
{
    pthread_mutex_lock(&budget->lock);
    bool taken = take_locked(budget, bytes, kind);
    if (taken) {
        *charge = (gvd_charge){budget, bytes, epoch, kind};
        count_locked(charge, bytes);
    }
    pthread_mutex_unlock(&budget->lock);
    return taken;
}

void gvd_charge_give(gvd_charge *charge)
{
    gvd_charge c = *charge;
    *charge = (gvd_charge){0};
    if (c.bytes == 0 || c.epoch != epoch)
        return;
    pthread_mutex_lock(&c.budget->lock);
    c.budget->held -= c.bytes;
    count_locked(&c, -c.bytes);
    c.budget->moved = gvd_seconds();
    pthread_mutex_unlock(&c.budget->lock);
}

// --- claims ---

static void enqueue_locked(gvd_budget *b, gvd_claim *claim, int64_t bytes)
{
    if (!claim->known) {
        claim->known = true;
        claim->charge = (gvd_charge){b, 0, epoch, GVD_CHARGE_EXTRA};
        b->claims++;
    }
    const int64_t more = bytes - claim->charge.bytes;
    b->wanted += more - claim->wanted;
    claim->wanted = more;
    if (claim->waiting)
        return;
    claim->waiting = true;
    claim->since = gvd_seconds();
    claim->next = NULL;
    gvd_claim **at = &b->first;
    while (*at)
        at = &(*at)->next;
    *at = claim;
}

static void dequeue_locked(gvd_budget *b, gvd_claim *claim)
{
    if (!claim->waiting)
        return;
    gvd_claim **at = &b->first;
    while (*at != claim)
        at = &(*at)->next;
    *at = claim->next;
    claim->waiting = false;
    b->wanted -= claim->wanted;
    claim->wanted = 0;
}

static bool is_next_locked(gvd_budget *b, const gvd_claim *claim)
{
    const bool all_fit = missing_locked(b, b->wanted, false) <= 0;
    return (b->first == claim || all_fit) &&
           (claim->member.present ||
            !gvd_crowd_is_full(&b->crowd, claim->since));
}

bool gvd_claim_is_next(gvd_claim *claim, gvd_budget *budget, int64_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    enqueue_locked(budget, claim, bytes);
    bool next = is_next_locked(budget, claim);
    pthread_mutex_unlock(&budget->lock);
    return next;
}

static bool grant_locked(gvd_budget *b, gvd_claim *claim, int64_t bytes)
{
    int64_t more = bytes - claim->charge.bytes;
    if (more > 0 && !(is_next_locked(b, claim) && hold_locked(b, more, false)))
        return false;
    gvd_crowd_add(&b->crowd, &claim->member);
    if (more > 0) {
        claim->charge.bytes = bytes;
        b->claimed += more;
    }
    dequeue_locked(b, claim);
    return true;
}

// More than what is idle may be had, but not over and over again.
#define TRIM_SECONDS 0.1

static bool pays_to_trim_locked(gvd_budget *b, gvd_claim *claim, int64_t bytes)
{
    double now = gvd_seconds();
    bool again = now - claim->trimmed > TRIM_SECONDS;
    if (!is_next_locked(b, claim) ||
        !(again || is_idle_locked(b, bytes - claim->charge.bytes)))
        return false;
    claim->trimmed = now;
    return true;
}

// The budget's lock is held; it says how things stand.
static int refuse_locked(const gvd_budget *b, int64_t bytes, gvd_error *err)
{
    if (bytes > b->limit)
        return gvd_fail(err, GVD_ERR_NO_MEMORY,
                        "a frame and a batch take %lld KiB and the memory "
                        "limit of all decoders is %lld KiB: take fewer frames "
                        "at once or a smaller size, or raise it with "
                        "gvdecode.set_memory_limit",
                        (long long)(bytes >> 10), (long long)(b->limit >> 10));
    return gvd_fail(err, GVD_ERR_NO_MEMORY,
                    "%lld of the %lld KiB that all decoders may hold are "
                    "taken, this reading needs %lld KiB and nothing was given "
                    "back for %g s: close others, or raise the limit with "
                    "gvdecode.set_memory_limit",
                    (long long)(b->held >> 10), (long long)(b->limit >> 10),
                    (long long)(bytes >> 10), b->patience);
}

int gvd_claim_grow(gvd_claim *claim, gvd_budget *budget, int64_t bytes,
                   gvd_error *err)
{
    gvd_budget *b = budget;
    int rc = GVD_OK;
    pthread_mutex_lock(&b->lock);
    enqueue_locked(b, claim, bytes);
    bool granted = grant_locked(b, claim, bytes);
    if (!granted && bytes <= b->limit && pays_to_trim_locked(b, claim, bytes)) {
        trim_locked(b, bytes - claim->charge.bytes, false);
        granted = grant_locked(b, claim, bytes);
    }
    if (!granted) {
        bool waits = bytes <= b->limit && is_patient_locked(b, claim->since);
        rc = waits ? GVD_AGAIN : refuse_locked(b, bytes, err);
        if (!waits)
            dequeue_locked(b, claim);
    }
    pthread_mutex_unlock(&b->lock);
    return rc;
}

void gvd_claim_reserve(gvd_claim *claim, gvd_budget *budget, int64_t rest)
{
    gvd_budget *b = budget;
    pthread_mutex_lock(&b->lock);
    int64_t more = claim->charge.bytes - rest;
    if (more > 0) {
        claim->charge.bytes = rest;
        claim->reserved += more;
        b->claimed -= more;
        b->held -= more;
        b->reserved += more;
    }
    pthread_mutex_unlock(&b->lock);
}

static void end_reserve_locked(gvd_budget *b, gvd_claim *claim)
{
    b->reserved -= claim->reserved;
    claim->reserved = 0;
}

void gvd_claim_end_reserve(gvd_claim *claim, gvd_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    end_reserve_locked(budget, claim);
    pthread_mutex_unlock(&budget->lock);
}

void gvd_claim_withdraw(gvd_claim *claim, gvd_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    dequeue_locked(budget, claim);
    pthread_mutex_unlock(&budget->lock);
}

void gvd_claim_drop(gvd_claim *claim)
{
    gvd_budget *b = claim->charge.budget;
    if (!claim->known || claim->charge.epoch != epoch)
        return;
    pthread_mutex_lock(&b->lock);
    dequeue_locked(b, claim);
    end_reserve_locked(b, claim);
    b->claims--;
    gvd_crowd_remove(&b->crowd, &claim->member);
    b->claimed -= claim->charge.bytes;
    b->held -= claim->charge.bytes;
    b->moved = gvd_seconds();
    pthread_mutex_unlock(&b->lock);
    *claim = (gvd_claim){0};
}
