/* From a scored trace of a call to an observation of its run. */
#ifndef RW_SERVER_SCORING_OBSERVE_H
#define RW_SERVER_SCORING_OBSERVE_H

#include "server/scoring/call_state.h"

struct rw_observe_prompt {
    uint64_t hash; /* which traces belong together */
    double x[RW_PROMPT_DIM];
};

/* Any thread. */
void rw_observe_prompt(const struct rw_request *request, const struct rw_request_item *item,
                       struct rw_observe_prompt *out);
/* What the monitor wants of the text; any thread, once. Does nothing without a run. */
void rw_observe_text(struct rw_call_trace *trace, const struct rw_str *steps, size_t n);
/* Loop thread, once per trace, when everything about it is known. Does nothing without a run. */
void rw_observe_trace(const struct rw_call_trace *trace);

#endif
