/* Everything the handlers share: one daemon, on one loop thread. Visible inside server/ only. */
#ifndef RW_SERVER_SERVICE_H
#define RW_SERVER_SERVICE_H

#include "core/base/clock.h"
#include "proto/limits.h"
#include "server/auth.h"
#include "server/http/connection.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/runs/runs.h"
#include "server/scoring/admission.h"
#include "server/scoring/bridge.h"
#include "server/scoring/prepare.h"

/*   LOADING --> READY --> DRAINING --> ENDING
 *      |                     ^            ^      DRAINING: still accepting, readyz says no.
 *      '---------------------'------------'      ENDING: closed listeners, requests in flight. */
enum rw_service_phase {
    RW_SERVICE_LOADING,
    RW_SERVICE_READY,
    RW_SERVICE_DRAINING,
    RW_SERVICE_ENDING,
};

struct rw_call;
struct rw_asker;

struct rw_service {
    const struct rw_options *options;
    const struct rw_clock *clock;
    enum rw_service_phase phase;
    struct rw_limits limits;
    struct rw_handlers handlers;
    struct rw_connections connections;
    struct rw_auth auth;
    struct rw_admission admission;
    struct rw_metrics metrics;
    struct rw_bridge *bridge;
    struct rw_prepare *prepare;
    struct rw_runs *runs;
    struct rw_asker *run_subscribers; /* open event streams */
    uint64_t n_run_subscribers;
    struct rw_call *dirty_calls; /* with news from the engine, until `polled` */
    uint64_t calls;              /* alive */
    uint64_t id_seed;            /* of request ids */
    uint64_t id_count;
    uint64_t accepted; /* mirrors of the listeners' counters, for the metrics */
    uint64_t refused;
};

/* router.c: fills handlers for rw_connections_init. */
void rw_router_init(struct rw_service *service, struct rw_handlers *handlers);
/* call.c: progress of calls marked dirty by the engine's news. */
void rw_calls_progress(struct rw_service *service);
/* server/runs/handlers.c: event streams look for news, or end when the daemon drains. */
void rw_run_subscribers_wake(struct rw_service *service);
/* Trainers' requests whose wait is over. */
void rw_calls_tick(struct rw_service *service, uint64_t now_ns);

/* Routes, for metrics and hints. */
struct rw_route {
    const char *methods; /* "GET, HEAD" or "POST" */
    const char *path;    /* one segment may be {id} */
    void (*handle)(struct rw_service *service, struct rw_exchange *ex);
    bool open;  /* no API key needed: probes */
    bool ready; /* needs loaded models */
    bool body;  /* takes a JSON body */
    bool scoring;
};

extern const struct rw_route RW_ROUTE[];
extern const size_t RW_ROUTE_COUNT;

/* Handlers. */
void rw_handle_options(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_root(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_livez(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_readyz(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_metrics(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_models(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_openapi(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_rewards(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_runs(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_run(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_run_events(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_run_acknowledge(struct rw_service *service, struct rw_exchange *ex);
void rw_handle_get_reward(struct rw_service *service, struct rw_exchange *ex);

#endif
