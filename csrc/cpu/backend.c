// The CPU's decode sessions: one libavcodec decoder each.
#include "backend.h"
#include "cpu/session.h"

const gvd_backend gvd_cpu = {
    .name = "cpu",
    .open = gvd_cpu_session_open,
    .begin = gvd_cpu_session_begin,
    .push = gvd_cpu_session_push,
    .close = gvd_cpu_session_close,
};
