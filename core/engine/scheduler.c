#include "core/engine/scheduler.h"

#include <math.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/engine/scheduler_parts.h"

enum {
    CLASS_SHIFT = 5, /* the first class: up to 32 tokens */
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool has_jobs(const struct rw_flow *flow)
{
    return flow->n_waiting + flow->running.count > 0;
}

rw_status rw_scheduler_init(struct rw_scheduler *s, const struct rw_scheduler_host *host,
                            uint32_t chunk_tokens, struct rw_error *err)
{
    rw_assert(chunk_tokens > 0);
    *s = (struct rw_scheduler){
        .host = host, .chunk_tokens = chunk_tokens, .light_credit = chunk_tokens};
    s->flows = rw_alloc_zero(RW_FLOWS_MAX, sizeof *s->flows);
    if (s->flows == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "scheduler");
    }
    while (s->n_spare < RW_FLOWS_MAX) {
        s->spare[s->n_spare] = (uint16_t)(RW_FLOWS_MAX - 1 - s->n_spare);
        s->n_spare++;
    }
    return RW_OK;
}

void rw_scheduler_fini(struct rw_scheduler *s)
{
    for (uint32_t i = 0; s->flows != NULL && i < s->n_active; i++) {
        rw_assert(!has_jobs(rw_scheduler_flow(s, i)));
    }
    rw_free(s->flows);
    s->flows = NULL;
}

/* ---- what always holds ----------------------------------------------------------------------- */

/* The counters of a flow are those of its lists, and a flow without jobs has no tokens to come. */
static void check_flow(const struct rw_scheduler *s, const struct rw_flow *flow)
{
    uint32_t waiting = 0;
    for (uint32_t c = 0; c < RW_SIZE_CLASSES; c++) {
        waiting += flow->waiting[c].count;
    }
    rw_assert(waiting == flow->n_waiting);
    rw_assert((flow->running.head == NULL) == (flow->running.count == 0));
    rw_assert(flow->running.count <= s->running[flow->priority]);
    rw_assert(flow->tokens >= flow->n_waiting + flow->running.count); /* a job has one at least */
    rw_assert(has_jobs(flow) || flow->tokens == 0);
    rw_assert(isfinite(flow->served));
}

/* Every flow is active or spare; the credits stay within what they can be used for. */
static void check_scheduler(const struct rw_scheduler *s)
{
    uint32_t running[RW_PRIORITIES] = {0};
    rw_assert(s->n_active + s->n_spare == RW_FLOWS_MAX);
    for (uint32_t i = 0; i < s->n_active; i++) {
        const struct rw_flow *flow = rw_scheduler_flow(s, i);
        running[flow->priority] += flow->running.count;
    }
    for (uint32_t p = 0; p < RW_PRIORITIES; p++) {
        rw_assert(running[p] == s->running[p] && isfinite(s->clock[p]));
    }
    rw_assert(running[RW_PRIORITY_NORMAL] + running[RW_PRIORITY_LOW] <= RW_RUNNING_MAX);
    rw_assert(s->light_credit <= LIGHT_MAX * s->chunk_tokens);
    rw_assert(s->low_credit <= s->chunk_tokens && s->short_seen <= SHORT_MEMORY);
}

/* ---- flows come and go ----------------------------------------------------------------------- */

/* Frees the flows without jobs that the clock has caught up with, or all of them. One that is ahead
 * of the clock stays: a client that comes back at once must not find its account empty. */
static void drop_flows(struct rw_scheduler *s, bool all)
{
    for (uint32_t i = s->n_active; i-- > 0;) {
        const struct rw_flow *flow = rw_scheduler_flow(s, i);
        if (!has_jobs(flow) && (all || flow->served <= s->clock[flow->priority])) {
            s->spare[s->n_spare++] = s->active[i];
            s->active[i] = s->active[--s->n_active];
        }
    }
}

