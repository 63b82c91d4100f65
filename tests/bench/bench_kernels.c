/* bench_kernels [--kernel NAME] [--reps N]: GFLOP/s of GEMM and attention at the shapes of
 * Qwen2.5 0.5B and 1.5B, and percent of the register peak measured in the same run.
 *
 * All cases of a repetition run one after the other before the next repetition, so that a change of
 * clock or load hits all of them; figures are medians. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/bench/peak.h"
#include "core/kernels/team.h"
#include "tests/bench/measure.h"

enum {
    ROWS = 512,
    THREADS_MAX = 2,
    QUERY_BLOCK = 16, /* tokens of one attention task */
    TOKENS_MAX = 4096,
    CASES_MAX = 128,
};

struct shape {
    const char *name;
    uint32_t n_out, n_in;
    enum rw_epilogue epilogue;
};

static const struct shape GEMMS[] = {
    {"0.5b qkv", 1152, 896, RW_EPILOGUE_STORE},        {"0.5b o", 896, 896, RW_EPILOGUE_ADD},
    {"0.5b gate_up", 9728, 896, RW_EPILOGUE_SWIGLU},   {"0.5b down", 896, 4864, RW_EPILOGUE_ADD},
    {"1.5b gate_up", 17920, 1536, RW_EPILOGUE_SWIGLU}, {"1.5b down", 1536, 8960, RW_EPILOGUE_ADD},
};

struct heads {
    const char *name;
    uint32_t group, kv_heads, head_dim;
};

static const struct heads HEADS[] = {{"0.5b", 7, 2, 64}, {"1.5b", 6, 2, 128}};
static const uint32_t TOKENS[] = {512, 2048, 4096};

/* A case is a piece of work that a team does, and how many operations it is. */
struct work {
    char name[48];
    enum rw_dtype dtype;
    unsigned threads;
    double operations;
    rw_team_fn run;
    struct rw_gemm gemm;
    struct rw_attention attention;
    uint32_t tokens;
    uint32_t kv_heads;
    atomic_uint next_task;
    double seconds[BENCH_REPS_MAX];
};

static const struct rw_kernels *kernels;
static void *scratch[THREADS_MAX];
static struct work works[CASES_MAX];
static size_t work_count;

static void run_gemm(void *arg, unsigned member, unsigned members)
{
    struct work *w = arg;
    uint32_t panels = w->gemm.linear->panels;
    kernels->gemm(&w->gemm, panels * member / members, panels * (member + 1) / members,
                  scratch[member]);
}

/* Tasks from the longest to the shortest, each a block of queries of one KV head. All KV heads
 * share the same blocks of memory here; the arithmetic is the same. */
static void run_attention(void *arg, unsigned member, unsigned members)
{
    (void)members;
    struct work *w = arg;
    unsigned blocks = w->tokens / QUERY_BLOCK;
    unsigned task;
    while ((task = atomic_fetch_add(&w->next_task, 1)) < blocks * w->kv_heads) {
        uint32_t first = (blocks - 1 - task / w->kv_heads) * QUERY_BLOCK;
        struct rw_attention call = w->attention;
        call.rows = QUERY_BLOCK;
        call.position = first;
        call.out = (char *)call.out + first * call.out_stride;
        kernels->attention(&call, scratch[member]);
    }
}

static struct work *add_work(enum rw_dtype dtype, unsigned threads)
{
    if (work_count == CASES_MAX) {
        fprintf(stderr, "too many cases\n");
        exit(EXIT_FAILURE);
    }
    struct work *w = &works[work_count++];
    w->dtype = dtype;
    w->threads = threads;
    return w;
}

static void add_gemm(const struct shape *s, enum rw_dtype dtype, struct rw_linear *linear,
                     const float *x, void *out)
{
    *linear = bench_linear(dtype, s->n_out, s->n_in);
    size_t stride = rw_act_bytes(dtype, linear->k_padded);
    char *act = bench_memory(ROWS * stride);
    for (size_t r = 0; r < ROWS; r++) {
        kernels->to_act(x + r * s->n_in, s->n_in, linear->k_padded, 0.1f, dtype, act + r * stride);
    }
    for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
        struct work *w = add_work(dtype, threads);
        snprintf(w->name, sizeof w->name, "gemm %s", s->name);
        w->operations = 2.0 * ROWS * s->n_out * s->n_in;
        w->run = run_gemm;
        w->gemm =
            (struct rw_gemm){linear, act, stride, ROWS, s->epilogue, out, s->n_out * sizeof(float)};
    }
}

static void fill_blocks(const struct heads *h, enum rw_dtype dtype, const void **k, const void **v)
{
    size_t bytes = rw_kernels_kv_block_bytes(dtype, h->head_dim);
    float row[2][RW_HEAD_DIM_MAX];
    for (uint32_t b = 0; b < TOKENS_MAX / RW_PANEL; b++) {
        void *k_block = bench_memory(bytes);
        void *v_block = bench_memory(bytes);
        for (uint32_t slot = 0; slot < RW_PANEL; slot++) {
            bench_fill(row[0], sizeof row / sizeof(float), 1.0f);
            kernels->kv_store(row[0], row[1], h->head_dim, dtype, k_block, v_block, slot);
        }
        k[b] = k_block;
        v[b] = v_block;
    }
}

