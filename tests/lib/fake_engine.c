/* rw_engine.h without arithmetic: one thread, and rewards that are a hash of the token ids. For
 * tests of everything above the engine, and for measuring what the server itself costs.
 *
 * A model folder is a text instead: "process" or "outcome", then options after colons:
 *   step5000   microseconds per step (0: all at once)      load500  milliseconds to load
 *   ctx4096    context in tokens                           bad     loading fails
 * A token is four bytes of text; text is split into steps at empty lines. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/rw_engine.h"

enum {
    MODELS_MAX = 8,
    TOKEN_BYTES = 4,
    CONTEXT_DEFAULT = 131072,
};

struct rw_model {
    struct rw_model_info info;
    char name[64];
    char digest[65];
    unsigned step_us;
};

struct rw_job {
    struct rw_engine *engine;
    struct rw_job *next;      /* in the work queue */
    struct rw_job *next_news; /* in the news list */
    bool in_news;
    bool cancel;
    struct rw_job_spec spec;
    struct rw_job_view view;
    struct rw_job_view told; /* as of the last poll */
    struct rw_score *scores;
    uint64_t submitted_ns;
};

struct rw_engine {
    struct rw_engine_options options;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    bool stopping;
    struct rw_job *first, *last;
    struct rw_job *news_first, *news_last;
    struct rw_model model[MODELS_MAX];
    size_t n_models;
    struct rw_engine_stats stats;
    uint64_t queued_tokens;
    uint32_t jobs;
};

/* ---- rewards --------------------------------------------------------------------------------- */

static struct rw_score score_of(const struct rw_input *input, uint32_t step)
{
    uint32_t end = input->n_steps > 0 ? input->steps[step].position + 1 : input->n_tokens;
    uint64_t h = rw_hash64(input->ids, end * sizeof *input->ids, 42);
    float raw = (float)(h % 2001) / 250.0F - 4.0F;
    return (struct rw_score){raw, 1.0F / (1.0F + expf(-raw))};
}

static void post_news(struct rw_engine *e, struct rw_job *job)
{
    if (!job->in_news) {
        job->in_news = true;
        job->next_news = NULL;
        if (e->news_last != NULL) {
            e->news_last->next_news = job;
        } else {
            e->news_first = job;
        }
        e->news_last = job;
    }
}

/* Lock held. */
static void finish(struct rw_engine *e, struct rw_job *job, enum rw_job_state state)
{
    job->view.state = state;
    job->view.cost.total_ns = rw_clock_now(e->options.clock) - job->submitted_ns;
    e->stats.jobs_running--;
    e->stats.tokens_total += job->view.cost.tokens;
    e->jobs--;
    post_news(e, job);
}

static uint32_t steps_of(const struct rw_job *job)
{
    return job->spec.model->info.kind == RW_KIND_OUTCOME ? 1 : job->spec.input->n_scored_steps;
}

/* Lock held; let go while a step is "computed". */
static void run_job(struct rw_engine *e, struct rw_job *job)
{
    uint64_t now = rw_clock_now(e->options.clock);
    e->stats.jobs_queued--;
    e->stats.jobs_running++;
    e->queued_tokens -= job->spec.input->n_tokens;
    job->view.state = RW_JOB_RUNNING;
    job->view.cost.queue_ns = now - job->submitted_ns;
    for (uint32_t s = 0; s < steps_of(job); s++) {
        if (job->spec.model->step_us > 0) {
            struct timespec wait = {job->spec.model->step_us / 1000000,
                                    job->spec.model->step_us % 1000000 * 1000L};
            pthread_mutex_unlock(&e->lock);
            nanosleep(&wait, NULL);
            pthread_mutex_lock(&e->lock);
        }
        now = rw_clock_now(e->options.clock);
        if (job->cancel) {
            finish(e, job, RW_JOB_CANCELLED);
            return;
        }
        if (job->spec.deadline_ns != 0 && now > job->spec.deadline_ns) {
            rw_fail(&job->view.error, RW_DEADLINE, "the deadline passed after %u steps", s);
            finish(e, job, RW_JOB_FAILED);
            return;
        }
        job->scores[s] =
            job->spec.model->info.kind == RW_KIND_OUTCOME
                ? score_of(job->spec.input,
                           job->spec.input->n_steps > 0 ? job->spec.input->n_steps - 1 : 0)
                : score_of(job->spec.input, s);
        job->view.scores_ready = s + 1;
        job->view.cost.tokens = job->spec.input->n_steps > 0
                                    ? job->spec.input->steps[s].position + 1
                                    : job->spec.input->n_tokens;
        if (!isnan(job->spec.stop_below) && job->scores[s].reward < job->spec.stop_below) {
            job->view.stopped = true;
            break;
        }
        if (job->spec.model->step_us > 0) {
            post_news(e, job);
            e->options.notify(e->options.notify_ctx);
        }
    }
    finish(e, job, RW_JOB_DONE);
}

