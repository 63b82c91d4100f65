#include "core/engine/cache.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/engine/model.h"

/* ---- what always holds ----------------------------------------------------------------------- */

static uint32_t block_of(const struct rw_radix_node *node)
{
    return (uint32_t)(node - node->radix->nodes);
}

/* Who may do what with a node follows from these, so they are looked at after every change of one:
 *
 *   - what is computed is a beginning of what the node spells;
 *   - an owner holds the node, and a node that nobody holds has no owner and is whole: whoever
 * finds it may read all of it;
 *   - a fresh node has an owner, who will make it ready before anyone reads or writes it. What it
 *     will be copied from is what it counts as computed;
 *   - what follows a node begins behind all of its 64 tokens, and is only there once they are, or
 *     while one job computes both;
 *   - the node before a held one is held: blocks are let go last to first. */
static void check_node(const struct rw_radix_node *node)
{
    const struct rw_radix *radix = node->radix;
    rw_assert(radix != NULL && node->n > 0 && node->n <= RW_NODE_TOKENS);
    rw_assert(node->computed <= node->n);
    bool is_held = rw_kv_holders(radix->pool, block_of(node)) > 0;
    bool is_whole = node->computed == node->n;
    rw_assert(is_held || (node->owner == NULL && is_whole));
    rw_assert(!node->fresh || node->owner != NULL);
    rw_assert(node->fresh || node->copy_from == RW_NODE_NONE);
    rw_assert(!node->fresh || (node->copy_from == RW_NODE_NONE) == (node->computed == 0));
    if (node->children != RW_NODE_NONE) {
        rw_assert(radix->nodes[node->children].parent == block_of(node));
        rw_assert(node->n == RW_NODE_TOKENS && (is_whole || node->owner != NULL));
    }
    rw_assert(!is_held || node->parent == RW_NODE_NONE ||
              rw_kv_holders(radix->pool, node->parent) > 0);
}

/* The list of nodes that no job holds: its ends, its count and the bytes of the budget agree. */
static void check_idle(const struct rw_prefix_cache *c)
{
    rw_assert((c->oldest == NULL) == (c->idle == 0) && (c->newest == NULL) == (c->idle == 0));
    rw_assert((c->budget->cached_bytes == 0) == (c->idle == 0));
    rw_assert(c->oldest == NULL || c->oldest->older == NULL);
    rw_assert(c->newest == NULL || c->newest->newer == NULL);
}

/* ---- blocks that no job holds ---------------------------------------------------------------- */

static void idle_push(struct rw_prefix_cache *c, struct rw_radix_node *node)
{
    node->older = c->newest;
    node->newer = NULL;
    if (c->newest != NULL) {
        c->newest->newer = node;
    } else {
        c->oldest = node;
    }
    c->newest = node;
    c->idle++;
}

static void idle_unlink(struct rw_prefix_cache *c, struct rw_radix_node *node)
{
    if (node->older != NULL) {
        node->older->newer = node->newer;
    } else {
        c->oldest = node->newer;
    }
    if (node->newer != NULL) {
        node->newer->older = node->older;
    } else {
        c->newest = node->older;
    }
    c->idle--;
}

static void forget(struct rw_radix_node *node)
{
    struct rw_radix *radix = node->radix;
    uint32_t block = block_of(node);
    rw_radix_remove(radix, block);
    rw_kv_forget(radix->pool, block);
}

static void evict_oldest(void *ctx)
{
    struct rw_prefix_cache *c = ctx;
    struct rw_radix_node *node = c->oldest;
    rw_assert(node != NULL);
    rw_assert(node->children == RW_NODE_NONE); /* blocks are let go last to first */
    idle_unlink(c, node);
    forget(node);
    c->evictions++;
    check_idle(c);
}

void rw_prefix_cache_init(struct rw_prefix_cache *cache, struct rw_kv_budget *budget,
                          size_t max_bytes)
{
    *cache = (struct rw_prefix_cache){.budget = budget, .max_bytes = max_bytes};
    budget->evict = evict_oldest;
    budget->evict_ctx = cache;
}

void rw_prefix_cache_clear(struct rw_prefix_cache *cache)
{
    while (cache->oldest != NULL) {
        evict_oldest(cache);
    }
}

/* ---- a job takes hold of blocks and lets go of them ------------------------------------------ */

static struct rw_radix_node *node_at(const struct rw_job *job, uint32_t index)
{
    return &job->radix->nodes[job->kv.blocks[index]];
}

