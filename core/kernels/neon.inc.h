/* Primitives on 128-bit vectors of AArch64, shared by the neon files. */
#include <arm_neon.h>

#define RW_TILE_VECS 4 /* 6 x 4 sums, 4 weights, 1 activation: 29 of 32 registers */

#include "core/kernels/vector4.inc.h"

RW_INLINE vf vf_set1(float x)
{
    return (vf)vdupq_n_f32(x);
}

RW_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

/* NaN when either is NaN, which is more than vector.inc.h asks for. */
RW_INLINE vf vf_max(vf a, vf b)
{
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}

RW_INLINE float vf_highest(vf v)
{
    return vmaxvq_f32((float32x4_t)v);
}

RW_INLINE bool vf_any_above(vf v, float x)
{
    return vmaxvq_u32(vcgtq_f32((float32x4_t)v, vdupq_n_f32(x))) != 0;
}
