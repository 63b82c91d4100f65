/* One --model value as the engine takes it: for the daemon, --check-config and every command. */
#ifndef RW_SERVER_MODEL_CHOICE_H
#define RW_SERVER_MODEL_CHOICE_H

#include "core/rw_engine.h"
#include "server/options.h"

/* `value` as `choice` (its texts live in `arena`) and as `out`; what it does not say is the
 * daemon's --dtype and --template-date, or their defaults when `options` is NULL. CONFIG says what
 * cannot be used. */
rw_status rw_model_choice_read(const char *value, const struct rw_options *options,
                               struct rw_arena *arena, struct rw_model_choice *choice,
                               struct rw_model_options *out, struct rw_error *err);

#endif
