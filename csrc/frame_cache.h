// Decoded frames that were asked for lately, so that asking for them or their
// neighbours again costs nothing. Bounded by bytes; the oldest go first.
//
// Thread-safety: all functions.
#pragma once

#include <pthread.h>

#include "frame.h"

#define GVD_CACHE_BYTES (INT64_C(256) << 20)
#define GVD_CACHE_FRAMES 128

typedef struct gvd_frame_cache {
    pthread_mutex_t lock;
    // Guarded by lock.
    gvd_frame *frames[GVD_CACHE_FRAMES]; // a ring, by time of their coming
    int start, count;
    int64_t bytes;
} gvd_frame_cache;

void gvd_frame_cache_init(gvd_frame_cache *cache);
void gvd_frame_cache_destroy(gvd_frame_cache *cache);

// Takes a reference of its own.
void gvd_frame_cache_put(gvd_frame_cache *cache, gvd_frame *frame);
// The frame of this number with a reference for the caller, or NULL.
gvd_frame *gvd_frame_cache_get(gvd_frame_cache *cache, int64_t number);
// Frees the oldest, about so many bytes.
void gvd_frame_cache_trim(gvd_frame_cache *cache, int64_t bytes);
