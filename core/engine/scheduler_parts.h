/* Inside of the scheduler, for scheduler*.c only: the numbers of its rules, and what all of them
 * ask.
 *
 * Words. A *turn* is one begin, its starts and one fill. The *lane* of a pass is the model it is
 * of: open until the first job has tokens, then fixed. A job is *short* when the rest of it fits
 * into one pass. A flow is *light* when all the work it has here fits into one pass: a person with
 * a few traces, beside a trainer with thousands. A *quarter* of a pass is what a long job takes at
 * a time (its quantum). A job is *blocked* while another one computes what it needs. A *credit*
 * counts tokens that a kind of job may take out of its turn. */
#ifndef RW_ENGINE_SCHEDULER_PARTS_H
#define RW_ENGINE_SCHEDULER_PARTS_H

#include "core/base/util.h"
#include "core/engine/model.h"
#include "core/engine/scheduler.h"

/* They were chosen, not fitted; tests/sim/test_scheduler.c says what they lead to. */
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
};

static inline struct rw_flow *rw_scheduler_flow(const struct rw_scheduler *s, uint32_t i)
{
    return &s->flows[s->active[i]];
}

static inline uint32_t rw_job_tokens_left(const struct rw_job *job)
{
    return job->tokens_needed - job->tokens_done;
}

static inline bool rw_scheduler_is_short(const struct rw_scheduler *s, const struct rw_job *job)
{
    return rw_job_tokens_left(job) <= s->chunk_tokens;
}

/* Operations of so many tokens of the job: what flows are charged in, so that a token of a large
 * model weighs more than one of a small model. Attention, which grows with the position, is not in
 * it. */
static inline double rw_scheduler_work(const struct rw_job *job, double tokens)
{
    double per_token = job->model->info.flops_per_token;
    return tokens * (RW_MAX(per_token, 1));
}

static inline bool rw_scheduler_is_small(const struct rw_scheduler *s, const struct rw_job *job)
{
    return job->kv_bytes <= s->host->memory_max / SMALL_PARTS;
}

/* scheduler.c: a waiting job, whose memory is reserved, runs from now on. */
void rw_scheduler_run(struct rw_scheduler *s, struct rw_job *job);

#endif
