#include "core/engine/radix.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"

rw_status rw_radix_create(struct rw_kv_pool *pool, struct rw_radix **out, struct rw_error *err)
{
    *out = NULL;
    struct rw_radix *r = rw_alloc_zero(1, sizeof *r);
    if (r == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "prefix cache");
    }
    r->pool = pool;
    r->n_nodes = rw_kv_pool_blocks_max(pool);
    r->root = RW_NODE_NONE;
    r->results_free = RW_NODE_NONE;
    r->results_max = r->n_nodes * RW_RESULTS_PER_BLOCK;
    r->nodes_bytes = r->n_nodes * sizeof *r->nodes;
    r->results_bytes = r->results_max * sizeof *r->results;
    r->nodes = rw_alloc_large(r->nodes_bytes); /* pages are touched with their blocks */
    r->results = rw_alloc_large(r->results_bytes);
    if (r->nodes == NULL || r->results == NULL) {
        rw_radix_destroy(r);
        return rw_fail(err, RW_NO_MEMORY, "prefix cache of %u blocks", rw_kv_pool_blocks_max(pool));
    }
    *out = r;
    return RW_OK;
}

void rw_radix_destroy(struct rw_radix *radix)
{
    if (radix == NULL) {
        return;
    }
    rw_assert(radix->used == 0);
    if (radix->nodes != NULL) {
        rw_free_large(radix->nodes, radix->nodes_bytes);
    }
    if (radix->results != NULL) {
        rw_free_large(radix->results, radix->results_bytes);
    }
    rw_free(radix);
}

/* ---- siblings -------------------------------------------------------------------------------- */

static uint32_t common_prefix(const int32_t *a, uint32_t n_a, const int32_t *b, uint32_t n_b)
{
    uint32_t n = RW_MIN(n_a, n_b), i = 0;
    while (i < n && a[i] == b[i]) {
        i++;
    }
    return i;
}

/* Order of siblings: by ids, a prefix before what extends it; then by block, so that it is total.
 */
static bool is_before(const struct rw_radix *r, uint32_t a, uint32_t b)
{
    const struct rw_radix_node *x = &r->nodes[a], *y = &r->nodes[b];
    uint32_t same = common_prefix(x->ids, x->n, y->ids, y->n);
    if (same < x->n && same < y->n) {
        return x->ids[same] < y->ids[same];
    }
    return x->n != y->n ? x->n < y->n : a < b;
}

/* Heap order of the treap: a fixed mix of the block's index, which no client chooses. */
static uint32_t weight(uint32_t block)
{
    uint32_t x = block * 0x9E3779B1u;
    x = (x ^ (x >> 15)) * 0x85EBCA77u;
    return x ^ (x >> 13);
}

static void split(struct rw_radix *r, uint32_t tree, uint32_t at, uint32_t *before, uint32_t *after)
{
    while (tree != RW_NODE_NONE) {
        struct rw_radix_node *node = &r->nodes[tree];
        if (is_before(r, tree, at)) {
            *before = tree;
            before = &node->right;
            tree = node->right;
        } else {
            *after = tree;
            after = &node->left;
            tree = node->left;
        }
    }
    *before = RW_NODE_NONE;
    *after = RW_NODE_NONE;
}

/* Everything in `a` is before everything in `b`. */
static void merge(struct rw_radix *r, uint32_t *link, uint32_t a, uint32_t b)
{
    while (a != RW_NODE_NONE && b != RW_NODE_NONE) {
        if (weight(a) > weight(b)) {
            *link = a;
            link = &r->nodes[a].right;
            a = r->nodes[a].right;
        } else {
            *link = b;
            link = &r->nodes[b].left;
            b = r->nodes[b].left;
        }
    }
    *link = a != RW_NODE_NONE ? a : b;
}

static uint32_t *siblings_of(struct rw_radix *r, uint32_t parent)
{
    return parent == RW_NODE_NONE ? &r->root : &r->nodes[parent].children;
}

static void link_node(struct rw_radix *r, uint32_t block)
{
    struct rw_radix_node *node = &r->nodes[block];
    uint32_t *link = siblings_of(r, node->parent);
    while (*link != RW_NODE_NONE && weight(*link) > weight(block)) {
        link = is_before(r, block, *link) ? &r->nodes[*link].left : &r->nodes[*link].right;
    }
    uint32_t tree = *link;
    *link = block;
    split(r, tree, block, &node->left, &node->right);
}

static void unlink_node(struct rw_radix *r, uint32_t block)
{
    struct rw_radix_node *node = &r->nodes[block];
    uint32_t *link = siblings_of(r, node->parent);
    while (*link != block) {
        rw_assert(*link != RW_NODE_NONE);
        link = is_before(r, block, *link) ? &r->nodes[*link].left : &r->nodes[*link].right;
    }
    merge(r, link, node->left, node->right);
}