static void add_attention(const struct heads *h, enum rw_dtype dtype, const void *q, void *out)
{
    static const void *blocks[2][RW_DTYPE_STATES][2][TOKENS_MAX / RW_PANEL];
    const void **k = blocks[h - HEADS][dtype][0];
    const void **v = blocks[h - HEADS][dtype][1];
    fill_blocks(h, dtype, k, v);
    for (size_t t = 0; t < RW_COUNT(TOKENS); t++) {
        for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
            struct work *w = add_work(dtype, threads);
            snprintf(w->name, sizeof w->name, "attention %s %u", h->name, TOKENS[t]);
            w->tokens = TOKENS[t];
            w->kv_heads = h->kv_heads;
            w->operations = 2.0 * TOKENS[t] * (TOKENS[t] + 1.0) * h->group * h->kv_heads *
                            h->head_dim; /* causal: half of the square, twice (QK and PV) */
            w->run = run_attention;
            w->attention = (struct rw_attention){
                .dtype = dtype,
                .head_dim = h->head_dim,
                .group = h->group,
                .q = q,
                .k_blocks = k,
                .v_blocks = v,
                .out = out,
                .out_stride = (size_t)h->group * h->head_dim * rw_dtype_bytes(dtype),
            };
        }
    }
}

static void build(void)
{
    static struct rw_linear linears[RW_DTYPE_COUNT][RW_COUNT(GEMMS)];
    enum {
        X_VALUES = ROWS * 8960,
        OUT_VALUES = ROWS * 17920
    };
    float *x = bench_memory(X_VALUES * sizeof(float));
    void *out = bench_memory(OUT_VALUES * sizeof(float));
    bench_fill(x, X_VALUES, 1.0f);
    for (enum rw_dtype d = RW_DTYPE_F32; d < RW_DTYPE_COUNT; d++) {
        for (size_t i = 0; i < RW_COUNT(GEMMS); i++) {
            add_gemm(&GEMMS[i], d, &linears[d][i], x, out);
        }
        if (rw_dtype_is_quantised(d)) {
            continue;
        }
        void *act = bench_memory(X_VALUES * sizeof(float));
        kernels->to_act(x, X_VALUES, X_VALUES, 0.1f, d, act);
        for (size_t i = 0; i < RW_COUNT(HEADS); i++) {
            add_attention(&HEADS[i], d, act, out);
        }
    }
    size_t bytes = kernels->gemm_scratch_bytes(RW_DTYPE_Q4, ROWS);
    size_t attention_bytes = kernels->attention_scratch_bytes(QUERY_BLOCK * 7, 128);
    bytes = RW_MAX(attention_bytes, bytes);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        scratch[i] = bench_memory(bytes);
    }
}

static void report(double peaks[RW_DTYPE_COUNT][BENCH_REPS_MAX], size_t reps)
{
    double peak[RW_DTYPE_COUNT];
    for (enum rw_dtype d = RW_DTYPE_F32; d < RW_DTYPE_COUNT; d++) {
        peak[d] = bench_median(peaks[d], reps);
        printf("register peak of one core, %s: %.1f GFLOP/s\n", bench_dtype_name(d), peak[d] / 1e9);
    }
    printf("%-24s %-5s %8s %10s %8s\n", "case", "type", "threads", "GFLOP/s", "% peak");
    for (size_t i = 0; i < work_count; i++) {
        struct work *w = &works[i];
        double speed = w->operations / bench_median(w->seconds, reps);
        printf("%-24s %-5s %8u %10.1f", w->name, bench_dtype_name(w->dtype), w->threads,
               speed / 1e9);
        if (peak[w->dtype] > 0) {
            printf(" %8.1f", 100 * speed / (w->threads * peak[w->dtype]));
        }
        printf("\n");
    }
}

static void measure(size_t reps)
{
    static double peaks[RW_DTYPE_COUNT][BENCH_REPS_MAX];
    struct rw_team *teams[THREADS_MAX];
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        if (rw_team_create(i + 1, &teams[i], NULL) != RW_OK) {
            exit(EXIT_FAILURE);
        }
    }
    for (size_t rep = 0; rep < reps; rep++) {
        for (enum rw_dtype d = RW_DTYPE_F32; d < RW_DTYPE_COUNT; d++) {
            peaks[d][rep] = rw_peak_measure(rw_peak_of(d), kernels->name, teams[0]);
        }
        for (size_t i = 0; i < work_count; i++) {
            atomic_store(&works[i].next_task, 0);
            double start = bench_seconds();
            rw_team_run(teams[works[i].threads - 1], works[i].run, &works[i]);
            works[i].seconds[rep] = bench_seconds() - start;
        }
    }
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        rw_team_destroy(teams[i]);
    }
    report(peaks, reps);
}

int main(int argc, char **argv)
{
    const char *name = NULL;
    size_t reps = 5;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kernel") == 0) {
            name = argv[i + 1];
        } else if (strcmp(argv[i], "--reps") == 0) {
            reps = strtoul(argv[i + 1], NULL, 10);
        }
    }
    kernels = rw_kernels_pick(name);
    if (kernels == NULL || reps < 1 || reps > BENCH_REPS_MAX) {
        fprintf(stderr, "usage: bench_kernels [--kernel NAME] [--reps 1..%d]\n", BENCH_REPS_MAX);
        return EXIT_FAILURE;
    }
    printf("kernels %s, %d rows per GEMM, %zu interleaved repetitions, medians\n", kernels->name,
           ROWS, reps);
    build();
    measure(reps);
    return EXIT_SUCCESS;
}
