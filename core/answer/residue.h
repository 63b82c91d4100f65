/* Arithmetic modulo a prime: expressions without roots and functions are compared exactly, whatever
 * the size of their numbers (identity testing: Schwartz 1980). A sum of two such expressions that
 * differ is zero modulo p for one point in 2^61. The prime has a root of -1, which stands for the
 * imaginary unit. Pure; any thread. */
#ifndef RW_ANSWER_RESIDUE_H
#define RW_ANSWER_RESIDUE_H

#include <stdint.h>

#define RW_RESIDUE_PRIME UINT64_C(2305843009213693921) /* 2^61 - 31 */
#define RW_RESIDUE_I     UINT64_C(583529827753931384)  /* its square is -1 */

static inline uint64_t rw_residue_add(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b; /* below 2^62 */
    return sum >= RW_RESIDUE_PRIME ? sum - RW_RESIDUE_PRIME : sum;
}

static inline uint64_t rw_residue_multiply(uint64_t a, uint64_t b)
{
    /* 2^61 is 31 modulo the prime: twice folded, the product is below 2^62; no division. */
    __extension__ typedef unsigned __int128 wide;
    const uint64_t low = (UINT64_C(1) << 61) - 1;
    wide product = (wide)a * b;
    wide once = (wide)(uint64_t)(product >> 61) * 31 + (uint64_t)(product & low);
    uint64_t twice = (uint64_t)(once >> 61) * 31 + (uint64_t)(once & low);
    return twice >= RW_RESIDUE_PRIME ? twice - RW_RESIDUE_PRIME : twice;
}

static inline uint64_t rw_residue_power(uint64_t a, uint64_t e)
{
    uint64_t power = 1;
    for (; e > 0; e >>= 1) {
        power = e & 1 ? rw_residue_multiply(power, a) : power;
        a = rw_residue_multiply(a, a);
    }
    return power;
}

/* b is not zero. By Fermat: b^(p-2) is its inverse. */
static inline uint64_t rw_residue_divide(uint64_t a, uint64_t b)
{
    return rw_residue_multiply(a, rw_residue_power(b, RW_RESIDUE_PRIME - 2));
}

#endif
