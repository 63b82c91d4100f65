#include "server/commands/bench_command.h"

#include <stddef.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/str.h"
#include "core/base/util.h"
#include "core/bench/synthetic.h"
#include "proto/suggest.h"
#include "server/commands/bench_http.h"
#include "server/commands/command.h"

enum {
    USAGE = 2, /* exit code */
    TOKENS_MAX = 32768,
    GROUP_MAX = 1024,
    HTTP_REQUESTS_MIN = 8,
    HTTP_REQUESTS_MAX = 4000,
};

static const double HTTP_SECONDS = 1.0;

enum option_type {
    TYPE_TEXT,
    TYPE_NUMBER,
    TYPE_SWITCH,
};

struct option_row {
    const char *name;
    enum option_type type;
    size_t offset;
    uint64_t min, max;
    const char *help;
};

#define ROW(field, name, type, min, max, help)                               \
    {                                                                        \
        name, type, offsetof(struct rw_bench_options, field), min, max, help \
    }

static const struct option_row ROWS[] = {
    ROW(shape, "shape", TYPE_TEXT, 0, 0,
        "random weights of qwen2.5-0.5b (the default), qwen2.5-1.5b, qwen2.5-7b-layers (4 of 28), "
        "qwen2.5-7b, default, or H,L,I,heads,kv,head_dim"),
    ROW(model, "model", TYPE_TEXT, 0, 0, "a real Hugging Face folder instead"),
    ROW(dtype, "dtype", TYPE_TEXT, 0, 0, "f32, bf16, int8, q4 or auto (as stored)"),
    ROW(kernel, "kernel", TYPE_TEXT, 0, 0, "instruction set of the kernels; default: the best one"),
    ROW(tokens, "tokens", TYPE_NUMBER, 1, TOKENS_MAX, "tokens of a trace (512)"),
    ROW(threads, "threads", TYPE_NUMBER, 0, RW_TEAM_MAX, "compute threads (1); 0: all there are"),
    ROW(group, "group", TYPE_NUMBER, 0, GROUP_MAX, "traces that share a prompt; 0: no group (0)"),
    ROW(prompt_tokens, "prompt-tokens", TYPE_NUMBER, 0, TOKENS_MAX,
        "tokens of that prompt (4 times --tokens)"),
    ROW(runs, "runs", TYPE_NUMBER, 1, RW_BENCH_RUNS_MAX, "interleaved repetitions (5)"),
    ROW(kv_memory, "kv-memory", TYPE_NUMBER, 1, 1 << 20, "MiB for keys and values (1024)"),
    ROW(chunk_tokens, "chunk-tokens", TYPE_NUMBER, 0, 8192, "tokens of one forward pass"),
    ROW(write_model, "write-model", TYPE_TEXT, 0, 0,
        "write the folder of random weights to this empty folder and stop"),
    ROW(skip_http, "skip-http", TYPE_SWITCH, 0, 0, "do not start the daemon to measure HTTP"),
    ROW(json, "json", TYPE_SWITCH, 0, 0, "one JSON object instead of text"),
};

enum {
    ROW_COUNT = RW_COUNT(ROWS)
};

static void help(FILE *to)
{
    fprintf(to, "usage: rewardd bench [options]\n\n"
                "Measures kernels, traces and groups of traces of one model and prints medians of "
                "interleaved runs\nwith percent of the register peak of the same runs.\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[40];
        snprintf(left, sizeof left, "--%s%s", ROWS[i].name,
                 ROWS[i].type == TYPE_SWITCH ? "" : " VALUE");
        fprintf(to, "  %-24s %s\n", left, ROWS[i].help);
    }
}

static rw_status set_value(struct rw_bench_options *o, const struct option_row *row,
                           const char *value, struct rw_error *err)
{
    char *field = (char *)o + row->offset;
    unsigned long long number;
    if (row->type == TYPE_TEXT) {
        memcpy(field, &value, sizeof value);
        return RW_OK;
    }
    if (!rw_str_to_u64(rw_str_from(value), &number) || number < row->min || number > row->max) {
        return rw_fail(err, RW_CONFIG, "--%s takes a number from %llu to %llu", row->name,
                       (unsigned long long)row->min, (unsigned long long)row->max);
    }
    uint64_t stored = number;
    memcpy(field, &stored, sizeof stored);
    return RW_OK;
}

static const struct option_row *find_row(struct rw_str name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rw_str_is(name, ROWS[i].name)) {
            return &ROWS[i];
        }
    }
    return NULL;
}

static rw_status unknown(const char *word, struct rw_error *err)
{
    const char *names[ROW_COUNT];
    rw_fail(err, RW_CONFIG, "bench: unknown option \"%s\"", word);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        names[i] = ROWS[i].name;
    }
    rw_suggest(rw_str_from(word[0] == '-' && word[1] == '-' ? word + 2 : word), names, ROW_COUNT,
               err);
    return RW_CONFIG;
}

/* --name value, --name=value, --switch. */
static rw_status parse(struct rw_bench_options *o, int argc, char **argv, struct rw_error *err)
{
    rw_status status = RW_OK;
    for (int i = 1; i < argc && status == RW_OK; i++) {
        struct rw_str word = rw_str_from(argv[i]);
        bool dashes = word.len > 2 && word.ptr[0] == '-' && word.ptr[1] == '-';
        size_t equals = rw_str_find(word, RW_STR("="), 0);
        const struct option_row *row = dashes ? find_row(rw_str_slice(word, 2, equals)) : NULL;
        if (row == NULL) {
            return unknown(argv[i], err);
        }
        if (row->type == TYPE_SWITCH) {
            bool on = true;
            memcpy((char *)o + row->offset, &on, sizeof on);
        } else if (equals < word.len) {
            status = set_value(o, row, argv[i] + equals + 1, err);
        } else if (i + 1 < argc) {
            status = set_value(o, row, argv[++i], err);
        } else {
            status = rw_fail(err, RW_CONFIG, "--%s needs a value", row->name);
        }
    }
    if (status == RW_OK && o->model != NULL && o->shape != NULL) {
        status = rw_fail(err, RW_CONFIG, "give --shape or --model, not both");
    }
    return status;
}

