#include "core/text/bpe.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"

enum {
    BPE_SHORT_MAX = 24,   /* symbols; measured: the scan wins below */
    BPE_SIZE_FIRST = 256, /* symbols, first allocation */
};

#define NO_RANK UINT32_MAX

/* A symbol and the pair it forms with its right neighbour. Dead symbols have next == DEAD. */
struct rw_bpe_pair {
    uint32_t prev;
    uint32_t next;
    uint32_t rank; /* NO_RANK: the pair does not merge */
    int32_t merged;
};

#define NONE UINT32_MAX
#define DEAD (UINT32_MAX - 1)

void rw_bpe_init(struct rw_bpe *bpe)
{
    *bpe = (struct rw_bpe){0};
}

void rw_bpe_fini(struct rw_bpe *bpe)
{
    rw_free(bpe->ids);
    rw_free(bpe->ends);
    rw_free(bpe->pairs);
    rw_free(bpe->heap);
    rw_bpe_init(bpe);
}

void rw_bpe_clear(struct rw_bpe *bpe)
{
    bpe->count = 0;
}

bool rw_bpe_reserve(struct rw_bpe *bpe, size_t symbols)
{
    rw_assert(symbols < DEAD - bpe->count);
    size_t need = bpe->count + symbols;
    if (need <= bpe->size) {
        return true;
    }
    size_t size = bpe->size > 0 ? bpe->size : BPE_SIZE_FIRST;
    while (size < need) {
        size += size;
    }
    if (!rw_alloc_resize(&bpe->ids, size, sizeof *bpe->ids) ||
        !rw_alloc_resize(&bpe->ends, size, sizeof *bpe->ends)) {
        return false;
    }
    bpe->size = size;
    return true;
}

/* ---- short words: scan for the lowest rank, close the gap, look up two new pairs ---- */

static uint32_t pair_rank(const struct rw_bpe *bpe, const struct rw_merges *merges, size_t at,
                          int32_t *merged)
{
    const struct rw_merge *merge = rw_merges_get(merges, bpe->ids[at], bpe->ids[at + 1]);
    if (merge == NULL) {
        return NO_RANK;
    }
    *merged = merge->id;
    return merge->rank;
}

static void close_gap(struct rw_bpe *bpe, size_t at, uint32_t *ranks, int32_t *merged)
{
    size_t left = bpe->count - at - 1; /* symbols behind the one removed at `at` */
    memmove(bpe->ids + at, bpe->ids + at + 1, left * sizeof *bpe->ids);
    memmove(bpe->ends + at - 1, bpe->ends + at, (left + 1) * sizeof *bpe->ends);
    memmove(ranks + at - 1, ranks + at, left * sizeof *ranks);
    memmove(merged + at - 1, merged + at, left * sizeof *merged);
    bpe->count--;
}

static void merge_short(struct rw_bpe *bpe, const struct rw_merges *merges)
{
    uint32_t ranks[BPE_SHORT_MAX];
    int32_t merged[BPE_SHORT_MAX];
    for (size_t i = 0; i + 1 < bpe->count; i++) {
        ranks[i] = pair_rank(bpe, merges, i, &merged[i]);
    }
    while (bpe->count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < bpe->count; i++) {
            best = ranks[i] < ranks[best] ? i : best;
        }
        if (ranks[best] == NO_RANK) {
            return;
        }
        bpe->ids[best] = merged[best];
        close_gap(bpe, best + 1, ranks, merged);
        if (best > 0) {
            ranks[best - 1] = pair_rank(bpe, merges, best - 1, &merged[best - 1]);
        }
        if (best + 1 < bpe->count) {
            ranks[best] = pair_rank(bpe, merges, best, &merged[best]);
        }
    }
}

/* ---- long words: linked symbols and a binary heap of pairs, stale entries skipped ---- */

