#include "core/engine/scheduler.h"

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/engine/model.h"

enum {
    QUANTA_PER_PASS = 4, /* long jobs that share a pass */
    OLDEST_EVERY = 4,    /* grants of a flow */
    LOW_SHARE = 16,      /* one part of so many, beside normal work */
    SHORT_MEMORY = 32,   /* passes */
    LIGHT_MAX = 4,       /* chunks of credit for light flows */
    LAG_MAX = 4,         /* chunks that a flow may be behind the clock, and catch up */
    PASS_MIN_PARTS = 4,  /* a pass of short jobs is filled up to this part of a chunk */
    SMALL_PARTS = 16,    /* a small job: up to this part of the memory */
    HEADROOM_PARTS = 8,  /* part of the memory kept for small jobs */
    CLASS_SHIFT = 5,     /* the first class: up to 32 tokens */
};

#define ANY_LANE UINT32_MAX

/* ---- flows ----------------------------------------------------------------------------------- */

static struct rw_flow *flow_at(const struct rw_scheduler *s, uint32_t i)
{
    return &s->flows[s->active[i]];
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
        rw_assert(flow_at(s, i)->n_waiting + flow_at(s, i)->running.count == 0);
    }
    rw_free(s->flows);
    s->flows = NULL;
}

static uint32_t tokens_left(const struct rw_job *job)
{
    return job->tokens_needed - job->tokens_done;
}

static bool is_short(const struct rw_scheduler *s, const struct rw_job *job)
{
    return tokens_left(job) <= s->chunk_tokens;
}

static double work_of(const struct rw_job *job, double tokens)
{
    double per_token = job->model->info.flops_per_token;
    return tokens * (RW_MAX(per_token, 1));
}

static bool has_jobs(const struct rw_flow *flow)
{
    return flow->n_waiting + flow->running.count > 0;
}

/* Frees the flows without jobs that the clock has caught up with, or all of them. */
static void drop_flows(struct rw_scheduler *s, bool all)
{
    for (uint32_t i = s->n_active; i-- > 0;) {
        const struct rw_flow *flow = flow_at(s, i);
        if (!has_jobs(flow) && (all || flow->served <= s->clock[flow->priority])) {
            s->spare[s->n_spare++] = s->active[i];
            s->active[i] = s->active[--s->n_active];
        }
    }
}

static struct rw_flow *flow_of(struct rw_scheduler *s, const struct rw_job *job)
{
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = flow_at(s, i);
        if (flow->client == job->client && flow->priority == job->priority) {
            return flow;
        }
    }
    if (s->n_spare == 0) {
        drop_flows(s, true);
    }
    if (s->n_spare == 0) { /* strangers share a flow */
        for (uint32_t i = 0; i < s->n_active; i++) {
            struct rw_flow *flow = flow_at(s, (uint32_t)((job->client + i) % s->n_active));
            if (flow->priority == job->priority) {
                return flow;
            }
        }
        return flow_at(s, (uint32_t)(job->client % s->n_active));
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
}

/* ---- starting -------------------------------------------------------------------------------- */

void rw_scheduler_begin(struct rw_scheduler *s)
{
    s->turn++;
    bool idle = true;
    for (uint32_t i = 0; i < s->n_active && idle; i++) {
        idle = !has_jobs(flow_at(s, i));
    }
    drop_flows(s, idle); /* an idle machine forgets who had more */
}

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
        ready += same && !at->blocked ? tokens_left(at) : 0;
        next = next && !(same && tokens_left(at) <= tokens_left(job));
    }
    uint32_t running = s->running[RW_PRIORITY_NORMAL] + s->running[RW_PRIORITY_LOW];
    return running < RW_RUNNING_MAX && (next || ready < s->chunk_tokens);
}

static bool is_small(const struct rw_scheduler *s, const struct rw_job *job)
{
    return job->kv_bytes <= s->host->memory_max / SMALL_PARTS;
}

/* Whether the rules about memory let the job try. `blocked`: a large job waits already. */
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
    if (is_small(s, job)) {
        return !blocked || s->small_bytes + job->kv_bytes <= headroom;
    }
    return !blocked && used + job->kv_bytes <= max - headroom;
}

static bool try_start(struct rw_scheduler *s, struct rw_job *job, bool blocked)
{
    struct rw_flow *flow = job->flow;
    if (!may_take(s, job, blocked) || !s->host->start(s->host->ctx, job)) {
        return false;
    }
    rw_job_list_remove(&flow->waiting[size_class(job)], job);
    flow->n_waiting--;
    flow->starts++;
    rw_job_list_push(&flow->running, job);
    s->running[flow->priority]++;
    s->small_bytes += is_small(s, job) ? job->kv_bytes : 0;
    return true;
}

/* The flow furthest behind that has a job to start; NULL: none. Low priority begins when no other
 * waits, and once to have its small share. */
