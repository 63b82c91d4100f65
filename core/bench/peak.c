#include "core/bench/peak.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/clock.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum {
    CHAINS = 12, /* latency times issue width, and two operands beside them in 16 registers */
    STEPS = 300 * 1000, /* 1 to 8 ms */
    TILE_SUMS = 4,      /* beside two operands each in the 8 tile registers */
    TILE_STEPS = 100 * 1000,
    TILE_ROWS = 16,
    TILE_BYTES = 64,
    TRIES = 3, /* the best one counts: anything else only ever makes it slower */
};

typedef double (*peak_loop)(void);

#ifdef __x86_64__

/* Defines a loop of independent chains of one instruction; returns the operations it did. */
#define PEAK_LOOP(name, isa, vec, zero, ops, step)                    \
    __attribute__((target(isa))) static double name(void)             \
    {                                                                 \
        vec sum[CHAINS];                                              \
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)     \
        {                                                             \
            sum[i] = zero;                                            \
        }                                                             \
        for (long n = 0; n < STEPS; n++) {                            \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) \
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

#ifdef RW_HAVE_AMX

/* The same on tile registers, all of 16 rows of 64 bytes. */
#define TILE_LOOP(name, isa, ops_of_a_pair_of_bytes, dot)                                   \
    __attribute__((target(isa))) static double name(void)                                   \
    {                                                                                       \
        uint8_t config[64] = {1}; /* palette; bytes of a row from 16 on, rows from 48 on */ \
        for (int i = 0; i < 8; i++) {                                                       \
            config[16 + 2 * i] = TILE_BYTES;                                                \
            config[48 + i] = TILE_ROWS;                                                     \
        }                                                                                   \
        _tile_loadconfig(config); /* zeroes the registers */                                \
        for (long n = 0; n < TILE_STEPS; n++) {                                             \
            dot(0, 4, 6);                                                                   \
            dot(1, 4, 7);                                                                   \
            dot(2, 5, 6);                                                                   \
            dot(3, 5, 7);                                                                   \
        }                                                                                   \
        _tile_release();                                                                    \
        return (double)TILE_STEPS * TILE_SUMS * TILE_ROWS * TILE_BYTES * TILE_ROWS *        \
               (ops_of_a_pair_of_bytes);                                                    \
    }

TILE_LOOP(tile_bf16, "amx-tile,amx-bf16", 1, _tile_dpbf16ps)
TILE_LOOP(tile_int8, "amx-tile,amx-int8", 2, _tile_dpbusd)

#else

static const peak_loop tile_bf16 = NULL, tile_int8 = NULL;

#endif

/* The tables of core/kernels/pick.c, and what the ones that follow them can do too. */
static peak_loop loop_of(enum rw_peak peak, const char *kernel)
{
    bool amx = strcmp(kernel, "amx") == 0;
    bool wide = amx || strncmp(kernel, "avx512", strlen("avx512")) == 0;
    bool bf16 = strcmp(kernel, "avx512-bf16") == 0;
    bool int8 = bf16 || strcmp(kernel, "avx512-vnni") == 0;
    switch (peak) {
    case RW_PEAK_F32:
        return wide ? fma_512 : __builtin_cpu_supports("fma") ? fma_256 : NULL;
    case RW_PEAK_BF16:
        return amx ? tile_bf16 : bf16 ? dot_bf16 : NULL;
    case RW_PEAK_INT8:
        return amx ? tile_int8 : int8 ? dot_int8 : NULL;
    case RW_PEAK_COUNT:
        break;
    }
    return NULL;
}

#else

static peak_loop loop_of(enum rw_peak peak, const char *kernel)
{
    (void)peak;
    (void)kernel;
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

double rw_peak_measure(enum rw_peak peak, const char *kernel, struct rw_team *team)
{
    struct peak_run r = {.loop = loop_of(peak, kernel)};
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

enum rw_peak rw_peak_of(enum rw_dtype dtype)
{
    return dtype == RW_DTYPE_F32    ? RW_PEAK_F32
           : dtype == RW_DTYPE_BF16 ? RW_PEAK_BF16
                                    : RW_PEAK_INT8;
}
