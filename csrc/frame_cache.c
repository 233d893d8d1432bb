#include "frame_cache.h"

void gvd_frame_cache_init(gvd_frame_cache *cache)
{
    *cache = (gvd_frame_cache){0};
    pthread_mutex_init(&cache->lock, NULL);
}

static gvd_frame **find_locked(gvd_frame_cache *cache, int64_t number)
{
    for (int i = 0; i < cache->count; i++) {
        gvd_frame **at = &cache->frames[(cache->start + i) % GVD_CACHE_FRAMES];
        if ((*at)->number == number)
            return at;
    }
    return NULL;
}

// The oldest frame, the caller's from now on.
static gvd_frame *pop_locked(gvd_frame_cache *cache)
{
    gvd_frame *oldest = cache->frames[cache->start];
    cache->start = (cache->start + 1) % GVD_CACHE_FRAMES;
    cache->count--;
    cache->bytes -= oldest->held;
    return oldest;
}

void gvd_frame_cache_put(gvd_frame_cache *cache, gvd_frame *frame)
{
    int64_t bytes = frame->held;
    pthread_mutex_lock(&cache->lock);
    bool kept = bytes <= GVD_CACHE_BYTES && !find_locked(cache, frame->number);
    while (kept && (cache->count == GVD_CACHE_FRAMES ||
                    cache->bytes + bytes > GVD_CACHE_BYTES)) {
        gvd_frame *oldest = pop_locked(cache);
        gvd_frame_unref(&oldest);
    }
    if (kept) {
        int at = (cache->start + cache->count++) % GVD_CACHE_FRAMES;
        cache->frames[at] = gvd_frame_ref(frame);
        cache->bytes += bytes;
    }
    pthread_mutex_unlock(&cache->lock);
}

gvd_frame *gvd_frame_cache_get(gvd_frame_cache *cache, int64_t number)
{
    pthread_mutex_lock(&cache->lock);
    gvd_frame **at = find_locked(cache, number);
    gvd_frame *frame = at ? gvd_frame_ref(*at) : NULL;
    pthread_mutex_unlock(&cache->lock);
    return frame;
}

void gvd_frame_cache_trim(gvd_frame_cache *cache, int64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    while (cache->count > 0 && bytes > 0) {
        gvd_frame *oldest = pop_locked(cache);
        bytes -= oldest->held;
        gvd_frame_unref(&oldest);
    }
    pthread_mutex_unlock(&cache->lock);
}

void gvd_frame_cache_destroy(gvd_frame_cache *cache)
{
    gvd_frame_cache_trim(cache, INT64_MAX);
    pthread_mutex_destroy(&cache->lock);
}
