// The bytes of one fuzzer input, taken from the front; zeros when they are used
// up, so that every input is a whole one.
#pragma once

#include <stdint.h>
#include <string.h>

#include "require.h"

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void take_bytes(input *in, void *to, size_t size)
{
    size_t have = size < in->size ? size : in->size;
    memset(to, 0, size);
    if (have > 0)
        memcpy(to, in->data, have);
    in->data += have;
    in->size -= have;
}

static inline int take_byte(input *in)
{
    uint8_t byte;
    take_bytes(in, &byte, sizeof byte);
    return byte;
}

static inline int64_t take_int64(input *in)
{
    int64_t number;
    take_bytes(in, &number, sizeof number);
    return number;
}

// A number from 0 to limit - 1.
static inline int64_t take_below(input *in, int64_t limit)
{
    uint32_t number = 0;
    take_bytes(in, &number, limit > 256 ? 4 : 1);
    REQUIRE(limit > 0);
    return (int64_t)(number % (uint64_t)limit);
}
