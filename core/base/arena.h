/* Memory that is freed all at once: one arena per request, per file, per model.
 *
 * An arena has a cap in bytes, given at birth; an allocation that would pass it is refused like any
 * other failed allocation. Not thread-safe: one owner at a time. */
#ifndef RW_BASE_ARENA_H
#define RW_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

struct rw_arena_block;

struct rw_arena {
    struct rw_arena_block *head; /* newest block; older ones behind it */
    size_t used_bytes;           /* handed out, headers included */
    size_t max_bytes;            /* cap on used_bytes */
    bool over_cap;               /* an allocation was refused for the cap, not by the system */
};

void rw_arena_init(struct rw_arena *arena, size_t max_bytes);
void rw_arena_fini(
    struct rw_arena *arena); /* frees everything; the arena may be initialised again */

/* Zeroed memory aligned to 16 bytes, or NULL (cap reached or refused by the system). */
void *rw_arena_alloc(struct rw_arena *arena, size_t bytes);
void *rw_arena_array(struct rw_arena *arena, size_t count, size_t size);
/* A copy with a NUL behind it (not counted in len); ptr is NULL on failure. */
struct rw_str rw_arena_copy(struct rw_arena *arena, struct rw_str text);

#endif
