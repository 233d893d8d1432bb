#include "savings.h"

#include <pthread.h>

#define KINDS 32

typedef struct entry {
    uint64_t kind;
    double seconds;
} entry;

static struct {
    pthread_mutex_t lock;
    entry entries[KINDS]; // the one that was asked for last is the first
} savings = {.lock = PTHREAD_MUTEX_INITIALIZER};

// In front of the others, of which the last is forgotten for a new one.
static entry *find_locked(uint64_t kind)
{
    entry found = {.kind = kind};
    int at = 0;
    while (at < KINDS - 1 && savings.entries[at].kind != kind)
        at++;
    if (savings.entries[at].kind == kind)
        found = savings.entries[at];
    for (; at > 0; at--)
        savings.entries[at] = savings.entries[at - 1];
    savings.entries[0] = found;
    return &savings.entries[0];
}

bool gvd_savings_pay(uint64_t kind, double seconds, double price)
{
    pthread_mutex_lock(&savings.lock);
    entry *e = find_locked(kind);
    e->seconds += seconds;
    bool pays = e->seconds > price;
    if (pays)
        e->seconds = 0;
    pthread_mutex_unlock(&savings.lock);
    return pays;
}
