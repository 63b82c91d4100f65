/* Counters of the server, for GET /metrics (metrics_page.c). Labels are bounded: never a request
 * id, never text. Loop thread only. */
#ifndef RW_SERVER_BASE_METRICS_H
#define RW_SERVER_BASE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/shortcut/flag.h"

enum {
    RW_METRIC_ROUTES_MAX = 64,
    RW_METRIC_MODELS_MAX = 16,
    RW_METRIC_BUCKETS = 17,
};

/* Classes of HTTP status the counters tell apart. */
enum {
    RW_METRIC_CODES = 28,
};

/* What a histogram counts; each has its bounds. */
enum rw_metric_scale {
    RW_METRIC_SECONDS, /* 1-2-5 from 1 ms to 180 s: a cached trace to the longest hold */
    RW_METRIC_REWARD,  /* finest near 0 and 1, where rewards pile up */
    RW_METRIC_COUNT,   /* 1-2-5 from 1 */
    RW_METRIC_SCALES,
};

struct rw_histogram {
    uint64_t bucket[RW_METRIC_BUCKETS + 1]; /* last one: +Inf */
    uint64_t count;
    double sum;
};

/* Of one loaded model, in the order of loading. */
struct rw_model_metrics {
    uint64_t traces;
    uint64_t failed;
    struct rw_histogram reward; /* of steps; of an outcome model: of traces */
    struct rw_histogram steps;  /* of a trace */
    struct rw_histogram tokens; /* of a trace with its prompt */
};

struct rw_metrics {
    uint64_t requests[RW_METRIC_ROUTES_MAX][RW_METRIC_CODES];
    uint64_t lost[RW_METRIC_ROUTES_MAX]; /* the client went away before the reply ended */
    struct rw_histogram duration[RW_METRIC_ROUTES_MAX]; /* of scoring requests, first byte to last
                                                         */
    struct rw_model_metrics model[RW_METRIC_MODELS_MAX];
    struct rw_histogram queue;   /* of jobs: submit to first chunk */
    struct rw_histogram prepare; /* parse and tokenise */
    uint64_t traces_scored;
    uint64_t traces_failed;
    uint64_t steps_scored;
    uint64_t prompt_tokens;
    uint64_t scored_tokens;
    uint64_t cached_tokens;
    double flops;
    double cpu_seconds; /* of the compute team, on behalf of requests */
    uint64_t jobs_submitted;
    uint64_t jobs_cancelled;
    uint64_t refused_overload;
    uint64_t held;
    uint64_t system_dropped;          /* system turns that a model had no place for */
    uint64_t turns_folded;            /* turns that became text before a later one */
    uint64_t flags_fired[RW_FLAGS];   /* by flag */
    uint64_t errors[RW_STATUS_COUNT]; /* by wire code, whole requests and single traces */
    double started_unix;              /* seconds */
};

/* [scale][n]; 0 behind the last bound of a scale that has fewer. */
extern const double RW_METRIC_BOUND[RW_METRIC_SCALES][RW_METRIC_BUCKETS];
extern const int RW_METRIC_CODE[RW_METRIC_CODES];

void rw_histogram_add(struct rw_histogram *h, enum rw_metric_scale scale, double value);
void rw_metrics_request(struct rw_metrics *m, size_t route, int status, bool lost);

#endif
