/* A bounded list of measured values, and what is said of it: median and quantiles. */
#ifndef RW_BENCH_SAMPLES_H
#define RW_BENCH_SAMPLES_H

#include <stdint.h>

enum {
    RW_SAMPLES_MAX = 4096, /* later ones are counted but not kept */
};

struct rw_samples {
    double value[RW_SAMPLES_MAX];
    uint32_t n; /* kept */
};

void rw_samples_add(struct rw_samples *samples, double value);
/* Nearest rank, q in [0, 1]; 0 when there is no sample. The list keeps its order. */
double rw_samples_quantile(const struct rw_samples *samples, double q);
double rw_samples_median(const struct rw_samples *samples);

#endif
