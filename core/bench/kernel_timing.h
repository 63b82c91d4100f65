/* How fast the kernels are at the shapes of a loaded model: each of its linears, and attention. */
#ifndef RW_BENCH_KERNEL_TIMING_H
#define RW_BENCH_KERNEL_TIMING_H

#include "core/bench/peak.h"
#include "core/bench/samples.h"
#include "core/rw_engine.h"

enum {
    RW_KERNEL_CASES_MAX = 8,
};

struct rw_kernel_case {
    const char *name;       /* "qkv", "o", "gate_up", "down", "attention" */
    enum rw_peak peak;      /* the ceiling it is compared with */
    const char *dtype;      /* of its elements */
    double operations;      /* of one call over all its work */
    struct rw_samples rate; /* operations per second, one value per run */
};

struct rw_kernel_timing;

/* Cases of `tokens` rows. The model and the team are borrowed. */
rw_status rw_kernel_timing_create(const struct rw_model *model, struct rw_team *team,
                                  uint32_t tokens, struct rw_kernel_timing **out,
                                  struct rw_error *err);
/* Frees the buffers and forgets the team; the cases stay readable. */
void rw_kernel_timing_release(struct rw_kernel_timing *timing); /* NULL is fine */
void rw_kernel_timing_destroy(struct rw_kernel_timing *timing); /* NULL is fine */
/* Runs every case once and keeps its rate. */
void rw_kernel_timing_run(struct rw_kernel_timing *timing);
const struct rw_kernel_case *rw_kernel_timing_cases(const struct rw_kernel_timing *timing,
                                                    size_t *n);

/* The ceiling of the model's linears. */
enum rw_peak rw_kernel_peak(const struct rw_model *model);

#endif
