/* One file of torch.save (pytorch_model.bin): a zip archive with data.pkl and a member per storage.
 *
 * Internal to core/io. It gives what rw_safetensors_open gives, so that checkpoint.c need not know
 * which kind of file a shard is. The legacy format (torch before 1.6) is refused by name. */
#ifndef RW_IO_TORCH_FILE_H
#define RW_IO_TORCH_FILE_H

#include "core/io/safetensors.h"

/* As rw_safetensors_open; closed by rw_safetensors_close. */
rw_status rw_torch_file_open(const char *path, struct rw_arena *arena, struct rw_safetensors *out,
                             struct rw_error *err);

#endif
