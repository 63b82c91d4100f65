/* The kernels for x86-64 with AMX tiles (bfloat16 and int8) beside AVX-512 with its bfloat16 and
 * integer dot products. Integers come out as in every table. tdpbf16ps adds the products of a pair
 * one after the other, flushes denormals and rounds to nearest even: results differ from
 * avx512_bf16.c in the last bits, within the tolerance stated for BF16. F32 is as in avx512.c.
 * A process must have asked the kernel for the tile registers before: pick.c. */
#define RW_KERNELS_NAME  "amx"
#define RW_KERNELS_TABLE rw_kernels_amx
#define RW_MATRIX_TILES  1

#include "core/kernels/avx512.inc.h"

RW_INLINE vh vf_round_bf16(vf v)
{
    return (vh)_mm512_cvtneps_pbh(v);
}

#include "core/kernels/algorithm.inc.h"
