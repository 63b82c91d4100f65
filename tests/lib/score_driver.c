/* rw-score DIR [--preset NAME] [--dtype auto|f32|bf16|int8|q4] [--threads N] [--chunk N] [--kernel
 * NAME]
 *          [--batch N] [--features 1] [--language 1] [--cache BYTES]
 *
 * Loads a model package through rw_engine.h, reads one case per line from stdin and prints
 * {"raw":[...],"reward":[...],"ids":N} (and "features":[[...],...]) or {"error":...}, in the order
 * of the lines. A case is what case_json.h reads, or {"ids":[...],"positions":[...]}: an input made
 * elsewhere. With "answer":N, ids from N on are an answer and raw are log-probabilities of its
 * tokens; a case of texts with "answer" and "after" has that answer behind so many of its steps.
 * N cases (default 1) are in the engine at once. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/rw_engine.h"
#include "tests/lib/case_json.h"

struct settings {
    const char *dir;
    size_t batch;
    bool features;
    struct rw_engine_options engine;
    struct rw_model_options model;
};

static void ignore_notify(void *ctx)
{
    (void)ctx;
}

static bool parse_arguments(int argc, char **argv, struct settings *s)
{
    *s = (struct settings){
        .dir = argc > 1 ? argv[1] : NULL,
        .batch = 1,
        .engine = {.threads = 1,
                   .kv_bytes_max = (size_t)1 << 30,
                   .jobs_max = 64,
                   .queued_tokens_max = 1 << 24,
                   .notify = ignore_notify},
    };
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--base") == 0) {
            s->model.base = value;
        } else if (strcmp(argv[i], "--preset") == 0) {
            s->model.preset = value;
        } else if (strcmp(argv[i], "--dtype") == 0) {
            if (!rw_weights_dtype_named(rw_str_from(value), &s->model.dtype)) {
                return false;
            }
        } else if (strcmp(argv[i], "--threads") == 0) {
            s->engine.threads = (unsigned)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--chunk") == 0) {
            s->engine.chunk_tokens = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--batch") == 0) {
            s->batch = strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--features") == 0) {
            s->features = strcmp(value, "1") == 0;
        } else if (strcmp(argv[i], "--language") == 0) {
            s->model.language_head = strcmp(value, "1") == 0;
        } else if (strcmp(argv[i], "--cache") == 0) {
            s->engine.prefix_cache_bytes = strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--kernel") == 0) {
            s->engine.kernel = value;
        } else {
            return false;
        }
    }
    s->model.dir = s->dir;
    s->model.skip_agreement = true;
    return s->dir != NULL && s->batch > 0 && s->batch <= s->engine.jobs_max;
}

/* {"ids","positions"}: every position is a step of a process model, the last one an outcome's. */
static rw_status read_ids(const struct rw_json *root, struct rw_arena *arena, struct rw_input *out,
                          struct rw_error *err)
{
    const struct rw_json *ids = rw_json_get(root, "ids");
    const struct rw_json *positions = rw_json_get(root, "positions");
    *out = (struct rw_input){0};
    out->ids = rw_arena_array(arena, ids->count + 1, sizeof *out->ids);
    out->steps = rw_arena_array(arena, positions->count + 1, sizeof *out->steps);
    if (out->ids == NULL || out->steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for a case");
    }
    RW_JSON_EACH (item, ids) {
        out->ids[out->n_tokens++] = (int32_t)item->number;
    }
    RW_JSON_EACH (item, positions) {
        out->steps[out->n_steps++].position = (uint32_t)item->number;
        out->outcome_position = (uint32_t)item->number;
    }
    out->n_scored_steps = out->n_steps;
    if (rw_json_get(root, "answer") != NULL) {
        out->answer_begin = (uint32_t)rw_json_get(root, "answer")->number;
    }
    return RW_OK;
}

