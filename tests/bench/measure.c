#include "tests/bench/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/clock.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
    PEAK_CHAINS = 16,
    PEAK_STEPS = 400 * 1000,
};

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

#ifdef __x86_64__

static volatile float peak_sink;

/* Defines a loop of independent chains of one instruction; returns the operations it did. */
#define PEAK_LOOP(name, isa, vec, zero, lanes, ops, step)                  \
    __attribute__((target(isa))) static double name(void)                  \
    {                                                                      \
        vec sum[PEAK_CHAINS];                                              \
        _Pragma("GCC unroll 16") for (int i = 0; i < PEAK_CHAINS; i++)     \
        {                                                                  \
            sum[i] = zero;                                                 \
        }                                                                  \
        for (long n = 0; n < PEAK_STEPS; n++) {                            \
            _Pragma("GCC unroll 16") for (int i = 0; i < PEAK_CHAINS; i++) \
            {                                                              \
                step;                                                      \
                __asm__ volatile("" : "+v"(sum[i]));                       \
            }                                                              \
        }                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < PEAK_CHAINS; i++)     \
        {                                                                  \
            peak_sink = peak_sink + sum[i][0];                             \
        }                                                                  \
        return (double)PEAK_STEPS * PEAK_CHAINS * (lanes) * (ops);         \
    }

PEAK_LOOP(fma_512, "avx512f", __m512, _mm512_setzero_ps(), 16, 2,
          sum[i] = _mm512_fmadd_ps(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f), sum[i]))
PEAK_LOOP(fma_256, "avx2,fma", __m256, _mm256_setzero_ps(), 8, 2,
          sum[i] = _mm256_fmadd_ps(_mm256_set1_ps(0.5f), _mm256_set1_ps(0.25f), sum[i]))
PEAK_LOOP(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(), 16, 4,
          sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)_mm512_set1_epi32(0x3F003F00),
                                    (__m512bh)_mm512_set1_epi32(0x3E803E80)))

PEAK_LOOP(dot_int8, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), 16, 8,
          sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_set1_epi32(0x01020301),
                                       _mm512_set1_epi32(0x01010101)))

static double rate(double (*loop)(void))
{
    double best = 0;
    for (int i = 0; i < 3; i++) {
        double start = bench_seconds();
        double done = loop();
        best = fmax(best, done / (bench_seconds() - start));
    }
    return best;
}

double bench_peak(enum rw_dtype dtype)
{
    if (rw_dtype_is_quantised(dtype)) {
        return __builtin_cpu_supports("avx512vnni") ? rate(dot_int8) : 0;
    }
    if (dtype == RW_DTYPE_BF16) {
        return __builtin_cpu_supports("avx512bf16") ? rate(dot_bf16) : 0;
    }
    if (__builtin_cpu_supports("avx512f")) {
        return rate(fma_512);
    }
    return __builtin_cpu_supports("fma") ? rate(fma_256) : 0;
}

#else

double bench_peak(enum rw_dtype dtype)
{
    (void)dtype;
    return 0;
}

#endif

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
