/* One product among the members of a team. */
#ifndef RW_KERNELS_GEMM_SHARE_H
#define RW_KERNELS_GEMM_SHARE_H

#include <stdatomic.h>

#include "core/kernels/kernels.h"

/* Called by every member with the same arguments but scratch; `next` is 0 before the first call.
 * Each takes parts of the product until none is left, so the product is whole when all have
 * returned: a barrier has to follow. Who computes which part decides nothing about the result. */
void rw_gemm_share(const struct rw_kernels *kernels, const struct rw_gemm *gemm, atomic_uint *next,
                   unsigned members, void *scratch);

#endif
