/* How far the verdicts of a model with quantised weights agree with its own in BF16, on a short
 * text of ours, measured at load.
 *
 * Rounding weights to 8 or 4 bits moves rewards, by how much depends on the model: a trained one
 * has margins, a random one has none. Rewards of steps are compared, of an outcome model those at
 * the last tokens. A text of some 96 tokens: most of the time is for reading the weights once more
 * (717 MB of layers and 77 tokens: 1.1 to 1.8 s of CPU over all threads; 318 tokens took 2.8). The
 * same tokens go through the loaded weights and, layer by layer, through BF16 ones that are read
 * anew: no second copy of the model is in memory. */
#ifndef RW_ENGINE_MODEL_AGREEMENT_H
#define RW_ENGINE_MODEL_AGREEMENT_H

#include "core/engine/model.h"

/* *out is filled; `reads` 0 says that nothing was measured (the texts do not fit the model). Errors
 * of reading weights, and NO_MEMORY. Any dtype may be measured: of BF16 itself the difference is
 * exactly 0. */
rw_status rw_model_agreement_measure(const struct rw_model *model, const struct rw_model_host *host,
                                     struct rw_model_agreement *out, struct rw_error *err);

#endif
