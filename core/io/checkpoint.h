/* The weights of a Hugging Face folder: model.safetensors, or model.safetensors.index.json with its
 * shards. Format: https://huggingface.co/docs/safetensors
 *
 * Opening checks everything before anything is allocated from an unverified count: header length,
 * dtype, shape products with overflow checks, offsets contiguous, in range, not overlapping, whole
 * buffer used, names unique over shards, every name of the index present in its shard.
 * Reading uses pread, never a mapping: a file truncated later gives an error, not SIGBUS. Extra
 * tensors are allowed. A checkpoint is immutable after opening; reads may come from any thread. */
#ifndef RW_IO_CHECKPOINT_H
#define RW_IO_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/io/tensor.h"

enum {
    RW_SHARDS_MAX = 512,
};

/* The class an adapter was trained under (task_type), where its base has another. */
enum rw_checkpoint_task {
    RW_CHECKPOINT_TASK_NONE,
    RW_CHECKPOINT_TASK_SEQUENCE,
    RW_CHECKPOINT_TASK_TOKEN,
};

struct rw_checkpoint;

/* NOT_FOUND when the folder has no safetensors weights, MODEL_CORRUPT when a rule above is broken,
 * INVALID_JSON or INVALID_UTF8 for a header or index that is not JSON, LIMIT_EXCEEDED, IO,
 * NO_MEMORY. */
rw_status rw_checkpoint_open(const char *dir, struct rw_checkpoint **out, struct rw_error *err);
/* With a LoRA adapter (adapter_config.json and its weights) of another folder over it. One beside
 * the weights is always laid over them: rw_checkpoint_open does that too. */
rw_status rw_checkpoint_open_adapted(const char *dir, const char *adapter_dir,
                                     struct rw_checkpoint **out, struct rw_error *err);
/* True when the folder has an adapter_config.json. */
bool rw_checkpoint_is_adapter(const char *dir);
enum rw_checkpoint_task rw_checkpoint_task(const struct rw_checkpoint *checkpoint);
/* What was changed while opening (prefixes, adapter, value head), for the log; "" when nothing. */
const char *rw_checkpoint_note(const struct rw_checkpoint *checkpoint);
void rw_checkpoint_close(struct rw_checkpoint *checkpoint); /* NULL is fine */

/* NULL when absent. */
const struct rw_tensor *rw_checkpoint_find(const struct rw_checkpoint *checkpoint,
                                           const char *name);
size_t rw_checkpoint_count(const struct rw_checkpoint *checkpoint);
const struct rw_tensor *rw_checkpoint_at(const struct rw_checkpoint *checkpoint, size_t index);

/* Elements [first, first + count) of the tensor in row-major order, converted exactly to float32.
 * MODEL_UNSUPPORTED for RW_TENSOR_OTHER. */
rw_status rw_checkpoint_read_f32(const struct rw_checkpoint *checkpoint,
                                 const struct rw_tensor *tensor, uint64_t first, uint64_t count,
                                 float *to, struct rw_error *err);
/* SHA-256 over all shards' headers and sizes, and over blocks sampled from every tensor (two
 * fine-tunes of one base have the same headers): which weights these are, as 64 hex digits and a
 * NUL, cheap enough for every load. (A hash of all bytes costs a second per 500 MB.) */
rw_status rw_checkpoint_digest(const struct rw_checkpoint *checkpoint, char out[65],
                               struct rw_error *err);

#endif
