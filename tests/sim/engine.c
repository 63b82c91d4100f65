/* rw_engine.h under a virtual clock and without a thread: jobs move when the simulation says so, in
 * the order it says, and fail when it says so. Its models: tests/lib/fake_model.h. */
#include "tests/sim/engine.h"

#include <math.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "tests/lib/fake_model.h"

struct rw_job {
    struct rw_job *next;      /* of all that are not final */
    struct rw_job *next_news; /* first to last */
    bool in_news;
    bool cancel;
    struct rw_job_spec spec;
    struct rw_job_view view;
    struct rw_job_view told; /* as of the last poll */
    struct rw_score *scores;
    struct rw_engine *engine;
};

struct rw_engine {
    struct rw_engine_options options;
    struct rw_job *live;
    size_t n_live;
    struct rw_job *news_first;
    struct rw_job **news_end;
    struct rw_model *model[RW_FAKE_MODELS_MAX];
    size_t n_models;
    size_t unreleased;
    bool notified; /* somebody was woken who has not polled yet */
    uint64_t queued_tokens;
};

/* ---- what the simulation does ---------------------------------------------------------------- */

static void post_news(struct rw_engine *e, struct rw_job *job)
{
    if (!job->in_news) {
        job->in_news = true;
        job->next_news = NULL;
        *e->news_end = job;
        e->news_end = &job->next_news;
    }
    e->notified = true;
    e->options.notify(e->options.notify_ctx);
}

static void finish(struct rw_engine *e, struct rw_job *job, enum rw_job_state state)
{
    for (struct rw_job **at = &e->live; *at != NULL; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            e->n_live--;
            break;
        }
    }
    job->view.state = state;
    post_news(e, job);
}

size_t sim_engine_live(const struct rw_engine *e)
{
    return e->n_live;
}

bool sim_engine_notified(const struct rw_engine *e)
{
    return e->notified;
}

size_t sim_engine_unreleased(const struct rw_engine *e)
{
    return e->unreleased;
}

static struct rw_job *nth(struct rw_engine *e, size_t i)
{
    struct rw_job *job = e->live;
    while (i-- > 0) {
        job = job->next;
    }
    return job;
}

void sim_engine_step(struct rw_engine *e, size_t i, rw_status failure)
{
    rw_assert(i < e->n_live);
    struct rw_job *job = nth(e, i);
    uint64_t now = rw_clock_now(e->options.clock);
    if (job->view.state == RW_JOB_QUEUED) {
        job->view.state = RW_JOB_RUNNING;
        e->queued_tokens -= job->spec.input->n_tokens;
    }
    if (job->cancel) {
        finish(e, job, RW_JOB_CANCELLED);
        return;
    }
    bool late = job->spec.deadline_ns != 0 && now > job->spec.deadline_ns;
    if (late || failure != RW_OK) {
        rw_fail(&job->view.error, late ? RW_DEADLINE : failure, "the simulation says so");
        finish(e, job, RW_JOB_FAILED);
        return;
    }
    uint32_t s = job->view.scores_ready;
    job->scores[s] = rw_fake_model_score(job->spec.model, job->spec.input, s);
    job->view.scores_ready = s + 1;
    job->view.cost.tokens = job->spec.input->n_tokens;
    bool below = !isnan(job->spec.stop_below) && job->scores[s].reward < job->spec.stop_below;
    job->view.stopped = below;
    if (below || s + 1 == rw_fake_model_scores(job->spec.model, job->spec.input)) {
        finish(e, job, RW_JOB_DONE);
    } else {
        post_news(e, job);
    }
}

/* ---- rw_engine.h ----------------------------------------------------------------------------- */

rw_status rw_engine_create(const struct rw_engine_options *options, struct rw_engine **out,
                           struct rw_error *err)
{
    struct rw_engine *e = rw_alloc_zero(1, sizeof *e);
    if (e == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the engine");
    }
    e->options = *options;
    e->news_end = &e->news_first;
    *out = e;
    return RW_OK;
}

