/* The kernels for AArch64 with products of small integer matrices (i8mm) beside the dot products of
 * bfloat16 (both Armv8.6). Integers come out as in every table. */
#define RW_KERNELS_NAME  "neon-i8mm"
#define RW_KERNELS_TABLE rw_kernels_neon_i8mm
#define RW_NATIVE_BF16   1
#define RW_NATIVE_I8MM   1

#include "core/kernels/neon.inc.h"

#include "core/kernels/neon_dot.inc.h"

RW_INLINE vf vf_dot_bf16(vf sum, vu a, vu b)
{
    return (vf)vbfdotq_f32((float32x4_t)sum, (bfloat16x8_t)a, (bfloat16x8_t)b);
}

#include "core/kernels/algorithm.inc.h"
