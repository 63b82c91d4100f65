#include "core/model/kv.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"

struct rw_kv_pool {
    struct rw_kv_budget *budget;
    struct rw_kv_pool *next; /* of the same budget */
    uint32_t kv_heads;
    size_t unit_bytes;  /* keys or values of one layer and head in one block */
    size_t block_bytes; /* whole pages */
    uint32_t n_blocks;
    unsigned char *base;     /* n_blocks * block_bytes of address space */
    uint32_t *refs;          /* [n_blocks] sequences that hold it */
    unsigned char *kept;     /* [n_blocks] the cache holds it */
    unsigned char *resident; /* [n_blocks] its pages are touched */
    uint32_t *free;          /* stack of unused blocks; the last one dropped is on top */
    uint32_t n_free;
};

/* What holds of a budget whenever no call is under way. Bytes move between four states:
 *
 *   free --reserve--> promised --take--> held --pop--> cached (kept) or free --forget--> free
 *                                        ^---share-------'
 *
 * reserved_bytes are those promised and held, so a sequence that has its promise cannot be refused
 * later, and the cache only ever has what nobody asked for. */
static void check_budget(const struct rw_kv_budget *budget)
{
    rw_assert(budget->reserved_bytes <= budget->max_bytes);
    rw_assert(budget->cached_bytes <= budget->max_bytes - budget->reserved_bytes);
}

/* A block that sequences or the cache hold is not on the stack of free ones (n_free says so only of
 * all together: the stack is not searched), and its pages were counted before it is written. */
static void check_block(const struct rw_kv_pool *pool, uint32_t block)
{
    rw_assert(block < pool->n_blocks);
    rw_assert(pool->n_free <= pool->n_blocks);
    bool used = pool->refs[block] > 0 || pool->kept[block];
    rw_assert(!used || pool->n_free < pool->n_blocks);
    check_budget(pool->budget);
}

static size_t page_bytes(void)
{
    long bytes = sysconf(_SC_PAGESIZE);
    return bytes > 0 ? (size_t)bytes : 4096;
}

size_t rw_kv_pool_block_bytes(const struct rw_config *config, enum rw_dtype dtype)
{
    size_t unit = rw_kernels_kv_block_bytes(rw_dtype_state(dtype), config->head_dim);
    size_t bytes = unit * 2 * config->layers * config->kv_heads;
    size_t page = page_bytes();
    return (bytes + page - 1) / page * page;
}

static rw_status pool_alloc(struct rw_kv_pool *pool, struct rw_error *err)
{
    pool->refs = rw_alloc_zero(pool->n_blocks, sizeof *pool->refs);
    pool->kept = rw_alloc_zero(pool->n_blocks, sizeof *pool->kept);
    pool->resident = rw_alloc_zero(pool->n_blocks, sizeof *pool->resident);
    pool->free = rw_alloc_array(pool->n_blocks, sizeof *pool->free);
    pool->base = rw_alloc_large((size_t)pool->n_blocks * pool->block_bytes);
    pool->n_free = pool->n_blocks; /* none is taken, also when one of these was refused */
    if (pool->refs == NULL || pool->kept == NULL || pool->resident == NULL || pool->free == NULL ||
        pool->base == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no address space for %u KV blocks of %zu bytes",
                       pool->n_blocks, pool->block_bytes);
    }
    for (uint32_t i = 0; i < pool->n_blocks; i++) {
        pool->free[i] = pool->n_blocks - 1 - i; /* low addresses are used first */
    }
    return RW_OK;
}

rw_status rw_kv_pool_create(struct rw_kv_budget *budget, const struct rw_config *config,
                            enum rw_dtype dtype, struct rw_kv_pool **out, struct rw_error *err)
{
    *out = NULL;
    size_t block_bytes = rw_kv_pool_block_bytes(config, dtype);
    size_t blocks = budget->max_bytes / block_bytes;
    if (blocks == 0) {
        rw_fail(err, RW_CONFIG, "the KV budget of %zu bytes is smaller than one block of %zu bytes",
                budget->max_bytes, block_bytes);
        rw_error_hint(err, "raise the KV memory limit");
        return RW_CONFIG;
    }
    struct rw_kv_pool *pool = rw_alloc_zero(1, sizeof *pool);
    if (pool == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "KV pool");
    }
    pool->budget = budget;
    pool->kv_heads = config->kv_heads;
    pool->unit_bytes = rw_kernels_kv_block_bytes(rw_dtype_state(dtype), config->head_dim);
    pool->block_bytes = block_bytes;
    pool->n_blocks =
        blocks < RW_KV_POOL_BLOCKS_MAX ? (uint32_t)blocks : (uint32_t)RW_KV_POOL_BLOCKS_MAX;
    rw_status status = pool_alloc(pool, err);
    if (status != RW_OK) {
        rw_kv_pool_destroy(pool);
        return status;
    }
    *out = pool;
    return RW_OK;
}

