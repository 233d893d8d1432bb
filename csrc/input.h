// Bytes that the caller holds in place of a file: in memory, or behind a
// function of the caller's own, which may wait.
//
// That function runs on a thread of the input's, so that whoever waits for it
// can leave: what it still does then, it does alone, and what it uses is let go
// of when it has come back. Several sources may read one input.
//
// Thread-safety: all functions.
#pragma once

#include <stdint.h>

#include "limit.h"
#include "ref.h"

typedef struct gvd_input gvd_input;

typedef struct gvd_input_params {
    const uint8_t *data; // size bytes, or NULL: there is a function
    int64_t size;        // or -1: unknown, the function reads on and on
    // Up to `size` bytes from `offset` on: how many there were, 0 at the end,
    // or an error. `offset` follows the last read where the size is unknown.
    int (*read)(void *owner, int64_t offset, uint8_t *buffer, int size,
                gvd_error *err);
    void *owner;
    void (*release)(void *owner); // once nothing uses the bytes any more
} gvd_input_params;

// Takes over the owner, also when it fails.
int gvd_input_create(const gvd_input_params *params, gvd_input **out,
                     gvd_error *err);
gvd_input *gvd_input_ref(gvd_input *input);
void gvd_input_unref(gvd_input **input);

// -1 where that is unknown and the bytes can be had only once.
int64_t gvd_input_size(const gvd_input *input);
bool gvd_input_is_memory(const gvd_input *input);
void *gvd_input_owner(const gvd_input *input);

// How many bytes were read, 0 at the end, or an error: the function's own, or
// the limit's.
int gvd_input_read(gvd_input *input, int64_t offset, uint8_t *buffer, int size,
                   const gvd_limit *limit, gvd_error *err);
