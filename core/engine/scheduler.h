/* Which jobs run, and how many tokens of each enter the next pass. Internal to core/engine.
 *
 * Fair between clients. Jobs of one client and priority are a flow; `served` is the work it has got
 * (operations), and the virtual clock what a flow gets that always wants its equal share (GPS:
 * Parekh and Gallager 1993; it advances by the work of a pass over the number of flows). A pass is
 * filled by the flow that is furthest behind; a flow that comes begins at the clock, so nobody
 * saves up a credit by being idle; one that ends ahead of the clock is remembered until the clock
 * is there. A long job takes a quarter of a pass at a time (a quantum, as in deficit round robin),
 * a short one all it needs.
 *
 * Quick for short jobs. A light flow, all of whose work fits into one pass, goes first, as long as
 * light flows together take no more than half of the work. Any short job goes up to one pass before
 * its flow's turn. When the short ones are in, long ones do not fill the pass up, and while short
 * ones come, passes of long ones are half as large; they get their share later, since the accounts
 * are in work and not in passes. Within a flow the job with fewest tokens left is next, but every
 * fourth time the oldest: so nobody waits for more than four times what is before him.
 *
 * Jobs of low priority get the passes that no other wants, and a sixteenth beside them.
 *
 * Memory. A job starts when its KV blocks fit. The last eighth is kept for small jobs (up to a
 * sixteenth of the memory each); while a large one waits for memory, small ones may only use that
 * eighth, so that neither starves the other.
 *
 * A pass is of one model: that of the job chosen first. Jobs that wait for another job's block pass
 * their turn on to it. A plain data structure: no threads, no clock, no allocation after init.
 * Everything that happens here may change when a job runs, never what it computes. */
#ifndef RW_ENGINE_SCHEDULER_H
#define RW_ENGINE_SCHEDULER_H

#include <stdint.h>

#include "core/engine/cache.h"
#include "core/engine/job.h"
#include "core/engine/job_list.h"

enum {
    RW_ENGINE_MODELS_MAX = 64,
    RW_FLOWS_MAX = 1024,   /* clients with jobs; more of them share flows */
    RW_SIZE_CLASSES = 20,  /* waiting jobs by the power of two of their tokens */
    RW_RUNNING_MAX = 1024, /* jobs that run at once */
    RW_PRIORITIES = RW_PRIORITY_LOW + 1,
};

/* Jobs of one client at one priority. */
struct rw_flow {
    uint64_t client;
    enum rw_job_priority priority;
    double served;         /* operations, on the clock of its priority */
    uint32_t grants;       /* slices so far: every fourth is the oldest job's */
    uint32_t starts;       /* the same for jobs that begin */
    uint32_t n_waiting;    /* over all classes */
    uint64_t tokens;       /* of all its jobs, whole */
    struct rw_job *choice; /* of the turn under way; NULL: none */
    struct rw_job_list waiting[RW_SIZE_CLASSES];
    struct rw_job_list running; /* in the order of their start */
};

/* Part of a job in a pass. */
struct rw_slice {
    struct rw_job *job;
    uint32_t tokens;
    uint32_t tokens_max;
    struct rw_flow *flow; /* that pays */
};

/* What the scheduler asks its surroundings; the engine answers with KV memory and prefix cache. */
struct rw_scheduler_host {
    /* Reserves memory for a waiting job; false: not now. */
    bool (*start)(void *ctx, struct rw_job *job);
    /* As rw_cache_advance. */
    enum rw_cache_step (*advance)(void *ctx, struct rw_job *job, uint32_t *tokens_max,
                                  struct rw_job **owner);
    void *ctx;
    size_t memory_max;         /* bytes, of which a job asks up to kv_bytes */
    const size_t *memory_used; /* by running jobs */
};

struct rw_scheduler {
    const struct rw_scheduler_host *host;
    uint32_t chunk_tokens;
    struct rw_flow *flows; /* [RW_FLOWS_MAX] */
    uint16_t active[RW_FLOWS_MAX];
    uint16_t spare[RW_FLOWS_MAX];
    uint32_t n_active;
    uint32_t n_spare;
    double clock[RW_PRIORITIES]; /* operations */
    uint32_t running[RW_PRIORITIES];
    size_t small_bytes; /* asked for by small jobs that run */
    uint64_t turn;
    uint64_t submitted;    /* jobs so far: their order */
    uint32_t light_credit; /* tokens that light flows may take before their turn */
    uint32_t low_credit;   /* tokens that low priority may take before its time */
    uint32_t short_seen;   /* passes for which long ones stay small: a short job came lately */
};

rw_status rw_scheduler_init(struct rw_scheduler *scheduler, const struct rw_scheduler_host *host,
                            uint32_t chunk_tokens, struct rw_error *err);
void rw_scheduler_fini(struct rw_scheduler *scheduler); /* no job is left */
void rw_scheduler_add(struct rw_scheduler *scheduler, struct rw_job *job);
/* A turn begins; then jobs start, then a pass is filled. */
void rw_scheduler_begin(struct rw_scheduler *scheduler);
/* Next job that may start: its memory is reserved and it runs. NULL: none. */
struct rw_job *rw_scheduler_start(struct rw_scheduler *scheduler);
/* Slices of the next pass, all of one model. slices[chunk_tokens]. Returns how many. Jobs that need
 * no pass any more leave the scheduler, into `done`. */
uint32_t rw_scheduler_fill(struct rw_scheduler *scheduler, struct rw_slice *slices,
                           struct rw_job_list *done);
/* A running job ends. */
void rw_scheduler_remove(struct rw_scheduler *scheduler, struct rw_job *job);
/* Takes out every job, waiting or running, that `unwanted` says true of. */
struct rw_job_list rw_scheduler_sweep(struct rw_scheduler *scheduler,
                                      bool (*unwanted)(void *ctx, const struct rw_job *job),
                                      void *ctx);

#endif
