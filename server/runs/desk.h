/* Questions about runs over HTTP: GET /v1/runs, GET /v1/runs/{id}, POST /v1/runs/{id}/acknowledge,
 * GET /v1/runs/{id}/events. The answers are made on the runs thread; here they are waited for and
 * sent. Loop thread only. */
#ifndef RW_SERVER_RUNS_DESK_H
#define RW_SERVER_RUNS_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "server/http/exchange.h"
#include "server/runs/runs.h"

struct rw_asker;

struct rw_run_desk {
    struct rw_runs *runs;
    struct rw_asker *subscribers; /* open event streams */
    uint64_t n_subscribers;
    bool draining; /* event streams end at the next wake */
};

void rw_run_desk_list(struct rw_run_desk *desk, struct rw_exchange *ex);
/* DELETE removes it. */
void rw_run_desk_show(struct rw_run_desk *desk, struct rw_exchange *ex);
/* GET /v1/runs/{id}/traces: the texts kept by --runs-keep-traces. */
void rw_run_desk_traces(struct rw_run_desk *desk, struct rw_exchange *ex);
void rw_run_desk_acknowledge(struct rw_run_desk *desk, struct rw_exchange *ex);
void rw_run_desk_reset(struct rw_run_desk *desk, struct rw_exchange *ex);
void rw_run_desk_baseline(struct rw_run_desk *desk, struct rw_exchange *ex);
void rw_run_desk_events(struct rw_run_desk *desk, struct rw_exchange *ex);
/* Event streams look for news, or end when the daemon drains. */
void rw_run_desk_wake(struct rw_run_desk *desk);

#endif
