#include "core/engine/engine.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/thread.h"
#include "core/base/util.h"

enum {
    JOBS_MAX_DEFAULT = 4096,
    QUEUED_TOKENS_DEFAULT = 4 << 20,
};

static const size_t KV_BYTES_DEFAULT = (size_t)1 << 30;

/* ---- news for the owner ---------------------------------------------------------------------- */

/* Under the lock. */
static void tell(struct rw_engine *e, struct rw_job *job)
{
    if (job->in_changed) {
        return;
    }
    job->in_changed = true;
    job->next_changed = NULL;
    if (e->changed_tail != NULL) {
        e->changed_tail->next_changed = job;
    } else {
        e->changed_head = job;
        e->notify_due = true;
    }
    e->changed_tail = job;
}

static void tell_scores(struct rw_engine *e, struct rw_job *job)
{
    rw_engine_enter(e);
    if (job->scores_done > job->view.scores_ready) {
        job->view.scores_ready = job->scores_done;
        tell(e, job);
    }
    rw_engine_leave(e);
}

/* The job reaches a final state; it is in no list of the scheduler any more. `error` may be NULL.
 * Behind this call it is the owner's, who may release it at once. */
static void finish(struct rw_engine *e, struct rw_job *job, enum rw_job_state state,
                   const struct rw_error *error)
{
    rw_cache_release(&e->cache, job);
    job->spent.total_ns = rw_clock_now(e->options.clock) - job->submitted_ns;
    rw_engine_enter(e);
    if (job->view.state == RW_JOB_QUEUED) {
        e->stats.jobs_queued--;
        e->stats.queued_tokens -= job->tokens_needed;
        job->spent.queue_ns = job->spent.total_ns;
    } else {
        e->stats.jobs_running--;
    }
    e->stats.cache_hit_tokens += job->spent.cached_tokens;
    job->view.scores_ready = job->scores_done;
    job->view.stopped = job->stopped;
    job->view.cost = job->spent;
    if (error != NULL) {
        job->view.error = *error;
    }
    rw_job_move(job, state);
    tell(e, job);
    rw_engine_leave(e);
}

static void fail(struct rw_engine *e, struct rw_job *job, rw_status status)
{
    struct rw_error error = {0};
    switch (status) {
    case RW_DEADLINE:
        rw_fail(&error, status, "the deadline passed after %u of %u tokens", job->tokens_done,
                job->tokens_needed);
        break;
    case RW_NOT_FINITE:
        rw_fail(&error, status, "the model gave no finite value for score %u of %u",
                job->scores_done, job->n_scores);
        break;
    default:
        rw_fail(&error, status, "%s", rw_status_text(status));
        break;
    }
    finish(e, job, RW_JOB_FAILED, &error);
}

/* ---- one turn of the engine thread ----------------------------------------------------------- */

/* Scheduler, cache and the jobs in them are this thread's, and it works on them without the lock:
 * the owner, which is the loop of a server, would wait for list work that grows with the number of
 * jobs, and for as long as this thread has no processor. */

struct sweep {
    uint64_t now_ns;
    uint64_t next_ns; /* earliest deadline of those that stay */
};

static bool is_overdue(const struct rw_job *job, uint64_t now_ns)
{
    return job->deadline_ns > 0 && now_ns >= job->deadline_ns;
}

static bool is_unwanted(void *ctx, const struct rw_job *job)
{
    struct sweep *sweep = ctx;
    if (atomic_load(&job->cancel_asked) || is_overdue(job, sweep->now_ns)) {
        return true;
    }
    sweep->next_ns = rw_engine_earlier(sweep->next_ns, job->deadline_ns);
    return false;
}

static void take_submitted(struct rw_engine *e)
{
    rw_engine_enter(e);
    struct rw_job_list all = e->submitted;
    e->submitted = (struct rw_job_list){0};
    e->deadline_ns = rw_engine_earlier(e->deadline_ns, e->submitted_deadline_ns);
    e->submitted_deadline_ns = 0;
    rw_engine_leave(e);
    struct rw_job *job;
    while ((job = rw_job_list_pop(&all)) != NULL) {
        rw_scheduler_add(&e->scheduler, job);
    }
}

