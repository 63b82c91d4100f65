/* Jobs as their owner sees them: submit, poll, cancel, view, release. */
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/engine/engine.h"

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
    uint64_t now_ns = rw_clock_now(e->options.clock);
    *tokens = 0;
    for (size_t i = 0; i < n; i++) {
        rw_status status = rw_job_create(&specs[i], now_ns, &jobs[i], err);
        if (status != RW_OK) {
            destroy_jobs(jobs, i);
            return status;
        }
        jobs[i]->door = &e->door;
        *tokens += jobs[i]->tokens_needed;
    }
    return RW_OK;
}

static rw_status check_budgets(const struct rw_engine *e, size_t n, uint64_t tokens,
                               struct rw_error *err)
{
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
    e->deadline_ns = rw_engine_earlier(e->deadline_ns, job->deadline_ns);
    e->stats.jobs_queued++;
    e->stats.queued_tokens += job->tokens_needed;
}

/* Of the engine that is asked, and not of another one. */
static bool is_own_model(const struct rw_engine *e, const struct rw_model *model)
{
    return model->index < e->n_models && e->models[model->index] == model;
}

rw_status rw_engine_submit(struct rw_engine *e, const struct rw_job_spec *specs, size_t n,
                           struct rw_job **jobs, struct rw_error *err)
{
    uint64_t tokens;
    rw_assert(n > 0);
    rw_status status = create_jobs(e, specs, n, jobs, &tokens, err);
    if (status != RW_OK) {
        return status;
    }
    rw_door_enter(&e->door);
    status = check_budgets(e, n, tokens, err);
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        rw_assert(is_own_model(e, jobs[i]->model));
        enqueue(e, jobs[i]);
    }
    pthread_cond_signal(&e->work);
    rw_door_leave(&e->door);
    if (status != RW_OK) {
        destroy_jobs(jobs, n);
    }
    return status;
}

size_t rw_engine_poll(struct rw_engine *e, struct rw_job **changed, size_t max)
{
    size_t n = 0;
    rw_door_enter(&e->door);
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
    rw_door_leave(&e->door);
    return n;
}

void rw_engine_cancel(struct rw_engine *e, struct rw_job *job)
{
    rw_assert(job->door == &e->door);
    rw_door_enter(&e->door);
    if (!rw_job_is_final(job->view.state) && !job->cancel_asked) {
        job->cancel_asked = true;
        e->sweep_asked = true;
        pthread_cond_signal(&e->work);
    }
    rw_door_leave(&e->door);
}

void rw_job_view(const struct rw_job *job, struct rw_job_view *out)
{
    rw_door_enter(job->door);
    *out = job->told;
    rw_door_leave(job->door);
}

void rw_job_release(struct rw_engine *e, struct rw_job *job)
{
    rw_door_enter(&e->door);
    rw_assert(job->door == &e->door && job->told_final && !job->in_changed);
    rw_assert(job->kv.n_blocks == 0 && job->kv.reserved == 0);
    rw_assert(e->jobs_alive > 0);
    e->jobs_alive--;
    rw_door_leave(&e->door);
    rw_job_destroy(job);
}

void rw_engine_stats(const struct rw_engine *engine, struct rw_engine_stats *out)
{
    struct rw_engine *e = (struct rw_engine *)engine;
    rw_door_enter(&e->door);
    *out = e->stats;
    out->lock_wait_ns_max = e->door.wait_ns_max;
    rw_door_leave(&e->door);
}