static void *work(void *ctx)
{
    struct rw_engine *e = ctx;
    pthread_mutex_lock(&e->lock);
    while (!e->stopping) {
        struct rw_job *job = e->first;
        if (job == NULL) {
            pthread_cond_wait(&e->work, &e->lock);
            continue;
        }
        e->first = job->next;
        if (e->first == NULL) {
            e->last = NULL;
        }
        run_job(e, job);
        e->options.notify(e->options.notify_ctx);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* ---- engine ---------------------------------------------------------------------------------- */

rw_status rw_engine_create(const struct rw_engine_options *options, struct rw_engine **out,
                           struct rw_error *err)
{
    struct rw_engine *e = rw_alloc_zero(1, sizeof *e);
    if (e == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the engine");
    }
    e->options = *options;
    e->stats.kv_bytes_max = options->kv_bytes_max;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, NULL);
    *out = e;
    return pthread_create(&e->thread, NULL, work, e) == 0
               ? RW_OK
               : rw_fail(err, RW_NO_MEMORY, "cannot start the engine thread");
}

void rw_engine_destroy(struct rw_engine *e)
{
    if (e == NULL) {
        return;
    }
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    pthread_cond_destroy(&e->work);
    pthread_mutex_destroy(&e->lock);
    rw_free(e);
}

const char *rw_engine_kernel_name(size_t i)
{
    return i == 0 ? "fake" : NULL;
}

const char *rw_engine_kernel(const struct rw_engine *e)
{
    (void)e;
    return "fake";
}

unsigned rw_engine_threads(const struct rw_engine *e)
{
    (void)e;
    return 1;
}

static unsigned option(const char *dir, const char *name, unsigned otherwise)
{
    const char *at = strstr(dir, name);
    return at != NULL ? (unsigned)strtoul(at + strlen(name), NULL, 10) : otherwise;
}

rw_status rw_engine_load(struct rw_engine *e, const struct rw_model_options *options,
                         const struct rw_model **out, struct rw_error *err)
{
    bool process = strncmp(options->dir, "process", 7) == 0;
    if ((!process && strncmp(options->dir, "outcome", 7) != 0) || e->n_models == MODELS_MAX ||
        strstr(options->dir, ":bad") != NULL) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED,
                       "the fake engine knows \"process\" and "
                       "\"outcome\", not \"%s\"",
                       options->dir);
    }
    struct timespec wait = {0, option(options->dir, ":load", 0) % 1000 * 1000000L};
    wait.tv_sec = option(options->dir, ":load", 0) / 1000;
    nanosleep(&wait, NULL);
    pthread_mutex_lock(&e->lock);
    struct rw_model *m = &e->model[e->n_models++];
    pthread_mutex_unlock(&e->lock);
    snprintf(m->name, sizeof m->name, "%s",
             options->name != NULL ? options->name
             : process             ? "fake-prm"
                                   : "fake-orm");
    memset(m->digest, process ? 'a' : 'b', 64);
    m->step_us = option(options->dir, ":step", 0);
    m->info = (struct rw_model_info){
        .name = m->name,
        .dir = options->dir,
        .digest = m->digest,
        .preset = "fake",
        .architecture = "none",
        .kind = process ? RW_KIND_PROCESS : RW_KIND_OUTCOME,
        .dtype = "f32",
        .aggregate = RW_AGGREGATE_MIN,
        .context_max = option(options->dir, ":ctx", CONTEXT_DEFAULT),
    };
    if (options->progress != NULL) {
        options->progress(options->progress_ctx, 1, 1);
    }
    *out = m;
    return RW_OK;
}

