#include "core/model/feature.h"

static const uint64_t SEED = 0x7265776172646421u; /* "reward!" and a version; never changed */
static const float SCALE = 0.125f;                /* 1 / sqrt(64), exact */

/* SplitMix64 (Steele, Lea, Flood 2014) as a function of its counter: bit c of the word is the sign
 * of column c, set for -1. */
static uint64_t sign_bits(uint32_t row)
{
    uint64_t z = SEED + (row + 1ull) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void rw_feature_project(const float *hidden, uint32_t n, float feature[RW_FEATURE_DIM])
{
    for (int c = 0; c < RW_FEATURE_DIM; c++) {
        feature[c] = 0.0f;
    }
    for (uint32_t r = 0; r < n; r++) {
        uint64_t bits = sign_bits(r);
        float x = hidden[r];
        for (int c = 0; c < RW_FEATURE_DIM; c++) {
            feature[c] += (bits >> c & 1) != 0 ? -x : x;
        }
    }
    for (int c = 0; c < RW_FEATURE_DIM; c++) {
        feature[c] *= SCALE;
    }
}