static void heap_push(struct rw_bpe *bpe, uint64_t key)
{
    rw_assert(bpe->heap_count < bpe->heap_size);
    size_t at = bpe->heap_count++;
    while (at > 0 && bpe->heap[(at - 1) / 2] > key) {
        bpe->heap[at] = bpe->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    bpe->heap[at] = key;
}

static uint64_t heap_pop(struct rw_bpe *bpe)
{
    uint64_t top = bpe->heap[0];
    uint64_t key = bpe->heap[--bpe->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= bpe->heap_count) {
            break;
        }
        if (child + 1 < bpe->heap_count && bpe->heap[child + 1] < bpe->heap[child]) {
            child++;
        }
        if (bpe->heap[child] >= key) {
            break;
        }
        bpe->heap[at] = bpe->heap[child];
        at = child;
    }
    bpe->heap[at] = key;
    return top;
}

/* Looks up the pair that starts at `at` and queues it. */
static void queue_pair(struct rw_bpe *bpe, const struct rw_merges *merges, uint32_t at)
{
    struct rw_bpe_pair *pair = &bpe->pairs[at];
    pair->rank = NO_RANK;
    if (pair->next == NONE) {
        return;
    }
    const struct rw_merge *merge = rw_merges_get(merges, bpe->ids[at], bpe->ids[pair->next]);
    if (merge != NULL) {
        pair->rank = merge->rank;
        pair->merged = merge->id;
        heap_push(bpe, (uint64_t)merge->rank << 32 | at);
    }
}

/* Every merge removes one symbol and queues at most two pairs: n - 1 + 2 (n - 1) in all. */
static bool heap_prepare(struct rw_bpe *bpe)
{
    bpe->heap_count = 0;
    if (bpe->heap_size >= 3 * bpe->count) {
        return true;
    }
    rw_free(bpe->pairs);
    rw_free(bpe->heap);
    bpe->pairs = rw_alloc_array(bpe->count, sizeof *bpe->pairs);
    bpe->heap = rw_alloc_array(bpe->count, 3 * sizeof *bpe->heap);
    bool done = bpe->pairs != NULL && bpe->heap != NULL;
    bpe->heap_size = done ? 3 * bpe->count : 0;
    return done;
}

static void merge_at(struct rw_bpe *bpe, const struct rw_merges *merges, uint32_t at)
{
    struct rw_bpe_pair *pair = &bpe->pairs[at];
    uint32_t right = pair->next;
    bpe->ids[at] = pair->merged;
    bpe->ends[at] = bpe->ends[right];
    pair->next = bpe->pairs[right].next;
    bpe->pairs[right].next = DEAD;
    if (pair->next != NONE) {
        bpe->pairs[pair->next].prev = at;
    }
    if (pair->prev != NONE) {
        queue_pair(bpe, merges, pair->prev);
    }
    queue_pair(bpe, merges, at);
}

static void compact(struct rw_bpe *bpe)
{
    size_t count = 0;
    for (size_t i = 0; i < bpe->count; i++) {
        if (bpe->pairs[i].next != DEAD) {
            bpe->ids[count] = bpe->ids[i];
            bpe->ends[count] = bpe->ends[i];
            count++;
        }
    }
    bpe->count = count;
}

static bool merge_long(struct rw_bpe *bpe, const struct rw_merges *merges)
{
    if (!heap_prepare(bpe)) {
        return false;
    }
    uint32_t count = (uint32_t)bpe->count;
    for (uint32_t i = 0; i < count; i++) {
        bpe->pairs[i].prev = i > 0 ? i - 1 : NONE;
        bpe->pairs[i].next = i + 1 < count ? i + 1 : NONE;
    }
    for (uint32_t i = 0; i < count; i++) {
        queue_pair(bpe, merges, i);
    }
    while (bpe->heap_count > 0) {
        uint64_t top = heap_pop(bpe);
        uint32_t at = (uint32_t)top;
        if (bpe->pairs[at].next != DEAD && bpe->pairs[at].rank == top >> 32) {
            merge_at(bpe, merges, at);
        }
    }
    compact(bpe);
    return true;
}

bool rw_bpe_merge(struct rw_bpe *bpe, const struct rw_merges *merges)
{
    if (bpe->count > BPE_SHORT_MAX) {
        return merge_long(bpe, merges);
    }
    merge_short(bpe, merges);
    return true;
}
