/* Coverage of a reference set by a window of traces, and the dimension of the window. Our own
 * operational definitions (DESIGN.md section 6); no theorem is claimed for them.
 *
 *      eta_eps(W; B) = share of b in B whose nearest w in W is within eps      (Euclidean)
 *
 * at five radii: the q10, q25, q50, q75, q90 of the leave-one-out nearest distance inside B, where
 * traces of the same prompt do not count as neighbours. By this choice eta of B in itself is .10 ..
 * .90 and its mean eta_bar is 1/2; a later window of the same policy and size stays there. Copies
 * do not raise it, new regions do not lower it.
 *
 * Everything is in double over float inputs in a fixed order: equal input, equal bits. Scratch is
 * the caller's. Pure, any thread. */
#ifndef RW_RUN_COVERAGE_H
#define RW_RUN_COVERAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
    RW_COVERAGE_RADII = 5,
    RW_COVERAGE_FOLDS = 16, /* of the jackknife; folds are sets of prompts */
    RW_COVERAGE_RESAMPLES = 200,
};

/* Points of one set: x[n][d], prompt[n]. */
struct rw_points {
    const float *x;
    const uint64_t *prompt;
    size_t n;
    size_t d;
};

/* Nearest neighbour of one reference point, and what it would be without that neighbour's fold. */
struct rw_nearest {
    float first; /* INFINITY = none */
    float second;
    int32_t fold; /* of the first; -1 = none */
};

struct rw_interval {
    double value;
    double error; /* standard error; NaN = cannot be told (too few prompts) */
};

static inline uint32_t rw_coverage_fold(uint64_t prompt)
{
    return (uint32_t)((prompt * UINT64_C(0x9E3779B97F4A7C15)) >> 60);
}

/* out[b.n]: nearest point of w to each point of b; with `other_prompts`, only points of another
 * prompt count (leave-one-out inside one set). */
void rw_coverage_nearest(const struct rw_points *b, const struct rw_points *w, int other_prompts,
                         struct rw_nearest *out);
/* Bit g: the set has a point of fold g. */
uint32_t rw_coverage_folds(const struct rw_points *p);
/* Radii from the leave-one-out distances of B; scratch[n]. False when fewer than two prompts. */
int rw_coverage_radii(const struct rw_nearest *loo, size_t n, double radii[RW_COVERAGE_RADII],
                      float *scratch);

struct rw_coverage {
    double eta[RW_COVERAGE_RADII];
    struct rw_interval eta_bar; /* error: prompts of B resampled, and folds of W left out */
    double r95;                 /* q95 of the nearest distances */
    double jackknife_variance;  /* of eta_bar, from W alone */
};

/* scratch[3 n]; `order` sorts B's points by prompt (rw_coverage_order); `folds` are those of W. */
void rw_coverage_measure(const struct rw_nearest *nearest, const uint64_t *prompt, size_t n,
                         const double radii[RW_COVERAGE_RADII], const uint32_t *order,
                         uint32_t folds, uint64_t seed, float *scratch, struct rw_coverage *out);
/* Difference of eta_bar between two windows over the same B, paired by reference point. */
struct rw_interval rw_coverage_change(const struct rw_nearest *now, const struct rw_nearest *base,
                                      const uint64_t *prompt, size_t n,
                                      const double radii[RW_COVERAGE_RADII], const uint32_t *order,
                                      double jackknife_variance, uint64_t seed, float *scratch);

/* Indices of the points in order of their prompt, ties by index. */
void rw_coverage_order(const uint64_t *prompt, size_t n, uint32_t *order);
/* Mean of values[n] (NaN = absent) and its error with prompts as clusters. value NaN when none. */
struct rw_interval rw_coverage_cluster_mean(const double *values, const uint64_t *prompt, size_t n,
                                            const uint32_t *order);
/* The same error by resampling prompts, RW_COVERAGE_RESAMPLES times. */
struct rw_interval rw_coverage_bootstrap_mean(const float *values, const uint64_t *prompt, size_t n,
                                              const uint32_t *order, uint64_t seed);

/* With the delete-a-fold jackknife error. */
struct rw_interval rw_coverage_jackknife(const struct rw_points *p, double *scratch);

#endif
