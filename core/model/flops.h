/* How many operations a forward pass takes: what work is charged, planned and measured by.
 * A multiplication and an addition are two. */
#ifndef RW_MODEL_FLOPS_H
#define RW_MODEL_FLOPS_H

#include "core/model/weights.h"

/* Linears of one token: all layers but the last one's output projection and MLP, which only the
 * positions that a head reads go through ... */
double rw_flops_per_token(const struct rw_weights *weights);
/* ... and those, with the head, per position read. */
double rw_flops_per_score(const struct rw_weights *weights);
/* Attention, all layers: one key that one token sees. */
double rw_flops_per_key(const struct rw_config *config);
/* Attention of tokens [position, position + n) of one sequence, `scores` of which are read (the
 * last layer computes those only). */
double rw_flops_of_attention(const struct rw_config *config, uint32_t position, uint32_t n,
                             uint32_t scores);

#endif