uint32_t rw_radix_find(const struct rw_radix *r, uint32_t parent, const int32_t *ids, uint32_t n,
                       uint32_t *common)
{
    uint32_t best = RW_NODE_NONE, at = *siblings_of((struct rw_radix *)r, parent);
    *common = 0;
    while (at != RW_NODE_NONE) {
        const struct rw_radix_node *node = &r->nodes[at];
        uint32_t same = common_prefix(node->ids, node->n, ids, n);
        if (same > *common) {
            *common = same;
            best = at;
        }
        if (same == n) {
            break;
        }
        bool before = same == node->n || node->ids[same] < ids[same];
        at = before ? node->right : node->left;
    }
    return best;
}

void rw_radix_insert(struct rw_radix *r, uint32_t block, uint32_t parent, const int32_t *ids,
                     uint32_t n)
{
    rw_assert(block < r->n_nodes && n > 0 && n <= RW_NODE_TOKENS);
    struct rw_radix_node *node = &r->nodes[block];
    rw_assert(node->radix == NULL);
    *node = (struct rw_radix_node){.radix = r,
                                   .parent = parent,
                                   .children = RW_NODE_NONE,
                                   .results = RW_NODE_NONE,
                                   .copy_from = RW_NODE_NONE,
                                   .n = (uint16_t)n};
    memcpy(node->ids, ids, n * sizeof *ids);
    link_node(r, block);
    r->used++;
}

void rw_radix_rekey(struct rw_radix *r, uint32_t block, const int32_t *ids, uint32_t n)
{
    struct rw_radix_node *node = &r->nodes[block];
    rw_assert(node->radix == r && node->children == RW_NODE_NONE);
    rw_assert(n >= node->computed && n <= RW_NODE_TOKENS);
    unlink_node(r, block);
    memmove(node->ids, ids, n * sizeof *ids);
    node->n = (uint16_t)n;
    link_node(r, block);
}

static void free_results(struct rw_radix *r, struct rw_radix_node *node)
{
    while (node->results != RW_NODE_NONE) {
        uint32_t i = node->results;
        node->results = r->results[i].next;
        r->results[i].next = r->results_free;
        r->results_free = i;
    }
}

void rw_radix_remove(struct rw_radix *r, uint32_t block)
{
    struct rw_radix_node *node = &r->nodes[block];
    rw_assert(node->radix == r && node->children == RW_NODE_NONE && node->owner == NULL);
    unlink_node(r, block);
    free_results(r, node);
    node->radix = NULL;
    r->used--;
}

/* ---- results --------------------------------------------------------------------------------- */

static struct rw_result *result_at(const struct rw_radix *r, uint32_t block, uint32_t offset)
{
    uint32_t i = r->nodes[block].results;
    while (i != RW_NODE_NONE && r->results[i].offset != offset) {
        i = r->results[i].next;
    }
    return i != RW_NODE_NONE ? &r->results[i] : NULL;
}

const struct rw_result *rw_radix_result(const struct rw_radix *r, uint32_t block, uint32_t offset,
                                        bool want_feature)
{
    const struct rw_result *result = result_at(r, block, offset);
    return result != NULL && (result->has_feature || !want_feature) ? result : NULL;
}

static struct rw_result *new_result(struct rw_radix *r, uint32_t block, uint32_t offset)
{
    uint32_t i = r->results_free;
    if (i != RW_NODE_NONE) {
        r->results_free = r->results[i].next;
    } else if (r->results_touched < r->results_max) {
        i = r->results_touched++;
    } else {
        return NULL;
    }
    struct rw_radix_node *node = &r->nodes[block];
    r->results[i].next = node->results;
    r->results[i].offset = (uint16_t)offset;
    r->results[i].has_feature = false;
    node->results = i;
    return &r->results[i];
}

void rw_radix_put_result(struct rw_radix *r, uint32_t block, uint32_t offset,
                         const struct rw_score *score, const float *feature)
{
    rw_assert(offset < r->nodes[block].n);
    struct rw_result *result = result_at(r, block, offset);
    result = result != NULL ? result : new_result(r, block, offset);
    if (result == NULL) {
        return;
    }
    result->score = *score;
    if (feature != NULL) {
        memcpy(result->feature, feature, sizeof result->feature);
        result->has_feature = true;
    }
}

void rw_radix_copy_results(struct rw_radix *r, uint32_t to, uint32_t from, uint32_t end)
{
    for (uint32_t i = r->nodes[from].results; i != RW_NODE_NONE; i = r->results[i].next) {
        const struct rw_result *result = &r->results[i];
        if (result->offset < end) {
            rw_radix_put_result(r, to, result->offset, &result->score,
                                result->has_feature ? result->feature : NULL);
        }
    }
}
