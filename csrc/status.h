// Result codes and error text, shared by every part of the core.
//
// A function that can fail returns int: GVD_OK, a positive code that is not a
// failure, or a negative GVD_ERR_*. The words go to the caller's gvd_error,
// always the last argument; err may be NULL where the caller needs no words.
#pragma once

enum {
    GVD_OK = 0,
    GVD_EOF = 1,   // no more data, not a failure
    GVD_AGAIN = 2, // nothing now, ask again

    GVD_ERR_NO_MEMORY = -1,   // host or device memory
    GVD_ERR_NOT_FOUND = -2,   // the file does not exist
    GVD_ERR_OPEN = -3,        // the source is no video that can be read
    GVD_ERR_DECODE = -4,      // the stream broke while reading
    GVD_ERR_UNSUPPORTED = -5, // valid, but not for this build or machine
    GVD_ERR_ARGUMENT = -6,    // the caller's value is wrong
    GVD_ERR_CLOSED = -7,      // the object was closed meanwhile
    GVD_ERR_DRIVER = -8,      // a CUDA or NVDEC call failed
    GVD_ERR_MISMATCH = -9,    // NVDEC gave other frames than planned
    GVD_ERR_INTERNAL = -10,   // a broken invariant: a bug of ours
    GVD_ERR_TIMEOUT = -11,    // a wait took longer than the caller allows
    GVD_ERR_CALLER = -12,     // a function of the caller's own failed
    GVD_ERR_READ = -13,       // disk or network failed: the file may be sound
};

typedef struct gvd_error {
    int code;
    int os_errno; // of the failed system call, else 0
    char text[768];
} gvd_error;

void gvd_error_set(gvd_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Writes the text and is the code, so that `return gvd_fail(...)` works and
// static analysis sees that it is a failure.
#define gvd_fail(err, code, ...)                                               \
    (gvd_error_set((err), (code), __VA_ARGS__), gvd_status(code))

static inline int gvd_status(int code)
{
    return code;
}

// A wait was ended by closing what it waited for.
#define gvd_fail_closed(err)                                                   \
    gvd_fail(err, GVD_ERR_CLOSED, "the decoder was closed")

// A wait took longer than so many seconds.
#define gvd_fail_timeout(err, seconds)                                         \
    gvd_fail(err, GVD_ERR_TIMEOUT,                                             \
             "nothing came for %g seconds, which is what timeout= allows",     \
             seconds)

// Puts words in front of the text that err already holds.
void gvd_error_prefix(gvd_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
