/* bench_fairness [--shape NAME] [--dtype bf16] [--threads N] [--clients N] [--depth N] [--traces
 * N]: how long a short trace takes while others keep the engine busy.
 *
 * The real engine with random weights (default: 0.5B shape). First N traces of 300 tokens, one
 * after the other, on an idle engine; then the same while `clients` clients keep `depth` traces of
 * 4,096 tokens each in the queue. 50 ms pass between an answer and the next trace. Prints p50, p99
 * and largest of both, by the wall clock and by the CPU time of the compute threads meanwhile (a
 * pass under way at the submit counts whole): the latter is what is left when other processes take
 * the cores, exactly so with one thread. Nearest rank: p99 of fewer than 100 traces is the largest.
 */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bench/synthetic.h"
#include "core/bench/text.h"
#include "core/rw_engine.h"

enum {
    SHORT_TOKENS = 300,
    LONG_TOKENS = 4096,
    PAUSE_MS = 50,
    BACKGROUND_MAX = 256,
    TRACES_MAX = 1000,
    VOCAB = 256, /* ids below it are in every model */
};

static const uint64_t ME = 1000; /* the client with the short traces */

struct trace {
    struct rw_input input;
    struct rw_job *job;
};

static struct {
    struct rw_engine *engine;
    const struct rw_model *model;
    uint32_t clients;
    uint32_t depth;
    uint32_t traces;
    bool loaded;
    uint64_t stream;
    struct trace background[BACKGROUND_MAX];
    struct trace mine;
} bench;

static void fail(const char *what, const struct rw_error *err)
{
    fprintf(stderr, "bench_fairness: %s: %s\n", what, err != NULL ? err->message : "");
    exit(EXIT_FAILURE);
}

static double now_ms(void)
{
    return (double)rw_clock_now(&RW_CLOCK_SYSTEM) / 1e6;
}

/* New random ids, so that the prefix cache helps nobody. */
static void submit(struct trace *t, uint32_t tokens, uint64_t client)
{
    struct rw_error err = {0};
    if (t->input.ids == NULL) {
        t->input.ids = calloc(tokens, sizeof *t->input.ids);
        t->input.steps = calloc(1, sizeof *t->input.steps);
    }
    t->input.n_tokens = tokens;
    t->input.outcome_position = tokens - 1;
    t->input.n_steps = t->input.n_scored_steps = 1;
    t->input.steps[0].position = tokens - 1;
    bench.stream++;
    for (uint32_t i = 0; i < tokens; i++) {
        t->input.ids[i] = (int32_t)(rw_bench_random(bench.stream, i) % VOCAB);
    }
    struct rw_job_spec spec = {
        .model = bench.model, .input = &t->input, .stop_below = NAN, .tag = t, .client = client};
    if (rw_engine_submit(bench.engine, &spec, 1, &t->job, &err) != RW_OK) {
        fail("submit", &err);
    }
}

