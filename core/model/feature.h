/* A short description of a position: its hidden state under a fixed random projection.
 *
 *     feature[c] = sum_r hidden[r] * sign(r, c) / sqrt(64),   c = 0..63
 *
 * with signs +1 or -1 (Achlioptas 2003: such a projection keeps distances as a Gaussian one does).
 * hidden is the state after the final norm, at the position the head reads. The signs come from a
 * counter-based hash (SplitMix64) of the row and a fixed seed: there is no state to store, and they
 * are the same for every model, machine and version. Float32, rows summed in rising order, so that
 * the bits depend on the hidden state only. Not normalised. Pure; any thread. */
#ifndef RW_MODEL_FEATURE_H
#define RW_MODEL_FEATURE_H

#include <stdint.h>

enum {
    RW_FEATURE_DIM = 64
};

void rw_feature_project(const float *hidden, uint32_t n, float feature[RW_FEATURE_DIM]);

#endif