static rw_status make_plan(const struct rw_bench_options *o, struct rw_bench_plan *plan,
                           struct rw_error *err)
{
    *plan = (struct rw_bench_plan){
        .tokens = (uint32_t)o->tokens,
        .runs = (uint32_t)o->runs,
        .group = (uint32_t)o->group,
        .prompt_tokens = (uint32_t)(o->prompt_tokens > 0 ? o->prompt_tokens : 4 * o->tokens),
    };
    plan->engine = (struct rw_engine_options){
        .threads = (unsigned)o->threads,
        .kernel = o->kernel,
        .kv_bytes_max = (size_t)o->kv_memory << 20,
        .prefix_cache_bytes = (size_t)o->kv_memory << 20,
        .chunk_tokens = (uint32_t)o->chunk_tokens,
    };
    plan->model.skip_agreement = true;
    plan->model.dir = o->model != NULL ? o->model : RW_SYNTHETIC_DIR;
    plan->model.name = o->model != NULL ? NULL : o->shape;
    return rw_weights_dtype_named(rw_str_from(o->dtype), &plan->model.dtype)
               ? RW_OK
               : rw_fail(err, RW_CONFIG, "dtype: \"%s\" is none of f32, bf16, int8, q4, auto",
                         o->dtype);
}

/* All that is measured, and what it was measured with. */
struct session {
    struct rw_bench_plan plan;
    struct rw_engine_timing *timing;
    struct rw_bench_result result;
    struct rw_bench_http http;
    uint32_t http_steps;
};

static rw_status measure_engine(const struct rw_bench_options *o, struct session *s,
                                struct rw_error *err)
{
    rw_status status = rw_engine_timing_create(&s->plan.engine, &s->plan.model, &s->timing, err);
    if (status == RW_OK) {
        status = rw_bench_run(s->timing, &s->plan, &s->result, err);
    }
    if (status == RW_OK && !o->skip_http) {
        s->http_steps =
            rw_bench_http_steps(rw_engine_timing_model(s->timing), s->plan.tokens, &s->http.tokens);
    }
    return status;
}

/* As many requests as take about as long as the runs of single traces. */
static rw_status measure_http(const struct rw_bench_options *o, struct session *s,
                              struct rw_error *err)
{
    double rate = rw_samples_median(&s->result.tokens_per_s);
    double fit = HTTP_SECONDS * rate / (s->http.tokens > 0 ? s->http.tokens : 1);
    uint32_t requests = fit < HTTP_REQUESTS_MIN   ? HTTP_REQUESTS_MIN
                        : fit > HTTP_REQUESTS_MAX ? HTTP_REQUESTS_MAX
                                                  : (uint32_t)fit;
    return rw_bench_http_run(o, s->http_steps, requests, &s->http, err);
}

/* The daemon is forked, so the engine's threads end first. */
static rw_status measure(const struct rw_bench_options *o, struct rw_error *err)
{
    struct session *s = rw_alloc_zero(1, sizeof *s);
    if (s == NULL) {
        return rw_fail_memory(err, "the results");
    }
    rw_status status = make_plan(o, &s->plan, err);
    if (status == RW_OK) {
        status = measure_engine(o, s, err);
    }
    if (s->timing != NULL) {
        rw_engine_timing_destroy(s->timing);
    }
    if (status == RW_OK && s->http_steps > 0) {
        status = measure_http(o, s, err);
    }
    if (status == RW_OK) {
        (o->json ? rw_bench_command_json : rw_bench_command_text)(o, &s->result, &s->http, stdout);
    }
    rw_bench_result_fini(&s->result);
    rw_free(s);
    return status;
}

static rw_status run(struct rw_bench_options *o, struct rw_error *err)
{
    struct rw_bench_shape shape;
    if (o->model != NULL) {
        return measure(o, err);
    }
    o->shape = o->shape != NULL ? o->shape : "qwen2.5-0.5b";
    rw_status status = rw_bench_shape_parse(o->shape, &shape, err);
    if (status == RW_OK) {
        status = rw_synthetic_mount(&shape, err);
    }
    if (status == RW_OK) {
        status = o->write_model != NULL ? rw_synthetic_write(o->write_model, err) : measure(o, err);
        rw_synthetic_unmount();
    }
    return status;
}

int rw_command_bench(int argc, char **argv)
{
    struct rw_error err = {0};
    struct rw_bench_options options = {
        .dtype = "auto", .tokens = 512, .threads = 1, .runs = 5, .kv_memory = 1024};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        help(stdout);
        return 0;
    }
    rw_status status = parse(&options, argc, argv, &err);
    status = status == RW_OK ? run(&options, &err) : status;
    if (status != RW_OK) {
        fprintf(stderr, "rewardd bench: %s\n", err.message);
        if (err.hint[0] != '\0') {
            fprintf(stderr, "hint: %s\n", err.hint);
        }
        return status == RW_CONFIG ? USAGE : 1;
    }
    return 0;
}
