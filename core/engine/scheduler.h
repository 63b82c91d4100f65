/* Which jobs run, and how many tokens of each enter the next pass. Internal to core/engine.
 *
 * Every model has a lane: a FIFO of waiting jobs and a ring of running ones. Lanes with work take
 * turns, pass by pass. A pass takes jobs from the head of its lane's ring, each at most a slice of
 * the token budget, so that a short job is not stuck behind a long one; unfinished jobs go to the
 * tail. Only as many jobs run at once as keep passes full: more would hold KV memory and finish
 * later. A job starts when the KV budget holds all its blocks; while the head of a lane waits for
 * memory no other lane starts jobs, so that a large job is not starved by small ones.
 *
 * A plain data structure: no threads, no clock, no allocation. Everything that happens here may
 * change when a job runs, never what it computes. */
#ifndef RW_ENGINE_SCHEDULER_H
#define RW_ENGINE_SCHEDULER_H

#include <stdint.h>

#include "core/engine/cache.h"
#include "core/engine/job.h"

enum {
    RW_MODELS_MAX = 64,
    RW_RUNNING_MIN = 16, /* jobs of a lane that run together even when fewer would fill a pass */
};

struct rw_job_list {
    struct rw_job *head;
    struct rw_job *tail;
    uint32_t count;
};

struct rw_lane {
    struct rw_job_list waiting;
    struct rw_job_list running;
    uint64_t running_tokens; /* left to compute in `running` */
};

struct rw_scheduler_host;

struct rw_scheduler {
    const struct rw_scheduler_host *host;
    uint32_t chunk_tokens;
    struct rw_lane lanes[RW_MODELS_MAX];
    uint32_t n_lanes;
    uint32_t start_lane; /* whose head is considered first: the one that waits for memory */
    uint32_t pass_lane;  /* whose turn it is */
};

/* Part of a job in a pass. */
struct rw_slice {
    struct rw_job *job;
    uint32_t tokens;
    uint32_t tokens_max;
};

/* What the scheduler asks its surroundings; the engine answers with its prefix cache. */
struct rw_scheduler_host {
    /* Reserves memory for a waiting job; false: not now. */
    bool (*start)(void *ctx, struct rw_job *job);
    /* As rw_cache_advance. */
    enum rw_cache_step (*advance)(void *ctx, struct rw_job *job, uint32_t *tokens_max,
                                  struct rw_job **owner);
    void *ctx;
};

void rw_job_list_push(struct rw_job_list *list, struct rw_job *job);
struct rw_job *rw_job_list_pop(struct rw_job_list *list); /* NULL when empty */

void rw_scheduler_init(struct rw_scheduler *scheduler, const struct rw_scheduler_host *host,
                       uint32_t chunk_tokens);
void rw_scheduler_add(struct rw_scheduler *scheduler, struct rw_job *job);
/* Next job that may start: its KV blocks are reserved and it is in its lane's ring. NULL: none. */
struct rw_job *rw_scheduler_start(struct rw_scheduler *scheduler);
/* Slices of the next pass, all of one model; their jobs leave the ring. slices[chunk_tokens].
 * Returns how many. Jobs that need no pass any more leave it too, into `done`. */
uint32_t rw_scheduler_fill(struct rw_scheduler *scheduler, struct rw_slice *slices,
                           struct rw_job_list *done);
/* A job of a pass that has more to compute goes back, its tokens_done already raised. */
void rw_scheduler_requeue(struct rw_scheduler *scheduler, struct rw_job *job);
/* Takes out every job, waiting or running, that `unwanted` says true of. */
struct rw_job_list rw_scheduler_sweep(struct rw_scheduler *scheduler,
                                      bool (*unwanted)(void *ctx, const struct rw_job *job),
                                      void *ctx);

#endif
