/* A call as the host of its traces' flags (server/scoring/trace_flags.h), and the end of a trace,
 * which its flags are the last to reach. */
#ifndef RW_SERVER_SCORING_CALL_FLAGS_H
#define RW_SERVER_SCORING_CALL_FLAGS_H

#include "server/scoring/call_state.h"

/* Gates, bank and tier of the call. Any thread. */
rw_status rw_call_flags_begin(struct rw_call *call, struct rw_error *err);
/* The flags of a trace that will be scored, and their probes. Any thread. */
void rw_call_flags_prepare(struct rw_call_trace *trace, const struct rw_message *messages);
/* Every part of the trace is final: goes on to its flags, if any, and then to its end. */
void rw_call_trace_scored(struct rw_call_trace *trace);

#endif
