/* Memory for keys and values: blocks of 64 positions, shared by reference count.
 *
 * A block holds the keys and values of 64 absolute positions for every layer and KV head of one
 * model. One budget in bytes covers all pools of an engine. Address space is taken when the pool is
 * made; pages are touched when a block is first used, and given back to the system when another
 * pool needs the budget. A sequence reserves all its blocks before it starts, so that two half-done
 * sequences never wait for each other, and takes them one by one as it grows.
 *
 * A block may be held by several sequences, and be kept by a cache beyond them; which ones, the
 * cache knows (core/engine/radix.h). What only the cache holds is given up, block by block, when a
 * sequence needs the memory: a cache never makes a reservation fail.
 * Threads: one at a time, over all pools of a budget (the engine thread). */
#ifndef RW_MODEL_KV_H
#define RW_MODEL_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/kernels/kernels.h"
#include "core/model/config.h"

enum {
    RW_KV_BLOCK_POSITIONS = RW_PANEL, /* positions of one block, as the attention kernel wants */
    RW_KV_POOL_BLOCKS_MAX = 1 << 20,  /* bookkeeping per pool stays under 16 MiB */
};

struct rw_kv_pool;

struct rw_kv_budget {
    size_t max_bytes;
    size_t reserved_bytes; /* held by sequences (each block once) or promised to them */
    size_t cached_bytes;   /* held by the cache alone */
    size_t resident_bytes; /* pages touched and not given back */
    struct rw_kv_pool *pools;
    /* Forgets one block that the cache alone holds; asked while there is one. NULL: no cache. */
    void (*evict)(void *ctx);
    void *evict_ctx;
};

/* Block table of one sequence; `blocks` is the owner's memory. */
struct rw_kv_seq {
    uint32_t *blocks; /* [max_blocks] indices into the pool */
    uint32_t max_blocks;
    uint32_t n_blocks; /* taken */
    uint32_t reserved; /* promised and not yet taken */
};

static inline uint32_t rw_kv_blocks_of(uint32_t positions)
{
    return (positions + RW_KV_BLOCK_POSITIONS - 1) / RW_KV_BLOCK_POSITIONS;
}

/* Bytes of one block: what one sequence of up to 64 tokens costs. `dtype` is that of the weights;
 * keys and values are kept as rw_dtype_state of it. */
size_t rw_kv_pool_block_bytes(const struct rw_config *config, enum rw_dtype dtype);

/* CONFIG when the budget does not hold a single block. The budget must outlive the pool. */
rw_status rw_kv_pool_create(struct rw_kv_budget *budget, const struct rw_config *config,
                            enum rw_dtype dtype, struct rw_kv_pool **out, struct rw_error *err);
/* All sequences must have been released. */
void rw_kv_pool_destroy(struct rw_kv_pool *pool); /* NULL is fine */
/* Blocks a sequence could ever get: the whole budget. */
uint32_t rw_kv_pool_blocks_max(const struct rw_kv_pool *pool);

/* Promises `blocks` more to the sequence, or changes nothing and returns false. */
bool rw_kv_reserve(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t blocks);
/* Takes zeroed blocks until `positions` are covered; the reservation must hold them. */
void rw_kv_grow(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t positions);
/* Drops the blocks and what is left of the reservation. */
void rw_kv_release(struct rw_kv_pool *pool, struct rw_kv_seq *seq);

/* ---- for a cache ---- */

/* Takes one promised block as the sequence's next; its content is anything until clear or copy. */
uint32_t rw_kv_take(struct rw_kv_pool *pool, struct rw_kv_seq *seq);
void rw_kv_clear(struct rw_kv_pool *pool, uint32_t block);
void rw_kv_copy(struct rw_kv_pool *pool, uint32_t to, uint32_t from);
/* Makes a block that others hold or that is kept the sequence's next, without a promise. */
void rw_kv_share(struct rw_kv_pool *pool, struct rw_kv_seq *seq, uint32_t block);
/* Gives one promised block back. */
void rw_kv_unpromise(struct rw_kv_pool *pool, struct rw_kv_seq *seq);
/* Drops the sequence's last block; a block that is kept stays. Returns it. */
uint32_t rw_kv_pop(struct rw_kv_pool *pool, struct rw_kv_seq *seq);
/* The cache holds the block too, from now on or no longer. */
void rw_kv_keep(struct rw_kv_pool *pool, uint32_t block);
void rw_kv_forget(struct rw_kv_pool *pool, uint32_t block);
uint32_t rw_kv_holders(const struct rw_kv_pool *pool, uint32_t block); /* sequences */
size_t rw_kv_bytes_per_block(const struct rw_kv_pool *pool);

/* Start of the keys (or values) of one layer and KV head in a block. */
void *rw_kv_block(const struct rw_kv_pool *pool, uint32_t block, uint32_t layer, uint32_t kv_head,
                  bool values);

#endif
