/* A run's figures as JSON, for replies and events. What is not known is null. Pure. */
#ifndef RW_SERVER_RUNS_RUN_JSON_H
#define RW_SERVER_RUNS_RUN_JSON_H

#include "core/base/buf.h"
#include "core/run/run.h"
#include "server/runs/store.h"

/* {"object":"run", ...} with state, windows and alarms. */
void rw_run_json(struct rw_buf *out, const struct rw_run *run, const struct rw_store_run *row,
                 bool durable);
void rw_run_json_window(struct rw_buf *out, const struct rw_run_window *window);
/* The latest batch of a kind of validation traces. */
void rw_run_json_batch(struct rw_buf *out, const struct rw_run_stream *stream);
void rw_run_json_alarm(struct rw_buf *out, const struct rw_run_alarm *alarm);
/* The members of a label, without braces. */
void rw_run_json_label_members(struct rw_buf *out, const struct rw_run_label *label);
/* A kept trace, an entry of GET /v1/runs/{id}/traces. */
void rw_run_json_trace(struct rw_buf *out, const struct rw_store_trace *trace);
/* One entry of GET /v1/runs. */
void rw_run_json_entry(struct rw_buf *out, struct rw_str name, const struct rw_store_run *row);
/* Of the traces that alarms name, how many are not among the `kept` ones: their text was gone from
 * the ring when the alarm rang. A martingale names what it saw up to a window ago, and other runs
 * share the ring. */
size_t rw_run_json_without_text(const struct rw_run *run, size_t kept);

#endif