static struct rw_flow *next_to_start(const struct rw_scheduler *s, bool small_only)
{
    struct rw_flow *best = NULL;
    bool normal_waits = false;
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = flow_at(s, i);
        struct rw_job *job = smallest_waiting(flow);
        if (job == NULL) {
            continue;
        }
        bool low = flow->priority == RW_PRIORITY_LOW;
        normal_waits = normal_waits || !low;
        if (!should_start(s, job) || (small_only && !is_small(s, job))) {
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

/* ---- a pass ---------------------------------------------------------------------------------- */

/* What the flow would run next in this turn: fewest tokens left, every fourth time the oldest. */
static struct rw_job *choose(const struct rw_scheduler *s, const struct rw_flow *flow,
                             uint32_t lane)
{
    struct rw_job *best = NULL;
    bool old_one = flow->grants % OLDEST_EVERY == OLDEST_EVERY - 1;
    for (struct rw_job *job = flow->running.head; job != NULL; job = job->next) {
        if (job->turn == s->turn || (lane != ANY_LANE && job->model->index != lane)) {
            continue;
        }
        if (best == NULL ||
            (old_one ? job->order < best->order : tokens_left(job) < tokens_left(best))) {
            best = job;
        }
    }
    return best;
}

struct filling {
    struct rw_slice *slices;
    uint32_t n;
    enum rw_job_priority priority;
    uint32_t lane;
    uint32_t budget;      /* tokens left */
    uint32_t long_budget; /* of them, for long jobs */
    uint32_t n_short;
    uint32_t light; /* tokens of light flows before their turn */
    struct rw_job_list *done;
};

static void choose_all(struct rw_scheduler *s, const struct filling *f)
{
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = flow_at(s, i);
        flow->choice = flow->priority == f->priority ? choose(s, flow, f->lane) : NULL;
    }
}

static bool goes_first(const struct rw_scheduler *s, const struct filling *f,
                       const struct rw_flow *flow)
{
    return flow->tokens <= s->chunk_tokens && s->light_credit > f->light;
}

/* A light flow, or the one furthest behind, a short job counted one pass earlier. */
static struct rw_flow *next_to_run(struct rw_scheduler *s, const struct filling *f,
                                   bool *short_left)
{
    struct rw_flow *best = NULL;
    bool best_first = false;
    double best_key = 0;
    *short_left = false;
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = flow_at(s, i);
        if (flow->choice == NULL) {
            continue;
        }
        double chunk = work_of(flow->choice, s->chunk_tokens);
        double floor = s->clock[flow->priority] - LAG_MAX * chunk;
        flow->served = RW_MAX(flow->served, floor);
        bool is_quick = is_short(s, flow->choice);
        double key = flow->served - (is_quick ? chunk : 0);
        bool first = goes_first(s, f, flow);
        *short_left = *short_left || is_quick;
        if (best == NULL || first > best_first || (first == best_first && key < best_key)) {
            best = flow;
            best_first = first;
            best_key = key;
        }
    }
    return best;
}

static void grant(struct rw_scheduler *s, struct filling *f, struct rw_flow *flow,
                  struct rw_job *job, uint32_t tokens_max)
{
    bool quick = is_short(s, job);
    uint32_t quantum = (s->chunk_tokens + QUANTA_PER_PASS - 1) / QUANTA_PER_PASS;
    uint32_t tokens = RW_MIN(tokens_max, f->budget);
    if (!quick) {
        tokens = RW_MIN(tokens, quantum);
        tokens = RW_MIN(tokens, f->long_budget);
        f->long_budget -= tokens;
    }
    rw_assert(tokens > 0 && f->n < s->chunk_tokens);
    f->slices[f->n++] = (struct rw_slice){job, tokens, tokens_max, flow};
    f->budget -= tokens;
    f->n_short += quick;
    f->light += goes_first(s, f, flow) ? tokens : 0;
    flow->served += work_of(job, tokens);
    flow->grants++;
    job->blocked = false;
    if (f->lane == ANY_LANE) {
        f->lane = job->model->index;
        choose_all(s, f);
    }
}

/* The flow's choice gets tokens, or what it waits for does, or it needs none. */
static void serve(struct rw_scheduler *s, struct filling *f, struct rw_flow *flow)
{
    struct rw_job *job = flow->choice, *owner = NULL;
    uint32_t tokens_max;
    job->turn = s->turn;
    enum rw_cache_step step = s->host->advance(s->host->ctx, job, &tokens_max, &owner);
    job->blocked = step == RW_CACHE_WAIT;
    if (step == RW_CACHE_DONE) {
        rw_scheduler_remove(s, job);
        rw_job_list_push(f->done, job);
    }
    if (step == RW_CACHE_COMPUTE) {
        grant(s, f, flow, job, tokens_max);
    } else if (step == RW_CACHE_WAIT && owner->turn != s->turn &&
               (is_short(s, owner) || f->long_budget > 0)) {
        /* It is in the pass's name, whoever's job it is: an owner can always go on. */
        struct rw_job *nobody;
        owner->turn = s->turn;
        step = s->host->advance(s->host->ctx, owner, &tokens_max, &nobody);
        rw_assert(step == RW_CACHE_COMPUTE);
        grant(s, f, flow, owner, tokens_max);
        if (owner->flow->choice == owner) {
            owner->flow->choice = choose(s, owner->flow, f->lane);
        }
    }
    flow->choice = choose(s, flow, f->lane);
}

