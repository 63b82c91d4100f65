#include "server/commands/offline.h"

#include <errno.h>
#include <math.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "server/model_choice.h"

enum {
    KV_BYTES = 1 << 30,
    JOBS_MAX = 65536,
    POLL_JOBS = 256,
    ARENA_BYTES = 1 << 20, /* of names */
};

struct rw_offline {
    struct rw_engine *engine;
    const struct rw_model *process;
    const struct rw_model *outcome;
    struct rw_arena arena;
    sem_t news;
};

static void notify(void *ctx)
{
    struct rw_offline *o = ctx;
    sem_post(&o->news);
}

static rw_status load(struct rw_offline *o, const struct rw_offline_set *set, const char *value,
                      enum rw_model_kind kind, const struct rw_model **out, struct rw_error *err)
{
    struct rw_model_choice choice;
    if (value == NULL) {
        return RW_OK;
    }
    struct rw_model_options model;
    rw_status status = rw_model_choice_read(value, NULL, &o->arena, &choice, &model, err);
    if (status != RW_OK) {
        return status;
    }
    model.skip_self_test = set->skip_self_test;
    model.skip_agreement = true;
    status = rw_engine_load(o->engine, &model, out, err);
    if (status == RW_OK && rw_model_info(*out)->kind != kind) {
        return rw_fail(err, RW_MODEL_KIND, "%s is %s model", choice.dir,
                       kind == RW_KIND_PROCESS ? "an outcome, not a process"
                                               : "a process, not an outcome");
    }
    return status;
}

static void close_models(struct rw_offline *o)
{
    if (o != NULL) {
        rw_engine_destroy(o->engine);
        rw_arena_fini(&o->arena);
        sem_destroy(&o->news);
        rw_free(o);
    }
}

static rw_status open_models(const struct rw_offline_set *set, struct rw_offline **out,
                             struct rw_error *err)
{
    struct rw_offline *o = rw_alloc_zero(1, sizeof *o);
    if (o == NULL) {
        return rw_fail_memory(err, "the engine");
    }
    sem_init(&o->news, 0, 0);
    rw_arena_init(&o->arena, ARENA_BYTES);
    struct rw_engine_options engine = {.threads = (unsigned)set->threads,
                                       .kv_bytes_max = KV_BYTES,
                                       .prefix_cache_bytes = KV_BYTES / 2, /* forks of a trace */
                                       .jobs_max = JOBS_MAX,
                                       .queued_tokens_max = UINT64_MAX / 2,
                                       .clock = &RW_CLOCK_SYSTEM,
                                       .notify = notify,
                                       .notify_ctx = o};
    rw_status status = rw_engine_create(&engine, &o->engine, err);
    if (status == RW_OK) {
        status = load(o, set, set->model, RW_KIND_PROCESS, &o->process, err);
    }
    if (status == RW_OK) {
        status = load(o, set, set->outcome, RW_KIND_OUTCOME, &o->outcome, err);
    }
    if (status != RW_OK) {
        close_models(o);
        return status;
    }
    *out = o;
    return RW_OK;
}

const struct rw_model *rw_offline_process(const struct rw_offline *o)
{
    return o->process;
}

