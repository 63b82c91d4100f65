/* Primitives on 512-bit vectors, shared by avx512.c and avx512_bf16.c. */
#include <immintrin.h>

#define RW_VL          16
#define RW_NATIVE_EXP2 1
#define RW_TILE_VECS   4 /* 6 x 4 sums, 4 weights, 1 activation: 29 of 32 registers */

#include "core/kernels/vector.inc.h"

RW_INLINE vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}

RW_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

RW_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

RW_INLINE __mmask16 first_lanes(int n)
{
    return (__mmask16)((1U << n) - 1);
}

RW_INLINE vf vf_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), p);
}

RW_INLINE void vf_store_n(float *p, vf v, int n)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), v);
}

/* x - floor(x); 0 for infinities. */
RW_INLINE vf vf_fraction(vf x)
{
    return _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

/* p * 2^floor(x), 0 for minus infinity. */
RW_INLINE vf vf_scale2(vf p, vf x)
{
    return _mm512_scalef_ps(p, x);
}

/* Relative error below 2^-14; the instruction is defined to the last bit. */
RW_INLINE vf vf_inverse_coarse(vf x)
{
    return _mm512_rcp14_ps(x);
}

RW_INLINE float vf_sum(vf v)
{
    return _mm512_reduce_add_ps(v);
}

RW_INLINE float vf_highest(vf v)
{
    return _mm512_reduce_max_ps(v);
}

/* Is a lane greater than x? */
RW_INLINE bool vf_any_above(vf v, float x)
{
    return _mm512_cmp_ps_mask(v, vf_set1(x), _CMP_GT_OQ) != 0;
}
