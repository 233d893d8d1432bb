// What this process may use of the machine: cores by affinity and cgroup quota,
// memory by the cgroup's limit.
#pragma once

#include <stdint.h>

int gvd_cpu_cores(void);

// A quarter of the memory there is, 4 GiB at most.
int64_t gvd_cpu_memory_default(void);
// Three quarters of it.
int64_t gvd_cpu_memory_most(void);
