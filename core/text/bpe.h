/* Byte-pair merging of one word: the pair of lowest rank merges first, the leftmost of equals.
 *
 * The caller adds the word's initial symbols, merges, and reads the symbols back. Long words use a
 * heap, so that the cost is O(n log n) on a megabyte of one repeated letter; the short words that
 * make up nearly all text use a plain scan, which is faster up to BPE_SHORT_MAX symbols. */
#ifndef RW_TEXT_BPE_H
#define RW_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/text/vocab.h"

/* Scratch memory of one encode call; owned by the caller, reused from word to word. */
struct rw_bpe {
    int32_t *ids;   /* [count] */
    uint32_t *ends; /* [count] offset behind the symbol, in bytes of the word */
    size_t count;
    size_t size;
    struct rw_bpe_pair *pairs; /* [heap_size / 3] heap path only */
    uint64_t *heap;            /* [heap_size] rank << 32 | position */
    size_t heap_count;
    size_t heap_size;
};

void rw_bpe_init(struct rw_bpe *bpe);
void rw_bpe_fini(struct rw_bpe *bpe);
/* Forgets the last word, keeps the memory. */
void rw_bpe_clear(struct rw_bpe *bpe);
/* False when memory is refused. */
bool rw_bpe_reserve(struct rw_bpe *bpe, size_t symbols);

/* Room was reserved. */
static inline void rw_bpe_add(struct rw_bpe *bpe, int32_t id, uint32_t end)
{
    bpe->ids[bpe->count] = id;
    bpe->ends[bpe->count] = end;
    bpe->count++;
}

/* False when memory is refused; the symbols are then undefined. */
bool rw_bpe_merge(struct rw_bpe *bpe, const struct rw_merges *merges);

#endif
