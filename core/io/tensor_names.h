/* Tensor names as the model code knows them, whatever a trainer put around its model.
 *
 * Internal to core/io. Data-parallel wrappers, torch.compile and peft save the names of their own
 * modules along; transformers saves a bare backbone without "model.", and loads it with. */
#ifndef RW_IO_TENSOR_NAMES_H
#define RW_IO_TENSOR_NAMES_H

#include "core/io/checkpoint_parts.h"

/* `name` without what wrappers add: base_model.model. and module. at the front, _orig_mod.,
 * _fsdp_wrapped_module. and _checkpoint_wrapped_module. anywhere. Lives in the arena when it
 * differs; ptr is NULL without memory. `removed` gets the last thing taken off, or keeps. */
struct rw_str rw_tensor_name_plain(struct rw_str name, struct rw_arena *arena,
                                   const char **removed);

/* Renames all tensors of the checkpoint and sorts them again; what was removed or added is in the
 * note. MODEL_UNSUPPORTED for tensors that only an unmerged adapter or a quantiser writes. */
rw_status rw_tensor_names_normalise(struct rw_checkpoint *checkpoint, struct rw_error *err);

#endif