static void sweep(struct rw_engine *e, bool asked)
{
    struct sweep ctx = {.now_ns = e->deadline_ns > 0 ? rw_clock_now(e->options.clock) : 0};
    if (!asked && (e->deadline_ns == 0 || ctx.now_ns < e->deadline_ns)) {
        return;
    }
    struct rw_job_list out = rw_scheduler_sweep(&e->scheduler, is_unwanted, &ctx);
    e->deadline_ns = ctx.next_ns;
    struct rw_job *job;
    while ((job = rw_job_list_pop(&out)) != NULL) {
        if (atomic_load(&job->cancel_asked)) {
            finish(e, job, RW_JOB_CANCELLED, NULL);
        } else {
            fail(e, job, RW_DEADLINE);
        }
    }
}

static void start_jobs(struct rw_engine *e)
{
    struct rw_job *job;
    rw_scheduler_begin(&e->scheduler);
    while ((job = rw_scheduler_start(&e->scheduler)) != NULL) {
        job->started_ns = rw_clock_now(e->options.clock);
        job->spent.queue_ns = job->started_ns - job->submitted_ns;
        rw_engine_enter(e);
        rw_job_move(job, RW_JOB_RUNNING);
        e->stats.jobs_queued--;
        e->stats.queued_tokens -= job->tokens_needed;
        e->stats.jobs_running++;
        e->stats.cache_lookup_tokens += job->radix != NULL ? job->tokens_needed : 0;
        rw_engine_leave(e);
    }
}

static bool start_job(void *ctx, struct rw_job *job)
{
    struct rw_engine *e = ctx;
    return rw_cache_start(&e->cache, job);
}

/* Cached scores are news at once. */
static enum rw_cache_step advance_job(void *ctx, struct rw_job *job, uint32_t *tokens_max,
                                      struct rw_job **owner)
{
    struct rw_engine *e = ctx;
    uint32_t before = job->scores_done;
    enum rw_cache_step step = rw_cache_advance(&e->cache, job, tokens_max, owner);
    if (job->scores_done > before) {
        tell_scores(e, job);
    }
    return step;
}

static void publish_done(struct rw_engine *e, struct rw_job_list *done)
{
    struct rw_job *job;
    while ((job = rw_job_list_pop(done)) != NULL) {
        finish(e, job, RW_JOB_DONE, NULL);
    }
}

static void publish_slice(struct rw_engine *e, struct rw_job *job, const struct rw_outcome *outcome)
{
    if (outcome->finished) {
        rw_scheduler_remove(&e->scheduler, job);
    }
    if (outcome->status != RW_OK) {
        fail(e, job, outcome->status);
    } else if (outcome->finished) {
        finish(e, job, RW_JOB_DONE, NULL);
    } else {
        tell_scores(e, job);
    }
}

static void publish(struct rw_engine *e)
{
    struct rw_pass *pass = &e->pass;
    rw_engine_enter(e);
    e->stats.passes_total++;
    e->stats.tokens_total += pass->tokens;
    e->stats.flops_total += pass->flops;
    e->stats.cpu_ns_total += pass->cpu_ns;
    rw_engine_leave(e);
    for (uint32_t i = 0; i < pass->n_slices; i++) {
        publish_slice(e, pass->slices[i].job, &pass->outcomes[i]);
    }
}

/* What the memory holds, and a word to the owner if there is news: outside the lock, so that it may
 * poll at once. */
static void end_step(struct rw_engine *e)
{
    rw_engine_enter(e);
    e->stats.kv_bytes_used = e->kv.reserved_bytes;
    e->stats.cache_bytes = e->kv.cached_bytes;
    e->stats.cache_blocks = e->cache.idle;
    e->stats.cache_evictions = e->cache.evictions;
    bool due = e->notify_due;
    e->notify_due = false;
    rw_engine_leave(e);
    if (due && e->options.notify != NULL) {
        e->options.notify(e->options.notify_ctx);
    }
}

