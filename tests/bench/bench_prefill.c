/* bench_prefill [--shape small|0.5b|1.5b|7b] [--dtype f32|bf16|int8|q4] [--layers N] [--tokens N]
 *               [--kernel NAME] [--reps N]:
 * tokens/s of the whole forward pass with random weights of the shape of Qwen2.5 (small: of our
 * default models), at several trace lengths, with 1 and 2 threads, and percent of the limit: linear
 * operations at the register peak of their type plus attention operations at the peak of bfloat16,
 * both measured in the same run on as many cores at once. "of CPU" is the same against the CPU time
 * of the team: what is left when other processes take the cores.
 *
 * A case of n tokens scores traces one after the other in chunks of 512 tokens; traces shorter than
 * a chunk share it. One repetition runs all cases before the next; figures are medians. At the end
 * the largest resident size is compared with what we promise: 1.10 times the weights plus 64 MiB
 * (the KV cache of the longest trace is counted apart). The vocabulary is small: a row of it is all
 * that a token reads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/util.h"
#include "core/bench/peak.h"
#include "core/kernels/team.h"
#include "core/model/flops.h"
#include "core/model/forward.h"
#include "core/model/kv.h"
#include "core/model/weights.h"
#include "tests/bench/measure.h"

enum {
    THREADS_MAX = 2,
    VOCAB = 1024,
    CHUNK = RW_CHUNK_TOKENS_DEFAULT,
    CONTEXT = 4096,
    BLOCKS_MAX = CONTEXT / RW_PANEL,
    SEQS_MAX = CHUNK / 16,
};

static const uint32_t LENGTHS[] = {16, 128, 512, 2048, 4096};

enum {
    LENGTHS_MAX = RW_COUNT(LENGTHS)
};

struct bench {
    const struct rw_kernels *kernels;
    struct rw_weights weights;
    double weight_bytes;
    struct rw_kv_budget budget;
    struct rw_kv_pool *pool;
    struct rw_team *teams[THREADS_MAX];
    struct rw_forward *forwards[THREADS_MAX];
    int32_t ids[CONTEXT];
    uint32_t blocks[SEQS_MAX][BLOCKS_MAX];
    struct rw_kv_seq seqs[SEQS_MAX];
    uint32_t lengths[LENGTHS_MAX]; /* tokens of the traces of each case */
    size_t n_lengths;
    double seconds[LENGTHS_MAX][THREADS_MAX][BENCH_REPS_MAX];
    double cpu[LENGTHS_MAX][THREADS_MAX][BENCH_REPS_MAX]; /* of the team, per thread */
    double peaks[THREADS_MAX][2][BENCH_REPS_MAX];         /* of the linears' type, of bfloat16 */
};

static struct bench bench;

