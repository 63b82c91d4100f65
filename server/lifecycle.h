/* The daemon from start to end: loop, signals, loading, readiness, drain. */
#ifndef RW_SERVER_LIFECYCLE_H
#define RW_SERVER_LIFECYCLE_H

#include "server/options.h"

/* Serves until told to stop. 0 after a complete drain, 1 otherwise; failures are on stderr. */
int rw_lifecycle_run(const struct rw_options *options);
/* Asks the daemon at the first --listen address; 0 = ready. */
int rw_lifecycle_healthcheck(const struct rw_options *options);

#endif
