#include "cuda/late.h"

#include <stdatomic.h>
#include <stddef.h>

#include "thread.h"

static _Atomic(gvd_late *) list;

void gvd_late_add(gvd_late *late, void (*retry)(void *owner), void *owner)
{
    *late = (gvd_late){retry, owner, atomic_load(&list)};
    while (!atomic_compare_exchange_weak(&list, &late->next, late)) {
    }
}

void gvd_late_retry(void)
{
    if (!atomic_load(&list) || !gvd_may_wait())
        return;
    gvd_late *late = atomic_exchange(&list, NULL);
    while (late) {
        gvd_late *next = late->next;
        late->retry(late->owner);
        late = next;
    }
}
