/* How fast a loaded model scores: one trace at a time, many at once, and groups of traces that
 * share a prompt. Traces are random token ids, a new one each time, so that no cache can help where
 * none is meant to. Everything goes through rw_engine.h, as it does in the daemon. */
#ifndef RW_BENCH_ENGINE_TIMING_H
#define RW_BENCH_ENGINE_TIMING_H

#include "core/bench/samples.h"
#include "core/rw_engine.h"

enum {
    RW_BENCH_STEP_TOKENS = 32, /* a reward is read every so many tokens */
};

struct rw_engine_timing;

/* Sums over the jobs of one measurement. */
struct rw_timed_jobs {
    uint32_t jobs;
    double seconds;       /* first submit to last final state */
    uint64_t tokens;      /* that entered a pass */
    uint64_t cached;      /* found in the prefix cache */
    double linear_ops;    /* multiply and add count two */
    double attention_ops; /* the same, below the diagonal */
    double cpu_seconds;   /* of the team */
    double first_step;    /* seconds from submit to the first reward of the first job */
};

/* An engine of its own with one model; `options` as for rw_engine_create, notify is replaced. */
rw_status rw_engine_timing_create(const struct rw_engine_options *options,
                                  const struct rw_model_options *model,
                                  struct rw_engine_timing **out, struct rw_error *err);
void rw_engine_timing_destroy(struct rw_engine_timing *timing); /* NULL is fine */
struct rw_engine *rw_engine_timing_engine(const struct rw_engine_timing *timing);
const struct rw_model *rw_engine_timing_model(const struct rw_engine_timing *timing);

/* `jobs` traces submitted at once: `shared` tokens that all of them begin with, then `own` tokens
 * each. Only a group (several traces, shared tokens) uses the prefix cache, and nothing in it is of
 * use to a later call. */
rw_status rw_engine_timing_score(struct rw_engine_timing *timing, uint32_t jobs, uint32_t shared,
                                 uint32_t own, struct rw_timed_jobs *out, struct rw_error *err);

#endif
