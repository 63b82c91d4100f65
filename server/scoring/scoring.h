/* What all scoring requests of a daemon share. Loop thread, but for what prepare threads read:
 * limits, options and the models behind the bridge. */
#ifndef RW_SERVER_SCORING_SCORING_H
#define RW_SERVER_SCORING_SCORING_H

#include "core/base/clock.h"
#include "proto/limits.h"
#include "server/base/metrics.h"
#include "server/base/turns.h"
#include "server/runs/runs.h"
#include "server/scoring/admission.h"
#include "server/scoring/bridge.h"
#include "server/scoring/prepare.h"

struct rw_exchange;

struct rw_scoring {
    const struct rw_clock *clock;
    struct rw_limits limits;
    uint64_t hold_ms;            /* how long a trainer's request waits for room */
    const char *response_marker; /* of queries without prompts; NULL = none */
    struct rw_turns *turns;
    struct rw_metrics *metrics;
    struct rw_bridge *bridge;
    struct rw_prepare *prepare;
    struct rw_runs *runs;
    struct rw_admission admission;
    uint64_t calls; /* alive */
};

/* Trainers' requests whose wait is over; every 100 ms or so. */
void rw_scoring_tick(struct rw_scoring *scoring, uint64_t now_ns);

/* POST /v1/rewards. */
void rw_rewards_start(struct rw_scoring *scoring, struct rw_exchange *ex);
/* POST /v1/verify. */
void rw_verify_start(struct rw_scoring *scoring, struct rw_exchange *ex);

#endif
