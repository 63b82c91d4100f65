#include "core/base/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * RW_NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t system_now(void *ctx)
{
    (void)ctx;
    return read_ns(CLOCK_MONOTONIC);
}

static uint64_t system_thread_cpu(void *ctx)
{
    (void)ctx;
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

const struct rw_clock RW_CLOCK_SYSTEM = {system_now, system_thread_cpu, 0};
