#include "cpu/limits.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT_MAX (INT64_C(4) << 30)

// Reads up to two numbers from a cgroup file; "max" and a missing file count
// as none.
static int read_numbers(const char *path, int64_t *first, int64_t *second)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    long long a = 0, b = 0;
    int n = fscanf(file, "%lld %lld", &a, &b);
    fclose(file);
    *first = a;
    *second = b;
    return n < 0 ? 0 : n;
}

static int quota; // in cores, rounded up; 0: none

static void read_quota(void)
{
    int64_t time, period, unused;
    if (read_numbers("/sys/fs/cgroup/cpu.max", &time, &period) < 2 &&
        (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &time, &unused) <
             1 ||
         read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period,
                      &unused) < 1))
        return;
    if (time > 0 && period > 0)
        quota = (int)((time + period - 1) / period);
}

int gvd_cpu_cores(void)
{
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0
                    ? CPU_COUNT(&set)
                    : (int)sysconf(_SC_NPROCESSORS_ONLN);
    // Every reading asks: the files are read once.
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_quota);
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

static int64_t memory_bytes(void)
{
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t limit, unused;
    if ((read_numbers("/sys/fs/cgroup/memory.max", &limit, &unused) >= 1 ||
         read_numbers("/sys/fs/cgroup/memory/memory.limit_in_bytes", &limit,
                      &unused) >= 1) &&
        limit > 0 && limit < bytes)
        bytes = limit;
    return bytes;
}

int64_t gvd_cpu_memory_default(void)
{
    int64_t quarter = memory_bytes() / 4;
    return quarter < DEFAULT_MAX ? quarter : DEFAULT_MAX;
}

int64_t gvd_cpu_memory_most(void)
{
    return memory_bytes() / 4 * 3;
}