static struct rw_flow *flow_of(struct rw_scheduler *s, const struct rw_job *job)
{
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = rw_scheduler_flow(s, i);
        if (flow->client == job->client && flow->priority == job->priority) {
            return flow;
        }
    }
    if (s->n_spare == 0) {
        drop_flows(s, true);
    }
    if (s->n_spare == 0) { /* more clients than flows: strangers share one, of their priority */
        for (uint32_t i = 0; i < s->n_active; i++) {
            struct rw_flow *flow =
                rw_scheduler_flow(s, (uint32_t)((job->client + i) % s->n_active));
            if (flow->priority == job->priority) {
                return flow;
            }
        }
        return rw_scheduler_flow(s, (uint32_t)(job->client % s->n_active));
    }
    uint16_t index = s->spare[--s->n_spare];
    s->active[s->n_active++] = index;
    s->flows[index] = (struct rw_flow){
        .client = job->client, .priority = job->priority, .served = s->clock[job->priority]};
    return &s->flows[index];
}

static uint32_t size_class(const struct rw_job *job)
{
    uint32_t power = 0;
    while (power + 1 < RW_SIZE_CLASSES && job->tokens_needed > 1u << (power + CLASS_SHIFT)) {
        power++;
    }
    return power;
}

void rw_scheduler_add(struct rw_scheduler *s, struct rw_job *job)
{
    rw_assert(job->model->index < RW_ENGINE_MODELS_MAX);
    job->flow = flow_of(s, job);
    job->order = s->submitted++;
    job->blocked = false;
    rw_job_list_push(&job->flow->waiting[size_class(job)], job);
    job->flow->n_waiting++;
    job->flow->tokens += job->tokens_needed;
    check_flow(s, job->flow);
}

void rw_scheduler_run(struct rw_scheduler *s, struct rw_job *job)
{
    struct rw_flow *flow = job->flow;
    rw_job_list_remove(&flow->waiting[size_class(job)], job);
    flow->n_waiting--;
    flow->starts++;
    rw_job_list_push(&flow->running, job);
    s->running[flow->priority]++;
    s->small_bytes += rw_scheduler_is_small(s, job) ? job->kv_bytes : 0;
    check_flow(s, flow);
}

void rw_scheduler_begin(struct rw_scheduler *s)
{
    s->turn++;
    bool idle = true;
    for (uint32_t i = 0; i < s->n_active && idle; i++) {
        idle = !has_jobs(rw_scheduler_flow(s, i));
    }
    drop_flows(s, idle); /* an idle machine forgets who had more */
    check_scheduler(s);
}

/* ---- leaving --------------------------------------------------------------------------------- */

void rw_scheduler_remove(struct rw_scheduler *s, struct rw_job *job)
{
    struct rw_flow *flow = job->flow;
    size_t small = rw_scheduler_is_small(s, job) ? job->kv_bytes : 0;
    rw_assert(s->running[flow->priority] > 0 && s->small_bytes >= small);
    rw_job_list_remove(&flow->running, job);
    flow->tokens -= job->tokens_needed;
    s->running[flow->priority]--;
    s->small_bytes -= small;
    check_flow(s, flow);
}

static void sweep_flow(struct rw_scheduler *s, struct rw_flow *flow, struct rw_job_list *out,
                       bool (*unwanted)(void *ctx, const struct rw_job *job), void *ctx)
{
    for (uint32_t c = 0; c < RW_SIZE_CLASSES; c++) {
        struct rw_job_list kept = {0}, *list = &flow->waiting[c];
        for (struct rw_job *job; (job = rw_job_list_pop(list)) != NULL;) {
            bool leaves = unwanted(ctx, job);
            rw_job_list_push(leaves ? out : &kept, job);
            flow->n_waiting -= leaves;
            flow->tokens -= leaves ? job->tokens_needed : 0;
        }
        *list = kept;
    }
    for (struct rw_job *job = flow->running.head, *next; job != NULL; job = next) {
        next = job->next;
        if (unwanted(ctx, job)) {
            rw_scheduler_remove(s, job);
            rw_job_list_push(out, job);
        }
    }
}

struct rw_job_list rw_scheduler_sweep(struct rw_scheduler *s,
                                      bool (*unwanted)(void *ctx, const struct rw_job *job),
                                      void *ctx)
{
    struct rw_job_list out = {0};
    for (uint32_t i = s->n_active; i-- > 0;) {
        sweep_flow(s, rw_scheduler_flow(s, i), &out, unwanted, ctx);
    }
    return out;
}