static uint32_t parent_of(const struct rw_job *job, uint32_t index)
{
    return index == 0 ? RW_NODE_NONE : job->kv.blocks[index - 1];
}

/* Tokens of block `index` that the job needs. */
static uint32_t need_at(const struct rw_job *job, uint32_t index)
{
    uint32_t left = job->tokens_needed - index * RW_NODE_TOKENS;
    return RW_MIN(left, RW_NODE_TOKENS);
}

static void hold(struct rw_prefix_cache *c, struct rw_job *job, uint32_t block)
{
    struct rw_kv_pool *pool = job->model->kv;
    check_node(&job->radix->nodes[block]); /* as it was found */
    if (rw_kv_holders(pool, block) == 0) {
        idle_unlink(c, &job->radix->nodes[block]);
    }
    rw_kv_share(pool, &job->kv, block);
    check_node(&job->radix->nodes[block]);
    check_idle(c);
}

/* A node that nobody will complete (its owner was cancelled) keeps what is computed: it spells that
 * beginning from now on, and is whole again. False when there is nothing to keep, or when a sibling
 * begins with the same tokens and has computed as many: two nodes that spell the same would only
 * take memory from others, since a search ends at the first of them. */
static bool shrink(struct rw_radix_node *node)
{
    struct rw_radix *radix = node->radix;
    uint32_t block = block_of(node), common;
    if (node->computed == 0) {
        return false;
    }
    int32_t ids[RW_NODE_TOKENS];
    uint32_t n = node->computed;
    memcpy(ids, node->ids, n * sizeof *ids);
    rw_radix_rekey(radix, block, ids, n);
    uint32_t found = rw_radix_find(radix, node->parent, ids, n, &common);
    return found == block || common < n || radix->nodes[found].computed < n;
}

/* The job's last block. Last to first, so that a node is idle before the one in front of it is: the
 * oldest of the idle ones then never has children, and evicting is O(1). */
static void let_go(struct rw_prefix_cache *c, struct rw_job *job)
{
    struct rw_radix_node *node = node_at(job, job->kv.n_blocks - 1);
    rw_assert(!node->fresh);
    if (node->owner == job) {
        node->owner = NULL;
    }
    uint32_t block = rw_kv_pop(job->model->kv, &job->kv);
    if (rw_kv_holders(job->model->kv, block) > 0) {
        check_node(node); /* whoever needs more of it becomes its owner */
        return;
    }
    rw_assert(node->owner == NULL);
    if (node->computed < node->n && !shrink(node)) {
        forget(node);
    } else {
        idle_push(c, node);
        check_node(node);
    }
    check_idle(c);
}

/* Complete blocks count as found now, because to hold them costs no memory that is not in use, and
 * they could be evicted for this very reservation. All others are reserved, also those that another
 * job is computing: it may be cancelled, and then this one must be able to go on (descend gives the
 * promise back). */
bool rw_cache_start(struct rw_prefix_cache *c, struct rw_job *job)
{
    const struct rw_radix *radix = job->radix;
    uint32_t total = rw_kv_blocks_of(job->tokens_needed);
    for (uint32_t i = 0; radix != NULL && i < total; i++) {
        uint32_t need = need_at(job, i), common;
        uint32_t block = rw_radix_find(radix, parent_of(job, i),
                                       job->input->ids + i * RW_NODE_TOKENS, need, &common);
        if (common < need || radix->nodes[block].computed < need) {
            break;
        }
        hold(c, job, block);
    }
    if (rw_kv_reserve(job->model->kv, &job->kv, total - job->kv.n_blocks)) {
        return true;
    }
    while (job->kv.n_blocks > 0) {
        let_go(c, job);
    }
    return false;
}

void rw_cache_release(struct rw_prefix_cache *c, struct rw_job *job)
{
    while (job->radix != NULL && job->kv.n_blocks > 0) {
        let_go(c, job);
    }
    rw_kv_release(job->model->kv, &job->kv);
    while (c->budget->cached_bytes > c->max_bytes) {
        evict_oldest(c);
    }
}

/* ---- going down the tree --------------------------------------------------------------------- */

/* Takes over tokens before `end` from a node, up to a result that is not there. True: a reward
 * fell under stop_below.
 *
 * Keys and values of a token are enough as long as no head reads there. Where one does, the result
 * itself must be in the cache, because the hidden state it is made of is not: at 0.5B shape that
 * would be 3.5 KiB a token beside 12 KiB of keys and values, for the few tokens at which a step
 * ends. If the result is missing (nobody asked at this token, or without a feature; answers are
 * never kept), the job stops in front of the token and computes that one row again, reading keys
 * and values that are stored (rw_cache_stored). */