static void fail(const char *what)
{
    fprintf(stderr, "bench_prefill: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct rw_config shape_of(const char *name)
{
    struct rw_config c = {.backbone = RW_BACKBONE_QWEN2, .vocab = VOCAB, .context_max = CONTEXT};
    static const struct {
        const char *name;
        uint32_t hidden, intermediate, layers, heads, kv_heads, head_dim;
    } SHAPES[] = {
        {"small", 256, 1024, 6, 4, 2, 64},
        {"0.5b", 896, 4864, 24, 14, 2, 64},
        {"1.5b", 1536, 8960, 28, 12, 2, 128},
        {"7b", 3584, 18944, 28, 28, 4, 128},
    };
    size_t i = 0;
    while (i < RW_COUNT(SHAPES) && strcmp(name, SHAPES[i].name) != 0) {
        i++;
    }
    if (i == RW_COUNT(SHAPES)) {
        fail("the shapes are small, 0.5b, 1.5b and 7b");
    }
    c.hidden = SHAPES[i].hidden;
    c.intermediate = SHAPES[i].intermediate;
    c.layers = SHAPES[i].layers;
    c.heads = SHAPES[i].heads;
    c.kv_heads = SHAPES[i].kv_heads;
    c.head_dim = SHAPES[i].head_dim;
    c.rms_eps = 1e-6f;
    c.rope = (struct rw_rope){.type = RW_ROPE_DEFAULT, .theta = 1e6, .factor = 1};
    c.qkv_bias = true;
    return c;
}

static float *ones(size_t n)
{
    float *w = bench_memory(n * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        w[i] = 1.0f;
    }
    return w;
}

static struct rw_linear counted_linear(enum rw_dtype dtype, uint32_t n_out, uint32_t n_in)
{
    bench.weight_bytes += (double)rw_linear_bytes(dtype, n_out, n_in);
    return bench_linear(dtype, n_out, n_in);
}

static void make_weights(const struct rw_config *c, enum rw_dtype dtype)
{
    struct rw_weights *w = &bench.weights;
    w->config = *c;
    w->dtype = dtype;
    w->embed_dtype = RW_DTYPE_F32;
    w->embed = bench_memory((size_t)VOCAB * c->hidden * sizeof(float));
    bench_fill(w->embed, (size_t)VOCAB * c->hidden, 1.0f);
    bench.weight_bytes = (double)VOCAB * c->hidden * sizeof(float);
    w->final_norm = ones(c->hidden);
    w->layers = calloc(c->layers, sizeof *w->layers);
    uint32_t q = c->heads * c->head_dim;
    uint32_t qkv = q + 2 * c->kv_heads * c->head_dim;
    float *norm = ones(c->hidden);
    float *bias = bench_memory((qkv + RW_PANEL) * sizeof(float));
    for (uint32_t l = 0; w->layers != NULL && l < c->layers; l++) {
        struct rw_layer *layer = &w->layers[l];
        layer->attn_norm = norm;
        layer->mlp_norm = norm;
        layer->qkv = counted_linear(dtype, qkv, c->hidden);
        layer->qkv.bias = bias;
        layer->o = counted_linear(dtype, c->hidden, q);
        layer->gate_up = counted_linear(dtype, (c->intermediate + 31) / 32 * 64, c->hidden);
        layer->down = counted_linear(dtype, c->hidden, c->intermediate);
    }
}

static void open_bench(const struct rw_config *c, enum rw_dtype dtype)
{
    struct rw_error err = {0};
    make_weights(c, dtype);
    bench.budget.max_bytes = rw_kv_pool_block_bytes(c, dtype) * (BLOCKS_MAX + 1);
    if (rw_kv_pool_create(&bench.budget, c, dtype, &bench.pool, &err) != RW_OK) {
        fail(err.message);
    }
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        if (rw_team_create(i + 1, &bench.teams[i], &err) != RW_OK ||
            rw_forward_create(&bench.weights, bench.kernels, bench.teams[i], CHUNK, CONTEXT,
                              &bench.forwards[i], &err) != RW_OK) {
            fail(err.message);
        }
    }
    for (uint32_t i = 0; i < CONTEXT; i++) {
        bench.ids[i] = (int32_t)(i * 2654435761U % VOCAB);
    }
    for (uint32_t s = 0; s < SEQS_MAX; s++) {
        bench.seqs[s] = (struct rw_kv_seq){.blocks = bench.blocks[s], .max_blocks = BLOCKS_MAX};
    }
}

/* Traces of `length` tokens that share a chunk; a trace longer than a chunk has it alone. */
static uint32_t traces_of(uint32_t length)
{
    return length < CHUNK ? CHUNK / length : 1;
}

static void run_chunk(struct rw_forward *forward, uint32_t traces, uint32_t position, uint32_t n,
                      bool last)
{
    struct rw_forward_seq seqs[SEQS_MAX];
    uint32_t wanted[SEQS_MAX];
    for (uint32_t s = 0; s < traces; s++) {
        rw_kv_grow(bench.pool, &bench.seqs[s], position + n);
        seqs[s] = (struct rw_forward_seq){&bench.seqs[s], bench.ids + position, position, n, false};
        wanted[s] = (s + 1) * n - 1;
    }
    struct rw_forward_batch batch = {.kv = bench.pool,
                                     .seqs = seqs,
                                     .n_seqs = traces,
                                     .wanted = wanted,
                                     .n_wanted = last ? traces : 0};
    size_t stride;
    const float *hidden = rw_forward_run(forward, &batch, &stride);
    if (last && !isfinite(hidden[0])) {
        fail("the hidden state is not finite");
    }
}

static double run_traces(struct rw_forward *forward, uint32_t length)
{
    uint32_t traces = traces_of(length);
    double start = bench_seconds();
    for (uint32_t s = 0; s < traces; s++) {
        if (!rw_kv_reserve(bench.pool, &bench.seqs[s], rw_kv_blocks_of(length))) {
            fail("the KV budget is too small");
        }
    }
    for (uint32_t at = 0; at < length; at += CHUNK) {
        uint32_t n = length - at < CHUNK ? length - at : CHUNK;
        run_chunk(forward, traces, at, n, at + n == length);
    }
    for (uint32_t s = 0; s < traces; s++) {
        rw_kv_release(bench.pool, &bench.seqs[s]);
    }
    return bench_seconds() - start;
}

/* Operations of one case, the rows that no head reads left out. */
static double linear_operations(uint32_t length)
{
    return traces_of(length) *
           (length * rw_flops_per_token(&bench.weights) + rw_flops_per_score(&bench.weights));
}

static double attention_operations(uint32_t length)
{
    return traces_of(length) * rw_flops_of_attention(&bench.weights.config, 0, length, 1);
}

static void report(size_t reps)
{
    double peaks[THREADS_MAX][2];
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        peaks[t][0] = bench_median(bench.peaks[t][0], reps);
        peaks[t][1] = bench_median(bench.peaks[t][1], reps);
        printf("register peak of %u cores: %.1f GFLOP/s, bf16 %.1f\n", t + 1, peaks[t][0] / 1e9,
               peaks[t][1] / 1e9);
    }
    printf("%8s %8s %8s %10s %10s %10s %8s %8s\n", "tokens", "traces", "threads", "tokens/s",
           "ns/token", "GFLOP/s", "% limit", "of CPU");
    for (size_t i = 0; i < bench.n_lengths; i++) {
        for (unsigned t = 0; t < THREADS_MAX; t++) {
            double seconds = bench_median(bench.seconds[i][t], reps);
            double tokens = (double)bench.lengths[i] * traces_of(bench.lengths[i]);
            double linear = linear_operations(bench.lengths[i]);
            double attention = attention_operations(bench.lengths[i]);
            double least = linear / peaks[t][0] + attention / peaks[t][1];
            printf("%8u %8u %8u %10.1f %10.0f %10.1f", bench.lengths[i],
                   traces_of(bench.lengths[i]), t + 1, tokens / seconds, 1e9 * seconds / tokens,
                   (linear + attention) / seconds / 1e9);
            if (peaks[t][0] > 0) {
                double cpu = bench_median(bench.cpu[i][t], reps);
                printf(" %8.1f %8.1f", 100 * least / seconds, 100 * least / cpu);
            }
            printf("\n");
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double mib = 1024.0 * 1024.0;
    double rss = (double)usage.ru_maxrss / 1024.0;
    double kv = (double)bench.budget.max_bytes / mib;
    double limit = 1.10 * bench.weight_bytes / mib + 64;
    printf("weights %.0f MiB, KV %.0f MiB, RSS %.0f MiB; without KV %.0f MiB, promised %.0f: %s\n",
           bench.weight_bytes / mib, kv, rss, rss - kv, limit, rss - kv <= limit ? "kept" : "OVER");
}

/* Of all cores of a team at once. */
static double team_peak(unsigned team, enum rw_dtype dtype)
{
    return rw_peak_measure(rw_peak_of(dtype), bench.kernels->name, bench.teams[team]);
}

static void measure(size_t reps)
{
    for (size_t rep = 0; rep < reps; rep++) {
        for (unsigned t = 0; t < THREADS_MAX; t++) {
            bench.peaks[t][0][rep] = team_peak(t, bench.weights.dtype);
            bench.peaks[t][1][rep] = team_peak(t, RW_DTYPE_BF16);
        }
        for (size_t i = 0; i < bench.n_lengths; i++) {
            for (unsigned t = 0; t < THREADS_MAX; t++) {
                double cpu = (double)rw_team_cpu_ns(bench.teams[t]);
                bench.seconds[i][t][rep] = run_traces(bench.forwards[t], bench.lengths[i]);
                cpu = (double)rw_team_cpu_ns(bench.teams[t]) - cpu;
                bench.cpu[i][t][rep] = 1e-9 * cpu / (t + 1);
            }
        }
    }
    report(reps);
}

static enum rw_dtype dtype_of(const char *name)
{
    for (enum rw_dtype d = RW_DTYPE_F32; d < RW_DTYPE_COUNT; d++) {
        if (strcmp(rw_dtype_name(d), name) == 0) {
            return d;
        }
    }
    fail("no such type");
    return RW_DTYPE_COUNT;
}

int main(int argc, char **argv)
{
    const char *shape = "0.5b";
    const char *kernel = NULL;
    enum rw_dtype dtype = RW_DTYPE_BF16;
    uint32_t layers = 0;
    size_t reps = 5;
    memcpy(bench.lengths, LENGTHS, sizeof LENGTHS);
    bench.n_lengths = LENGTHS_MAX;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--shape") == 0) {
            shape = argv[i + 1];
        } else if (strcmp(argv[i], "--dtype") == 0) {
            dtype = dtype_of(argv[i + 1]);
        } else if (strcmp(argv[i], "--layers") == 0) {
            layers = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--kernel") == 0) {
            kernel = argv[i + 1];
        } else if (strcmp(argv[i], "--tokens") == 0) {
            bench.lengths[0] = (uint32_t)strtoul(argv[i + 1], NULL, 10);
            bench.n_lengths = 1;
        } else if (strcmp(argv[i], "--reps") == 0) {
            reps = strtoul(argv[i + 1], NULL, 10);
        }
    }
    bench.kernels = rw_kernels_pick(kernel);
    if (bench.kernels == NULL || reps < 1 || reps > BENCH_REPS_MAX) {
        fail("no such kernel, or too many repetitions");
    }
    if (bench.lengths[0] < 16 || bench.lengths[0] > CONTEXT) {
        fail("traces have 16 to 4096 tokens");
    }
    struct rw_config config = shape_of(shape);
    config.layers = layers > 0 ? layers : config.layers;
    open_bench(&config, dtype);
    printf("shape %s, %s, kernels %s, %zu interleaved repetitions, medians\n", shape,
           bench_dtype_name(dtype), bench.kernels->name, reps);
    measure(reps);
    return EXIT_SUCCESS;
}
