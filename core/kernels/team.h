/* The compute team: threads that run kernels and nothing else.
 *
 * A team of n has n - 1 threads of its own; the caller of rw_team_run is member 0. Members spin for
 * a short while between parallel regions and then sleep, so that an idle daemon costs no CPU. One
 * region per forward pass, barriers inside it. One caller at a time. */
#ifndef RW_KERNELS_TEAM_H
#define RW_KERNELS_TEAM_H

#include <stdatomic.h>

#include "core/base/status.h"

enum {
    RW_TEAM_MAX = 256
};

struct rw_team;

typedef void (*rw_team_fn)(void *arg, unsigned member, unsigned members);

/* threads 0: as many as affinity mask and cgroup quota allow. */
rw_status rw_team_create(unsigned threads, struct rw_team **out, struct rw_error *err);
void rw_team_destroy(struct rw_team *team); /* NULL is fine */
unsigned rw_team_size(const struct rw_team *team);
/* Runs fn on every member and returns when all have returned. */
void rw_team_run(struct rw_team *team, rw_team_fn fn, void *arg);
/* Inside a region: returns when all members have arrived; writes before it are visible after it. */
void rw_team_barrier(struct rw_team *team, unsigned member);
/* Inside a region: a counter that one member raises and others wait for; what was written before it
 * was raised is visible to who has waited. The one that raises must never wait for a waiter. */
void rw_team_raise(struct rw_team *team, atomic_uint *counter);
void rw_team_await(struct rw_team *team, atomic_uint *counter, unsigned value);
/* CPU time spent inside regions by all members since creation, nanoseconds. */
unsigned long long rw_team_cpu_ns(const struct rw_team *team);
/* Processors this process may use: affinity mask, cut by the cgroup v1/v2 CPU quota, at least 1. */
unsigned rw_team_processors(void);

#endif
