// What the C tests share: a limit in time, and numbers that are the same on
// every run. When a test fails or stands still, it says its name and its seed.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "require.h"

static char test_line[160];

static inline void test_on_signal(int number)
{
    static const char still[] = "stands still: ", failed[] = "failed: ";
    ssize_t n = number == SIGALRM ? write(2, still, sizeof still - 1)
                                  : write(2, failed, sizeof failed - 1);
    n += write(2, test_line, strlen(test_line));
    if (number == SIGALRM || n < 0)
        _exit(1);
}

// Names what runs from here on; it has this many seconds.
static inline void test_begin(const char *name, uint64_t seed, unsigned seconds)
{
    snprintf(test_line, sizeof test_line, "%s, seed %llu\n", name,
             (unsigned long long)seed);
    signal(SIGALRM, test_on_signal);
    signal(SIGABRT, test_on_signal);
    alarm(seconds);
}

// --- numbers ---

static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline int draw_below(uint64_t *state, int limit)
{
    REQUIRE(limit > 0);
    return (int)(draw(state) % (uint64_t)limit);
}

static inline bool chance(uint64_t *state, int percent)
{
    return draw_below(state, 100) < percent;
}
