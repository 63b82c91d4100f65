/* What a dialect may ask of its call and tell it; call.h has the contract. */
#include "core/base/assert.h"
#include "core/base/util.h"
#include "server/scoring/call.h"
#include "server/scoring/call_state.h"

struct rw_buf *rw_call_body(struct rw_call *call)
{
    return &call->body;
}

struct rw_str rw_call_accept(const struct rw_call *call)
{
    return call->accept;
}

struct rw_str rw_call_target(const struct rw_call *call)
{
    return call->target;
}

struct rw_str rw_call_last_event_id(const struct rw_call *call)
{
    return call->last_event_id;
}

struct rw_request *rw_call_request(struct rw_call *call)
{
    return &call->request;
}

struct rw_arena *rw_call_arena(struct rw_call *call)
{
    return &call->arena;
}

const struct rw_scoring *rw_call_scoring(const struct rw_call *call)
{
    return call->scoring;
}

void rw_call_keep(struct rw_call *call, void *kept)
{
    call->kept = kept;
}

void *rw_call_kept(const struct rw_call *call)
{
    return call->kept;
}

struct rw_exchange *rw_call_exchange(const struct rw_call *call)
{
    return call->ex;
}

unsigned rw_call_retry_after(const struct rw_call *call)
{
    return rw_admission_retry_after(&call->scoring->admission, call->tokens);
}

bool rw_call_complete(const struct rw_call *call)
{
    return call->n_complete == call->n_traces;
}

bool rw_call_has_model(const struct rw_call *call, enum rw_model_kind kind)
{
    return call->model[kind == RW_KIND_PROCESS ? RW_PART_PROCESS : RW_PART_OUTCOME] != NULL;
}

size_t rw_call_traces(const struct rw_call *call)
{
    return call->n_traces;
}

size_t rw_call_failed(const struct rw_call *call)
{
    return call->n_failed;
}

size_t rw_call_steps_max(const struct rw_call *call)
{
    return call->steps_max;
}

struct rw_call_trace *rw_call_trace_at(struct rw_call *call, size_t i)
{
    rw_assert(i < call->n_traces);
    return &call->traces[i];
}

struct rw_call_trace *rw_call_fresh(const struct rw_call *call)
{
    return call->fresh;
}

void rw_call_drop_fresh(struct rw_call *call)
{
    struct rw_call_trace *trace = call->fresh;
    rw_assert(trace != NULL);
    call->fresh = trace->next_fresh;
    if (call->fresh == NULL) {
        call->fresh_end = &call->fresh;
    }
    trace->fresh = false;
}

uint32_t rw_call_trace_tokens(const struct rw_call_trace *trace)
{
    uint32_t most = 0;
    for (int p = 0; p < RW_PARTS; p++) {
        most = RW_MAX(most, trace->part[p].input.n_tokens);
    }
    return most;
}

/* The models of a request may differ in what they have a place for; the trace says the most. */
struct rw_call_fit rw_call_trace_fit(const struct rw_call_trace *trace)
{
    struct rw_call_fit fit = {0};
    for (int p = 0; p < RW_PARTS; p++) {
        fit.system_dropped = RW_MAX(fit.system_dropped, trace->part[p].input.system_dropped);
        fit.turns_folded = RW_MAX(fit.turns_folded, trace->part[p].input.turns_folded);
    }
    return fit;
}

struct rw_call_fit rw_call_fit(const struct rw_call *call)
{
    struct rw_call_fit all = {0};
    for (size_t i = 0; i < call->n_traces; i++) {
        struct rw_call_fit fit = rw_call_trace_fit(&call->traces[i]);
        all.system_dropped += fit.system_dropped;
        all.turns_folded += fit.turns_folded;
    }
    return all;
}

bool rw_call_trace_complete(const struct rw_call_trace *trace)
{
    return trace->complete;
}
