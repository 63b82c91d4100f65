/* A LoRA adapter (peft) over the weights of its base, as peft's merge_and_unload would leave them.
 *
 * Internal to core/io. W' = W + scale * B A, scale = alpha / r, or alpha / sqrt(r) for rsLoRA;
 * modules_to_save and biases replace what the base has. Nothing is merged here: tensors get a
 * rw_delta, and rows are merged while they are read, so that no second copy exists. What changes
 * the arithmetic otherwise (DoRA, other methods of peft, keys we do not know) is refused by name.
 * Source: peft, tuners/lora/layer.py (get_delta_weight), utils/other.py (get_pattern_key). */
#ifndef RW_IO_ADAPTER_H
#define RW_IO_ADAPTER_H

#include "core/io/checkpoint_parts.h"

rw_status rw_adapter_attach(struct rw_checkpoint *checkpoint, const char *dir,
                            struct rw_error *err);

/* A regular expression of adapter_config.json against the name of a module: the whole name, or with
 * `suffix` also what begins behind one of its dots. MODEL_UNSUPPORTED: it is not one we read. */
rw_status rw_adapter_pattern(struct rw_str key, struct rw_str module, bool suffix, bool *matches,
                             struct rw_error *err);

#endif
