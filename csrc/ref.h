// Atomic reference count, the first member of every shared object.
//
// Thread-safety: gvd_ref_get and gvd_ref_put may run on any thread.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

typedef struct gvd_ref {
    atomic_int count;
} gvd_ref;

static inline void gvd_ref_init(gvd_ref *ref)
{
    atomic_init(&ref->count, 1);
}

static inline void gvd_ref_get(gvd_ref *ref)
{
    atomic_fetch_add_explicit(&ref->count, 1, memory_order_relaxed);
}

// True for the caller that dropped the last reference and must now release.
static inline bool gvd_ref_put(gvd_ref *ref)
{
    return atomic_fetch_sub_explicit(&ref->count, 1, memory_order_acq_rel) == 1;
}
