#include "core/bench/bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/engine/model.h"

enum {
    BATCH_JOBS_MIN = 2,
    BATCH_JOBS_MAX = 1024,
};

static const double RUN_SECONDS = 0.1;    /* short traces are repeated until a run took this long */
static const double BATCH_SECONDS = 0.25; /* a batch has about as many traces as fit */

struct bench {
    struct rw_engine_timing *timing;
    const struct rw_bench_plan *plan;
    struct rw_bench_result *out;
    struct rw_error *err;
};

static void measure_peaks(struct rw_bench_result *r, struct rw_team *team)
{
    for (int p = 0; p < RW_PEAK_COUNT; p++) {
        rw_samples_add(&r->peak[p], rw_peak_measure((enum rw_peak)p, r->kernel, team));
    }
}

static rw_status measure_single(struct bench *b)
{
    struct rw_bench_result *r = b->out;
    double seconds = 0, cpu = 0;
    uint64_t tokens = 0;
    uint32_t traces = 0;
    while (seconds < RUN_SECONDS) {
        rw_status status =
            rw_engine_timing_score(b->timing, 1, 0, b->plan->tokens, &r->trace, b->err);
        if (status != RW_OK) {
            return status;
        }
        seconds += r->trace.seconds;
        cpu += r->trace.cpu_seconds;
        tokens += r->trace.tokens;
        traces++;
        rw_samples_add(&r->latency_s, r->trace.seconds);
        rw_samples_add(&r->first_step_s, r->trace.first_step);
    }
    rw_samples_add(&r->tokens_per_s, (double)tokens / seconds);
    rw_samples_add(&r->cpu_seconds_per_trace, cpu / traces);
    return RW_OK;
}

static rw_status measure_batch(struct bench *b)
{
    struct rw_bench_result *r = b->out;
    struct rw_timed_jobs jobs;
    if (r->batch_jobs == 0) {
        double fit = BATCH_SECONDS * r->tokens_per_s.value[0] / b->plan->tokens;
        r->batch_jobs = fit < BATCH_JOBS_MIN   ? BATCH_JOBS_MIN
                        : fit > BATCH_JOBS_MAX ? BATCH_JOBS_MAX
                                               : (uint32_t)fit;
    }
    rw_status status =
        rw_engine_timing_score(b->timing, r->batch_jobs, 0, b->plan->tokens, &jobs, b->err);
    if (status == RW_OK) {
        rw_samples_add(&r->batch_tokens_per_s, (double)jobs.tokens / jobs.seconds);
        rw_samples_add(&r->batch_traces_per_s, jobs.jobs / jobs.seconds);
    }
    return status;
}

/* What sharing a prompt saves: one trace alone, then a group of them. Both prompts are new, or the
 * prefix cache of the run before would answer. */
static rw_status measure_group(struct bench *b)
{
    struct rw_bench_result *r = b->out;
    struct rw_timed_jobs alone;
    if (b->plan->group < 2) {
        return RW_OK;
    }
    rw_status status =
        rw_engine_timing_score(b->timing, 1, r->group_prompt, r->group_own, &alone, b->err);
    if (status == RW_OK) {
        status = rw_engine_timing_score(b->timing, b->plan->group, r->group_prompt, r->group_own,
                                        &r->group_jobs, b->err);
    }
    if (status == RW_OK) {
        rw_samples_add(&r->alone_s, alone.seconds);
        rw_samples_add(&r->group_s, r->group_jobs.seconds);
    }
    return status;
}

/* Peaks, kernels and engine in every run, not each block of runs by itself: when the machine slows
 * down for a while, all figures of that run do, and their ratios stay true. */
static rw_status one_run(struct bench *b, struct rw_team *team)
{
    measure_peaks(b->out, team);
    rw_kernel_timing_run(b->out->kernels);
    rw_status status = measure_single(b);
    status = status == RW_OK ? measure_batch(b) : status;
    return status == RW_OK ? measure_group(b) : status;
}

/* Resident pages: the second number of /proc/self/statm. */
static size_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL || fscanf(f, "%lu %lu", &size, &resident) != 2) {
        resident = 0;
    }
    if (f != NULL) {
        fclose(f);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void describe(struct bench *b)
{
    struct rw_bench_result *r = b->out;
    const struct rw_model *model = rw_engine_timing_model(b->timing);
    struct rw_engine *engine = rw_engine_timing_engine(b->timing);
    struct rw_engine_stats stats;
    rw_engine_stats(engine, &stats);
    r->model = *rw_model_info(model);
    r->kernel = rw_engine_kernel(engine);
    r->threads = rw_engine_threads(engine);
    r->linear_peak = rw_kernel_peak(model);
    r->kv_bytes_max = stats.kv_bytes_max;
    if (b->plan->group >= 2) {
        r->group = b->plan->group;
        r->group_prompt = b->plan->prompt_tokens;
        r->group_own = b->plan->tokens;
    }
}

rw_status rw_bench_run(struct rw_engine_timing *timing, const struct rw_bench_plan *plan,
                       struct rw_bench_result *out, struct rw_error *err)
{
    struct bench b = {timing, plan, out, err};
    struct rw_team *team = NULL;
    memset(out, 0, sizeof *out);
    describe(&b);
    rw_status status = rw_team_create(out->threads, &team, err);
    if (status == RW_OK) {
        status = rw_kernel_timing_create(rw_engine_timing_model(timing), team, plan->tokens,
                                         &out->kernels, err);
    }
    if (status == RW_OK) { /* the first trace touches memory for the first time: not counted */
        status = rw_engine_timing_score(timing, 1, 0, plan->tokens, &out->trace, err);
    }
    for (uint32_t i = 0; i < plan->runs && status == RW_OK; i++) {
        status = one_run(&b, team);
    }
    out->resident_bytes = resident_bytes();
    rw_kernel_timing_release(out->kernels);
    rw_team_destroy(team);
    return status;
}

void rw_bench_result_fini(struct rw_bench_result *result)
{
    rw_kernel_timing_destroy(result->kernels);
    result->kernels = NULL;
}

double rw_bench_ceiling(const struct rw_bench_result *r, enum rw_peak peak)
{
    double rate = rw_samples_median(&r->peak[peak]);
    return rate > 0 ? rate : rw_samples_median(&r->peak[RW_PEAK_F32]);
}

double rw_bench_limit_s(const struct rw_bench_result *r, const struct rw_timed_jobs *jobs)
{
    double linear = rw_bench_ceiling(r, r->linear_peak);
    double attention = rw_bench_ceiling(r, RW_PEAK_BF16);
    return linear > 0 ? jobs->linear_ops / linear + jobs->attention_ops / attention : 0;
}
