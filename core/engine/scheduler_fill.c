/* What enters the next pass: whose turn it is, and how many tokens of each. */
#include "core/base/assert.h"
#include "core/engine/scheduler_parts.h"

#define ANY_LANE UINT32_MAX

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
        if (best == NULL || (old_one ? job->order < best->order
                                     : rw_job_tokens_left(job) < rw_job_tokens_left(best))) {
            best = job;
        }
    }
    return best;
}

/* A pass that is being filled. */
struct filling {
    struct rw_slice *slices;
    uint32_t n;
    enum rw_job_priority priority;
    uint32_t lane;        /* index of its model; ANY_LANE until a job has tokens */
    uint32_t budget;      /* tokens left */
    uint32_t long_budget; /* of them, for long jobs */
    uint32_t n_short;     /* short jobs that have tokens */
    uint32_t light;       /* tokens that light flows took before their turn */
    struct rw_job_list *done;
};

/* Each flow of the pass's priority names the job it would run. */
static void choose_all(struct rw_scheduler *s, const struct filling *f)
{
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = rw_scheduler_flow(s, i);
        flow->choice = flow->priority == f->priority ? choose(s, flow, f->lane) : NULL;
    }
}

/* A light flow goes before its turn as long as it has the credit for it. The test is of all the
 * flow's work, running and waiting: many short jobs are not light, they are a trainer's batch. */
static bool goes_first(const struct rw_scheduler *s, const struct filling *f,
                       const struct rw_flow *flow)
{
    return flow->tokens <= s->chunk_tokens && s->light_credit > f->light;
}

/* Whose turn it is among the flows that named a job: a light flow, else the one with the smallest
 * key, which is what it was served; a short job counts as one pass earlier. *short_left: a short
 * job is among those named. A flow more than LAG_MAX passes behind the clock is set there first: it
 * was held up by something else than others (memory, a model that had no pass), and to pay it all
 * back would stop everyone else for as long. */
static struct rw_flow *next_to_run(struct rw_scheduler *s, const struct filling *f,
                                   bool *short_left)
{
    struct rw_flow *best = NULL;
    bool best_first = false;
    double best_key = 0;
    *short_left = false;
    for (uint32_t i = 0; i < s->n_active; i++) {
        struct rw_flow *flow = rw_scheduler_flow(s, i);
        if (flow->choice == NULL) {
            continue;
        }
        double chunk = rw_scheduler_work(flow->choice, s->chunk_tokens);
        double floor = s->clock[flow->priority] - LAG_MAX * chunk;
        flow->served = RW_MAX(flow->served, floor);
        bool is_quick = rw_scheduler_is_short(s, flow->choice);
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

/* The job has its tokens and `flow` pays: all it can use when it is short, else a quarter of a
 * pass. A quarter, so that four clients with long traces move in every pass; smaller parts would
 * make attention read the prefix of each more often for the same tokens. The first grant fixes the
 * lane, and then every flow has to name a job of that model. */
static void grant(struct rw_scheduler *s, struct filling *f, struct rw_flow *flow,
                  struct rw_job *job, uint32_t tokens_max)
{
    bool quick = rw_scheduler_is_short(s, job);
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
    flow->served += rw_scheduler_work(job, tokens);
    flow->grants++;
    job->blocked = false;
    if (f->lane == ANY_LANE) {
        f->lane = job->model->index;
        choose_all(s, f);
    }
}

/* The flow's choice gets tokens, or what it waits for does, or it needs none (all was in the
 * cache).
 *
 * A job that waits for another one's block passes its turn on: the owner gets the tokens, and the
 * flow that waits pays for them, whoever's job the owner is. Else a flow with nothing but waiting
 * jobs would be at the mercy of the owner's place in the queue. An owner can always go on, since it
 * never waits itself (cache.h). Both are marked with this turn, so neither is looked at again. */
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
               (rw_scheduler_is_short(s, owner) || f->long_budget > 0)) {
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
        slice->flow->served += rw_scheduler_work(slice->job, more);
        budget -= more;
    }
}

/* Flows take their turns until the pass is full or nobody can use it.
 *
 * As soon as short jobs are in and no other short one is left, long ones are only let in up to the
 * least pass worth its price: the time of a pass grows with its tokens, and the short ones would
 * wait for tokens they have no use for. That least is a quarter of a chunk, because every pass
 * reads all weights of the model, so that a tiny one costs nearly as much. */
static void fill(struct rw_scheduler *s, struct filling *f)
{
    uint32_t full = f->budget, least = (full + PASS_MIN_PARTS - 1) / PASS_MIN_PARTS;
    bool short_left;
    struct rw_flow *flow;
    choose_all(s, f);
    while (f->budget > 0 && (flow = next_to_run(s, f, &short_left)) != NULL) {
        bool quick = rw_scheduler_is_short(s, flow->choice);
        uint32_t used = full - f->budget;
        if (!quick && f->n_short > 0 && !short_left) {
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

/* Whose pass it is, and how much of it long jobs may have; false: nobody's.
 *
 * Low priority has the passes in which no normal job runs, and a pass of a quarter whenever it has
 * saved up the credit for one: a sixteenth of the tokens of normal passes (settle_accounts). While
 * short jobs keep coming, passes of long ones are half as large, so that a short one that arrives
 * during such a pass waits for half as long. */
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

/* The accounts after a pass was filled.
 *
 * The clock is the virtual time of generalised processor sharing (Parekh and Gallager 1993): it
 * advances by what a flow gets that always wants its equal share, the work of the pass over the
 * number of flows. A flow is charged in `served` when it is granted tokens; the difference to the
 * clock is what it is ahead or behind, and all that fairness looks at.
 *
 * light_credit grows by half of every pass and shrinks by what light flows took before their turn:
 * over time, half of the work at most; LIGHT_MAX passes can be saved up for a burst. short_seen
 * starts anew with every pass that had a short job beside long ones, and runs out after
 * SHORT_MEMORY passes without one. */
static void settle_accounts(struct rw_scheduler *s, const struct filling *f)
{
    double work = 0;
    uint32_t tokens = 0, flows = 0;
    bool long_runs = false;
    for (uint32_t i = 0; i < f->n; i++) {
        work += rw_scheduler_work(f->slices[i].job, f->slices[i].tokens);
        tokens += f->slices[i].tokens;
    }
    for (uint32_t i = 0; i < s->n_active; i++) {
        const struct rw_flow *flow = rw_scheduler_flow(s, i);
        flows += flow->priority == f->priority;
        for (const struct rw_job *job = flow->running.head; job != NULL && !long_runs;
             job = job->next) {
            long_runs = !rw_scheduler_is_short(s, job);
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

/* No pass is larger than a chunk, of two models, or with a part that its job cannot use. */
static void check_pass(const struct rw_scheduler *s, const struct filling *f)
{
    uint32_t tokens = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct rw_slice *slice = &f->slices[i];
        rw_assert(slice->tokens > 0 && slice->tokens <= slice->tokens_max);
        rw_assert(slice->tokens_max <= rw_job_tokens_left(slice->job));
        rw_assert(slice->job->model->index == f->lane && slice->job->turn == s->turn);
        tokens += slice->tokens;
    }
    rw_assert(tokens <= s->chunk_tokens);
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
    check_pass(s, &f);
    settle_accounts(s, &f);
    return f.n;
}
