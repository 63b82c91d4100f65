#include "core/bench/engine_timing.h"

#include <math.h>
#include <pthread.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/bench/text.h"
#include "core/engine/model.h"
#include "core/model/flops.h"

enum {
    POLL_JOBS = 64,
};

struct rw_engine_timing {
    struct rw_engine *engine;
    const struct rw_model *model;
    uint64_t traces; /* made so far: each is a stream of random numbers of its own */
    uint64_t groups; /* of traces that share a prompt */
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool news;
};

/* One trace and its job. */
struct timed {
    struct rw_input input;
    struct rw_job *job;
};

/* Engine thread. */
static void notify(void *ctx)
{
    struct rw_engine_timing *t = ctx;
    pthread_mutex_lock(&t->lock);
    t->news = true;
    pthread_cond_signal(&t->woken);
    pthread_mutex_unlock(&t->lock);
}

static void await_news(struct rw_engine_timing *t)
{
    pthread_mutex_lock(&t->lock);
    while (!t->news) {
        pthread_cond_wait(&t->woken, &t->lock);
    }
    t->news = false;
    pthread_mutex_unlock(&t->lock);
}

/* ---- traces --------------------------------------------------------------------------------- */

static int32_t random_id(const struct rw_engine_timing *t, uint64_t stream, uint32_t i)
{
    return (int32_t)(rw_bench_random(stream, i) % rw_model_vocab(t->model));
}

/* Rewards are read in the trace's own part, at the end of every step and at its last token. */
static bool make_trace(const struct rw_engine_timing *t, uint64_t prompt_stream, uint64_t stream,
                       uint32_t shared, uint32_t own, struct rw_input *out)
{
    uint32_t n = shared + own;
    *out = (struct rw_input){.n_tokens = n, .prompt_tokens = shared, .outcome_position = n - 1};
    out->ids = rw_alloc_array(n, sizeof *out->ids);
    out->steps = rw_alloc_zero(own / RW_BENCH_STEP_TOKENS + 1, sizeof *out->steps);
    if (out->ids == NULL || out->steps == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        out->ids[i] = random_id(t, i < shared ? prompt_stream : stream, i);
    }
    if (shared > 0) { /* no two groups begin with the same token, which one of them would not pay */
        out->ids[0] = (int32_t)(t->groups % rw_model_vocab(t->model));
    }
    for (uint32_t i = RW_BENCH_STEP_TOKENS; i <= own; i += RW_BENCH_STEP_TOKENS) {
        out->steps[out->n_steps++] =
            (struct rw_input_step){.position = shared + i - 1, .tokens = RW_BENCH_STEP_TOKENS};
    }
    if (own % RW_BENCH_STEP_TOKENS != 0) {
        out->steps[out->n_steps++] =
            (struct rw_input_step){.position = n - 1, .tokens = own % RW_BENCH_STEP_TOKENS};
    }
    out->n_scored_steps = out->n_steps;
    return true;
}

static bool make_traces(struct rw_engine_timing *t, struct timed *list, uint32_t jobs,
                        uint32_t shared, uint32_t own)
{
    uint64_t prompt_stream = ++t->traces;
    t->groups += jobs > 1;
    bool ok = true;
    for (uint32_t i = 0; i < jobs && ok; i++) {
        ok = make_trace(t, prompt_stream, ++t->traces, shared, own, &list[i].input);
    }
    return ok;
}

static void free_traces(struct timed *list, uint32_t jobs)
{
    for (uint32_t i = 0; i < jobs; i++) {
        rw_free(list[i].input.ids);
        rw_free(list[i].input.steps);
    }
    rw_free(list);
}

/* ---- scoring -------------------------------------------------------------------------------- */

/* `alone`: with random ids over a small vocabulary, one trace in a few hundred would begin like one
 * that was timed before, and not be computed whole. */
static rw_status submit(struct rw_engine_timing *t, struct timed *list, uint32_t jobs, bool alone,
                        struct rw_error *err)
{
    struct rw_job_spec *specs = rw_alloc_zero(jobs, sizeof *specs);
    struct rw_job **handles = rw_alloc_zero(jobs, sizeof *handles);
    rw_status status = RW_NO_MEMORY;
    if (specs != NULL && handles != NULL) {
        for (uint32_t i = 0; i < jobs; i++) {
            specs[i] = (struct rw_job_spec){
                .model = t->model, .input = &list[i].input, .stop_below = NAN, .tag = &list[i]};
            specs[i].alone = alone;
        }
        status = rw_engine_submit(t->engine, specs, jobs, handles, err);
    }
    for (uint32_t i = 0; i < jobs && status == RW_OK; i++) {
        list[i].job = handles[i];
    }
    rw_free(specs);
    rw_free(handles);
    return status;
}