bool rw_model_preset(size_t i, char *line, size_t size)
{
    if (i == 0) {
        snprintf(line, size, "fake");
    }
    return i == 0;
}

rw_status rw_model_explain(const struct rw_model_options *options,
                           const struct rw_trace_source *source, struct rw_arena *arena,
                           struct rw_input *input, struct rw_model_outline *outline,
                           struct rw_error *err)
{
    (void)options, (void)source, (void)arena, (void)input, (void)outline;
    return rw_fail(err, RW_UNAVAILABLE, "the fake engine reads no folder");
}

rw_status rw_model_name(const struct rw_model_options *options, char name[RW_MODEL_NAME_MAX],
                        struct rw_error *err)
{
    (void)err;
    snprintf(name, RW_MODEL_NAME_MAX, "%s", options->name != NULL ? options->name : options->dir);
    return RW_OK;
}

rw_status rw_model_check(const struct rw_model_options *options, struct rw_model_outline *out,
                         struct rw_error *err)
{
    *out = (struct rw_model_outline){.preset = "fake"};
    return strstr(options->dir, ":bad") != NULL
               ? rw_fail(err, RW_MODEL_UNSUPPORTED, "%s is bad", options->dir)
               : RW_OK;
}

size_t rw_engine_models(const struct rw_engine *e, const struct rw_model **out, size_t max)
{
    size_t n = RW_MIN(e->n_models, max);
    for (size_t i = 0; i < n; i++) {
        out[i] = &e->model[i];
    }
    return n;
}

const struct rw_model_info *rw_model_info(const struct rw_model *model)
{
    return &model->info;
}

/* ---- input ----------------------------------------------------------------------------------- */

static size_t split(struct rw_str text, struct rw_arena *arena, struct rw_str **out)
{
    size_t n = 0;
    struct rw_str *steps = rw_arena_array(arena, text.len / 3 + 2, sizeof *steps);
    for (size_t at = 0; steps != NULL && at < text.len;) {
        size_t end = rw_str_find(text, RW_STR("\n\n"), at);
        size_t next = end < text.len ? end + 2 : end;
        steps[n++] = rw_str_slice(text, at, next);
        at = next;
    }
    *out = steps;
    return n;
}

static uint32_t put_tokens(int32_t *ids, struct rw_str text)
{
    uint32_t n = 0;
    for (size_t at = 0; at < text.len; at += TOKEN_BYTES) {
        size_t len = text.len - at < TOKEN_BYTES ? text.len - at : TOKEN_BYTES;
        ids[n++] = (int32_t)(rw_hash64(text.ptr + at, len, 7) & 0xFFFF);
    }
    return n;
}

static void place_steps(const struct rw_str *steps, size_t n, struct rw_input *out)
{
    uint32_t bytes = 0;
    uint32_t chars = 0;
    for (size_t i = 0; i < n; i++) {
        struct rw_input_step *s = &out->steps[i];
        s->byte_begin = bytes;
        s->char_begin = chars;
        bytes += (uint32_t)steps[i].len;
        chars += (uint32_t)rw_utf8_count(steps[i]);
        s->byte_end = bytes;
        s->char_end = chars;
        s->tokens = put_tokens(out->ids + out->n_tokens, steps[i]) + 1;
        out->n_tokens += s->tokens;
        out->ids[out->n_tokens - 1] = -1; /* marker */
        s->position = out->n_tokens - 1;
        if (rw_str_find(steps[i], RW_STR("<|im_end|>"), 0) < steps[i].len) {
            out->special_token_texts++;
        }
    }
}

