#include "file_id.h"

gvd_file_id gvd_file_id_of(const char *path)
{
    struct stat s;
    if (stat(path, &s) < 0 || !S_ISREG(s.st_mode))
        return (gvd_file_id){0};
    return (gvd_file_id){true, s.st_dev, s.st_ino, s.st_size, s.st_mtim};
}

bool gvd_file_id_differs(const gvd_file_id *a, const gvd_file_id *b)
{
    return a->known && b->known &&
           (a->number != b->number || a->device != b->device) &&
           (a->size != b->size || a->changed.tv_sec != b->changed.tv_sec ||
            a->changed.tv_nsec != b->changed.tv_nsec);
}
