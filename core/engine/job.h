/* A job: one trace on one model, from submit to its final state. Internal to core/engine.
 *
 *   QUEUED --> RUNNING --> DONE
 *      |          |
 *      '----------'-----> FAILED
 *      '----------'-----> CANCELLED
 *
 * Four groups of fields, by who may touch them: what was submitted (constant), the engine thread's
 * own progress, the news (under the engine's lock), and what the owner was told of them (its own).
 * Scores are written by the engine thread beyond scores_ready only, so that the owner may read
 * those below it without a lock. */
#ifndef RW_ENGINE_JOB_H
#define RW_ENGINE_JOB_H

#include <stdatomic.h>

#include "core/model/kv.h"
#include "core/rw_engine.h"

struct rw_flow;
struct rw_job_block;

struct rw_job {
    /* constant */
    const struct rw_model *model;
    struct rw_radix *radix; /* of the model; NULL: no prefix is shared */
    const struct rw_input *input;
    bool is_answer; /* scores are log-probabilities of tokens: the cache keeps none of them */
    float stop_below;
    uint64_t deadline_ns;
    void *tag;
    uint64_t client;
    enum rw_job_priority priority;
    uint64_t submitted_ns;
    const struct rw_engine *engine;
    struct rw_job_block *block; /* memory that it shares with the jobs submitted with it */
    uint32_t n_scores;          /* positions read */
    uint32_t tokens_needed;     /* up to the last of them; later tokens cannot matter */
    size_t kv_bytes;            /* for all of them, if nothing is shared */

    /* engine thread */
    struct rw_job *next; /* of the list it is in: submitted, waiting, running, ... */
    struct rw_flow *flow;
    uint64_t order; /* of submission */
    uint64_t turn;  /* of the scheduler, in which it was looked at last */
    bool blocked;   /* it waited for another job then */
    struct rw_kv_seq kv;
    uint32_t tokens_done;
    uint32_t scores_done;
    uint64_t started_ns;
    bool stopped; /* a reward fell under stop_below */
    struct rw_job_cost spent;
    struct rw_score *scores; /* [n_scores] */
    float *features;         /* [n_scores, RW_FEATURE_DIM], NULL when not wanted */

    /* under the lock of the engine */
    struct rw_job_view view;
    bool in_changed; /* linked in the list that poll takes from */
    struct rw_job *next_changed;

    /* the owner's */
    atomic_bool cancel_asked; /* which the engine thread reads */
    bool told_final;          /* poll has handed it out with a final state */
    /* The view as of the last poll. What happened since is news that comes later: an owner that saw
     * a final state early would see the same job again, or release it while it is listed. */
    struct rw_job_view told;
};

/* All or none; checks each spec against its model. INTERNAL: an input the core did not build. */
rw_status rw_jobs_create(const struct rw_job_spec *specs, size_t n, uint64_t now_ns,
                         struct rw_job **jobs, struct rw_error *err);
void rw_job_destroy(struct rw_job *job);

/* Token index at which score i is read. */
uint32_t rw_job_position(const struct rw_job *job, uint32_t score);
/* The next score, its feature already in place when `feature` is NULL; true when it ends the job
 * because it is under stop_below. */
bool rw_job_take_score(struct rw_job *job, const struct rw_score *score, const float *feature);
/* Asserts that the table of transitions allows it. Under the lock. */
void rw_job_move(struct rw_job *job, enum rw_job_state to);
bool rw_job_is_final(enum rw_job_state state);

#endif