static rw_status fit(struct rw_input *out, const struct rw_trace_source *source,
                     struct rw_error *err)
{
    if (out->n_tokens <= source->tokens_max) {
        return RW_OK;
    }
    if (source->overlong == RW_OVERLONG_ERROR) {
        rw_fail(err, RW_CONTEXT_EXCEEDED, "the trace needs %u tokens, the limit is %zu",
                out->n_tokens, source->tokens_max);
        rw_error_hint(err, "shorten it, or set \"overlong\": \"drop_steps\"");
        return RW_CONTEXT_EXCEEDED;
    }
    while (out->n_scored_steps > 0 &&
           out->steps[out->n_scored_steps - 1].position >= source->tokens_max) {
        out->n_scored_steps--;
    }
    out->truncated = true;
    out->n_tokens = out->n_scored_steps > 0 ? out->steps[out->n_scored_steps - 1].position + 1 : 0;
    return out->n_scored_steps > 0
               ? RW_OK
               : rw_fail(err, RW_CONTEXT_EXCEEDED, "not even the first step fits");
}

/* Unreachable: these models have no language head. */
rw_status rw_model_build_suffix(const struct rw_model *model, const struct rw_suffix_source *source,
                                struct rw_arena *arena, struct rw_suffix *out, struct rw_error *err)
{
    (void)model;
    (void)source;
    (void)arena;
    *out = (struct rw_suffix){0};
    return rw_fail(err, RW_MODEL_KIND, "no language head");
}

/* One token an id, or one for a text; read at its end. */
rw_status rw_model_build_raw(const struct rw_model *model, const struct rw_raw_source *source,
                             struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    (void)model;
    size_t n = source->ids != NULL ? source->n_ids : 1;
    *out = (struct rw_input){.n_tokens = (uint32_t)n, .n_steps = 1, .n_scored_steps = 1};
    out->ids = rw_arena_array(arena, n + 1, sizeof *out->ids);
    out->steps = rw_arena_array(arena, 1, sizeof *out->steps);
    if (out->ids == NULL || out->steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory");
    }
    for (size_t i = 0; i < n; i++) {
        out->ids[i] = source->ids != NULL ? source->ids[i] : 1;
    }
    out->outcome_position = out->n_tokens - 1;
    out->steps[0] = (struct rw_input_step){.position = out->n_tokens - 1, .tokens = out->n_tokens};
    return RW_OK;
}

struct rw_str rw_model_marker(const struct rw_model *model)
{
    (void)model;
    return (struct rw_str){NULL, 0};
}

