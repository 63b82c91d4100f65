#include "core/base/arena.h"

#include <stdint.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"

enum {
    ARENA_ALIGN = 16,              /* bytes */
    ARENA_BLOCK_BYTES = 16 * 1024, /* smallest block asked of the system */
};

struct rw_arena_block {
    struct rw_arena_block *older;
    size_t used;
    size_t size; /* bytes behind this header */
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

void rw_arena_init(struct rw_arena *arena, size_t max_bytes)
{
    *arena = (struct rw_arena){.max_bytes = max_bytes};
}

void rw_arena_fini(struct rw_arena *arena)
{
    struct rw_arena_block *block = arena->head;
    while (block != NULL) {
        struct rw_arena_block *older = block->older;
        rw_free(block);
        block = older;
    }
    rw_arena_init(arena, arena->max_bytes);
}

static struct rw_arena_block *add_block(struct rw_arena *arena, size_t need)
{
    /* Blocks grow with the arena, so that a large one is not a chain of thousands. */
    size_t size = RW_MAX(arena->used_bytes, ARENA_BLOCK_BYTES);
    size_t left = arena->max_bytes - arena->used_bytes;
    if (size > left) {
        size = left;
    }
    if (size < need) {
        size = need;
    }
    struct rw_arena_block *block = rw_alloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->older = arena->head;
    block->used = 0;
    block->size = size;
    arena->head = block;
    return block;
}

void *rw_arena_alloc(struct rw_arena *arena, size_t bytes)
{
    rw_assert(arena->max_bytes > 0);
    if (bytes > SIZE_MAX - ARENA_ALIGN) {
        return NULL;
    }
    size_t need = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (need > arena->max_bytes - arena->used_bytes) {
        arena->over_cap = true;
        return NULL;
    }
    struct rw_arena_block *block = arena->head;
    if (block == NULL || block->size - block->used < need) {
        block = add_block(arena, need);
        if (block == NULL) {
            return NULL;
        }
    }
    void *ptr = block->bytes + block->used;
    block->used += need;
    arena->used_bytes += need;
    memset(ptr, 0, need);
    return ptr;
}

void *rw_arena_array(struct rw_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return rw_arena_alloc(arena, bytes);
}

struct rw_str rw_arena_copy(struct rw_arena *arena, struct rw_str text)
{
    char *ptr = text.len < SIZE_MAX ? rw_arena_alloc(arena, text.len + 1) : NULL;
    if (ptr == NULL) {
        return (struct rw_str){NULL, 0};
    }
    if (text.len > 0) {
        memcpy(ptr, text.ptr, text.len);
    }
    return (struct rw_str){ptr, text.len};
}
