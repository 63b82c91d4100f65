#include "core/engine/scheduler.h"

#include "core/base/assert.h"
#include "core/engine/model.h"

enum {
    SLICES_PER_PASS = 4, /* jobs that share a pass when all are long */
};

void rw_job_list_push(struct rw_job_list *list, struct rw_job *job)
{
    job->next = NULL;
    if (list->tail != NULL) {
        list->tail->next = job;
    } else {
        list->head = job;
    }
    list->tail = job;
    list->count++;
}

struct rw_job *rw_job_list_pop(struct rw_job_list *list)
{
    struct rw_job *job = list->head;
    if (job == NULL) {
        return NULL;
    }
    list->head = job->next;
    if (list->head == NULL) {
        list->tail = NULL;
    }
    list->count--;
    job->next = NULL;
    return job;
}

void rw_scheduler_init(struct rw_scheduler *scheduler, const struct rw_scheduler_host *host,
                       uint32_t chunk_tokens)
{
    rw_assert(chunk_tokens > 0);
    *scheduler = (struct rw_scheduler){.host = host, .chunk_tokens = chunk_tokens};
}

static struct rw_lane *lane_of(struct rw_scheduler *s, const struct rw_job *job)
{
    uint32_t index = job->model->index;
    rw_assert(index < RW_MODELS_MAX);
    s->n_lanes = index >= s->n_lanes ? index + 1 : s->n_lanes;
    return &s->lanes[index];
}

static uint32_t tokens_left(const struct rw_job *job)
{
    return job->tokens_needed - job->tokens_done;
}

void rw_scheduler_add(struct rw_scheduler *s, struct rw_job *job)
{
    rw_job_list_push(&lane_of(s, job)->waiting, job);
}

static void run(struct rw_lane *lane, struct rw_job *job)
{
    rw_job_list_push(&lane->running, job);
    lane->running_tokens += tokens_left(job);
}

static bool lane_is_full(const struct rw_scheduler *s, const struct rw_lane *lane)
{
    return lane->running.count >= RW_RUNNING_MIN && lane->running_tokens >= s->chunk_tokens;
}

struct rw_job *rw_scheduler_start(struct rw_scheduler *s)
{
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        uint32_t index = (s->start_lane + i) % s->n_lanes;
        struct rw_lane *lane = &s->lanes[index];
        struct rw_job *job = lane->waiting.head;
        if (job == NULL || lane_is_full(s, lane)) {
            continue;
        }
        if (!s->host->start(s->host->ctx, job)) {
            s->start_lane = index;
            return NULL;
        }
        s->start_lane = (index + 1) % s->n_lanes;
        rw_job_list_pop(&lane->waiting);
        run(lane, job);
        return job;
    }
    return NULL;
}

static uint32_t slice_tokens(const struct rw_scheduler *s, uint32_t running)
{
    uint32_t sharers = running < SLICES_PER_PASS ? running : SLICES_PER_PASS;
    return (s->chunk_tokens + sharers - 1) / sharers;
}

/* What short jobs left of the budget goes to those that can use more, the first in line first. */
static void top_up(struct rw_slice *slices, uint32_t n, uint32_t budget)
{
    for (uint32_t i = 0; i < n && budget > 0; i++) {
        uint32_t room = slices[i].tokens_max - slices[i].tokens;
        uint32_t more = room < budget ? room : budget;
        slices[i].tokens += more;
        budget -= more;
    }
}

static uint32_t fill_from(struct rw_scheduler *s, struct rw_lane *lane, struct rw_slice *slices,
                          struct rw_job_list *done)
{
    uint32_t budget = s->chunk_tokens, n = 0;
    uint32_t slice = slice_tokens(s, lane->running.count);
    struct rw_job_list blocked = {0};
    while (budget > 0 && lane->running.head != NULL) {
        struct rw_job *job = rw_job_list_pop(&lane->running), *owner;
        uint32_t tokens_max;
        lane->running_tokens -= tokens_left(job);
        enum rw_cache_step step = s->host->advance(s->host->ctx, job, &tokens_max, &owner);
        if (step != RW_CACHE_COMPUTE) {
            rw_job_list_push(step == RW_CACHE_DONE ? done : &blocked, job);
            continue;
        }
        uint32_t tokens = tokens_max < slice ? tokens_max : slice;
        tokens = tokens < budget ? tokens : budget;
        rw_assert(tokens > 0 && n < s->chunk_tokens);
        slices[n++] = (struct rw_slice){job, tokens, tokens_max};
        budget -= tokens;
    }
    for (struct rw_job *job; (job = rw_job_list_pop(&blocked)) != NULL;) {
        run(lane, job);
    }
    top_up(slices, n, budget);
    return n;
}

uint32_t rw_scheduler_fill(struct rw_scheduler *s, struct rw_slice *slices,
                           struct rw_job_list *done)
{
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        uint32_t index = (s->pass_lane + i) % s->n_lanes;
        if (s->lanes[index].running.head != NULL) {
            s->pass_lane = (index + 1) % s->n_lanes;
            return fill_from(s, &s->lanes[index], slices, done);
        }
    }
    return 0;
}

void rw_scheduler_requeue(struct rw_scheduler *s, struct rw_job *job)
{
    rw_assert(tokens_left(job) > 0);
    run(lane_of(s, job), job);
}

static void sweep_list(struct rw_job_list *list, struct rw_job_list *out,
                       bool (*unwanted)(void *ctx, const struct rw_job *job), void *ctx)
{
    struct rw_job_list kept = {0};
    for (struct rw_job *job = rw_job_list_pop(list); job != NULL; job = rw_job_list_pop(list)) {
        rw_job_list_push(unwanted(ctx, job) ? out : &kept, job);
    }
    *list = kept;
}

struct rw_job_list rw_scheduler_sweep(struct rw_scheduler *s,
                                      bool (*unwanted)(void *ctx, const struct rw_job *job),
                                      void *ctx)
{
    struct rw_job_list out = {0};
    for (uint32_t i = 0; i < s->n_lanes; i++) {
        struct rw_lane *lane = &s->lanes[i];
        sweep_list(&lane->waiting, &out, unwanted, ctx);
        sweep_list(&lane->running, &out, unwanted, ctx);
        lane->running_tokens = 0;
        for (struct rw_job *job = lane->running.head; job != NULL; job = job->next) {
            lane->running_tokens += tokens_left(job);
        }
    }
    return out;
}