static void budget_unlink(struct rw_kv_pool *pool)
{
    struct rw_kv_pool **link = &pool->budget->pools;
    while (*link != NULL && *link != pool) {
        link = &(*link)->next;
    }
    if (*link == pool) {
        *link = pool->next;
        pool->next = NULL;
    }
}

/* A pool joins the list on first use: then it is the engine thread that does it, and a model may be
 * loaded by another thread meanwhile. */
static void budget_link(struct rw_kv_pool *pool)
{
    budget_unlink(pool);
    pool->next = pool->budget->pools;
    pool->budget->pools = pool;
}

/* Gives the pages of all free blocks back to the system. */
static void pool_trim(struct rw_kv_pool *pool)
{
    for (uint32_t i = 0; i < pool->n_free; i++) {
        uint32_t block = pool->free[i];
        if (pool->resident[block]) {
            int rc = madvise(pool->base + (size_t)block * pool->block_bytes, pool->block_bytes,
                             MADV_DONTNEED);
            rw_assert(rc == 0);
            pool->resident[block] = 0;
            pool->budget->resident_bytes -= pool->block_bytes;
        }
    }
}

void rw_kv_pool_destroy(struct rw_kv_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    if (pool->base != NULL) {
        rw_assert(pool->n_free == pool->n_blocks);
        for (uint32_t i = 0; pool->resident != NULL && i < pool->n_blocks; i++) {
            pool->budget->resident_bytes -= pool->resident[i] ? pool->block_bytes : 0;
        }
        rw_free_large(pool->base, (size_t)pool->n_blocks * pool->block_bytes);
    }
    budget_unlink(pool);
    rw_free(pool->refs);
    rw_free(pool->kept);
    rw_free(pool->resident);
    rw_free(pool->free);
    rw_free(pool);
}

uint32_t rw_kv_pool_blocks_max(const struct rw_kv_pool *pool)
{
    return pool->n_blocks;
}

size_t rw_kv_bytes_per_block(const struct rw_kv_pool *pool)
{
    return pool->block_bytes;
}

bool rw_kv_reserve(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t blocks)
{
    struct rw_kv_budget *budget = pool->budget;
    rw_assert(seq->reserved == 0);
    rw_assert(seq->n_blocks + blocks <= seq->max_blocks && blocks <= pool->n_blocks);
    size_t bytes = blocks * pool->block_bytes;
    if (bytes > budget->max_bytes - budget->reserved_bytes) {
        return false;
    }
    budget_link(pool);
    /* The cache gives way before the promise is made, so that the budget is never overdrawn. */
    while (budget->cached_bytes > budget->max_bytes - budget->reserved_bytes - bytes) {
        size_t before = budget->cached_bytes;
        budget->evict(budget->evict_ctx);
        rw_assert(budget->cached_bytes < before);
    }
    budget->reserved_bytes += bytes;
    seq->reserved = blocks;
    check_budget(budget);
    return true;
}

void rw_kv_unpromise(struct rw_kv_pool *pool, struct rw_kv_seq *seq)
{
    rw_assert(seq->reserved > 0 && pool->budget->reserved_bytes >= pool->block_bytes);
    seq->reserved--;
    pool->budget->reserved_bytes -= pool->block_bytes;
}

/* The pages of the block count as touched from here on. */
static void make_resident(struct rw_kv_pool *pool, uint32_t block)
{
    struct rw_kv_budget *budget = pool->budget;
    if (budget->resident_bytes + pool->block_bytes > budget->max_bytes) {
        for (struct rw_kv_pool *p = budget->pools; p != NULL; p = p->next) {
            pool_trim(p);
        }
    }
    budget->resident_bytes += pool->block_bytes;
    pool->resident[block] = 1;
}

