// The conversion alone: the core's C and kernels, without libav and without
// Python, against a double computation, each other, libswscale and a copy.
//
//     convert grid SEED COUNT [FIRST]
//     convert speed cpu [LIBSWSCALE [FRAMES]]
//     convert speed gpu
//
// grid converts COUNT random cases, the first of number FIRST, on the CPU and,
// where there is one, on the GPU. It prints a line for each pixel format and
// one for each case that is further off than it should be. speed cpu takes one
// thread, in turns with libswscale from the path given ("": without), with made
// frames and with raw ones from a file; speed gpu times launches that stand in
// the queue already, against copies on the device. Every line is JSON;
// bench_convert.py makes rows of them.
//
// Made by `make -C benchmarks ../build/convert` after `make build`. The program
// needs only libc, and for the GPU the driver.
#include "convert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("convert: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    exit(1);
}

void must(int rc, const gvd_error *err)
{
    if (rc < 0)
        die("%s", err->text);
}

void *allocate(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes + 64))
        die("out of memory");
    return memory;
}

static uint64_t number(const char *word)
{
    char *end;
    uint64_t value = strtoull(word, &end, 10);
    if (*end || end == word)
        die("%s is no number", word);
    return value;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    const char *device = argc > 2 ? argv[2] : "";
    if (strcmp(mode, "grid") == 0 && argc >= 4)
        run_grid(number(argv[2]), argc > 4 ? number(argv[4]) : 0,
                 number(argv[3]));
    else if (strcmp(mode, "speed") == 0 && strcmp(device, "cpu") == 0)
        speed_cpu(argc > 3 && *argv[3] ? argv[3] : NULL,
                  argc > 4 ? argv[4] : NULL);
    else if (strcmp(mode, "speed") == 0 && strcmp(device, "gpu") == 0)
        speed_gpu();
    else
        die("grid SEED COUNT [FIRST], speed cpu [LIBSWSCALE [FRAMES]] or "
            "speed gpu");
    return 0;
}