/* One pass if there is work; false when there is none. */
static bool turn(struct rw_engine *e)
{
    /* Before the submitted ones are taken: a job that was cancelled is then among those swept. */
    bool asked = atomic_exchange(&e->sweep_asked, false);
    take_submitted(e);
    sweep(e, asked);
    start_jobs(e);
    struct rw_job_list done = {0};
    e->pass.n_slices = rw_scheduler_fill(&e->scheduler, e->pass.slices, &done);
    bool progress = done.head != NULL;
    rw_pass_prepare(&e->pass);
    publish_done(e, &done);
    end_step(e);
    if (e->pass.n_slices == 0) {
        return progress;
    }
    rw_pass_run(&e->pass, &e->host);
    publish(e);
    end_step(e);
    return true;
}

/* False when the engine is to end. */
static bool await_work(struct rw_engine *e)
{
    rw_engine_enter(e);
    bool idle = e->submitted.head == NULL && !atomic_load(&e->sweep_asked);
    bool end = idle && e->stopping;
    if (idle && !end) {
        pthread_cond_wait(&e->work, &e->lock);
    }
    rw_engine_leave(e);
    return !end;
}

static void *engine_main(void *arg)
{
    struct rw_engine *e = arg;
    rw_thread_be_patient();
    while (turn(e) || await_work(e)) {
    }
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

static rw_status fill_options(struct rw_engine *e, const struct rw_engine_options *options,
                              struct rw_error *err)
{
    struct rw_engine_options *o = &e->options;
    *o = *options;
    o->clock = o->clock != NULL ? o->clock : &RW_CLOCK_SYSTEM;
    o->kv_bytes_max = o->kv_bytes_max > 0 ? o->kv_bytes_max : KV_BYTES_DEFAULT;
    o->chunk_tokens = o->chunk_tokens > 0 ? o->chunk_tokens : RW_CHUNK_TOKENS_DEFAULT;
    o->jobs_max = o->jobs_max > 0 ? o->jobs_max : JOBS_MAX_DEFAULT;
    o->queued_tokens_max = o->queued_tokens_max > 0 ? o->queued_tokens_max : QUEUED_TOKENS_DEFAULT;
    if (o->chunk_tokens > RW_CHUNK_TOKENS_MAX) {
        return rw_fail(err, RW_CONFIG, "chunks of %u tokens; the most is %d", o->chunk_tokens,
                       RW_CHUNK_TOKENS_MAX);
    }
    e->kv.max_bytes = o->kv_bytes_max;
    e->stats.kv_bytes_max = o->kv_bytes_max;
    o->prefix_cache_bytes = RW_MIN(o->prefix_cache_bytes, o->kv_bytes_max);
    e->stats.cache_bytes_max = o->prefix_cache_bytes;
    rw_prefix_cache_init(&e->cache, &e->kv, o->prefix_cache_bytes);
    return RW_OK;
}

static rw_status fill_host(struct rw_engine *e, struct rw_error *err)
{
    const struct rw_kernels *kernels = rw_kernels_pick(e->options.kernel);
    if (kernels == NULL) {
        return rw_fail(err, RW_CONFIG, "kernel %s is unknown or not for this processor",
                       e->options.kernel != NULL ? e->options.kernel : "(default)");
    }
    rw_status status = rw_team_create(e->options.threads, &e->team, err);
    e->host = (struct rw_model_host){
        .kernels = kernels,
        .team = e->team,
        .gate = &e->gate,
        .kv = &e->kv,
        .prefix_cache = e->options.prefix_cache_bytes > 0,
        .clock = e->options.clock,
        .chunk_tokens = e->options.chunk_tokens,
    };
    return status;
}

static void init_locks(struct rw_engine *e)
{
    int rc = pthread_mutex_init(&e->lock, NULL);
    rw_assert(rc == 0);
    rc = pthread_cond_init(&e->work, NULL);
    rw_assert(rc == 0);
    rw_gate_init(&e->gate);
}

static void fini_locks(struct rw_engine *e)
{
    rw_gate_fini(&e->gate);
    pthread_cond_destroy(&e->work);
    pthread_mutex_destroy(&e->lock);
}

rw_status rw_engine_create(const struct rw_engine_options *options, struct rw_engine **out,
                           struct rw_error *err)
{
    *out = NULL;
    struct rw_engine *e = rw_alloc_zero(1, sizeof *e);
    if (e == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "engine");
    }
    rw_status status = fill_options(e, options, err);
    init_locks(e);
    if (status != RW_OK) {
        goto err_after_locks;
    }
    status = fill_host(e, err);
    if (status != RW_OK) {
        goto err_after_locks;
    }
    e->scheduler_host = (struct rw_scheduler_host){start_job, advance_job, e, e->kv.max_bytes,
                                                   &e->kv.reserved_bytes};
    status = rw_scheduler_init(&e->scheduler, &e->scheduler_host, e->options.chunk_tokens, err);
    if (status != RW_OK) {
        goto err_after_team;
    }
    status = rw_pass_init(&e->pass, e->options.chunk_tokens, err);
    if (status != RW_OK) {
        goto err_after_scheduler;
    }
    if (pthread_create(&e->thread, NULL, engine_main, e) != 0) {
        status = rw_fail(err, RW_NO_MEMORY, "the engine thread could not be started");
        goto err_after_pass;
    }
    *out = e;
    return RW_OK;

err_after_pass:
    rw_pass_fini(&e->pass);
err_after_scheduler:
    rw_scheduler_fini(&e->scheduler);
err_after_team:
    rw_team_destroy(e->team);
err_after_locks:
    fini_locks(e);
    rw_free(e);
    return status;
}

