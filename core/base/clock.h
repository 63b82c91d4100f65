/* Time as a table, so that tests and simulation can run under a virtual clock. */
#ifndef RW_BASE_CLOCK_H
#define RW_BASE_CLOCK_H

#include <stdint.h>

#define RW_NS_PER_US UINT64_C(1000)
#define RW_NS_PER_MS UINT64_C(1000000)
#define RW_NS_PER_S  UINT64_C(1000000000)

struct rw_clock {
    uint64_t (*now_ns)(void *ctx);        /* monotonic, nanoseconds */
    uint64_t (*thread_cpu_ns)(void *ctx); /* CPU time of the calling thread, nanoseconds */
    void *ctx;
};

extern const struct rw_clock RW_CLOCK_SYSTEM;

static inline uint64_t rw_clock_now(const struct rw_clock *clock)
{
    return clock->now_ns(clock->ctx);
}

#endif
