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
