/* The kernels for AArch64. bfloat16 is widened to float, int8 to int16 (wide.inc.h). */
#define RW_KERNELS_NAME  "neon"
#define RW_KERNELS_TABLE rw_kernels_neon

#include "core/kernels/neon.inc.h"

RW_INLINE vi vi_dot_pairs(vi acc, vshorts a, vshorts b)
{
    return (vi)vpadalq_s16((int32x4_t)acc, vmulq_s16((int16x8_t)a, (int16x8_t)b));
}

#include "core/kernels/algorithm.inc.h"
