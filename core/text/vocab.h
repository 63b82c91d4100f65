/* The two tables of a BPE model: token content -> id, and (left id, right id) -> merged id.
 *
 * Filled while a tokenizer is opened, read-only afterwards. All memory comes from the tokenizer's
 * arena; contents are borrowed from it. */
#ifndef RW_TEXT_VOCAB_H
#define RW_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/str.h"

enum {
    RW_VOCAB_IDS_MAX = 1 << 22,    /* tokens; the largest public vocabularies have 2^18 */
    RW_VOCAB_MERGES_MAX = 1 << 24, /* pairs */
};

struct rw_vocab {
    struct rw_str *content; /* [size] by id; ptr is NULL for an id without a token */
    size_t size;            /* largest id + 1 */
    uint32_t *slots;        /* open addressing: id + 1, or 0 */
    size_t mask;            /* slots - 1 */
};

/* Room for ids below `size`. False when memory is refused. */
bool rw_vocab_init(struct rw_vocab *vocab, struct rw_arena *arena, size_t size);
/* False when the id or the content is already taken; id < size. */
bool rw_vocab_put(struct rw_vocab *vocab, int32_t id, struct rw_str content);
/* The id, or -1. */
int32_t rw_vocab_find(const struct rw_vocab *vocab, struct rw_str content);

struct rw_merge {
    int32_t left; /* -1: free slot */
    int32_t right;
    uint32_t rank; /* lower merges first */
    int32_t id;    /* what the pair becomes */
};

struct rw_merges {
    struct rw_merge *slots;
    size_t mask;
    unsigned shift;
};

/* Room for `count` pairs. */
bool rw_merges_init(struct rw_merges *merges, struct rw_arena *arena, size_t count);
/* A pair given twice keeps its last rank, as in the reference. */
void rw_merges_put(struct rw_merges *merges, int32_t left, int32_t right, uint32_t rank,
                   int32_t id);

/* Where the search for a pair starts. Multiplicative hashing: the high bits are the good ones. */
static inline size_t rw_merges_home(const struct rw_merges *merges, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (size_t)((key ^ key >> 23) * 0x9E3779B97F4A7C15ULL >> merges->shift);
}

/* NULL when the pair does not merge. */
static inline const struct rw_merge *rw_merges_get(const struct rw_merges *merges, int32_t left,
                                                   int32_t right)
{
    size_t at = rw_merges_home(merges, left, right);
    for (;;) {
        const struct rw_merge *slot = &merges->slots[at];
        if (slot->left == left && slot->right == right) {
            return slot;
        }
        if (slot->left < 0) {
            return NULL;
        }
        at = (at + 1) & merges->mask;
    }
}

#endif
