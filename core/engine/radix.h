/* The tree of the prefix cache: which block of KV memory holds which tokens after which others.
 * Internal to core/engine; engine thread only. What jobs do with it: cache.h.
 *
 * One tree per loaded model, one node per KV block that was filled by a job: up to 64 token ids and
 * the node before it. A path from the root spells a prefix, from token 0 on. The tree lives and
 * dies with its model instance (the generation), and a template shows in the ids it makes; so the
 * key is the ids alone. They are compared, never hashed: two prefixes are taken for equal only when
 * they are.
 *
 * Node i describes block i of the model's pool, so nothing is allocated after creation. Siblings
 * form a treap ordered by their ids; the longest common prefix with a query lies on the search
 * path. A node also keeps the results (score, feature) of its positions that a head has read. */
#ifndef RW_ENGINE_RADIX_H
#define RW_ENGINE_RADIX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/feature.h"
#include "core/model/kv.h"
#include "core/model/recipe.h"

enum {
    RW_NODE_TOKENS = RW_KV_BLOCK_POSITIONS,
    RW_RESULTS_PER_BLOCK = 8, /* on average over a pool: a step has more than 8 tokens */
};

#define RW_NODE_NONE UINT32_MAX /* no node; as a parent: the root */

struct rw_job;
struct rw_radix;

struct rw_radix_node {
    struct rw_radix *radix;
    uint32_t parent;
    uint32_t children; /* root of their treap */
    uint32_t left;     /* in the treap of its siblings */
    uint32_t right;
    uint32_t results;            /* first of the list */
    uint32_t copy_from;          /* block to copy before use; RW_NODE_NONE: start from zeros */
    bool fresh;                  /* taken, and neither copied nor cleared yet */
    uint16_t n;                  /* ids */
    uint16_t computed;           /* leading positions whose keys and values are there */
    struct rw_job *owner;        /* who computes in it now; others wait. NULL: nobody */
    struct rw_radix_node *older; /* in the list of nodes that no job holds */
    struct rw_radix_node *newer;
    int32_t ids[RW_NODE_TOKENS];
};

struct rw_result {
    uint32_t next;
    uint16_t offset; /* in the block */
    bool has_feature;
    struct rw_score score;
    float feature[RW_FEATURE_DIM];
};

struct rw_radix {
    struct rw_kv_pool *pool;
    uint32_t n_nodes; /* of the array */
    uint32_t used;    /* in the tree */
    uint32_t root;    /* treap of the nodes at position 0 */
    struct rw_radix_node *nodes;
    size_t nodes_bytes;
    struct rw_result *results;
    size_t results_bytes;
    uint32_t results_max;
    uint32_t results_touched; /* [0, touched) were used at some time */
    uint32_t results_free;    /* list */
};

rw_status rw_radix_create(struct rw_kv_pool *pool, struct rw_radix **out, struct rw_error *err);
void rw_radix_destroy(struct rw_radix *radix); /* NULL is fine */

/* The child of `parent` that has most leading ids in common with ids[n], and how many (>= 1). */
uint32_t rw_radix_find(const struct rw_radix *radix, uint32_t parent, const int32_t *ids,
                       uint32_t n, uint32_t *common);
/* Puts node `block` (not in the tree) under `parent`: nothing computed, no results, no children. */
void rw_radix_insert(struct rw_radix *radix, uint32_t block, uint32_t parent, const int32_t *ids,
                     uint32_t n);
/* Other ids for a node without children; what is computed stays. */
void rw_radix_rekey(struct rw_radix *radix, uint32_t block, const int32_t *ids, uint32_t n);
/* Takes out a node without children, and frees its results. */
void rw_radix_remove(struct rw_radix *radix, uint32_t block);

/* NULL when it is not there, or has no feature and one is wanted. */
const struct rw_result *rw_radix_result(const struct rw_radix *radix, uint32_t block,
                                        uint32_t offset, bool want_feature);
/* Keeps a result; forgets it silently when there is no room. feature may be NULL. */
void rw_radix_put_result(struct rw_radix *radix, uint32_t block, uint32_t offset,
                         const struct rw_score *score, const float *feature);
/* Results of offsets below `end` of one node for another one. */
void rw_radix_copy_results(struct rw_radix *radix, uint32_t to, uint32_t from, uint32_t end);

#endif