rw_status rw_model_build_input(const struct rw_model *model, const struct rw_trace_source *source,
                               struct rw_arena *arena, struct rw_input *out, struct rw_error *err)
{
    (void)model;
    struct rw_str *cut = NULL;
    const struct rw_str *steps = source->steps;
    size_t n = source->n_steps;
    *out = (struct rw_input){0};
    if (source->is_text) {
        n = split(source->text, arena, &cut);
        steps = cut;
        out->split = n > 1 ? RW_STR("\n\n") : RW_STR("");
    }
    if (n == 0) {
        return rw_fail(err, RW_EMPTY_TRACE, "the trace has no step");
    }
    size_t tokens = n * 2;
    for (size_t i = 0; i < n; i++) {
        tokens += steps[i].len / TOKEN_BYTES + 1;
        if (steps[i].len == 0) {
            return rw_fail(err, RW_EMPTY_TRACE, "step %zu is empty", i);
        }
    }
    for (size_t i = 0; i < source->n_messages; i++) {
        tokens += source->messages[i].content.len / TOKEN_BYTES + 1;
    }
    if (n > source->steps_max) {
        rw_fail(err, RW_LIMIT_EXCEEDED, "the trace has %zu steps, the limit is %zu", n,
                source->steps_max);
        rw_error_hint(err, "--steps-max raises it");
        return RW_LIMIT_EXCEEDED;
    }
    out->ids = rw_arena_array(arena, tokens, sizeof *out->ids);
    out->steps = rw_arena_array(arena, n, sizeof *out->steps);
    if (out->ids == NULL || out->steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the token ids");
    }
    for (size_t i = 0; i < source->n_messages; i++) {
        out->n_tokens += put_tokens(out->ids + out->n_tokens, source->messages[i].content);
    }
    out->prompt_tokens = out->n_tokens;
    out->n_steps = (uint32_t)n;
    out->n_scored_steps = (uint32_t)n;
    place_steps(steps, n, out);
    out->outcome_position = out->n_tokens - 1;
    return fit(out, source, err);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static struct rw_job *make_job(struct rw_engine *e, const struct rw_job_spec *spec)
{
    struct rw_job *job = rw_alloc_zero(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->engine = e;
    job->spec = *spec;
    job->submitted_ns = rw_clock_now(e->options.clock);
    job->scores = rw_alloc_array(steps_of(job) + 1, sizeof *job->scores);
    if (job->scores == NULL) {
        rw_free(job);
        return NULL;
    }
    return job;
}

static void free_job(struct rw_job *job)
{
    rw_free(job->scores);
    rw_free(job);
}

rw_status rw_engine_submit(struct rw_engine *e, const struct rw_job_spec *specs, size_t n,
                           struct rw_job **jobs, struct rw_error *err)
{
    if (e->jobs + n > e->options.jobs_max) {
        return rw_fail(err, RW_OVERLOADED, "over %u jobs", e->options.jobs_max);
    }
    for (size_t i = 0; i < n; i++) {
        jobs[i] = make_job(e, &specs[i]);
        if (jobs[i] == NULL) {
            while (i-- > 0) {
                free_job(jobs[i]);
            }
            return rw_fail(err, RW_NO_MEMORY, "no memory for the jobs");
        }
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        if (e->last != NULL) {
            e->last->next = jobs[i];
        } else {
            e->first = jobs[i];
        }
        e->last = jobs[i];
        e->jobs++;
        e->queued_tokens += specs[i].input->n_tokens;
        e->stats.jobs_queued++;
    }
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
    return RW_OK;
}

size_t rw_engine_poll(struct rw_engine *e, struct rw_job **changed, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&e->lock);
    while (n < max && e->news_first != NULL) {
        struct rw_job *job = e->news_first;
        e->news_first = job->next_news;
        if (e->news_first == NULL) {
            e->news_last = NULL;
        }
        job->in_news = false;
        job->told = job->view;
        changed[n++] = job;
    }
    pthread_mutex_unlock(&e->lock);
    return n;
}

void rw_engine_cancel(struct rw_engine *e, struct rw_job *job)
{
    pthread_mutex_lock(&e->lock);
    job->cancel = true;
    pthread_mutex_unlock(&e->lock);
}

void *rw_job_tag(const struct rw_job *job)
{
    return job->spec.tag;
}

void rw_job_view(const struct rw_job *job, struct rw_job_view *out)
{
    pthread_mutex_lock(&job->engine->lock);
    *out = job->told;
    pthread_mutex_unlock(&job->engine->lock);
}

/* It has no hidden states. */
const float *rw_job_features(const struct rw_job *job)
{
    (void)job;
    return NULL;
}

const struct rw_score *rw_job_scores(const struct rw_job *job)
{
    return job->scores;
}

void rw_job_release(struct rw_engine *e, struct rw_job *job)
{
    (void)e;
    rw_assert(job->view.state >= RW_JOB_DONE);
    free_job(job);
}

void rw_engine_stats(const struct rw_engine *e, struct rw_engine_stats *out)
{
    struct rw_engine *open = (struct rw_engine *)(uintptr_t)e;
    pthread_mutex_lock(&open->lock);
    *out = open->stats;
    out->queued_tokens = open->queued_tokens;
    pthread_mutex_unlock(&open->lock);
}
