/* rw_engine.h without arithmetic, on a thread of its own and in real time. For tests of everything
 * above the engine, and for measuring what the server itself costs. Its models: fake_model.h. */
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "tests/lib/fake_model.h"

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
    struct rw_model *model[RW_FAKE_MODELS_MAX];
    size_t n_models;
    struct rw_engine_stats stats;
    uint64_t queued_tokens;
    uint32_t jobs;
};

/* ---- work ------------------------------------------------------------------------------------ */

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
    return rw_fake_model_scores(job->spec.model, job->spec.input);
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
        if (rw_fake_model_step_us(job->spec.model) > 0) {
            struct timespec wait = {rw_fake_model_step_us(job->spec.model) / 1000000,
                                    rw_fake_model_step_us(job->spec.model) % 1000000 * 1000L};
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
        job->scores[s] = rw_fake_model_score(job->spec.model, job->spec.input, s);
        job->view.scores_ready = s + 1;
        job->view.cost.tokens = job->spec.input->n_steps > 0
                                    ? job->spec.input->steps[s].position + 1
                                    : job->spec.input->n_tokens;
        if (!isnan(job->spec.stop_below) && job->scores[s].reward < job->spec.stop_below) {
            job->view.stopped = true;
            break;
        }
        if (rw_fake_model_step_us(job->spec.model) > 0) {
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
    for (size_t i = 0; i < e->n_models; i++) {
        rw_fake_model_free(e->model[i]);
    }
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

rw_status rw_engine_load(struct rw_engine *e, const struct rw_model_options *options,
                         const struct rw_model **out, struct rw_error *err)
{
    struct rw_model *model = NULL;
    rw_status status = rw_fake_model_load(options, &model, err);
    pthread_mutex_lock(&e->lock);
    if (status == RW_OK && e->n_models == RW_FAKE_MODELS_MAX) {
        status = rw_fail(err, RW_LIMIT_EXCEEDED, "over %d models", RW_FAKE_MODELS_MAX);
        rw_fake_model_free(model);
    }
    if (status == RW_OK) {
        e->model[e->n_models++] = model;
        *out = model;
    }
    pthread_mutex_unlock(&e->lock);
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
