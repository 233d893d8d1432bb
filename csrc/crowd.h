// Whether so many work on a device at once that one more makes it no faster.
//
// Only those count that came a short while ago, and only while some of them
// end: who stays, like the readings of cameras, holds up nobody.
//
// Thread-safety: none; one lock guards a crowd and all its members.
#pragma once

#include <stdbool.h>

typedef struct gvd_crowd_member gvd_crowd_member;
struct gvd_crowd_member {
    // Guarded by the crowd. Zero at first.
    bool present, young;
    double began;
    gvd_crowd_member *younger;
};

typedef struct gvd_crowd {
    int most; // 0: any number
    int young_count;
    gvd_crowd_member *eldest; // of the young
    double left;              // when a member did last
} gvd_crowd;

void gvd_crowd_add(gvd_crowd *crowd, gvd_crowd_member *member);
void gvd_crowd_remove(gvd_crowd *crowd, gvd_crowd_member *member);
// Whether one who waits since then, a gvd_seconds(), should go on waiting.
bool gvd_crowd_is_full(gvd_crowd *crowd, double since);
