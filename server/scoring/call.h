/* One scoring request as a dialect sees it: it turns a body into a struct rw_request, is told when
 * there is something to say, and says it. What happens in between (models, jobs, flags, admission)
 * is the call's own: server/scoring/call_state.h, which dialects do not include.
 *
 * Loop thread, but for `parse`. */
#ifndef RW_SERVER_SCORING_CALL_H
#define RW_SERVER_SCORING_CALL_H

#include "proto/request.h"
#include "server/http/exchange.h"
#include "server/scoring/scoring.h"

struct rw_call;
struct rw_call_trace;

/* What tells dialects apart. */
struct rw_dialect {
    const char *name; /* its route */
    /* Body to rw_call_request; may run on a prepare thread, may keep something. */
    rw_status (*parse)(struct rw_call *call, struct rw_error *err);
    /* All jobs are submitted. Streams begin here. */
    void (*begun)(struct rw_call *call);
    /* Traces got steps or their end; there are fresh ones. */
    void (*progress)(struct rw_call *call);
    /* The request as a whole failed before `begun`. */
    void (*fail)(struct rw_call *call, const struct rw_error *err);
    bool hold;  /* wait for capacity instead of 429 */
    bool flags; /* its replies have room for flags, verified answers and gates */
};

/* Takes the body of the exchange. Everything after this happens through the dialect. */
void rw_call_start(struct rw_scoring *scoring, struct rw_exchange *ex,
                   const struct rw_dialect *dialect);
/* The dialect has sent its last byte, or handed it over; it must not use the call again. */
void rw_call_end(struct rw_call *call);

/* For `parse`. */
struct rw_buf *rw_call_body(struct rw_call *call); /* ptr is never NULL; parsers write into it */
struct rw_str rw_call_accept(const struct rw_call *call);
struct rw_str rw_call_target(const struct rw_call *call); /* path and query */
struct rw_str rw_call_last_event_id(const struct rw_call *call);
struct rw_request *rw_call_request(struct rw_call *call);
struct rw_arena *rw_call_arena(struct rw_call *call);
const struct rw_scoring *rw_call_scoring(const struct rw_call *call);
/* The dialect's own, in the arena. */
void rw_call_keep(struct rw_call *call, void *kept);
void *rw_call_kept(const struct rw_call *call);

/* For the reply. */
struct rw_exchange *rw_call_exchange(const struct rw_call *call);
unsigned rw_call_retry_after(const struct rw_call *call); /* seconds, when it was OVERLOADED */
bool rw_call_complete(const struct rw_call *call);
bool rw_call_has_model(const struct rw_call *call, enum rw_model_kind kind);
size_t rw_call_traces(const struct rw_call *call);
size_t rw_call_failed(const struct rw_call *call);    /* traces complete without all rewards */
size_t rw_call_steps_max(const struct rw_call *call); /* of a trace */
struct rw_call_trace *rw_call_trace_at(struct rw_call *call, size_t i);
/* Of prompt and trace together, on the model that takes most. */
uint32_t rw_call_trace_tokens(const struct rw_call_trace *trace);
/* Turns that a model had no place for (core/model/input_conversation.h). */
struct rw_call_fit {
    uint64_t system_dropped;
    uint64_t turns_folded;
};
struct rw_call_fit rw_call_trace_fit(const struct rw_call_trace *trace);
struct rw_call_fit rw_call_fit(const struct rw_call *call);
/* First trace with news, which stays it until it is dropped; NULL = none. */
struct rw_call_trace *rw_call_fresh(const struct rw_call *call);
void rw_call_drop_fresh(struct rw_call *call);
bool rw_call_trace_complete(const struct rw_call_trace *trace);

#endif
