// Which file a name stands for, to know whether it still does.
//
// Thread-safety: all functions.
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

typedef struct gvd_file_id {
    bool known; // not what is no file, such as a URL or a pipe
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec changed;
} gvd_file_id;

gvd_file_id gvd_file_id_of(const char *path);
// A file that grows stays the one that it was, and so does one on a file system
// that numbers files anew.
bool gvd_file_id_differs(const gvd_file_id *a, const gvd_file_id *b);
