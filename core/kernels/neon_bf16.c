/* The kernels for AArch64 with integer and bfloat16 dot products (Armv8.6). BFDOT rounds its two
 * products as vdpbf16ps does: results differ from neon.c in the last bits. */
#define RW_KERNELS_NAME  "neon-bf16"
#define RW_KERNELS_TABLE rw_kernels_neon_bf16
#define RW_NATIVE_BF16   1

#include "core/kernels/neon.inc.h"

#include "core/kernels/neon_dot.inc.h"

RW_INLINE vf vf_dot_bf16(vf sum, vu a, vu b)
{
    return (vf)vbfdotq_f32((float32x4_t)sum, (bfloat16x8_t)a, (bfloat16x8_t)b);
}

#include "core/kernels/algorithm.inc.h"
