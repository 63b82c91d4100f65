/* What the files of the config reader share: typed readers of one key, and the parts of the whole.
 * Internal to config*.c. */
#ifndef RW_MODEL_CONFIG_PARTS_H
#define RW_MODEL_CONFIG_PARTS_H

#include "core/model/config.h"

enum {
    RW_CONFIG_CONTEXT_MAX = 1 << 24, /* tokens */
};

/* A member that is present and not null. */
const struct rw_json *rw_config_member(const struct rw_json *root, const char *key);

/* An integer in [min, max]; `fallback` when absent, and required when fallback is 0. */
rw_status rw_config_u32(const struct rw_json *root, const char *key, uint32_t min, uint32_t max,
                        uint32_t fallback, uint32_t *out, struct rw_error *err);
/* A number in [min, max]; `fallback` when absent, and required when fallback is NaN. */
rw_status rw_config_number(const struct rw_json *root, const char *key, double min, double max,
                           double fallback, double *out, struct rw_error *err);
rw_status rw_config_bool(const struct rw_json *root, const char *key, bool fallback, bool *out,
                         struct rw_error *err);

/* Errors; each returns its status. */
rw_status rw_config_bad(struct rw_error *err, const char *key, const char *wanted);
rw_status rw_config_unsupported(struct rw_error *err, const char *key, struct rw_str value,
                                const char *hint);

/* Frequencies of the rotary position code, and the windows of the layers (config_position.c). */
rw_status rw_config_parse_rope(const struct rw_json *root, struct rw_config *out,
                               struct rw_error *err);
rw_status rw_config_parse_window(const struct rw_json *root, struct rw_config *out,
                                 struct rw_error *err);

#endif