/* The input of a trace becomes that of an answer behind "after" of its steps. */
static rw_status join_answer(const struct rw_model *model, const struct rw_json *root,
                             struct rw_arena *arena, struct rw_input *input, struct rw_error *err)
{
    const struct rw_json *after = rw_json_get(root, "after");
    const struct rw_json *lead = rw_json_get(root, "lead");
    const struct rw_json *tail = rw_json_get(root, "tail");
    struct rw_suffix suffix;
    const struct rw_suffix_source source = {.lead = lead != NULL ? lead->text : RW_STR(""),
                                            .answer = rw_json_get(root, "answer")->text,
                                            .tail = tail != NULL ? tail->text : RW_STR("")};
    rw_status status = rw_model_build_suffix(model, &source, arena, &suffix, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_input trace = *input;
    return rw_suffix_join(&trace, after != NULL ? (size_t)after->number : 0, &suffix,
                          rw_model_info(model)->context_max, arena, input, err);
}

static rw_status make_input(const struct rw_model *model, struct rw_str line,
                            struct rw_arena *arena, struct rw_input *input, struct rw_error *err)
{
    const struct rw_json *root;
    struct rw_trace_source source;
    rw_status status = rw_json_parse(arena, line, &root, err);
    if (status != RW_OK) {
        return status;
    }
    if (rw_json_get(root, "messages") == NULL && rw_json_get(root, "ids") != NULL) {
        return read_ids(root, arena, input, err);
    }
    if (!case_read(root, arena, &source)) {
        return rw_fail(err, RW_INVALID_REQUEST, "not a case");
    }
    status = rw_model_build_input(model, &source, arena, input, err);
    return status == RW_OK && rw_json_get(root, "answer") != NULL
               ? join_answer(model, root, arena, input, err)
               : status;
}

/* ---- one case: a line, its input, its job ---------------------------------------------------- */

struct one {
    struct rw_arena arena;
    struct rw_input input;
    struct rw_job *job; /* NULL: status says why */
    rw_status status;
    struct rw_error err;
};

static void prepare(struct one *c, const struct rw_model *model, const char *line, size_t len)
{
    *c = (struct one){0};
    rw_arena_init(&c->arena, (size_t)256 << 20);
    char *copy = rw_arena_alloc(&c->arena, len);
    if (copy == NULL) {
        c->status = rw_fail(&c->err, RW_NO_MEMORY, "no memory for a case");
        return;
    }
    memcpy(copy, line, len);
    c->status = make_input(model, (struct rw_str){copy, len}, &c->arena, &c->input, &c->err);
}

static void submit(struct rw_engine *engine, const struct rw_model *model, struct one *c,
                   bool features)
{
    struct rw_job_spec spec = {
        .model = model, .input = &c->input, .stop_below = NAN, .want_features = features};
    if (c->status == RW_OK) {
        c->status = rw_engine_submit(engine, &spec, 1, &c->job, &c->err);
    }
}

static void await(struct rw_engine *engine, struct one *c)
{
    struct rw_job_view view = {0};
    while (c->job != NULL && c->status == RW_OK) {
        struct rw_job *changed[16];
        while (rw_engine_poll(engine, changed, 16) > 0) {
        }
        rw_job_view(c->job, &view);
        if (view.state == RW_JOB_DONE) {
            return;
        }
        if (view.state != RW_JOB_QUEUED && view.state != RW_JOB_RUNNING) {
            c->err = view.error;
            c->status = view.error.status != RW_OK ? view.error.status : RW_INTERNAL;
        }
        usleep(100);
    }
}

static void print_scores(const struct one *c)
{
    struct rw_job_view view;
    rw_job_view(c->job, &view);
    const struct rw_score *scores = rw_job_scores(c->job);
    printf("{\"raw\":[");
    for (uint32_t i = 0; i < view.scores_ready; i++) {
        printf("%s%.9g", i > 0 ? "," : "", (double)scores[i].raw);
    }
    printf("],\"reward\":[");
    for (uint32_t i = 0; i < view.scores_ready; i++) {
        printf("%s%.9g", i > 0 ? "," : "", (double)scores[i].reward);
    }
    printf("],\"ids\":%u,\"answer\":%u", c->input.n_tokens, c->input.answer_begin);
    const float *features = rw_job_features(c->job);
    for (uint32_t i = 0; features != NULL && i < view.scores_ready * RW_FEATURE_DIM; i++) {
        bool first = i % RW_FEATURE_DIM == 0, last = (i + 1) % RW_FEATURE_DIM == 0;
        printf("%s%s%.9g%s", i == 0 ? ",\"features\":[" : ",", first ? "[" : "",
               (double)features[i], last ? "]" : "");
    }
    printf("%s}\n", features != NULL ? "]" : "");
}

static void finish(struct rw_engine *engine, struct one *c)
{
    if (c->status == RW_OK) {
        print_scores(c);
    } else {
        printf("{\"error\":\"%s\",\"param\":\"%s\"}\n", rw_status_code(c->status), c->err.param);
        fprintf(stderr, "%s: %s\n", rw_status_code(c->status), c->err.message);
    }
    fflush(stdout);
    if (c->job != NULL) {
        rw_job_release(engine, c->job);
    }
    rw_arena_fini(&c->arena);
}

/* Without --batch a case has left the engine before the next one is read. */
static int run_lines(struct rw_engine *engine, const struct rw_model *model, size_t batch,
                     bool features)
{
    struct one *cases = calloc(batch, sizeof *cases);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while (cases != NULL && len >= 0) {
        size_t n = 0;
        while (n < batch && (len = getline(&line, &size, stdin)) > 0) {
            prepare(&cases[n++], model, line, (size_t)len);
        }
        for (size_t i = 0; i < n; i++) {
            submit(engine, model, &cases[i], features);
        }
        for (size_t i = 0; i < n; i++) {
            await(engine, &cases[i]);
        }
        for (size_t i = 0; i < n; i++) {
            finish(engine, &cases[i]);
        }
    }
    free(line);
    free(cases);
    return cases != NULL ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct rw_engine *engine = NULL;
    const struct rw_model *model = NULL;
    struct rw_error err = {0};
    if (!parse_arguments(argc, argv, &settings)) {
        fprintf(
            stderr,
            "usage: rw-score DIR "
            "[--preset|--dtype|--threads|--chunk|--kernel|--batch|--features|--language|--cache "
            "VALUE]...\n");
        return 2;
    }
    settings.engine.clock = &RW_CLOCK_SYSTEM;
    rw_status status = rw_engine_create(&settings.engine, &engine, &err);
    if (status == RW_OK) {
        status = rw_engine_load(engine, &settings.model, &model, &err);
    }
    if (status != RW_OK) {
        printf("{\"error\":\"%s\",\"param\":\"%s\"}\n", rw_status_code(status), err.param);
        fprintf(stderr, "%s: %s (%s)\n", rw_status_code(status), err.message, err.hint);
        rw_engine_destroy(engine);
        return 1;
    }
    const struct rw_model_info *info = rw_model_info(model);
    fprintf(stderr, "preset %s dtype %s kernel %s\n", info->preset, info->dtype,
            rw_engine_kernel(engine));
    int rc = run_lines(engine, model, settings.batch, settings.features);
    rw_engine_destroy(engine);
    return rc;
}
