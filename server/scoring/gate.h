/* Gates: what a client may ask to be made of a reward, by name. Rewards themselves never change; a
 * gated value stands beside them, with the ungated one and the names of the gates that closed.
 *
 *   min_process   the gated reward is at most the smallest reward of a step
 *   NAME          of a flag: the gated reward is 0 when that flag fired
 *
 * The reward that is gated is the outcome reward when an outcome model took part, else the process
 * aggregate. When a gate cannot be decided (its flag has no bank, its probe failed, a reward is
 * missing) the gated reward is null, with the reason: an open gate would be a guess. */
#ifndef RW_SERVER_SCORING_GATE_H
#define RW_SERVER_SCORING_GATE_H

#include "core/shortcut/flag.h"
#include "proto/reply.h"
#include "proto/request.h"

enum {
    RW_GATE_MIN_PROCESS = -1, /* else an enum rw_flag_id */
};

struct rw_gates {
    int gate[RW_GATES_MAX];
    size_t n;
};

/* INVALID_REQUEST for a name that is no gate, for a flag above the request's tier and for one that
 * never fires; the param says which. */
rw_status rw_gates_parse(const struct rw_request *request, enum rw_flag_tier tier, bool off,
                         struct rw_gates *out, struct rw_error *err);

/* `trace` has its rewards, `smallest` is the smallest reward of a step that was scored; `by` has
 * room for gates->n names. */
void rw_gates_apply(const struct rw_gates *gates, const struct rw_flag_states *states,
                    const struct rw_reply_trace *trace, float smallest, const char **by,
                    struct rw_reply_gated *out);

#endif
