/* Exponentials on vectors. Needs vector.inc.h and the primitives of the ISA. */

/* Adding and subtracting 1.5 * 2^23 rounds to the nearest integer while |x| < 2^22. */
RW_INLINE vf vf_round(vf x)
{
    const vf magic = vf_set1(12582912.0f);
    return (x + magic) - magic;
}

/* e^r * 2^n for |r| <= ln(2) / 2 and whole n in [-126, 127]. e^r = 1 + r + r^2 q(r), with q fitted
 * for least relative error: 3.2e-9, so that rounding (about 1e-7) is all that remains. */
RW_INLINE vf vf_exp_reduced(vf r, vf n)
{
    vf q = vf_set1(0x1.6a1f60p-10f);
    q = vf_fma(q, r, vf_set1(0x1.123cccp-7f));
    q = vf_fma(q, r, vf_set1(0x1.555904p-5f));
    q = vf_fma(q, r, vf_set1(0x1.55548ep-3f));
    q = vf_fma(q, r, vf_set1(0x1.fffffcp-2f));
    vf p = vf_fma(q, r * r, r) + vf_set1(1.0f);
    vi exponent = (__builtin_convertvector(n, vi) + 127) << 23;
    return p * (vf)exponent;
}

/* 2^x for x <= 0, as the softmax needs it: below 2^-126 the result is 0, NaN stays NaN. */
RW_INLINE vf vf_exp2(vf x)
{
    const vf least = vf_set1(-126.0f);
    vf bounded = vf_max(least, x); /* this order keeps a NaN of x */
    vf n = vf_round(bounded);
    vf y = vf_exp_reduced((bounded - n) * vf_set1(0x1.62e430p-1f), n);
    return vf_pick(x < least, vf_set1(0.0f), y);
}

/* e^x, with x held to where the result is a normal float. */
RW_INLINE vf vf_exp(vf x)
{
    x = -vf_max(vf_set1(-88.0f), -vf_max(vf_set1(-87.0f), x));
    vf n = vf_round(x * vf_set1(0x1.715476p+0f));
    /* ln(2) in two parts; n times the upper one is exact */
    vf r = (x - n * vf_set1(0x1.62e4p-1f)) - n * vf_set1(0x1.7f7d1cp-20f);
    return vf_exp_reduced(r, n);
}

/* x * sigmoid(x) */
RW_INLINE vf vf_silu(vf x)
{
    return x / (vf_set1(1.0f) + vf_exp(-x));
}

/* The same where the result is rounded to bfloat16 next (2^-9): relative error below 2^-13. */
#ifdef RW_NATIVE_EXP2

/* 2^x = 2^f 2^floor(x), 2^f fitted with degree 4 over [0, 1): 3e-6. */
RW_INLINE vf vf_exp2_coarse(vf x)
{
    vf f = vf_fraction(x);
    vf p = vf_set1(0x1.bb7cd4p-7f);
    p = vf_fma(p, f, vf_set1(0x1.aa13f2p-5f));
    p = vf_fma(p, f, vf_set1(0x1.ee798ap-3f));
    p = vf_fma(p, f, vf_set1(0x1.62d166p-1f));
    p = vf_fma(p, f, vf_set1(0x1.00002cp+0f));
    return vf_scale2(p, x);
}

RW_INLINE vf vf_silu_coarse(vf x)
{
    return x * vf_inverse_coarse(vf_set1(1.0f) + vf_exp2_coarse(x * vf_set1(-0x1.715476p+0f)));
}

#else

RW_INLINE vf vf_exp2_coarse(vf x)
{
    return vf_exp2(x);
}

RW_INLINE vf vf_silu_coarse(vf x)
{
    return vf_silu(x);
}

#endif