/* Takes what is done and keeps the background going; true when my trace is done. */
static bool serve(void)
{
    struct rw_job *changed[16];
    bool mine = false;
    size_t n;
    while ((n = rw_engine_poll(bench.engine, changed, 16)) > 0) {
        for (size_t i = 0; i < n; i++) {
            struct rw_job_view view;
            struct trace *t = rw_job_tag(changed[i]);
            rw_job_view(changed[i], &view);
            if (view.state == RW_JOB_QUEUED || view.state == RW_JOB_RUNNING) {
                continue;
            }
            rw_job_release(bench.engine, t->job);
            t->job = NULL;
            mine = mine || t == &bench.mine;
        }
    }
    for (uint32_t i = 0; bench.loaded && i < bench.clients * bench.depth; i++) {
        if (bench.background[i].job == NULL) {
            submit(&bench.background[i], LONG_TOKENS, i % bench.clients);
        }
    }
    return mine;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cpu_ms(void)
{
    struct rw_engine_stats stats;
    rw_engine_stats(bench.engine, &stats);
    return (double)stats.cpu_ns_total / 1e6 / rw_engine_threads(bench.engine);
}

/* Prints one row and returns its p99. */
static double row(const char *load, const char *clock, double *took, double unloaded_p99)
{
    uint32_t n = bench.traces;
    qsort(took, n, sizeof *took, by_value);
    double p99 = took[(n * 99 + 99) / 100 - 1];
    printf("%-9s %-9s p50 %6.0f ms   p99 %6.0f ms   max %6.0f ms", load, clock, took[n / 2], p99,
           took[n - 1]);
    if (unloaded_p99 > 0) {
        printf("   p99 / unloaded p99 = %.2f", p99 / unloaded_p99);
    }
    printf("\n");
    return p99;
}

static void measure(const char *load, double p99[2])
{
    static double wall[TRACES_MAX], cpu[TRACES_MAX];
    for (uint32_t i = 0; i < bench.traces; i++) {
        double pause = now_ms() + PAUSE_MS;
        while (now_ms() < pause) {
            serve();
            poll(NULL, 0, 5);
        }
        wall[i] = now_ms();
        cpu[i] = cpu_ms();
        submit(&bench.mine, SHORT_TOKENS, ME);
        while (!serve()) {
            poll(NULL, 0, 1);
        }
        wall[i] = now_ms() - wall[i];
        cpu[i] = cpu_ms() - cpu[i];
    }
    p99[0] = row(load, "wall", wall, p99[0]);
    p99[1] = row(load, "CPU time", cpu, p99[1]);
}

static void load(const char *shape_name, const char *dtype, unsigned threads)
{
    struct rw_error err = {0};
    struct rw_bench_shape shape;
    if (rw_bench_shape_parse(shape_name, &shape, &err) != RW_OK ||
        rw_synthetic_mount(&shape, &err) != RW_OK) {
        fail(shape_name, &err);
    }
    struct rw_engine_options options = {
        .threads = threads, .kv_bytes_max = (size_t)1 << 30, .prefix_cache_bytes = (size_t)1 << 30};
    struct rw_model_options model = {
        .skip_agreement = true, .dir = RW_SYNTHETIC_DIR, .name = "bench"};
    if (!rw_weights_dtype_named(rw_str_from(dtype), &model.dtype)) {
        fail(dtype, NULL);
    }
    if (rw_engine_create(&options, &bench.engine, &err) != RW_OK ||
        rw_engine_load(bench.engine, &model, &bench.model, &err) != RW_OK) {
        fail("load", &err);
    }
}

static void stop_background(void)
{
    bench.loaded = false;
    uint32_t left = 1;
    for (uint32_t i = 0; i < bench.clients * bench.depth; i++) {
        rw_engine_cancel(bench.engine, bench.background[i].job);
    }
    while (left > 0) {
        serve();
        poll(NULL, 0, 5);
        left = 0;
        for (uint32_t i = 0; i < bench.clients * bench.depth; i++) {
            left += bench.background[i].job != NULL;
        }
    }
}

int main(int argc, char **argv)
{
    const char *shape = "qwen2.5-0.5b", *dtype = "bf16";
    setvbuf(stdout, NULL, _IOLBF, 0);
    unsigned threads = 0;
    bench.clients = 8;
    bench.depth = 1;
    bench.traces = 60;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint32_t n = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        shape = strcmp(argv[i], "--shape") == 0 ? argv[i + 1] : shape;
        dtype = strcmp(argv[i], "--dtype") == 0 ? argv[i + 1] : dtype;
        threads = strcmp(argv[i], "--threads") == 0 ? n : threads;
        bench.clients = strcmp(argv[i], "--clients") == 0 ? n : bench.clients;
        bench.depth = strcmp(argv[i], "--depth") == 0 ? n : bench.depth;
        bench.traces = strcmp(argv[i], "--traces") == 0 ? n : bench.traces;
    }
    if (bench.traces == 0 || bench.traces > TRACES_MAX || bench.clients == 0 ||
        bench.clients * bench.depth > BACKGROUND_MAX) {
        fail("1 to 1000 traces, up to 256 background traces", NULL);
    }
    load(shape, dtype, threads);
    printf("%s %s, kernel %s, %u threads; background %u clients x %u traces of %d tokens\n", shape,
           rw_model_info(bench.model)->dtype, rw_engine_kernel(bench.engine),
           rw_engine_threads(bench.engine), bench.clients, bench.depth, LONG_TOKENS);
    double p99[2] = {0};
    measure("unloaded", p99);
    bench.loaded = true;
    serve();
    measure("loaded", p99);
    stop_background();
    rw_engine_destroy(bench.engine);
    rw_synthetic_unmount();
    return 0;
}
