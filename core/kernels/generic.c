/* The kernels for any processor: vectors of 4 floats by the compiler's own means (SSE2 on x86-64,
 * scalars where there is nothing better). Multiply and add are rounded separately. */
#define RW_TILE_VECS     2 /* 6 x 2 sums, 2 weights, 1 activation: 15 of 16 registers */
#define RW_KERNELS_NAME  "generic"
#define RW_KERNELS_TABLE rw_kernels_generic

#include "core/kernels/vector4.inc.h"

RW_INLINE vf vf_set1(float x)
{
    return (vf){x, x, x, x};
}

RW_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

RW_INLINE vf vf_max(vf a, vf b)
{
    return vf_pick((vi)(a > b), a, b);
}

RW_INLINE float vf_highest(vf v)
{
    float a = RW_MAX(v[0], v[2]);
    float b = RW_MAX(v[1], v[3]);
    return RW_MAX(a, b);
}

RW_INLINE bool vf_any_above(vf v, float x)
{
    return vf_highest(v) > x;
}

/* A product of int16 halves is exact in its lower 16 bits here: |a| <= 255, |b| <= 127. */
RW_INLINE vi vi_dot_pairs(vi acc, vshorts a, vshorts b)
{
    vi products = (vi)(a * b);
    return acc + ((products << 16) >> 16) + (products >> 16);
}

#include "core/kernels/algorithm.inc.h"
