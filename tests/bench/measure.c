#include "tests/bench/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/clock.h"

double bench_seconds(void)
{
    return 1e-9 * (double)rw_clock_now(&RW_CLOCK_SYSTEM);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return values[n / 2];
}

void bench_fill(float *out, size_t n, float scale)
{
    static uint64_t state = 88172645463325252U;
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out[i] = (float)((int64_t)state >> 40) / 8388608.0f * scale;
    }
}

void *bench_memory(size_t bytes)
{
    void *ptr = rw_alloc_large(bytes);
    if (ptr == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    return ptr;
}

struct rw_linear bench_linear(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in)
{
    struct rw_linear l = {.dtype = dtype, .n_out = n_out, .n_in = n_in};
    l.panels = (n_out + RW_PANEL - 1) / RW_PANEL;
    l.k_padded = (n_in + RW_K_ALIGN - 1) / RW_K_ALIGN * RW_K_ALIGN;
    l.packed = bench_memory(rw_linear_bytes(dtype, n_out, n_in));
    float *row = bench_memory(n_in * sizeof(float));
    for (uint32_t o = 0; o < n_out; o++) {
        bench_fill(row, n_in, sqrtf(3.0f / (float)n_in));
        rw_linear_pack_row(&l, o, row);
    }
    rw_free_large(row, n_in * sizeof(float));
    return l;
}

const char *bench_dtype_name(enum rw_dtype dtype)
{
    return rw_dtype_name(dtype);
}
