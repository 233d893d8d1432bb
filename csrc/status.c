#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gvd_error_set(gvd_error *err, int code, const char *format, ...)
{
    if (!err)
        return;
    err->code = code;
    err->os_errno = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
}

int gvd_fail_closed(gvd_error *err)
{
    return gvd_fail(err, GVD_ERR_CLOSED, "the decoder was closed");
}

int gvd_fail_timeout(gvd_error *err, double seconds)
{
    return gvd_fail(err, GVD_ERR_TIMEOUT,
                    "nothing came for %g seconds, which is what timeout= allows",
                    seconds);
}

void gvd_error_prefix(gvd_error *err, const char *format, ...)
{
    if (!err)
        return;
    char rest[sizeof err->text];
    memcpy(rest, err->text, sizeof rest);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, "%s", rest);
}
