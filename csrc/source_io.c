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

typedef struct stream {
    gvd_io_params params;
    // A pipe's.
    int fd;    // or -1
    bool seen; // a FIFO without a writer reads as ended until one came
    bool fifo;
    // Or an input's.
    gvd_input *input;
    int64_t position;
} stream;

bool gvd_io_is_pipe(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 &&
           (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) ||
            S_ISCHR(info.st_mode));
}

static int read_pipe(void *opaque, uint8_t *buffer, int size)
{
    stream *s = opaque;
    const bool waits = s->fifo && s->params.follow;
    while (gvd_limit_check(s->params.limit, s->params.failure) == GVD_OK) {
        struct pollfd wait = {.fd = s->fd, .events = POLLIN};
        int ready = poll(&wait, 1, GVD_LOOK_MS);
        if (ready < 0 && errno != EINTR)
            return AVERROR(errno);
        if (ready <= 0)
            continue;
        ssize_t n = read(s->fd, buffer, (size_t)size);
        if (n > 0) {
            s->seen = true;
            return (int)n;
        }
        if (n == 0 && (waits || (s->fifo && !s->seen))) {
            usleep(GVD_LOOK_MS * 100);
            continue;
        }
        if (n == 0)
            return AVERROR_EOF;
        if (errno != EAGAIN && errno != EINTR)
            return AVERROR(errno);
    }
    return AVERROR_EXIT;
}

static int read_input(void *opaque, uint8_t *buffer, int size)
{
    stream *s = opaque;
    if (s->params.failure->code < 0)
        return AVERROR_EXIT; // demuxers ask again
    int n = gvd_input_read(s->input, s->position, buffer, size, s->params.limit,
                           s->params.failure);
    if (n < 0)
        return AVERROR_EXIT;
    s->position += n;
    return n > 0 ? n : AVERROR_EOF;
}

static int64_t seek_input(void *opaque, int64_t offset, int whence)
{
    stream *s = opaque;
    const int64_t size = gvd_input_size(s->input);
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return size;
    case SEEK_CUR:
        offset += s->position;
        break;
    case SEEK_END:
        offset += size;
        break;
    default:
        break;
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    s->position = offset;
    return offset;
}

static void free_stream(stream *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    gvd_input_unref(&s->input);
    free(s);
}

static int wrap(stream *s, AVIOContext **out, gvd_error *err)
{
    const bool seeks = s->input && gvd_input_size(s->input) >= 0;
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    if (buffer)
        *out = avio_alloc_context(buffer, BUFFER_BYTES, 0, s,
                                  s->input ? read_input : read_pipe, NULL,
                                  seeks ? seek_input : NULL);
    if (buffer && *out)
        return GVD_OK;
    av_free(buffer);
    free_stream(s);
    return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
}

int gvd_io_open_pipe(const char *path, const gvd_io_params *params,
                     AVIOContext **out, gvd_error *err)
{
    // Not blocking: a FIFO that nobody writes to yet must not stop the caller.
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return gvd_fail(err, GVD_ERR_OPEN, "%s", strerror(errno));
    struct stat info;
    stream *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    }
    s->params = *params;
    s->fd = fd;
    s->fifo = fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
    return wrap(s, out, err);
}

int gvd_io_open_input(gvd_input *input, const gvd_io_params *params,
                      AVIOContext **out, gvd_error *err)
{
    stream *s = calloc(1, sizeof *s);
    if (!s)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    s->params = *params;
    s->fd = -1;
    s->input = gvd_input_ref(input);
    return wrap(s, out, err);
}

void gvd_io_close(AVIOContext **io)
{
    if (!*io)
        return;
    free_stream((*io)->opaque);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}