/* The cost of a job that is done; attention is what its positions say, the rest is linear. */
static void add_cost(const struct rw_engine_timing *t, const struct timed *job,
                     const struct rw_job_view *view, struct rw_timed_jobs *out)
{
    bool process = rw_model_info(t->model)->kind == RW_KIND_PROCESS;
    double attention = rw_flops_of_attention(&t->model->weights->config, view->cost.cached_tokens,
                                             view->cost.tokens, process ? job->input.n_steps : 1);
    out->tokens += view->cost.tokens;
    out->cached += view->cost.cached_tokens;
    out->attention_ops += attention;
    out->linear_ops += view->cost.flops - attention;
    out->cpu_seconds += 1e-9 * (double)view->cost.cpu_ns;
}

struct waiting {
    struct rw_engine_timing *timing;
    const struct timed *first; /* whose first reward is timed */
    uint64_t begin_ns;
    uint32_t left;
    struct rw_timed_jobs *out;
    rw_status status;
    struct rw_error *err;
};

static void see(struct waiting *w, struct rw_job *job)
{
    struct rw_job_view view;
    const struct timed *which = rw_job_tag(job);
    rw_job_view(job, &view);
    if (which == w->first && view.scores_ready > 0 && w->out->first_step == 0) {
        w->out->first_step = 1e-9 * (double)(rw_clock_now(&RW_CLOCK_SYSTEM) - w->begin_ns);
    }
    if (view.state == RW_JOB_QUEUED || view.state == RW_JOB_RUNNING) {
        return;
    }
    w->left--;
    if (view.state == RW_JOB_DONE) {
        add_cost(w->timing, which, &view, w->out);
    } else if (w->status == RW_OK) {
        w->status = view.error.status != RW_OK ? view.error.status : RW_INTERNAL;
        rw_fail(w->err, w->status, "%s", view.error.message);
    }
}

static void await_all(struct waiting *w)
{
    struct rw_engine_timing *t = w->timing;
    struct rw_job *changed[POLL_JOBS];
    while (w->left > 0) {
        await_news(t);
        size_t n;
        while ((n = rw_engine_poll(t->engine, changed, POLL_JOBS)) > 0) {
            for (size_t i = 0; i < n; i++) {
                see(w, changed[i]);
            }
        }
    }
}

rw_status rw_engine_timing_score(struct rw_engine_timing *t, uint32_t jobs, uint32_t shared,
                                 uint32_t own, struct rw_timed_jobs *out, struct rw_error *err)
{
    rw_assert(jobs > 0 && own > 0);
    *out = (struct rw_timed_jobs){.jobs = jobs};
    struct timed *list = rw_alloc_zero(jobs, sizeof *list);
    if (list == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "%u traces", jobs);
    }
    struct waiting w = {.timing = t, .first = list, .left = jobs, .out = out, .err = err};
    w.status = make_traces(t, list, jobs, shared, own)
                   ? RW_OK
                   : rw_fail(err, RW_NO_MEMORY, "ids of %u traces", jobs);
    w.begin_ns = rw_clock_now(&RW_CLOCK_SYSTEM);
    if (w.status == RW_OK) {
        w.status = submit(t, list, jobs, jobs == 1 || shared == 0, err);
    }
    if (w.status == RW_OK) {
        await_all(&w);
        out->seconds = 1e-9 * (double)(rw_clock_now(&RW_CLOCK_SYSTEM) - w.begin_ns);
        for (uint32_t i = 0; i < jobs; i++) {
            rw_job_release(t->engine, list[i].job);
        }
    }
    free_traces(list, jobs);
    return w.status;
}

/* ---- life ----------------------------------------------------------------------------------- */

rw_status rw_engine_timing_create(const struct rw_engine_options *options,
                                  const struct rw_model_options *model,
                                  struct rw_engine_timing **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_engine_timing *t = rw_alloc_zero(1, sizeof *t);
    if (t == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "timing of the engine");
    }
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->woken, NULL);
    struct rw_engine_options mine = *options;
    mine.notify = notify;
    mine.notify_ctx = t;
    rw_status status = rw_engine_create(&mine, &t->engine, err);
    if (status == RW_OK) {
        status = rw_engine_load(t->engine, model, &t->model, err);
    }
    if (status != RW_OK) {
        rw_engine_timing_destroy(t);
        return status;
    }
    *out = t;
    return RW_OK;
}

void rw_engine_timing_destroy(struct rw_engine_timing *t)
{
    if (t == NULL) {
        return;
    }
    rw_engine_destroy(t->engine);
    pthread_cond_destroy(&t->woken);
    pthread_mutex_destroy(&t->lock);
    rw_free(t);
}

struct rw_engine *rw_engine_timing_engine(const struct rw_engine_timing *timing)
{
    return timing->engine;
}

const struct rw_model *rw_engine_timing_model(const struct rw_engine_timing *timing)
{
    return timing->model;
}
