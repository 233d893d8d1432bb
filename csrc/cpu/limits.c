#include "cpu/limits.h"

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

static int quota_cores(void)
{
    int64_t quota, period, unused;
    if (read_numbers("/sys/fs/cgroup/cpu.max", &quota, &period) < 2 &&
        (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &unused) <
             1 ||
         read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period,
                      &unused) < 1))
        return 0;
    return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int gvd_cpu_cores(void)
{
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0
                    ? CPU_COUNT(&set)
                    : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = quota_cores();
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

int64_t gvd_cpu_memory_default(void)
{
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t limit, unused;
    if ((read_numbers("/sys/fs/cgroup/memory.max", &limit, &unused) >= 1 ||
         read_numbers("/sys/fs/cgroup/memory/memory.limit_in_bytes", &limit,
                      &unused) >= 1) &&
        limit > 0 && limit < bytes)
        bytes = limit;
    return bytes / 4 < DEFAULT_MAX ? bytes / 4 : DEFAULT_MAX;
}
