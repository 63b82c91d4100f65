/* The prefix cache as jobs see it: nothing that is computed, or being computed, is computed again.
 * Internal to core/engine; engine thread only.
 *
 * A job walks down its model's tree (radix.h), block by block. Where the next tokens are there, it
 * takes them over: the KV block is shared, scores and features inside it are copied. Where another
 * running job computes them at this moment, it waits for that job (its owner), so that a group
 * that arrives at once computes its prompt once. Where a block has some of the tokens, it is
 * extended in place when nothing follows them, else copied: so a growing trace pays for its new
 * tokens only. A position whose score or feature was never read costs one row.
 *
 * A job only waits while it owns nothing, and an owner always can go on: no circle.
 *
 * The life of a node, which is one block of keys and values and the ids it spells:
 *
 *     state     owner   holders   computed
 *
 *     FRESH     a job   1..       0, or the part that will be copied
 *       |  prepare: the block is cleared, or copied from one that begins alike
 *       v
 *     OWNED     a job   1..       grows from pass to pass
 *       |  settle: all that it spells is there; or the owner ends
 *       v
 *     HELD      none    1..       all, or what the last owner left
 *       |                           `--> OWNED  advance: a holder needs more, or a result
 *       |  the last holder lets go; what was left is from now on all that it spells (shrink)
 *       |      `--> forgotten, if nothing is computed, or a sibling has the same
 *       v
 *     IDLE      none    0         all
 *       |         `--> HELD   start, descend: a job finds it
 *       |         `--> OWNED  branch: a job goes on where it ends, in place
 *       |  evict: the oldest first, when the memory is wanted
 *       v
 *     forgotten: the block is free
 *
 * Generation: a tree dies with its loaded instance of a model, so nothing in a key names the model.
 * Fresh: taken from the pool, and neither cleared nor copied into yet. Owner: the running job that
 * computes in a node at this moment. cache.c has what holds in each state (check_node).
 *
 * Blocks that no job holds stay until the budget (max_bytes, or KV memory that a job needs) asks
 * for them, least recently used first. A job leaves its blocks last to first, so the oldest of the
 * list never has children. Max_bytes 0: no tree; jobs share nothing. */
#ifndef RW_ENGINE_CACHE_H
#define RW_ENGINE_CACHE_H

#include "core/engine/job.h"
#include "core/engine/radix.h"

struct rw_prefix_cache {
    struct rw_kv_budget *budget;
    size_t max_bytes; /* for blocks that no job holds */
    struct rw_radix_node *oldest;
    struct rw_radix_node *newest;
    uint64_t evictions;
    uint32_t idle; /* nodes in the list */
};

enum rw_cache_step {
    RW_CACHE_COMPUTE, /* the job must compute its next tokens, and is their owner now */
    RW_CACHE_WAIT,    /* another job computes them */
    RW_CACHE_DONE,    /* it has all it needs, or a cached reward fell under stop_below */
};

/* The budget asks the cache to evict from now on. */
void rw_prefix_cache_init(struct rw_prefix_cache *cache, struct rw_kv_budget *budget,
                          size_t max_bytes);
/* Forgets everything; no job is left. */
void rw_prefix_cache_clear(struct rw_prefix_cache *cache);

/* Takes hold of the complete blocks the job will find, and reserves memory for the others; false,
 * and nothing changed, when it does not fit. */
bool rw_cache_start(struct rw_prefix_cache *cache, struct rw_job *job);
/* Takes over what is there. COMPUTE: up to *tokens_max may enter the next pass, and at least one
 * must, in this turn. WAIT: for *owner. Raises tokens_done, scores_done, spent.cached_tokens. */
enum rw_cache_step rw_cache_advance(struct rw_prefix_cache *cache, struct rw_job *job,
                                    uint32_t *tokens_max, struct rw_job **owner);
/* Blocks for the job's next `tokens`, ready to be written. After the advances of a turn, in their
 * order, and before any job of it is released: a block may be copied from one that another holds.
 */
void rw_cache_prepare(struct rw_job *job, uint32_t tokens);
/* True when the job's next token, alone in its turn, is in the cache: only what a head reads there
 * is missing, and nobody may write the block. After prepare. */
bool rw_cache_stored(const struct rw_job *job);
/* Tokens [begin, tokens_done) have been through a pass, scores from first_score on were read. */
void rw_cache_settle(struct rw_job *job, uint32_t begin, uint32_t first_score);
/* The job ends, in whatever state: it holds no block any more. */
void rw_cache_release(struct rw_prefix_cache *cache, struct rw_job *job);

#endif
