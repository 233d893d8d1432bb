// What cannot be given back where it is dropped: only the host could wait for
// its last users, and the thread may hold a lock that these wait for, like the
// GIL; or a graph is being captured, which such a wait would break. It is tried
// again whenever memory is asked for or given back to the device.
//
// Thread-safety: all functions.
#pragma once

typedef struct gvd_late gvd_late;
struct gvd_late {
    void (*retry)(void *owner);
    void *owner;
    gvd_late *next;
};

// It lies in its owner, which lives until `retry` is called. That may add it
// again.
void gvd_late_add(gvd_late *late, void (*retry)(void *owner), void *owner);

// Every one of them once, unless this thread may not wait.
void gvd_late_retry(void);
