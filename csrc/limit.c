#include "limit.h"

#include <math.h>

#include "thread.h"

void gvd_limit_init(gvd_limit *limit, double timeout,
                    const atomic_bool *owner_stopped,
                    const atomic_bool *user_stopped)
{
    limit->owner_stopped = owner_stopped;
    limit->user_stopped = user_stopped;
    limit->timeout = timeout;
    gvd_limit_begin(limit);
}

void gvd_limit_begin(gvd_limit *limit)
{
    limit->end = limit->timeout > 0 ? gvd_seconds() + limit->timeout : INFINITY;
}

static bool is_set(const atomic_bool *flag)
{
    return flag && atomic_load(flag);
}

int gvd_limit_check(const gvd_limit *limit, gvd_error *err)
{
    if (is_set(limit->owner_stopped) || is_set(limit->user_stopped))
        return gvd_fail_closed(err);
    if (limit->timeout > 0 && gvd_seconds() > limit->end)
        return gvd_fail_timeout(err, limit->timeout);
    return GVD_OK;
}
