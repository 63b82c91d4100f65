/* The flags of a trace as its reply shows them. */
#ifndef RW_SERVER_SCORING_CALL_VIEW_FLAGS_H
#define RW_SERVER_SCORING_CALL_VIEW_FLAGS_H

#include "server/scoring/call_state.h"

/* `out` has its steps and rewards: spans and gates are made from them. */
void rw_call_view_flags(const struct rw_call_trace *trace, struct rw_reply_trace *out);

#endif
