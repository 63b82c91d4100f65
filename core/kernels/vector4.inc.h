/* What generic.c and the neon files share: vectors of 4 floats whose parts the compiler moves. */
#define RW_VL 4

#include "core/kernels/vector.inc.h"

RW_INLINE vf vf_load_n(const float *p, int n)
{
    vf v = {0};
    memcpy(&v, p, sizeof(float) * (size_t)n);
    return v;
}

RW_INLINE void vf_store_n(float *p, vf v, int n)
{
    memcpy(p, &v, sizeof(float) * (size_t)n);
}

RW_INLINE float vf_sum(vf v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

RW_INLINE vh vf_round_bf16(vf v)
{
    return vf_round_bf16_bits(v);
}
