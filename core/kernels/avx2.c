/* The kernels for x86-64 with AVX2 and FMA. bfloat16 and int8 are widened (wide.inc.h). */
#include <immintrin.h>

#define RW_VL            8
#define RW_TILE_VECS     2 /* 6 x 2 sums, 2 weights, 1 activation: 15 of 16 registers */
#define RW_KERNELS_NAME  "avx2"
#define RW_KERNELS_TABLE rw_kernels_avx2

#include "core/kernels/vector.inc.h"

RW_INLINE vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}

RW_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

RW_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

RW_INLINE __m256i first_lanes(int n)
{
    return (__m256i)((vi){0, 1, 2, 3, 4, 5, 6, 7} < n);
}

RW_INLINE vf vf_load_n(const float *p, int n)
{
    return n == RW_VL ? vf_load(p) : (vf)_mm256_maskload_ps(p, first_lanes(n));
}

RW_INLINE void vf_store_n(float *p, vf v, int n)
{
    if (n == RW_VL) {
        vf_store(p, v);
    } else {
        _mm256_maskstore_ps(p, first_lanes(n), v);
    }
}

RW_INLINE float vf_sum(vf v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

RW_INLINE float vf_highest(vf v)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

RW_INLINE bool vf_any_above(vf v, float x)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(v, vf_set1(x), _CMP_GT_OQ)) != 0;
}

RW_INLINE vh vf_round_bf16(vf v)
{
    return vf_round_bf16_bits(v);
}

RW_INLINE vi vi_dot_pairs(vi acc, vshorts a, vshorts b)
{
    return acc + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}

#include "core/kernels/algorithm.inc.h"
