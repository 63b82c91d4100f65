/* One daemon on one loop thread: what its parts are. Included by the few who need all of them (main
 * loop, router, information, metrics page); scoring, runs and http know their own part only. */
#ifndef RW_SERVER_SERVICE_H
#define RW_SERVER_SERVICE_H

#include "core/base/clock.h"
#include "server/auth.h"
#include "server/base/metrics.h"
#include "server/base/turns.h"
#include "server/base/watch.h"
#include "server/http/connection.h"
#include "server/http/tls.h"
#include "server/options.h"
#include "server/routes.h"
#include "server/runs/desk.h"
#include "server/scoring/scoring.h"

/*   LOADING --> READY --> DRAINING --> ENDING
 *      |                     ^            ^      DRAINING: still accepting, readyz says no.
 *      '---------------------'------------'      ENDING: closed listeners, requests in flight. */
enum rw_service_phase {
    RW_SERVICE_LOADING,
    RW_SERVICE_READY,
    RW_SERVICE_DRAINING,
    RW_SERVICE_ENDING,
};

struct rw_service {
    const struct rw_options *options;
    const struct rw_clock *clock;
    enum rw_service_phase phase;
    struct rw_route routes[RW_METRIC_ROUTES_MAX]; /* [n_routes] */
    size_t n_routes;
    struct rw_turns turns;
    struct rw_watch watch;
    struct rw_handlers handlers;
    struct rw_connections connections;
    struct rw_auth auth;
    struct rw_tls *tls; /* NULL = in the clear */
    struct rw_metrics metrics;
    struct rw_scoring scoring;
    struct rw_run_desk desk;
    uint64_t id_seed; /* of request ids */
    uint64_t id_count;
    uint64_t accepted; /* mirrors of the listeners' counters, for the metrics */
    uint64_t refused;
};

#endif
