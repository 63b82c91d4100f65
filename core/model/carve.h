/* Cuts one block of memory into aligned pieces. Run once with base NULL to measure, then again with
 * the block: the same code decides sizes and places, so they cannot disagree. Header only. */
#ifndef RW_MODEL_CARVE_H
#define RW_MODEL_CARVE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/kernels/kernels.h"

struct rw_carve {
    unsigned char *base; /* aligned to RW_ALIGN, or NULL to measure */
    size_t used;         /* bytes */
    bool overflow;       /* a size did not fit size_t: refuse */
};

static inline void *rw_carve(struct rw_carve *carve, size_t count, size_t size)
{
    size_t bytes, rounded, end;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)RW_ALIGN - 1, &rounded) ||
        __builtin_add_overflow(rounded / RW_ALIGN * RW_ALIGN, carve->used, &end)) {
        carve->overflow = true;
        return NULL;
    }
    void *ptr = carve->base != NULL ? carve->base + carve->used : NULL;
    carve->used = end;
    return ptr;
}

#endif
