/* The kernels for x86-64 with AVX-512 and its integer dot product. bfloat16 is widened
 * (wide.inc.h). */
#define RW_KERNELS_NAME  "avx512-vnni"
#define RW_KERNELS_TABLE rw_kernels_avx512_vnni
#define RW_NATIVE_INT8   1

#include "core/kernels/avx512.inc.h"

RW_INLINE vh vf_round_bf16(vf v)
{
    return vf_round_bf16_bits(v);
}

RW_INLINE vi vi_dot_u8s8(vi sum, vu a, vu b)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}

#include "core/kernels/algorithm.inc.h"
