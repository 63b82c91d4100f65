/* Between the files of the manifest reader: one value of rewardd.json at a time, and its errors. */
#ifndef RW_MODEL_MANIFEST_PARTS_H
#define RW_MODEL_MANIFEST_PARTS_H

#include "core/model/manifest.h"

rw_status rw_manifest_apply_layout(struct rw_manifest *m, const struct rw_json *value,
                                   struct rw_error *err);
rw_status rw_manifest_apply_golden(struct rw_manifest *m, const struct rw_json *value,
                                   struct rw_error *err);

bool rw_manifest_is_true(const struct rw_json *value);
/* A copy in the arena. */
rw_status rw_manifest_string(struct rw_arena *arena, const struct rw_json *value,
                             struct rw_str *out, struct rw_error *err);
/* A token by text or by id. */
rw_status rw_manifest_take_token(const struct rw_manifest *m, const char *key,
                                 const struct rw_json *value, int32_t *id, struct rw_error *err);

rw_status rw_manifest_bad(struct rw_error *err, const char *key, const char *what);
rw_status rw_manifest_no_memory(struct rw_error *err);

#endif
