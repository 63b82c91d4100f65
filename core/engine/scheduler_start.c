/* Which waiting job starts next: the rules about memory. */
#include "core/engine/scheduler_parts.h"

static struct rw_job *smallest_waiting(const struct rw_flow *flow)
{
    for (uint32_t c = 0; c < RW_SIZE_CLASSES; c++) {
        if (flow->waiting[c].head != NULL) {
            return flow->waiting[c].head;
        }
    }
    return NULL;
}

static struct rw_job *oldest_waiting(const struct rw_flow *flow)
{
    struct rw_job *oldest = NULL;
    for (uint32_t c = 0; c < RW_SIZE_CLASSES; c++) {
        struct rw_job *head = flow->waiting[c].head;
        if (head != NULL && (oldest == NULL || head->order < oldest->order)) {
            oldest = head;
        }
    }
    return oldest;
}

/* A flow runs as many jobs of a model as could fill a pass, and one that would be its next in any
 * case: more would hold memory and finish later. */
static bool should_start(const struct rw_scheduler *s, const struct rw_job *job)
{
    uint64_t ready = 0;
    bool next = true;
    for (const struct rw_job *at = job->flow->running.head; at != NULL; at = at->next) {
        bool same = at->model == job->model;
        ready += same && !at->blocked ? rw_job_tokens_left(at) : 0;
        next = next && !(same && rw_job_tokens_left(at) <= rw_job_tokens_left(job));
    }
    uint32_t running = s->running[RW_PRIORITY_NORMAL] + s->running[RW_PRIORITY_LOW];
    return running < RW_RUNNING_MAX && (next || ready < s->chunk_tokens);
}

/* Whether the rules about memory let the job try. `blocked`: a large job waits already.
 *
 * Without an eighth kept free, large jobs that start whenever they fit would make a small one,
 * whose reward someone waits for, wait until one of them ends. Without the bound on small ones
 * while a large job is blocked, a stream of small ones would take every block that is given back,
 * and the large one would never start. Low priority leaves half of the memory alone. With nothing
 * in use anyone may try: a job that asks for more than an eighth less than all must start some
 * time. */
static bool may_take(const struct rw_scheduler *s, const struct rw_job *job, bool blocked)
{
    size_t max = s->host->memory_max, headroom = max / HEADROOM_PARTS;
    size_t used = *s->host->memory_used;
    if (used == 0) {
        return true;
    }
    if (job->priority == RW_PRIORITY_LOW && used + job->kv_bytes > max / 2) {
        return false;
    }
    if (rw_scheduler_is_small(s, job)) {
        return !blocked || s->small_bytes + job->kv_bytes <= headroom;
    }
    return !blocked && used + job->kv_bytes <= max - headroom;
}

static bool try_start(struct rw_scheduler *s, struct rw_job *job, bool blocked)
{
    if (!may_take(s, job, blocked) || !s->host->start(s->host->ctx, job)) {
        return false;
    }
    rw_scheduler_run(s, job);
    return true;
}

/* The flow furthest behind that has a job to start; NULL: none. Low priority begins when no other
 * waits, and once to have its small share. */
static struct rw_flow *next_to_start(const struct rw_scheduler *s, bool small_only)
{
    struct rw_flow *best = NULL;
    bool normal_waits = false;
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = rw_scheduler_flow(s, i);
        struct rw_job *job = smallest_waiting(flow);
        if (job == NULL) {
            continue;
        }
        bool low = flow->priority == RW_PRIORITY_LOW;
        normal_waits = normal_waits || !low;
        if (!should_start(s, job) || (small_only && !rw_scheduler_is_small(s, job))) {
            continue;
        }
        if (best == NULL || flow->priority < best->priority ||
            (flow->priority == best->priority && flow->served < best->served)) {
            best = flow;
        }
    }
    bool low = best != NULL && best->priority == RW_PRIORITY_LOW;
    return low && normal_waits && s->running[RW_PRIORITY_LOW] > 0 ? NULL : best;
}

struct rw_job *rw_scheduler_start(struct rw_scheduler *s)
{
    struct rw_flow *flow = next_to_start(s, false);
    if (flow == NULL) {
        return NULL;
    }
    bool old_one = flow->starts % OLDEST_EVERY == OLDEST_EVERY - 1;
    struct rw_job *job = old_one ? oldest_waiting(flow) : smallest_waiting(flow);
    if (try_start(s, job, false)) {
        return job;
    }
    /* Memory is short. A job that needs most of it has to see it drained; beside any other, small
     * jobs may use the headroom. */
    size_t max = s->host->memory_max;
    if (job->kv_bytes > max - 2 * (max / HEADROOM_PARTS)) {
        return NULL;
    }
    flow = next_to_start(s, true);
    if (flow == NULL) {
        return NULL;
    }
    job = smallest_waiting(flow);
    return try_start(s, job, true) ? job : NULL;
}