static bool consume(struct rw_job *job, uint32_t block, uint32_t end)
{
    const struct rw_radix *radix = job->radix;
    uint32_t begin = job->tokens_done;
    bool stop = false;
    while (job->tokens_done < end && !stop) {
        uint32_t next =
            job->scores_done < job->n_scores ? rw_job_position(job, job->scores_done) : end;
        if (next >= end) {
            job->tokens_done = end;
            break;
        }
        const struct rw_result *result =
            job->is_answer
                ? NULL
                : rw_radix_result(radix, block, next % RW_NODE_TOKENS, job->features != NULL);
        if (result == NULL) {
            job->tokens_done = next;
            break;
        }
        job->tokens_done = next + 1;
        stop = rw_job_take_score(job, &result->score, result->feature);
    }
    job->spent.cached_tokens += job->tokens_done - begin;
    return stop;
}

static void create(struct rw_job *job, uint32_t index)
{
    struct rw_radix *radix = job->radix;
    uint32_t parent = parent_of(job, index);
    uint32_t block = rw_kv_take(radix->pool, &job->kv);
    rw_kv_keep(radix->pool, block);
    rw_radix_insert(radix, block, parent, job->input->ids + index * RW_NODE_TOKENS,
                    need_at(job, index));
    radix->nodes[block].owner = job;
    radix->nodes[block].fresh = true;
    check_node(&radix->nodes[block]);
}

/* The job has taken `used` tokens over from node `from`, which goes on differently or ends there:
 * it goes on in place, or in a copy.
 *
 * In place when the job took all that the node spells and nobody computes in it: more ids are put
 * behind those it has. Others that hold it need no more than it spelt, so they do not notice; and
 * it has no children, since those begin behind 64 tokens. A trace that grows step by step then
 * stays in one block instead of leaving a copy behind for each step.
 *
 * In a copy otherwise: up to 63 rows are copied (768 KiB at 0.5B shape) instead of computed. The
 * copy is made in rw_cache_prepare, outside the engine's lock. */
static void branch(struct rw_prefix_cache *c, struct rw_job *job, uint32_t index, uint32_t from,
                   uint32_t used)
{
    struct rw_radix *radix = job->radix;
    struct rw_radix_node *source = &radix->nodes[from];
    if (used == source->n && source->owner == NULL) {
        hold(c, job, from);
        rw_kv_unpromise(radix->pool, &job->kv);
        rw_radix_rekey(radix, from, job->input->ids + index * RW_NODE_TOKENS, need_at(job, index));
        source->owner = job;
        check_node(source);
        return;
    }
    create(job, index);
    struct rw_radix_node *node = node_at(job, index);
    if (used > 0) {
        if (rw_kv_holders(radix->pool, from) == 0) { /* it was of use just now */
            idle_unlink(c, source);
            idle_push(c, source);
        }
        node->copy_from = from;
        node->computed = (uint16_t)used;
        rw_radix_copy_results(radix, block_of(node), from, used);
    }
    check_node(node);
}

/* A step down the tree. Four things can be found: nothing (a new node); all that the job needs of
 * this block (hold it, whoever computes it); a node that another job is filling and that may still
 * come to spell what this job needs (wait: computing it twice is what the cache is there to avoid);
 * a node that differs from some token on (branch). */
enum descent {
    DESCENDED, /* the job holds a block for its next tokens */
    BLOCKED,
    STOPPED,
};

/* The job stands at the begin of a block that it does not hold yet. */
static enum descent descend(struct rw_prefix_cache *c, struct rw_job *job, struct rw_job **owner)
{
    struct rw_radix *radix = job->radix;
    uint32_t index = job->kv.n_blocks, need = need_at(job, index), common;
    uint32_t begin = index * RW_NODE_TOKENS;
    uint32_t found =
        rw_radix_find(radix, parent_of(job, index), job->input->ids + begin, need, &common);
    if (found == RW_NODE_NONE) {
        create(job, index);
        return DESCENDED;
    }
    const struct rw_radix_node *node = &radix->nodes[found];
    if (common == need) {
        hold(c, job, found);
        rw_kv_unpromise(radix->pool, &job->kv);
        return DESCENDED;
    }
    if (common > node->computed && node->owner != NULL) {
        *owner = node->owner;
        return BLOCKED;
    }
    common = RW_MIN(common, node->computed);
    if (consume(job, found, begin + common)) {
        return STOPPED;
    }
    branch(c, job, index, found, job->tokens_done - begin);
    return DESCENDED;
}

