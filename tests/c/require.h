// The check that the C tests use: it stays on in optimised builds and says
// where it failed.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                     \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s: failed: %s\n", __FILE__, __LINE__,     \
                    __func__, #condition);                                     \
            abort();                                                           \
        }                                                                      \
    } while (0)