const struct rw_model *rw_offline_outcome(const struct rw_offline *o)
{
    return o->outcome;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/* One job of a window and where its result goes. */
struct unit {
    struct rw_offline_score *of;
    struct rw_probe *probe; /* NULL: a pass of the trace itself */
    const struct rw_model *model;
    struct rw_input own; /* of the trace itself */
    struct rw_job *job;
};

struct batch {
    struct rw_offline *o;
    const struct rw_offline_work *work;
    struct rw_arena *arena;
    struct unit *unit;
    size_t n;
    size_t max;
    struct rw_error *err;
};

static rw_status no_memory(struct rw_error *err)
{
    return rw_fail(err, RW_NO_MEMORY, "no memory left; read fewer traces with --max");
}

static void lose(struct rw_offline_score *score, rw_status status, const struct rw_error *err)
{
    if (score->status == RW_OK) {
        score->status = status;
        score->error = *err;
        score->error.status = status;
    }
}

static const struct rw_message *as_message(struct batch *b, const struct rw_sample *sample)
{
    struct rw_message *message = rw_arena_alloc(b->arena, sizeof *message);
    if (message != NULL) {
        *message = (struct rw_message){RW_ROLE_USER, sample->prompt};
    }
    return message;
}

static rw_status add_own(struct batch *b, struct rw_offline_score *score,
                         const struct rw_message *message, const struct rw_model *model)
{
    struct rw_error err = {0};
    const struct rw_sample *sample = score->sample;
    if (model == NULL) {
        return RW_OK;
    }
    struct rw_trace_source source = {.messages = message,
                                     .n_messages = 1,
                                     .no_question = sample->prompt.len == 0,
                                     .steps = sample->steps,
                                     .n_steps = sample->n_steps,
                                     .steps_max = RW_OFFLINE_STEPS_MAX,
                                     .tokens_max = RW_OFFLINE_TOKENS_MAX};
    uint32_t context = rw_model_info(model)->context_max;
    source.tokens_max = context > 0 && context < source.tokens_max ? context : source.tokens_max;
    struct unit *unit = &b->unit[b->n];
    *unit = (struct unit){.of = score, .model = model};
    rw_status status = rw_model_build_input(model, &source, b->arena, &unit->own, &err);
    if (status == RW_NO_MEMORY) {
        return no_memory(b->err);
    }
    if (status != RW_OK) {
        lose(score, status, &err);
        return RW_OK;
    }
    b->n++;
    return RW_OK;
}

static const struct rw_input *process_input(const struct batch *b,
                                            const struct rw_offline_score *score)
{
    for (size_t i = b->n; i > 0 && b->unit[i - 1].of == score; i--) {
        if (b->unit[i - 1].model == b->o->process) {
            return &b->unit[i - 1].own;
        }
    }
    return NULL;
}

static rw_status add_probes(struct batch *b, struct rw_offline_score *score,
                            const struct rw_message *message)
{
    const struct rw_sample *sample = score->sample;
    struct rw_probe_source source = {
        .process = b->o->process,
        .input = process_input(b, score),
        .process_status = b->o->process != NULL ? RW_OK : RW_UNAVAILABLE,
        .outcome = b->o->outcome,
        .outcome_status = b->o->outcome != NULL ? RW_OK : RW_UNAVAILABLE,
        .messages = message,
        .n_messages = 1,
        .prompt = sample->prompt,
        .reference = sample->reference,
        .steps = sample->steps,
        .n_steps = sample->n_steps,
        .tier = b->work->tier,
        .full_gap = b->work->full_gap,
        .steps_max = RW_OFFLINE_STEPS_MAX,
        .tokens_max = RW_OFFLINE_TOKENS_MAX};
    rw_status status = rw_probe_plan(&source, b->arena, &score->plan, b->err);
    for (size_t i = 0; status == RW_OK && i < score->plan.n; i++) {
        struct rw_probe *probe = &score->plan.probe[i];
        b->unit[b->n++] = (struct unit){.of = score, .probe = probe, .model = probe->model};
    }
    return status;
}

static rw_status build(struct batch *b, struct rw_offline_score *scores, size_t n)
{
    rw_status status = RW_OK;
    b->max = n * (2 + RW_PROBES_MAX);
    b->n = 0;
    b->unit = rw_arena_array(b->arena, b->max, sizeof *b->unit);
    if (b->unit == NULL) {
        return no_memory(b->err);
    }
    for (size_t i = 0; status == RW_OK && i < n; i++) {
        const struct rw_message *message = as_message(b, scores[i].sample);
        if (message == NULL) {
            return no_memory(b->err);
        }
        status = add_own(b, &scores[i], message, b->o->process);
        status = status == RW_OK ? add_own(b, &scores[i], message, b->o->outcome) : status;
        if (status == RW_OK && scores[i].status == RW_OK) {
            status = add_probes(b, &scores[i], message);
        }
    }
    return status;
}

static void wait_all(struct batch *b)
{
    size_t open = b->n;
    struct rw_job *changed[POLL_JOBS];
    while (open > 0) {
        size_t n = rw_engine_poll(b->o->engine, changed, POLL_JOBS);
        for (size_t i = 0; i < n; i++) {
            struct rw_job_view view;
            rw_job_view(changed[i], &view);
            open -= view.state >= RW_JOB_DONE ? 1 : 0;
        }
        while (n == 0 && open > 0 && sem_wait(&b->o->news) != 0 && errno == EINTR) {
        }
    }
}

static rw_status submit(struct batch *b)
{
    struct rw_job_spec *specs = rw_arena_array(b->arena, b->n + 1, sizeof *specs);
    struct rw_job **jobs = rw_arena_array(b->arena, b->n + 1, sizeof *jobs);
    if (specs == NULL || jobs == NULL) {
        return no_memory(b->err);
    }
    for (size_t i = 0; i < b->n; i++) {
        struct unit *unit = &b->unit[i];
        bool process = rw_model_info(unit->model)->kind == RW_KIND_PROCESS;
        specs[i] = (struct rw_job_spec){
            .model = unit->model,
            .input = unit->probe != NULL ? &unit->probe->input : &unit->own,
            .stop_below = NAN,
            .want_features = b->work->features && unit->probe == NULL && process,
            .tag = unit};
    }
    rw_status status = b->n > 0 ? rw_engine_submit(b->o->engine, specs, b->n, jobs, b->err) : RW_OK;
    for (size_t i = 0; status == RW_OK && i < b->n; i++) {
        b->unit[i].job = jobs[i];
    }
    if (status == RW_OK) {
        wait_all(b);
    }
    return status;
}

static void *copy(struct batch *b, const void *from, size_t n, size_t size)
{
    void *out = rw_arena_array(b->arena, n + 1, size);
    if (out != NULL) {
        memcpy(out, from, n * size);
    }
    return out;
}

static rw_status keep_probe(struct batch *b, struct unit *unit, const struct rw_job_view *view)
{
    struct rw_probe *probe = unit->probe;
    probe->status = view->state == RW_JOB_DONE ? RW_OK : view->error.status;
    if (probe->status != RW_OK) {
        return RW_OK;
    }
    const struct rw_score *scores =
        copy(b, rw_job_scores(unit->job), view->scores_ready, sizeof *scores);
    if (scores == NULL) {
        return no_memory(b->err);
    }
    rw_probe_done(probe, scores, view->scores_ready);
    return RW_OK;
}

static rw_status keep_own(struct batch *b, struct unit *unit, const struct rw_job_view *view)
{
    struct rw_offline_score *score = unit->of;
    if (view->state != RW_JOB_DONE) {
        lose(score, view->error.status, &view->error);
        return RW_OK;
    }
    const struct rw_score *from = rw_job_scores(unit->job);
    if (unit->model == b->o->outcome) {
        score->outcome = from[0];
        score->has_outcome = true;
        return RW_OK;
    }
    rw_assert(view->scores_ready == score->sample->n_steps);
    score->scores = copy(b, from, view->scores_ready, sizeof *from);
    const float *features = rw_job_features(unit->job);
    if (features != NULL) {
        score->features =
            copy(b, features, view->scores_ready, RW_SIGNAL_FEATURES * sizeof *features);
    }
    return score->scores != NULL && (features == NULL || score->features != NULL)
               ? RW_OK
               : no_memory(b->err);
}

static rw_status collect(struct batch *b)
{
    rw_status status = RW_OK;
    for (size_t i = 0; i < b->n; i++) {
        struct unit *unit = &b->unit[i];
        struct rw_job_view view;
        if (unit->job == NULL) {
            continue;
        }
        rw_job_view(unit->job, &view);
        if (status == RW_OK) {
            status = unit->probe != NULL ? keep_probe(b, unit, &view) : keep_own(b, unit, &view);
        }
        rw_job_release(b->o->engine, unit->job);
    }
    return status;
}

rw_status rw_offline_score(struct rw_offline *o, const struct rw_offline_work *work,
                           struct rw_offline_score *scores, size_t n, struct rw_arena *arena,
                           struct rw_error *err)
{
    struct batch b = {.o = o, .work = work, .arena = arena, .err = err};
    rw_status status = RW_OK;
    for (size_t at = 0; status == RW_OK && at < n; at += RW_OFFLINE_WINDOW) {
        size_t window = n - at < RW_OFFLINE_WINDOW ? n - at : RW_OFFLINE_WINDOW;
        status = build(&b, scores + at, window);
        if (status == RW_OK) {
            status = submit(&b);
        }
        rw_status kept = collect(&b);
        status = status == RW_OK ? kept : status;
    }
    return status;
}

/* ---- a command over a file of traces --------------------------------------------------------- */

rw_status rw_offline_begin(struct rw_offline_set *set, struct rw_error *err)
{
    rw_status status = open_models(set, &set->offline, err);
    return status == RW_OK ? rw_offline_read(set->offline, set->traces, set->max, &set->arena,
                                             &set->sample, &set->n, err)
                           : status;
}

void rw_offline_end(struct rw_offline_set *set)
{
    close_models(set->offline);
    rw_arena_fini(&set->arena);
}
