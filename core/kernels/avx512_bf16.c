/* The kernels for x86-64 with AVX-512, its bfloat16 and its integer dot products. vdpbf16ps rounds
 * each of its two products on its own and flushes denormals; so results differ from avx512.c in the
 * last bits, within the tolerance stated for BF16. */
#define RW_KERNELS_NAME  "avx512-bf16"
#define RW_KERNELS_TABLE rw_kernels_avx512_bf16
#define RW_NATIVE_BF16   1
#define RW_NATIVE_INT8   1

#include "core/kernels/avx512.inc.h"

RW_INLINE vh vf_round_bf16(vf v)
{
    return (vh)_mm512_cvtneps_pbh(v);
}

RW_INLINE vf vf_dot_bf16(vf sum, vu a, vu b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

RW_INLINE vi vi_dot_u8s8(vi sum, vu a, vu b)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}

#include "core/kernels/algorithm.inc.h"
