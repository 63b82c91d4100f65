#include "server/base/watch.h"

#include <stddef.h>

#include "core/base/log.h"

const double RW_WATCH_BOUND[RW_WATCH_BUCKETS] = {0.001, 0.002, 0.005, 0.01, 0.02,
                                                 0.05,  0.1,   0.5,   2};

void rw_watch_init(struct rw_watch *watch, const struct rw_clock *clock)
{
    *watch = (struct rw_watch){.clock = clock};
}

struct rw_watch_span rw_watch_enter(struct rw_watch *watch, const char *name)
{
    return watch != NULL ? (struct rw_watch_span){name, rw_clock_now(watch->clock)}
                         : (struct rw_watch_span){0};
}

void rw_watch_leave(struct rw_watch *watch, struct rw_watch_span span)
{
    if (watch == NULL) {
        return;
    }
    uint64_t took = rw_clock_now(watch->clock) - span.since_ns;
    if (took > watch->name_ns) {
        watch->name = span.name;
        watch->name_ns = took;
    }
}

static void tell(struct rw_watch *watch, uint64_t busy_ns, uint64_t cpu_ns)
{
    uint64_t now = rw_clock_now(watch->clock);
    watch->stalls++;
    if (watch->logged && now - watch->logged_ns < RW_NS_PER_S) {
        return;
    }
    watch->logged = true;
    watch->logged_ns = now;
    rw_log(RW_LOG_WARN, "loop_stall", "ms=%.1f cpu_ms=%.1f culprit=\"%s\" culprit_ms=%.1f",
           (double)busy_ns / 1e6, (double)cpu_ns / 1e6, watch->name != NULL ? watch->name : "-",
           (double)watch->name_ns / 1e6);
}

void rw_watch_round(struct rw_watch *watch, uint64_t busy_ns, uint64_t cpu_ns)
{
    double seconds = (double)busy_ns / 1e9;
    size_t i = 0;
    while (i < RW_WATCH_BUCKETS && seconds > RW_WATCH_BOUND[i]) {
        i++;
    }
    watch->bucket[i]++;
    watch->rounds++;
    watch->seconds += seconds;
    watch->longest = seconds > watch->longest ? seconds : watch->longest;
    double cpu = (double)cpu_ns / 1e9;
    watch->longest_cpu = cpu > watch->longest_cpu ? cpu : watch->longest_cpu;
    if (busy_ns > RW_WATCH_LOG_MS * RW_NS_PER_MS) {
        tell(watch, busy_ns, cpu_ns);
    }
    watch->name = NULL;
    watch->name_ns = 0;
}
