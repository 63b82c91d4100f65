/* The daemon from start to end: loop, signals, loading, readiness, drain. */
#ifndef RW_SERVER_LIFECYCLE_H
#define RW_SERVER_LIFECYCLE_H

#include "server/options.h"

/* Serves until told to stop. 0 after a complete drain, 1 otherwise; failures are on stderr. */
int rw_lifecycle_run(const struct rw_options *options);
/* Options that only make sense together; what --check-config checks beyond the values. */
rw_status rw_lifecycle_check(const struct rw_options *options, struct rw_error *err);
/* --check-config: what is above, and each model folder: config, recipe, layout, tokenizer, golden
 * vectors, the names and shapes of the tensors. Weights are not read. Prints a line per model. */
size_t rw_lifecycle_check_models(const struct rw_options *options,
                                 int (*complain)(const struct rw_error *err));
/* Asks the daemon at the first --listen address; 0 = ready. */
int rw_lifecycle_healthcheck(const struct rw_options *options);

#endif