uint32_t rw_kv_take(struct rw_kv_pool *pool, struct rw_kv_seq *seq)
{
    rw_assert(seq->reserved > 0 && pool->n_free > 0 && seq->n_blocks < seq->max_blocks);
    uint32_t block = pool->free[--pool->n_free];
    rw_assert(pool->refs[block] == 0 && !pool->kept[block]);
    pool->refs[block] = 1;
    seq->reserved--;
    seq->blocks[seq->n_blocks++] = block;
    check_block(pool, block);
    return block;
}

void rw_kv_clear(struct rw_kv_pool *pool, uint32_t block)
{
    if (!pool->resident[block]) {
        make_resident(pool, block); /* fresh pages are zero */
        return;
    }
    /* Stale values, above all a NaN of a failed trace, must not meet the zero weights of masked
     * keys. It costs 1/10000 of the pass that follows. */
    memset(pool->base + (size_t)block * pool->block_bytes, 0, pool->block_bytes);
}

void rw_kv_copy(struct rw_kv_pool *pool, uint32_t to, uint32_t from)
{
    rw_assert(to != from && pool->resident[from]);
    if (!pool->resident[to]) {
        make_resident(pool, to);
    }
    memcpy(pool->base + (size_t)to * pool->block_bytes,
           pool->base + (size_t)from * pool->block_bytes, pool->block_bytes);
}

void rw_kv_grow(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t positions)
{
    uint32_t want = rw_kv_blocks_of(positions);
    while (seq->n_blocks < want) {
        rw_kv_clear(pool, rw_kv_take(pool, seq));
    }
}

void rw_kv_share(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t block)
{
    rw_assert(block < pool->n_blocks && (pool->refs[block] > 0 || pool->kept[block]));
    rw_assert(seq->n_blocks < seq->max_blocks);
    if (pool->refs[block]++ == 0) {
        rw_assert(pool->budget->cached_bytes >= pool->block_bytes);
        pool->budget->cached_bytes -= pool->block_bytes;
        pool->budget->reserved_bytes += pool->block_bytes;
    }
    seq->blocks[seq->n_blocks++] = block;
    check_block(pool, block);
}

uint32_t rw_kv_pop(struct rw_kv_pool *pool, struct rw_kv_seq *seq)
{
    rw_assert(seq->n_blocks > 0);
    uint32_t block = seq->blocks[--seq->n_blocks];
    rw_assert(block < pool->n_blocks && pool->refs[block] > 0);
    if (--pool->refs[block] > 0) {
        return block;
    }
    rw_assert(pool->budget->reserved_bytes >= pool->block_bytes);
    pool->budget->reserved_bytes -= pool->block_bytes;
    if (pool->kept[block]) {
        pool->budget->cached_bytes += pool->block_bytes;
    } else {
        pool->free[pool->n_free++] = block;
    }
    check_block(pool, block);
    return block;
}

void rw_kv_release(struct rw_kv_pool *pool, struct rw_kv_seq *seq)
{
    while (seq->n_blocks > 0) {
        rw_kv_pop(pool, seq);
    }
    while (seq->reserved > 0) {
        rw_kv_unpromise(pool, seq);
    }
}

void rw_kv_keep(struct rw_kv_pool *pool, uint32_t block)
{
    rw_assert(block < pool->n_blocks && pool->refs[block] > 0 && !pool->kept[block]);
    pool->kept[block] = 1;
}

void rw_kv_forget(struct rw_kv_pool *pool, uint32_t block)
{
    rw_assert(block < pool->n_blocks && pool->kept[block]);
    pool->kept[block] = 0;
    if (pool->refs[block] == 0) {
        rw_assert(pool->budget->cached_bytes >= pool->block_bytes);
        pool->budget->cached_bytes -= pool->block_bytes;
        pool->free[pool->n_free++] = block;
    }
    check_block(pool, block);
}

uint32_t rw_kv_holders(const struct rw_kv_pool *pool, uint32_t block)
{
    return pool->refs[block];
}

void *rw_kv_block(const struct rw_kv_pool *pool, uint32_t block, uint32_t layer, uint32_t kv_head,
                  bool values)
{
    rw_assert(block < pool->n_blocks && kv_head < pool->kv_heads);
    size_t unit = ((size_t)layer * pool->kv_heads + kv_head) * 2 + (values ? 1 : 0);
    return pool->base + (size_t)block * pool->block_bytes + unit * pool->unit_bytes;
}
