/* What the bench programs share: medians, peaks measured from registers, random memory. They are
 * commands whose figures people read; no test asserts a time. */
#ifndef RW_TESTS_BENCH_MEASURE_H
#define RW_TESTS_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "core/kernels/kernels.h"

enum {
    BENCH_REPS_MAX = 64
};

double bench_seconds(void); /* monotonic */
/* Sorts `values`. */
double bench_median(double *values, size_t n);

/* Uniform in [-1, 1] times scale; reproducible. */
void bench_fill(float *out, size_t n, float scale);
/* Aligned to RW_ALIGN, zeroed; ends the program when there is no memory. */
void *bench_memory(size_t bytes);
/* A packed linear of random weights of variance 1 / n_in. */
struct rw_linear bench_linear(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in);

const char *bench_dtype_name(enum rw_dtype dtype);

#endif
