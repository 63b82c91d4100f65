/* Jobs as their owner sees them: submit, poll, cancel, view, release. */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/engine/engine.h"

void rw_engine_enter(struct rw_engine *e)
{
    if (pthread_mutex_trylock(&e->lock) == 0) {
        return;
    }
    uint64_t begin_ns = rw_clock_now(e->options.clock);
    pthread_mutex_lock(&e->lock);
    uint64_t wait_ns = rw_clock_now(e->options.clock) - begin_ns;
    e->stats.lock_wait_ns_max = RW_MAX(e->stats.lock_wait_ns_max, wait_ns);
}

void rw_engine_leave(struct rw_engine *e)
{
    pthread_mutex_unlock(&e->lock);
}

static void destroy_jobs(struct rw_job **jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rw_job_destroy(jobs[i]);
        jobs[i] = NULL;
    }
}

static rw_status create_jobs(struct rw_engine *e, const struct rw_job_spec *specs, size_t n,
                             struct rw_job **jobs, uint64_t *tokens, struct rw_error *err)
{
    *tokens = 0;
    rw_status status = rw_jobs_create(specs, n, rw_clock_now(e->options.clock), jobs, err);
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        jobs[i]->engine = e;
        *tokens += jobs[i]->tokens_needed;
    }
    return status;
}

static rw_status check_budgets(const struct rw_engine *e, size_t n, uint64_t tokens,
                               struct rw_error *err)
{
    /* Differences, not sums: neither can run over, whatever the caller asks for. */
    if (n > e->options.jobs_max - e->jobs_alive) {
        return rw_fail(err, RW_OVERLOADED, "%zu more jobs beside %u; the limit is %u", n,
                       e->jobs_alive, e->options.jobs_max);
    }
    uint64_t queued = e->stats.queued_tokens;
    if (tokens > e->options.queued_tokens_max - queued) {
        return rw_fail(err, RW_OVERLOADED,
                       "%llu more tokens beside %llu waiting; the limit is %llu",
                       (unsigned long long)tokens, (unsigned long long)queued,
                       (unsigned long long)e->options.queued_tokens_max);
    }
    return RW_OK;
}

static void enqueue(struct rw_engine *e, struct rw_job *job)
{
    rw_job_list_push(&e->submitted, job);
    e->jobs_alive++;
    e->submitted_deadline_ns = rw_engine_earlier(e->submitted_deadline_ns, job->deadline_ns);
    e->stats.jobs_queued++;
    e->stats.queued_tokens += job->tokens_needed;
}

/* Of the engine that is asked, and not of another one. */
static bool is_own_model(const struct rw_engine *e, const struct rw_model *model)
{
    return model->index < e->n_models && e->models[model->index] == model;
}

/* All or none: a request whose second half is refused would have computed its first half for
 * nobody. Records are made before the lock is taken, so that no allocation waits under it. */
rw_status rw_engine_submit(struct rw_engine *e, const struct rw_job_spec *specs, size_t n,
                           struct rw_job **jobs, struct rw_error *err)
{
    uint64_t tokens;
    rw_assert(n > 0);
    rw_status status = create_jobs(e, specs, n, jobs, &tokens, err);
    if (status != RW_OK) {
        return status;
    }
    rw_engine_enter(e);
    status = check_budgets(e, n, tokens, err);
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        rw_assert(is_own_model(e, jobs[i]->model));
        enqueue(e, jobs[i]);
    }
    pthread_cond_signal(&e->work);
    rw_engine_leave(e);
    if (status != RW_OK) {
        destroy_jobs(jobs, n);
    }
    return status;
}

/* `view` is what the engine's thread writes, `told` what the owner was last told. The owner reads
 * `told` only, so that a job which ends between two polls is not seen ended before it was polled,
 * and released while it is still in the list. */
size_t rw_engine_poll(struct rw_engine *e, struct rw_job **changed, size_t max)
{
    size_t n = 0;
    rw_engine_enter(e);
    while (n < max && e->changed_head != NULL) {
        struct rw_job *job = e->changed_head;
        e->changed_head = job->next_changed;
        if (e->changed_head == NULL) {
            e->changed_tail = NULL;
        }
        job->in_changed = false;
        job->told_final = rw_job_is_final(job->view.state);
        job->told = job->view;
        changed[n++] = job;
    }
    rw_engine_leave(e);
    return n;
}

/* Only a wish: a pass that has begun is not stopped; the engine's thread sweeps before the next.
 * Without the lock, like the two below: a thousand jobs are cancelled or released in one step of
 * the owner, and at the lock the engine thread is met a thousand times. While a job has no final
 * state the engine thread has work, so it looks by itself before it sleeps. */
void rw_engine_cancel(struct rw_engine *e, struct rw_job *job)
{
    rw_assert(job->engine == e);
    if (!job->told_final && !atomic_load(&job->cancel_asked)) {
        atomic_store(&job->cancel_asked, true);
        atomic_store(&e->sweep_asked, true);
        pthread_cond_signal(&e->work);
    }
}

void rw_job_view(const struct rw_job *job, struct rw_job_view *out)
{
    *out = job->told;
}

void rw_job_release(struct rw_engine *e, struct rw_job *job)
{
    rw_assert(job->engine == e && job->told_final && !job->in_changed);
    rw_assert(job->kv.n_blocks == 0 && job->kv.reserved == 0);
    rw_assert(e->jobs_alive > 0);
    e->jobs_alive--;
    rw_job_destroy(job);
}

void rw_engine_stats(const struct rw_engine *engine, struct rw_engine_stats *out)
{
    struct rw_engine *e = (struct rw_engine *)engine;
    rw_engine_enter(e);
    *out = e->stats;
    rw_engine_leave(e);
}
