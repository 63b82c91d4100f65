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
    unsigned char *base; /* n_blocks * block_bytes of address space */
    uint32_t *refs;      /* [n_blocks] owners */
    uint32_t *free;      /* stack of unused blocks; the resident ones are on top */
    uint32_t n_free;
    uint32_t n_free_resident;
};

static size_t page_bytes(void)
{
    long bytes = sysconf(_SC_PAGESIZE);
    return bytes > 0 ? (size_t)bytes : 4096;
}

size_t rw_kv_pool_block_bytes(const struct rw_config *config, enum rw_dtype dtype)
{
    size_t unit = rw_kv_block_bytes(rw_dtype_state(dtype), config->head_dim);
    size_t bytes = unit * 2 * config->layers * config->kv_heads;
    size_t page = page_bytes();
    return (bytes + page - 1) / page * page;
}

static rw_status pool_alloc(struct rw_kv_pool *pool, struct rw_error *err)
{
    pool->refs = rw_alloc_zero(pool->n_blocks, sizeof *pool->refs);
    pool->free = rw_alloc_array(pool->n_blocks, sizeof *pool->free);
    pool->base = rw_alloc_large((size_t)pool->n_blocks * pool->block_bytes);
    pool->n_free = pool->n_blocks; /* none is taken, also when one of these was refused */
    if (pool->refs == NULL || pool->free == NULL || pool->base == NULL) {
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
    pool->unit_bytes = rw_kv_block_bytes(rw_dtype_state(dtype), config->head_dim);
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

void rw_kv_pool_destroy(struct rw_kv_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    if (pool->base != NULL) {
        rw_assert(pool->n_free == pool->n_blocks);
        pool->budget->resident_bytes -= pool->n_free_resident * pool->block_bytes;
        rw_free_large(pool->base, (size_t)pool->n_blocks * pool->block_bytes);
    }
    budget_unlink(pool);
    rw_free(pool->refs);
    rw_free(pool->free);
    rw_free(pool);
}

uint32_t rw_kv_pool_blocks_max(const struct rw_kv_pool *pool)
{
    return pool->n_blocks;
}

bool rw_kv_reserve(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t blocks)
{
    struct rw_kv_budget *budget = pool->budget;
    rw_assert(seq->n_blocks == 0 && seq->reserved == 0);
    rw_assert(blocks <= seq->max_blocks && blocks <= pool->n_blocks);
    size_t bytes = blocks * pool->block_bytes;
    if (bytes > budget->max_bytes - budget->reserved_bytes) {
        return false;
    }
    budget_link(pool);
    budget->reserved_bytes += bytes;
    seq->reserved = blocks;
    return true;
}

/* Gives the pages of all free blocks back to the system. */
static void pool_trim(struct rw_kv_pool *pool)
{
    while (pool->n_free_resident > 0) {
        uint32_t block = pool->free[pool->n_free - pool->n_free_resident];
        int rc = madvise(pool->base + (size_t)block * pool->block_bytes, pool->block_bytes,
                         MADV_DONTNEED);
        rw_assert(rc == 0);
        pool->n_free_resident--;
        pool->budget->resident_bytes -= pool->block_bytes;
    }
}

static uint32_t take_block(struct rw_kv_pool *pool)
{
    struct rw_kv_budget *budget = pool->budget;
    rw_assert(pool->n_free > 0);
    uint32_t block = pool->free[--pool->n_free];
    rw_assert(pool->refs[block] == 0);
    pool->refs[block] = 1;
    if (pool->n_free_resident > 0) {
        /* Stale values, above all a NaN of a failed trace, must not meet the zero weights of masked
         * keys. It costs 1/10000 of the pass that follows. */
        pool->n_free_resident--;
        memset(pool->base + (size_t)block * pool->block_bytes, 0, pool->block_bytes);
        return block;
    }
    if (budget->resident_bytes + pool->block_bytes > budget->max_bytes) {
        for (struct rw_kv_pool *p = budget->pools; p != NULL; p = p->next) {
            pool_trim(p);
        }
    }
    budget->resident_bytes += pool->block_bytes;
    return block;
}

static void drop_block(struct rw_kv_pool *pool, uint32_t block)
{
    rw_assert(block < pool->n_blocks && pool->refs[block] > 0);
    if (--pool->refs[block] > 0) {
        return;
    }
    pool->free[pool->n_free++] = block;
    pool->n_free_resident++;
}

void rw_kv_grow(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t positions)
{
    uint32_t want = rw_kv_blocks_of(positions);
    while (seq->n_blocks < want) {
        rw_assert(seq->reserved > 0);
        seq->reserved--;
        seq->blocks[seq->n_blocks++] = take_block(pool);
    }
}

void rw_kv_release(struct rw_kv_pool *pool, struct rw_kv_seq *seq)
{
    size_t held = (size_t)seq->n_blocks + seq->reserved;
    rw_assert(pool->budget->reserved_bytes >= held * pool->block_bytes);
    pool->budget->reserved_bytes -= held * pool->block_bytes;
    for (uint32_t i = 0; i < seq->n_blocks; i++) {
        drop_block(pool, seq->blocks[i]);
    }
    seq->n_blocks = 0;
    seq->reserved = 0;
}

void *rw_kv_block(const struct rw_kv_pool *pool, uint32_t block, uint32_t layer, uint32_t kv_head,
                  bool values)
{
    size_t unit = ((size_t)layer * pool->kv_heads + kv_head) * 2 + (values ? 1 : 0);
    return pool->base + (size_t)block * pool->block_bytes + unit * pool->unit_bytes;
}