enum rw_cache_step rw_cache_advance(struct rw_prefix_cache *c, struct rw_job *job,
                                    uint32_t *tokens_max, struct rw_job **owner)
{
    *tokens_max = job->tokens_needed - job->tokens_done;
    if (job->radix == NULL) {
        return RW_CACHE_COMPUTE;
    }
    while (job->tokens_done < job->tokens_needed) {
        uint32_t index = job->tokens_done / RW_NODE_TOKENS;
        if (index == job->kv.n_blocks) {
            enum descent step = descend(c, job, owner);
            if (step != DESCENDED) {
                return step == BLOCKED ? RW_CACHE_WAIT : RW_CACHE_DONE;
            }
        }
        struct rw_radix_node *node = node_at(job, index);
        uint32_t begin = index * RW_NODE_TOKENS, need = need_at(job, index);
        uint32_t there = RW_MIN(need, node->computed);
        if (consume(job, job->kv.blocks[index], begin + there)) {
            return RW_CACHE_DONE;
        }
        if (job->tokens_done == begin + need) {
            continue;
        }
        if (node->owner != NULL && node->owner != job) {
            *owner = node->owner;
            return RW_CACHE_WAIT;
        }
        node->owner = job;
        check_node(node);
        bool result_missing = job->tokens_done < begin + there;
        *tokens_max = result_missing ? 1 : job->tokens_needed - job->tokens_done;
        return RW_CACHE_COMPUTE;
    }
    return RW_CACHE_DONE;
}

/* ---- around a pass --------------------------------------------------------------------------- */

static void make_ready(struct rw_radix_node *node)
{
    if (!node->fresh) {
        return;
    }
    check_node(node); /* as it was made */
    if (node->copy_from != RW_NODE_NONE) {
        rw_kv_copy(node->radix->pool, block_of(node), node->copy_from);
    } else {
        rw_kv_clear(node->radix->pool, block_of(node));
    }
    node->fresh = false;
    node->copy_from = RW_NODE_NONE;
    check_node(node);
}

void rw_cache_prepare(struct rw_job *job, uint32_t tokens)
{
    uint32_t end = job->tokens_done + tokens;
    if (job->radix == NULL) {
        rw_kv_grow(job->model->kv, &job->kv, end);
        return;
    }
    uint32_t index = job->tokens_done / RW_NODE_TOKENS;
    rw_assert(index < job->kv.n_blocks && node_at(job, index)->owner == job);
    make_ready(node_at(job, index));
    /* What follows a block that this job alone fills is nobody else's. */
    while (job->kv.n_blocks < rw_kv_blocks_of(end)) {
        rw_assert(node_at(job, job->kv.n_blocks - 1)->children == RW_NODE_NONE);
        create(job, job->kv.n_blocks);
        make_ready(node_at(job, job->kv.n_blocks - 1));
    }
}

bool rw_cache_stored(const struct rw_job *job)
{
    uint32_t index = job->tokens_done / RW_NODE_TOKENS;
    return job->radix != NULL && job->tokens_done % RW_NODE_TOKENS < node_at(job, index)->computed;
}

static void keep_results(const struct rw_job *job, uint32_t first_score)
{
    for (uint32_t s = first_score; s < job->scores_done; s++) {
        uint32_t at = rw_job_position(job, s);
        const float *feature =
            job->features != NULL ? job->features + (size_t)s * RW_FEATURE_DIM : NULL;
        rw_radix_put_result(job->radix, job->kv.blocks[at / RW_NODE_TOKENS], at % RW_NODE_TOKENS,
                            &job->scores[s], feature);
    }
}

void rw_cache_settle(struct rw_job *job, uint32_t begin, uint32_t first_score)
{
    if (job->radix == NULL) {
        return;
    }
    for (uint32_t i = begin / RW_NODE_TOKENS; i * RW_NODE_TOKENS < job->tokens_done; i++) {
        struct rw_radix_node *node = node_at(job, i);
        uint32_t done = job->tokens_done - i * RW_NODE_TOKENS;
        done = RW_MIN(done, node->n);
        bool at_front = done >= node->computed;
        node->computed = at_front ? (uint16_t)done : node->computed;
        if (node->owner == job && (!at_front || node->computed == node->n)) {
            node->owner = NULL;
        }
        check_node(node);
    }
    if (!job->is_answer) { /* a result is a reward, whoever asks */
        keep_results(job, first_score);
    }
}
