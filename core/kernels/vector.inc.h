/* Vectors of RW_VL floats for the algorithm files; included once per instruction set.
 *
 * Arithmetic uses the vector extension that GCC and clang share (operators work lane by lane), so
 * an ISA file only supplies what the extension cannot say, after including this file:
 *   vf_set1, vf_fma(a, b, c) = a * b + c, vf_max(a, b) (b when either is NaN),
 *   vf_load_n, vf_store_n (n of RW_VL lanes, others zero / untouched),
 *   vf_sum, vf_highest (over lanes, in a fixed order), vf_any_above, vf_round_bf16,
 *   vi_dot_pairs(acc, a, b): per lane, acc + the two products of its int16 (or RW_NATIVE_INT8 and
 *   vi_dot_u8s8: acc + the four products of its uint8 in a and int8 in b; with
 *   RW_SIGNED_ACTIVATION vi_dot_s8s8: both int8).
 * Multiplication and addition are only fused where vf_fma says so (-ffp-contract=off). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/kernels/kernels.h"

typedef float vf __attribute__((vector_size(4 * RW_VL)));
typedef int32_t vi __attribute__((vector_size(4 * RW_VL)));
typedef uint32_t vu __attribute__((vector_size(4 * RW_VL)));
typedef uint16_t vh __attribute__((vector_size(2 * RW_VL)));
typedef uint8_t vq __attribute__((vector_size(RW_VL)));          /* a byte per lane */
typedef uint8_t vbytes __attribute__((vector_size(4 * RW_VL)));  /* four bytes per lane */
typedef uint8_t vpair __attribute__((vector_size(2 * RW_VL)));   /* two bytes per lane */
typedef int16_t vshorts __attribute__((vector_size(4 * RW_VL))); /* two int16 per lane */

#define RW_INLINE static inline __attribute__((always_inline))

RW_INLINE vf vf_load(const void *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

RW_INLINE void vf_store(void *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

RW_INLINE vu vu_load(const void *p)
{
    vu v;
    memcpy(&v, p, sizeof v);
    return v;
}

RW_INLINE vi vi_load(const void *p)
{
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

RW_INLINE void vi_store(void *p, vi v)
{
    memcpy(p, &v, sizeof v);
}

RW_INLINE vu vu_set1(uint32_t x)
{
    return x + (vu){0};
}

/* a where the mask is all ones, else b. */
RW_INLINE vf vf_pick(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* Lane numbers from `first` on. */
RW_INLINE vi vi_count_from(int first)
{
    vi v;
    for (int i = 0; i < RW_VL; i++) {
        v[i] = first + i;
    }
    return v;
}

/* bfloat16 by integer arithmetic, for processors without an instruction: nearest, ties to even; a
 * NaN stays a NaN. */
RW_INLINE vh vf_round_bf16_bits(vf v)
{
    vu bits = (vu)v;
    vu rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    vu quiet = (bits >> 16) | 0x40;
    vu nan = (vu)(v != v);
    return __builtin_convertvector((nan & quiet) | (~nan & rounded), vh);
}