void rw_engine_destroy(struct rw_engine *e)
{
    if (e == NULL) {
        return;
    }
    rw_engine_enter(e);
    rw_assert(e->jobs_alive == 0);
    e->stopping = true;
    pthread_cond_signal(&e->work);
    rw_engine_leave(e);
    pthread_join(e->thread, NULL);
    rw_prefix_cache_clear(&e->cache);
    for (uint32_t i = 0; i < e->n_models; i++) {
        rw_model_destroy(e->models[i]);
    }
    rw_assert(e->kv.reserved_bytes == 0 && e->kv.cached_bytes == 0 && e->kv.resident_bytes == 0);
    rw_pass_fini(&e->pass);
    rw_scheduler_fini(&e->scheduler);
    rw_team_destroy(e->team);
    fini_locks(e);
    rw_free(e);
}

const char *rw_engine_kernel_name(size_t i)
{
    const struct rw_kernels *const *all = rw_kernels_available();
    size_t n = 0;
    while (all[n] != NULL && n < i) {
        n++;
    }
    return all[n] != NULL ? all[n]->name : NULL;
}

const char *rw_engine_kernel(const struct rw_engine *engine)
{
    return engine->host.kernels->name;
}

unsigned rw_engine_threads(const struct rw_engine *engine)
{
    return rw_team_size(engine->team);
}

/* ---- models --------------------------------------------------------------------------------- */

static rw_status publish_model(struct rw_engine *e, struct rw_model *model, struct rw_error *err)
{
    rw_status status = RW_OK;
    rw_engine_enter(e);
    for (uint32_t i = 0; i < e->n_models && status == RW_OK; i++) {
        if (strcmp(e->models[i]->name, model->name) == 0) {
            status = rw_fail(err, RW_CONFIG, "two models are named %s", model->name);
        }
    }
    if (status == RW_OK && e->n_models == RW_ENGINE_MODELS_MAX) {
        status = rw_fail(err, RW_CONFIG, "more than %d models", RW_ENGINE_MODELS_MAX);
    }
    if (status == RW_OK) {
        model->index = e->n_models;
        e->models[e->n_models++] = model;
    }
    rw_engine_leave(e);
    return status;
}

rw_status rw_engine_adopt(struct rw_engine *e, const struct rw_model_options *options,
                          const struct rw_package *package,
                          void (*package_close)(struct rw_package *package),
                          const struct rw_model **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_model *model;
    rw_status status = rw_model_create(&e->host, options, package, &model, err);
    if (status != RW_OK) {
        return status;
    }
    status = publish_model(e, model, err);
    if (status != RW_OK) {
        rw_model_destroy(model);
        return status;
    }
    model->package_close = package_close;
    *out = model;
    return RW_OK;
}

size_t rw_engine_models(const struct rw_engine *engine, const struct rw_model **out, size_t max)
{
    struct rw_engine *e = (struct rw_engine *)engine; /* the lock is not part of its value */
    rw_engine_enter(e);
    size_t n = e->n_models;
    for (size_t i = 0; i < n && i < max; i++) {
        out[i] = e->models[i];
    }
    rw_engine_leave(e);
    return n;
}
