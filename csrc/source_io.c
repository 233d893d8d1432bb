#include "source_io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "av.h"

#define BUFFER_BYTES 65536
#define LOOK_MS 50 // how often a waiting read looks at the abort flag

typedef struct pipe_reader {
    int fd;
    bool seen; // a FIFO without a writer reads as ended until one came
    bool fifo;
    const atomic_bool *aborted;
} pipe_reader;

bool gvd_pipe_is(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 &&
           (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) ||
            S_ISCHR(info.st_mode));
}

static int read_pipe(void *opaque, uint8_t *buffer, int size)
{
    pipe_reader *reader = opaque;
    for (;;) {
        if (atomic_load(reader->aborted))
            return AVERROR_EXIT;
        struct pollfd wait = {.fd = reader->fd, .events = POLLIN};
        int ready = poll(&wait, 1, LOOK_MS);
        if (ready < 0 && errno != EINTR)
            return AVERROR(errno);
        if (ready <= 0)
            continue;
        ssize_t n = read(reader->fd, buffer, (size_t)size);
        if (n > 0) {
            reader->seen = true;
            return (int)n;
        }
        if (n == 0 && reader->fifo && !reader->seen) {
            usleep(LOOK_MS * 100);
            continue;
        }
        if (n == 0)
            return AVERROR_EOF;
        if (errno != EAGAIN && errno != EINTR)
            return AVERROR(errno);
    }
}

int gvd_pipe_open(const char *path, const atomic_bool *aborted,
                  AVIOContext **out, gvd_error *err)
{
    pipe_reader *reader = calloc(1, sizeof *reader);
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    if (!reader || !buffer) {
        gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
        goto fail;
    }
    struct stat info;
    // Not blocking: a FIFO that nobody writes to yet must not stop the caller.
    reader->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (reader->fd < 0 || fstat(reader->fd, &info) < 0) {
        gvd_fail(err, GVD_ERR_OPEN, "%s", strerror(errno));
        goto fail;
    }
    reader->fifo = S_ISFIFO(info.st_mode);
    reader->aborted = aborted;
    *out = avio_alloc_context(buffer, BUFFER_BYTES, 0, reader, read_pipe, NULL,
                              NULL);
    if (*out)
        return GVD_OK;
    close(reader->fd);
    gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
fail:
    av_free(buffer);
    free(reader);
    return err ? err->code : GVD_ERR_OPEN;
}

void gvd_pipe_close(AVIOContext **io)
{
    if (!*io)
        return;
    pipe_reader *reader = (*io)->opaque;
    close(reader->fd);
    free(reader);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}
