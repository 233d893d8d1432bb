#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RING_LINES 64
#define LINE_BYTES 480

static _Thread_local const char *about;

const char *gvd_log_about(const char *file)
{
    const char *before = about;
    about = file;
    return before;
}

static struct {
    pthread_mutex_t lock;
    // Guarded by lock.
    struct {
        int level;
        char text[LINE_BYTES];
    } lines[RING_LINES];
    unsigned head, count, lost;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

// A forked child begins with an empty ring: the lock may have been held.
static void reset_ring(void)
{
    pthread_mutex_init(&ring.lock, NULL);
    ring.count = ring.lost = 0;
}

static void register_reset(void)
{
    pthread_atfork(NULL, NULL, reset_ring);
}

void gvd_log(int level, const char *format, ...)
{
    char text[LINE_BYTES] = "";
    int n = about ? snprintf(text, LINE_BYTES / 2, "%s: ", about) : 0;
    n = n < LINE_BYTES / 2 ? n : LINE_BYTES / 2 - 1;
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, sizeof text - (size_t)n, format, args);
    va_end(args);
    text[strcspn(text, "\n")] = '\0';
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_reset);

    pthread_mutex_lock(&ring.lock);
    if (ring.count == RING_LINES) {
        ring.head = (ring.head + 1) % RING_LINES;
        ring.count--;
        ring.lost++;
    }
    unsigned slot = (ring.head + ring.count++) % RING_LINES;
    ring.lines[slot].level = level;
    memcpy(ring.lines[slot].text, text, sizeof text);
    pthread_mutex_unlock(&ring.lock);
}

int gvd_log_take(char *text, size_t size)
{
    int level = 0;
    pthread_mutex_lock(&ring.lock);
    if (ring.lost > 0) {
        snprintf(text, size, "%u older log lines were lost", ring.lost);
        ring.lost = 0;
        level = GVD_LOG_WARNING;
    } else if (ring.count > 0) {
        snprintf(text, size, "%s", ring.lines[ring.head].text);
        level = ring.lines[ring.head].level;
        ring.head = (ring.head + 1) % RING_LINES;
        ring.count--;
    }
    pthread_mutex_unlock(&ring.lock);
    return level;
}
