/* Rotary position embedding: the frequencies of a model and the cosines of a position.
 *
 * Frequencies and angles are float32, as in the reference implementation (transformers,
 * modeling_rope_utils.py): what rounding does to the angle of a late position is part of what the
 * model was trained with. Cosine and sine of that angle are computed in double, then rounded. */
#ifndef RW_MODEL_ROPE_H
#define RW_MODEL_ROPE_H

#include <stdint.h>

#include "core/model/config.h"

/* frequencies[head_dim / 2] */
void rw_rope_frequencies(const struct rw_rope *rope, uint32_t head_dim, float *frequencies);
/* cosines[n], sines[n] of one position. */
void rw_rope_angles(const float *frequencies, uint32_t n, uint32_t position, float *cosines,
                    float *sines);

#endif