void rw_engine_destroy(struct rw_engine *e)
{
    rw_assert(e == NULL || e->unreleased == 0);
    for (size_t i = 0; e != NULL && i < e->n_models; i++) {
        rw_fake_model_free(e->model[i]);
    }
    rw_free(e);
}

const char *rw_engine_kernel(const struct rw_engine *e)
{
    (void)e;
    return "simulated";
}

const char *rw_engine_kernel_name(size_t i)
{
    return i == 0 ? "simulated" : NULL;
}

unsigned rw_engine_threads(const struct rw_engine *e)
{
    (void)e;
    return 1;
}

rw_status rw_engine_load(struct rw_engine *e, const struct rw_model_options *options,
                         const struct rw_model **out, struct rw_error *err)
{
    rw_assert(e->n_models < RW_FAKE_MODELS_MAX);
    struct rw_model *model = NULL;
    rw_status status = rw_fake_model_load(options, &model, err);
    if (status == RW_OK) {
        e->model[e->n_models++] = model;
        *out = model;
    }
    return status;
}

size_t rw_engine_models(const struct rw_engine *e, const struct rw_model **out, size_t max)
{
    size_t n = RW_MIN(e->n_models, max);
    for (size_t i = 0; i < n; i++) {
        out[i] = e->model[i];
    }
    return n;
}

static struct rw_job *make_job(struct rw_engine *e, const struct rw_job_spec *spec)
{
    struct rw_job *job = rw_alloc_zero(1, sizeof *job);
    uint32_t scores = rw_fake_model_scores(spec->model, spec->input);
    if (job == NULL) {
        return NULL;
    }
    job->engine = e;
    job->spec = *spec;
    job->scores = rw_alloc_array(scores + 1, sizeof *job->scores);
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
    for (size_t i = 0; i < n; i++) {
        jobs[i] = make_job(e, &specs[i]);
        if (jobs[i] == NULL) {
            while (i-- > 0) {
                free_job(jobs[i]);
            }
            return rw_fail(err, RW_NO_MEMORY, "no memory for the jobs");
        }
    }
    for (size_t i = 0; i < n; i++) {
        jobs[i]->next = e->live;
        e->live = jobs[i];
        e->n_live++;
        e->unreleased++;
        e->queued_tokens += specs[i].input->n_tokens;
    }
    return RW_OK;
}

size_t rw_engine_poll(struct rw_engine *e, struct rw_job **changed, size_t max)
{
    size_t n = 0;
    e->notified = false;
    while (n < max && e->news_first != NULL) {
        struct rw_job *job = e->news_first;
        e->news_first = job->next_news;
        if (e->news_first == NULL) {
            e->news_end = &e->news_first;
        }
        job->in_news = false;
        job->told = job->view;
        changed[n++] = job;
    }
    return n;
}

void rw_engine_cancel(struct rw_engine *e, struct rw_job *job)
{
    (void)e;
    job->cancel = true;
}

void *rw_job_tag(const struct rw_job *job)
{
    return job->spec.tag;
}

void rw_job_view(const struct rw_job *job, struct rw_job_view *out)
{
    *out = job->told;
}

const struct rw_score *rw_job_scores(const struct rw_job *job)
{
    return job->scores;
}

const float *rw_job_features(const struct rw_job *job)
{
    (void)job;
    return NULL;
}

void rw_job_release(struct rw_engine *e, struct rw_job *job)
{
    rw_assert(job->told.state >= RW_JOB_DONE && !job->in_news);
    e->unreleased--;
    free_job(job);
}

void rw_engine_stats(const struct rw_engine *e, struct rw_engine_stats *out)
{
    *out = (struct rw_engine_stats){.jobs_running = (uint32_t)e->n_live,
                                    .queued_tokens = e->queued_tokens};
}
