// Keeps a core object alive while calls on it run without the GIL, whoever
// closes it meanwhile.
//
// The Python object is one user from its creation until it is closed; each call
// is one while it runs. Whoever leaves last frees the core object.
//
// Thread-safety: all of it may run on any thread, with or without the GIL.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

typedef struct gvd_guard {
    atomic_int users;
    atomic_bool closed;
} gvd_guard;

static inline void gvd_guard_init(gvd_guard *guard)
{
    atomic_init(&guard->users, 1);
    atomic_init(&guard->closed, false);
}

// False where the core object is gone; else the caller must leave.
static inline bool gvd_guard_enter(gvd_guard *guard)
{
    int users = atomic_load(&guard->users);
    while (users > 0) {
        if (atomic_compare_exchange_weak(&guard->users, &users, users + 1))
            return true;
    }
    return false;
}

// True for the last user, who must now free the core object.
static inline bool gvd_guard_leave(gvd_guard *guard)
{
    return atomic_fetch_sub(&guard->users, 1) == 1;
}

// True for the first caller, who must now leave for the Python object.
static inline bool gvd_guard_close(gvd_guard *guard)
{
    return !atomic_exchange(&guard->closed, true);
}

static inline bool gvd_guard_is_closed(gvd_guard *guard)
{
    return atomic_load(&guard->closed);
}
