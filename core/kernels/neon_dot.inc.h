/* The integer dot product of AArch64 takes two signed operands: activations are made signed when
 * they are broadcast, so a tile needs no column sums. */
#define RW_NATIVE_INT8       1
#define RW_SIGNED_ACTIVATION 1

RW_INLINE vi vi_dot_s8s8(vi sum, vu a, vu b)
{
    return (vi)vdotq_s32((int32x4_t)sum, (int8x16_t)a, (int8x16_t)b);
}