/* What short jobs left of the budget goes to those that can use more, the first in line first. */
static void top_up(struct filling *f)
{
    uint32_t budget = RW_MIN(f->budget, f->long_budget);
    for (uint32_t i = 0; i < f->n && budget > 0; i++) {
        struct rw_slice *slice = &f->slices[i];
        uint32_t room = slice->tokens_max - slice->tokens;
        uint32_t more = RW_MIN(room, budget);
        slice->tokens += more;
        slice->flow->served += work_of(slice->job, more);
        budget -= more;
    }
}

static void fill(struct rw_scheduler *s, struct filling *f)
{
    uint32_t full = f->budget, least = (full + PASS_MIN_PARTS - 1) / PASS_MIN_PARTS;
    bool short_left;
    struct rw_flow *flow;
    choose_all(s, f);
    while (f->budget > 0 && (flow = next_to_run(s, f, &short_left)) != NULL) {
        bool quick = is_short(s, flow->choice);
        uint32_t used = full - f->budget;
        if (!quick && f->n_short > 0 && !short_left) {
            /* The short ones are in: they do not wait for others, but a tiny pass costs nearly as
             * much as one of a quarter, for all weights are read. */
            uint32_t room = used < least ? least - used : 0;
            f->long_budget = RW_MIN(f->long_budget, room);
        }
        if (!quick && f->long_budget == 0) {
            flow->choice = NULL;
            continue;
        }
        serve(s, f, flow);
    }
    uint32_t used = full - f->budget;
    if (f->n_short > 0) {
        f->long_budget = used < least ? least - used : 0;
    }
    top_up(f);
}

/* Whose pass it is; false: nobody's. */
static bool choose_priority(struct rw_scheduler *s, struct filling *f)
{
    uint32_t quarter = (s->chunk_tokens + QUANTA_PER_PASS - 1) / QUANTA_PER_PASS;
    f->budget = s->chunk_tokens;
    f->priority = RW_PRIORITY_NORMAL;
    if (s->running[RW_PRIORITY_NORMAL] == 0) {
        f->priority = RW_PRIORITY_LOW;
    } else if (s->running[RW_PRIORITY_LOW] > 0 && s->low_credit >= quarter) {
        f->priority = RW_PRIORITY_LOW;
        f->budget = quarter;
    }
    f->long_budget = s->short_seen > 0 ? (f->budget + 1) / 2 : f->budget;
    return s->running[f->priority] > 0;
}

/* The accounts after a pass was filled. */
static void settle_accounts(struct rw_scheduler *s, const struct filling *f)
{
    double work = 0;
    uint32_t tokens = 0, flows = 0;
    bool long_runs = false;
    for (uint32_t i = 0; i < f->n; i++) {
        work += work_of(f->slices[i].job, f->slices[i].tokens);
        tokens += f->slices[i].tokens;
    }
    for (uint32_t i = 0; i < s->n_active; i++) {
        const struct rw_flow *flow = flow_at(s, i);
        flows += flow->priority == f->priority;
        for (const struct rw_job *job = flow->running.head; job != NULL && !long_runs;
             job = job->next) {
            long_runs = !is_short(s, job);
        }
    }
    s->clock[f->priority] += flows > 0 ? work / flows : 0;
    uint32_t credit = s->light_credit - (RW_MIN(f->light, s->light_credit));
    credit += tokens / 2;
    s->light_credit = credit < LIGHT_MAX * s->chunk_tokens ? credit : LIGHT_MAX * s->chunk_tokens;
    s->short_seen -= s->short_seen > 0;
    s->short_seen = f->n_short > 0 && long_runs ? SHORT_MEMORY : s->short_seen;
    if (f->priority == RW_PRIORITY_NORMAL && s->running[RW_PRIORITY_LOW] > 0) {
        uint32_t low = s->low_credit + (tokens + LOW_SHARE - 1) / LOW_SHARE;
        s->low_credit = RW_MIN(low, s->chunk_tokens);
    } else {
        s->low_credit -= RW_MIN(s->low_credit, tokens);
    }
}

uint32_t rw_scheduler_fill(struct rw_scheduler *s, struct rw_slice *slices,
                           struct rw_job_list *done)
{
    struct filling f = {.slices = slices, .lane = ANY_LANE, .done = done};
    if (!choose_priority(s, &f)) {
        return 0;
    }
    fill(s, &f);
    rw_assert(f.n > 0 || done->head != NULL); /* else nobody would ever go on */
    settle_accounts(s, &f);
    return f.n;
}

/* ---- leaving --------------------------------------------------------------------------------- */

void rw_scheduler_remove(struct rw_scheduler *s, struct rw_job *job)
{
    rw_job_list_remove(&job->flow->running, job);
    job->flow->tokens -= job->tokens_needed;
    s->running[job->flow->priority]--;
    s->small_bytes -= is_small(s, job) ? job->kv_bytes : 0;
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
        sweep_flow(s, flow_at(s, i), &out, unwanted, ctx);
    }
    return out;
}
