// Log lines from libav and the driver, kept until the binding collects them.
//
// Workers and libav write into a bounded ring; nothing is printed. When the
// ring is full the oldest line is lost and counted.
#pragma once

#include <stddef.h>

enum gvd_log_level {
    GVD_LOG_DEBUG = 10, // Python's logging numbers
    GVD_LOG_INFO = 20,
    GVD_LOG_WARNING = 30,
    GVD_LOG_ERROR = 40,
};

void gvd_log(int level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Names the file that this thread works on from here on, for its lines; NULL
// for none. The text must live until then. Returns the one before.
const char *gvd_log_about(const char *file);

// Takes the oldest line: its level, or 0 when there is none. Any thread.
int gvd_log_take(char *text, size_t size);
