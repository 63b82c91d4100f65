/* Everything that is measured of one model in one run: peaks, kernels, single traces, batches and
 * groups, interleaved: each run does all of them before the next begins, so that a change of clock
 * or load meets all alike. Medians over the runs are what is reported; every value is kept.
 *
 * The limit that percentages refer to: linear operations at the register peak of their type plus
 * attention operations at the bf16 peak, both measured in the same runs. Operations that are not
 * done (rows of the last layer that no head reads) are not counted. */
#ifndef RW_BENCH_BENCH_H
#define RW_BENCH_BENCH_H

#include "core/bench/engine_timing.h"
#include "core/bench/kernel_timing.h"
#include "core/bench/peak.h"
#include "core/bench/samples.h"

enum {
    RW_BENCH_RUNS_MAX = 64,
};

struct rw_bench_plan {
    struct rw_engine_options engine;
    struct rw_model_options model;
    uint32_t tokens; /* of a trace */
    uint32_t runs;
    uint32_t group; /* traces that share a prompt; below 2: not measured */
    uint32_t prompt_tokens;
};

struct rw_bench_result {
    struct rw_model_info model;
    const char *kernel;
    unsigned threads;
    enum rw_peak linear_peak;                /* ceiling of the linears */
    struct rw_samples peak[RW_PEAK_COUNT];   /* operations per second of all threads */
    struct rw_kernel_timing *kernels;        /* owned */
    struct rw_timed_jobs trace;              /* one trace: its operations */
    struct rw_samples tokens_per_s;          /* one trace at a time, per run */
    struct rw_samples cpu_seconds_per_trace; /* of the team, per run */
    struct rw_samples latency_s;             /* of every single trace */
    struct rw_samples first_step_s;
    uint32_t batch_jobs;
    struct rw_samples batch_tokens_per_s;
    struct rw_samples batch_traces_per_s;
    uint32_t group;
    uint32_t group_prompt;
    uint32_t group_own;
    struct rw_timed_jobs group_jobs; /* of the last run */
    struct rw_samples group_s;       /* the whole group */
    struct rw_samples alone_s;       /* one trace of that length, nothing shared */
    size_t resident_bytes;           /* of the process, at the end */
    size_t kv_bytes_max;
};

/* The result is large: allocate it. `timing` must outlive it. */
rw_status rw_bench_run(struct rw_engine_timing *timing, const struct rw_bench_plan *plan,
                       struct rw_bench_result *out, struct rw_error *err);
void rw_bench_result_fini(struct rw_bench_result *result);

/* Operations per second that a kernel of that type could reach. Where the table has no instruction
 * for it, values are widened to float: the peak of float. 0 when none was measured. */
double rw_bench_ceiling(const struct rw_bench_result *result, enum rw_peak peak);
/* Seconds that `jobs` would take at the limit; 0 when no peak could be measured. */
double rw_bench_limit_s(const struct rw_bench_result *result, const struct rw_timed_jobs *jobs);

#endif
