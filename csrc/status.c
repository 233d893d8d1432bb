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
    // A long name is cut: what went wrong is worth more.
    static const char cut[] = "...: ";
    const size_t words = strnlen(rest, sizeof rest / 2);
    const size_t room = sizeof err->text - 1 - words;
    size_t end = n > 0 ? (size_t)n : 0;
    if (end > room) {
        end = room - strlen(cut);
        while (end > 0 && (err->text[end] & 0xc0) == 0x80) // within a letter
            end--;
        memcpy(err->text + end, cut, sizeof cut);
        end += strlen(cut);
    }
    snprintf(err->text + end, sizeof err->text - end, "%s", rest);
}
