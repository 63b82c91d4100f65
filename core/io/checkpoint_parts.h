/* What the files of a checkpoint share: the record behind `struct rw_checkpoint`.
 *
 * Internal to core/io. checkpoint.c finds and reads the files, tensor_names.c gives tensors the
 * names the model code knows, adapter.c lays a LoRA adapter over them. */
#ifndef RW_IO_CHECKPOINT_PARTS_H
#define RW_IO_CHECKPOINT_PARTS_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/io/checkpoint.h"
#include "core/io/safetensors.h"

enum {
    RW_CHECKPOINT_EXTRA_SHARDS = 2, /* a value head, an adapter */
    RW_CHECKPOINT_NOTE_MAX = 256,   /* bytes */
    RW_CHECKPOINT_PATH_MAX = 4096,
    RW_CHECKPOINT_NAME_SHOWN = 100, /* bytes of a name in a message */
};

struct rw_checkpoint {
    struct rw_arena arena;         /* everything below, and the names */
    struct rw_safetensors *shards; /* in order of file name; then value head and adapter */
    size_t shard_count;
    struct rw_tensor *tensors; /* of all shards, sorted by name */
    size_t count;
    struct rw_tensor *factors; /* A and B of a LoRA adapter; read through rw_tensor.delta only */
    size_t factor_count;
    struct rw_str adapter_text; /* adapter_config.json: part of the digest */
    enum rw_checkpoint_task task;
    char note[RW_CHECKPOINT_NOTE_MAX];
};

/* Of qsort and bsearch over tensors. */
int rw_checkpoint_by_name(const void *left, const void *right);
struct rw_tensor *rw_checkpoint_lookup(const struct rw_checkpoint *checkpoint, struct rw_str name);
/* Sorts by name; a name that occurs twice is MODEL_CORRUPT. */
rw_status rw_checkpoint_sort(struct rw_checkpoint *checkpoint, struct rw_error *err);
rw_status rw_checkpoint_path(const char *dir, struct rw_str name, char path[RW_CHECKPOINT_PATH_MAX],
                             struct rw_error *err);
/* One more file, behind the shards; its tensors stand in shards[shard_count - 1] only. */
rw_status rw_checkpoint_add_file(struct rw_checkpoint *checkpoint, const char *path,
                                 struct rw_error *err);
void rw_checkpoint_say(struct rw_checkpoint *checkpoint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
