/* The kernels for x86-64 with AVX-512 F, BW, DQ and VL. bfloat16 and int8 are widened
 * (wide.inc.h). */
#define RW_KERNELS_NAME  "avx512"
#define RW_KERNELS_TABLE rw_kernels_avx512

#include "core/kernels/avx512.inc.h"

RW_INLINE vh vf_round_bf16(vf v)
{
    return vf_round_bf16_bits(v);
}

RW_INLINE vi vi_dot_pairs(vi acc, vshorts a, vshorts b)
{
    return acc + (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}

#include "core/kernels/algorithm.inc.h"
