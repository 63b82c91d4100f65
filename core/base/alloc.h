/* The one door to the heap. The allocator is a small table so that tests can make the n-th
 * allocation fail; production code never replaces it. All functions may be called from any thread.
 */
#ifndef RW_BASE_ALLOC_H
#define RW_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

struct rw_allocator {
    void *(*alloc)(void *ctx, size_t bytes);
    void *(*resize)(void *ctx, void *old, size_t bytes);
    void (*release)(void *ctx, void *ptr);
    void *ctx;
};

/* Installs a table for the whole process (NULL: back to malloc). Call it before threads exist. */
void rw_alloc_set(const struct rw_allocator *allocator);

/* For a process that works for days: what is large is a mapping of its own from the system,
 * whatever was freed before, and goes back when it is freed. Left to itself the C library raises
 * that bound with every such block that is freed, up to 32 MB; then gigabytes of them lie in its
 * heaps, are kept by one small block above them, or go back in one long call. Before threads exist.
 */
void rw_alloc_tune(void);

/* All return NULL when refused; sizes that overflow are refused. Zero bytes give a valid pointer.
 */
void *rw_alloc(size_t bytes);
void *rw_alloc_zero(size_t count, size_t size);
void *rw_alloc_array(size_t count, size_t size);
void *rw_realloc_array(void *old, size_t count, size_t size);
/* The same for the array that `items`, the address of a pointer to it, leads to; false leaves it as
 * it was. */
bool rw_alloc_resize(void *items, size_t count, size_t size);
void rw_free(void *ptr); /* NULL is fine */

/* Anonymous memory for weights and KV: aligned to 2 MiB pages when large, huge pages asked for.
 * Released with rw_free_large and the same size. Fault injection counts it as one allocation. */
void *rw_alloc_large(size_t bytes);
void rw_free_large(void *ptr, size_t bytes);

#endif
