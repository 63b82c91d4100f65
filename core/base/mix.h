/* Deterministic randomness: a 64-bit finaliser (Steele, Lea, Flood: SplitMix, OOPSLA 2014), keyed
 * by seed and counter. The same everywhere and in every version, unlike rw_hash64. */
#ifndef RW_BASE_MIX_H
#define RW_BASE_MIX_H

#include <stdint.h>

static inline uint64_t rw_mix(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed + (counter + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* In (0, 1]: 53 bits, never 0, so that log is finite. */
static inline double rw_mix_unit(uint64_t bits)
{
    return (double)((bits >> 11) + 1) * 0x1.0p-53;
}

#endif
