/* A run as text for a terminal: `Accept: text/plain`. The same figures as the JSON. Pure. */
#ifndef RW_SERVER_RUNS_RUN_TEXT_H
#define RW_SERVER_RUNS_RUN_TEXT_H

#include "core/base/buf.h"
#include "core/run/run.h"
#include "server/runs/store.h"

void rw_run_text(struct rw_buf *out, const struct rw_run *run, const struct rw_store_run *row,
                 bool durable);

#endif
