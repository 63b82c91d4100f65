#include "core/base/alloc.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/assert.h"

enum {
    MAPPING_BYTES = 128 * 1024,
    TRIM_BYTES = 1024 * 1024, /* kept at the end of the heap for what comes next */
};

static const size_t HUGE_PAGE_BYTES = (size_t)2 << 20;

static void *system_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return malloc(bytes);
}

static void *system_resize(void *ctx, void *old, size_t bytes)
{
    (void)ctx;
    return realloc(old, bytes);
}

static void system_release(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const struct rw_allocator SYSTEM = {system_alloc, system_resize, system_release, NULL};
static const struct rw_allocator *current = &SYSTEM;

void rw_alloc_set(const struct rw_allocator *allocator)
{
    current = allocator != NULL ? allocator : &SYSTEM;
}

void rw_alloc_tune(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, MAPPING_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
#endif
}

void *rw_alloc(size_t bytes)
{
    return current->alloc(current->ctx, bytes > 0 ? bytes : 1);
}

void *rw_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return rw_alloc(bytes);
}

void *rw_alloc_zero(size_t count, size_t size)
{
    void *ptr = rw_alloc_array(count, size);
    if (ptr != NULL) {
        memset(ptr, 0, count * size);
    }
    return ptr;
}

void *rw_realloc_array(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return current->resize(current->ctx, old, bytes > 0 ? bytes : 1);
}

bool rw_alloc_resize(void *items, size_t count, size_t size)
{
    void *old;
    memcpy(&old, items, sizeof old); /* pointers to other types may not be read through a void ** */
    void *array = rw_realloc_array(old, count, size);
    if (array == NULL) {
        return false;
    }
    memcpy(items, &array, sizeof array);
    return true;
}

void rw_free(void *ptr)
{
    current->release(current->ctx, ptr);
}

static size_t round_to_huge(size_t bytes)
{
    return (bytes + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
}

void *rw_alloc_large(size_t bytes)
{
    /* The probe lets the fault injector of the tests refuse this allocation like any other. */
    void *probe = rw_alloc(1);
    if (probe == NULL) {
        return NULL;
    }
    rw_free(probe);
    if (bytes == 0 || bytes > SIZE_MAX - 2 * HUGE_PAGE_BYTES) {
        return NULL;
    }
    size_t want = round_to_huge(bytes);
    unsigned char *raw = mmap(NULL, want + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        return NULL;
    }
    size_t head = round_to_huge((uintptr_t)raw) - (uintptr_t)raw;
    if (head > 0) {
        munmap(raw, head);
    }
    if (head < HUGE_PAGE_BYTES) {
        munmap(raw + head + want, HUGE_PAGE_BYTES - head);
    }
    if (want >= HUGE_PAGE_BYTES && bytes >= HUGE_PAGE_BYTES) {
        madvise(raw + head, want, MADV_HUGEPAGE);
    }
    return raw + head;
}

void rw_free_large(void *ptr, size_t bytes)
{
    if (ptr == NULL) {
        return;
    }
    int rc = munmap(ptr, round_to_huge(bytes));
    rw_assert(rc == 0);
}
