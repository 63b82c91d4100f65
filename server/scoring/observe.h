/* From a scored trace of a call to an observation of its run. Loop thread. */
#ifndef RW_SERVER_SCORING_OBSERVE_H
#define RW_SERVER_SCORING_OBSERVE_H

#include "server/scoring/call.h"

/* Call once per trace, when everything about it is known. Does nothing without a run. */
void rw_runs_observe_trace(struct rw_call_trace *trace);

#endif
