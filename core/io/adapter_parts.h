/* What the files of the adapter share: what is known while one is attached.
 *
 * Internal to adapter*.c. adapter_config.c reads what adapter_config.json asks for, adapter.c lays
 * its tensors over the base. */
#ifndef RW_IO_ADAPTER_PARTS_H
#define RW_IO_ADAPTER_PARTS_H

#include "core/io/adapter.h"

enum {
    RW_ADAPTER_CONFIG_BYTES_MAX = 1 << 20,
};

#define RW_ADAPTER_CONFIG "adapter_config.json"

struct rw_adapter_maker {
    struct rw_checkpoint *checkpoint;
    struct rw_error *err;
    const struct rw_json *config;
    const char *dir;
    double alpha;
    uint64_t rank;
    bool rslora;
    size_t merged;
    size_t replaced;
    bool embedding; /* one of those is the embedding */
};

/* Bytes of a name to show in a message. */
int rw_adapter_shown(struct rw_str text);
/* MODEL_UNSUPPORTED, with the cure: merge it with peft. */
rw_status rw_adapter_refuse(struct rw_adapter_maker *m, const char *what);

/* ---- adapter_config.c ------------------------------------------------------------------------ */

rw_status rw_adapter_read_config(struct rw_adapter_maker *m, struct rw_arena *scratch);
rw_status rw_adapter_check_target(struct rw_adapter_maker *m, struct rw_str module);
rw_status rw_adapter_by_pattern(struct rw_adapter_maker *m, const char *key, struct rw_str module,
                                double *out);

#endif
