#include "core/bench/peak.h"

#include <math.h>
#include <stdint.h>

#include "core/base/assert.h"
#include "core/base/clock.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
    CHAINS = 16,        /* more than latency times issue width of any processor we know */
    STEPS = 250 * 1000, /* 1 to 8 ms */
    TRIES = 3,          /* the best one counts: anything else only ever makes it slower */
};

typedef double (*peak_loop)(void);

#ifdef __x86_64__

/* Defines a loop of independent chains of one instruction; returns the operations it did. */
#define PEAK_LOOP(name, isa, vec, zero, ops, step)                    \
    __attribute__((target(isa))) static double name(void)             \
    {                                                                 \
        vec sum[CHAINS];                                              \
        _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++)     \
        {                                                             \
            sum[i] = zero;                                            \
        }                                                             \
        for (long n = 0; n < STEPS; n++) {                            \
            _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++) \
            {                                                         \
                step;                                                 \
                __asm__ volatile("" : "+v"(sum[i]));                  \
            }                                                         \
        }                                                             \
        return (double)STEPS * CHAINS * (ops);                        \
    }

PEAK_LOOP(fma_512, "avx512f", __m512, _mm512_setzero_ps(), 32,
          sum[i] = _mm512_fmadd_ps(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f), sum[i]))
PEAK_LOOP(fma_256, "avx2,fma", __m256, _mm256_setzero_ps(), 16,
          sum[i] = _mm256_fmadd_ps(_mm256_set1_ps(0.5f), _mm256_set1_ps(0.25f), sum[i]))
PEAK_LOOP(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(), 64,
          sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)_mm512_set1_epi32(0x3F003F00),
                                    (__m512bh)_mm512_set1_epi32(0x3E803E80)))
PEAK_LOOP(dot_int8, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), 128,
          sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_set1_epi8(3), _mm512_set1_epi8(5)))

static peak_loop loop_of(enum rw_peak peak)
{
    switch (peak) {
    case RW_PEAK_F32:
        return __builtin_cpu_supports("avx512f") ? fma_512
               : __builtin_cpu_supports("fma")   ? fma_256
                                                 : NULL;
    case RW_PEAK_BF16:
        return __builtin_cpu_supports("avx512bf16") ? dot_bf16 : NULL;
    case RW_PEAK_INT8:
        return __builtin_cpu_supports("avx512vnni") ? dot_int8 : NULL;
    case RW_PEAK_COUNT:
        break;
    }
    return NULL;
}

#else

static peak_loop loop_of(enum rw_peak peak)
{
    (void)peak;
    return NULL;
}

#endif

struct peak_run {
    peak_loop loop;
    double rate[RW_TEAM_MAX]; /* best of each member */
};

static void run(void *arg, unsigned member, unsigned members)
{
    (void)members;
    struct peak_run *r = arg;
    const struct rw_clock *clock = &RW_CLOCK_SYSTEM;
    for (int i = 0; i < TRIES; i++) {
        uint64_t begin = clock->thread_cpu_ns(clock->ctx);
        double done = r->loop();
        uint64_t spent = clock->thread_cpu_ns(clock->ctx) - begin;
        r->rate[member] = fmax(r->rate[member], done / (1e-9 * (double)(spent > 0 ? spent : 1)));
    }
}

double rw_peak_measure(enum rw_peak peak, struct rw_team *team)
{
    struct peak_run r = {.loop = loop_of(peak)};
    if (r.loop == NULL) {
        return 0;
    }
    rw_team_run(team, run, &r);
    double sum = 0;
    for (unsigned i = 0; i < rw_team_size(team); i++) {
        sum += r.rate[i];
    }
    return sum;
}

const char *rw_peak_name(enum rw_peak peak)
{
    static const char *const NAME[RW_PEAK_COUNT] = {"f32", "bf16", "int8"};
    rw_assert(peak < RW_PEAK_COUNT);
    return NAME[peak];
}
