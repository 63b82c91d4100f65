/* Who keeps the loop from its sockets: every round of the loop is timed, and what took longest in
 * it is named.
 *
 * A round is the time between two waits for events. Callbacks that may take long enter and leave
 * with a name (a route, a turn); names do not nest: the innermost is what counts. A round over
 * RW_WATCH_LOG_MS is logged with its name, at most once a second. Loop thread only. */
#ifndef RW_SERVER_BASE_WATCH_H
#define RW_SERVER_BASE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

enum {
    RW_WATCH_LOG_MS = 50, /* what a probe may wait: beyond it the round is logged */
    RW_WATCH_BUCKETS = 9,
};

/* Seconds; the histogram rewardd_loop_stall_seconds. */
extern const double RW_WATCH_BOUND[RW_WATCH_BUCKETS];

struct rw_watch {
    const struct rw_clock *clock;
    uint64_t bucket[RW_WATCH_BUCKETS + 1]; /* rounds; last one: +Inf */
    uint64_t rounds;
    double seconds;     /* of all rounds */
    double longest;     /* of one round, seconds */
    double longest_cpu; /* most processor time of a round, seconds */
    uint64_t stalls;    /* rounds over RW_WATCH_LOG_MS */
    /* of this round */
    const char *name; /* what took longest; a constant string */
    uint64_t name_ns;
    uint64_t logged_ns;
    bool logged;
};

struct rw_watch_span {
    const char *name;
    uint64_t since_ns;
};

void rw_watch_init(struct rw_watch *watch, const struct rw_clock *clock);
/* NULL watch: nothing. */
struct rw_watch_span rw_watch_enter(struct rw_watch *watch, const char *name);
void rw_watch_leave(struct rw_watch *watch, struct rw_watch_span span);
/* The loop waits again, after `busy_ns`, of which it had the processor `cpu_ns`: the rest
 * was given to other threads and programs, or went into a lock. */
void rw_watch_round(struct rw_watch *watch, uint64_t busy_ns, uint64_t cpu_ns);

#endif
