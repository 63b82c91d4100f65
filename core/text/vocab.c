#include "core/text/vocab.h"

#include "core/base/assert.h"
#include "core/base/hash.h"

enum {
    TABLE_MIN_BITS = 4,
};

/* Bits of a table that `count` entries fill to at most one half. */
static unsigned table_bits(size_t count)
{
    unsigned bits = TABLE_MIN_BITS;
    while (((size_t)1 << bits) < 2 * count) {
        bits++;
    }
    return bits;
}

bool rw_vocab_init(struct rw_vocab *vocab, struct rw_arena *arena, size_t size)
{
    rw_assert(size <= RW_VOCAB_IDS_MAX);
    size_t slots = (size_t)1 << table_bits(size);
    vocab->content = rw_arena_array(arena, size, sizeof *vocab->content);
    vocab->slots = rw_arena_array(arena, slots, sizeof *vocab->slots);
    vocab->size = size;
    vocab->mask = slots - 1;
    return vocab->content != NULL && vocab->slots != NULL;
}

/* The slot that holds the content, or the free one where it belongs. */
static size_t slot_of(const struct rw_vocab *vocab, struct rw_str content)
{
    size_t at = (size_t)rw_hash64(content.ptr, content.len, 0) & vocab->mask;
    while (vocab->slots[at] != 0 && !rw_str_equal(vocab->content[vocab->slots[at] - 1], content)) {
        at = (at + 1) & vocab->mask;
    }
    return at;
}

bool rw_vocab_put(struct rw_vocab *vocab, int32_t id, struct rw_str content)
{
    rw_assert(id >= 0 && (size_t)id < vocab->size && content.ptr != NULL);
    size_t at = slot_of(vocab, content);
    if (vocab->content[id].ptr != NULL || vocab->slots[at] != 0) {
        return false;
    }
    vocab->content[id] = content;
    vocab->slots[at] = (uint32_t)id + 1;
    return true;
}

int32_t rw_vocab_find(const struct rw_vocab *vocab, struct rw_str content)
{
    return (int32_t)vocab->slots[slot_of(vocab, content)] - 1;
}

bool rw_merges_init(struct rw_merges *merges, struct rw_arena *arena, size_t count)
{
    rw_assert(count <= RW_VOCAB_MERGES_MAX);
    unsigned bits = table_bits(count);
    size_t slots = (size_t)1 << bits;
    merges->slots = rw_arena_array(arena, slots, sizeof *merges->slots);
    if (merges->slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < slots; i++) {
        merges->slots[i].left = -1;
    }
    merges->mask = slots - 1;
    merges->shift = 64 - bits;
    return true;
}

void rw_merges_put(struct rw_merges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id)
{
    rw_assert(left >= 0 && right >= 0);
    size_t at = rw_merges_home(merges, left, right);
    while (merges->slots[at].left >= 0 &&
           (merges->slots[at].left != left || merges->slots[at].right != right)) {
        at = (at + 1) & merges->mask;
    }
    merges->slots[at] = (struct rw_merge){left, right, rank, id};
}
