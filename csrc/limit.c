#include "limit.h"

#include <math.h>

#include "thread.h"

void gvd_limit_init(gvd_limit *limit, double timeout,
                    const atomic_bool *owner_stopped)
{
    atomic_init(&limit->stopped, false);
    limit->owner_stopped = owner_stopped;
    limit->timeout = timeout;
    gvd_limit_begin(limit);
}

void gvd_limit_begin(gvd_limit *limit)
{
    limit->end = limit->timeout > 0 ? gvd_seconds() + limit->timeout : INFINITY;
}

void gvd_limit_stop(gvd_limit *limit)
{
    atomic_store(&limit->stopped, true);
}

int gvd_limit_check(const gvd_limit *limit, gvd_error *err)
{
    if (atomic_load(&limit->stopped) ||
        (limit->owner_stopped && atomic_load(limit->owner_stopped)))
        return gvd_fail_closed(err);
    if (limit->timeout > 0 && gvd_seconds() > limit->end)
        return gvd_fail_timeout(err, limit->timeout);
    return GVD_OK;
}
