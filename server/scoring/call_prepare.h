/* From a body to token ids: the part of a call that needs neither the loop nor the engine's thread.
 */
#ifndef RW_SERVER_SCORING_CALL_PREPARE_H
#define RW_SERVER_SCORING_CALL_PREPARE_H

#include "server/scoring/call_state.h"

/* Parses, chooses models, builds the inputs of every trace and plans its probes. What fails for one
 * trace is an error of its parts. Any thread; nobody else touches the call meanwhile. */
rw_status rw_call_prepare(struct rw_call *call, struct rw_error *err);

#endif
