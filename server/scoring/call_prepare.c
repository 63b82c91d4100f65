/* From a body to token ids: the part of a call that needs neither the loop nor the engine's thread.
 * Runs on a prepare thread for large bodies. */
#include <math.h>
#include <string.h>

#include "core/base/assert.h"
#include "server/scoring/call.h"
#include "server/scoring/call_flags.h"
#include "server/scoring/call_prepare.h"
#include "server/scoring/observe.h"

static const struct rw_error NO_MEMORY_ERROR = {
    .status = RW_NO_MEMORY,
    .message = "no memory left for this request",
    .hint = "send fewer traces per request, or raise --request-memory",
};

/* A record that outlives the call stack; a shared one when even that cannot be had. */
static const struct rw_error *keep_error(struct rw_call *call, const struct rw_error *err)
{
    struct rw_error *copy = rw_arena_alloc(&call->arena, sizeof *copy);
    if (copy == NULL) {
        return &NO_MEMORY_ERROR;
    }
    *copy = *err;
    return copy;
}

static rw_status choose_model(struct rw_call *call, int part, struct rw_str name, bool refused,
                              struct rw_error *err)
{
    enum rw_model_kind kind = part == RW_PART_PROCESS ? RW_KIND_PROCESS : RW_KIND_OUTCOME;
    struct rw_bridge *bridge = call->scoring->bridge;
    if (refused) {
        return RW_OK;
    }
    if (name.ptr == NULL) {
        call->model[part] = rw_bridge_default(bridge, kind);
        return RW_OK;
    }
    call->model[part] = rw_bridge_find(bridge, name, kind, err);
    if (call->model[part] == NULL) {
        rw_error_param(err, "%s", part == RW_PART_PROCESS ? "model" : "outcome_model");
        return err->status;
    }
    return RW_OK;
}

/* By name, whichever its kind; the other kind takes no part. */
static rw_status choose_any(struct rw_call *call, struct rw_str name, struct rw_error *err)
{
    struct rw_bridge *bridge = call->scoring->bridge;
    struct rw_error other = {0};
    call->model[RW_PART_PROCESS] = rw_bridge_find(bridge, name, RW_KIND_PROCESS, err);
    if (call->model[RW_PART_PROCESS] == NULL) {
        call->model[RW_PART_OUTCOME] = rw_bridge_find(bridge, name, RW_KIND_OUTCOME, &other);
    }
    if (call->model[RW_PART_PROCESS] == NULL && call->model[RW_PART_OUTCOME] == NULL) {
        rw_error_param(err, "model");
        return err->status;
    }
    *err = (struct rw_error){0};
    return RW_OK;
}

static rw_status choose_by_kind(struct rw_call *call, struct rw_error *err)
{
    const struct rw_request *r = &call->request;
    rw_status status = choose_model(call, RW_PART_PROCESS, r->model, r->no_process, err);
    if (status == RW_OK) {
        status = choose_model(call, RW_PART_OUTCOME, r->outcome_model, r->no_outcome, err);
    }
    if (status != RW_OK || r->only == RW_REQUEST_ONLY_NONE) {
        return status;
    }
    int wanted = r->only == RW_REQUEST_ONLY_PROCESS ? RW_PART_PROCESS : RW_PART_OUTCOME;
    if (call->model[wanted] != NULL) {
        call->model[wanted == RW_PART_PROCESS ? RW_PART_OUTCOME : RW_PART_PROCESS] = NULL;
    }
    return RW_OK;
}

static rw_status choose_models(struct rw_call *call, struct rw_error *err)
{
    const struct rw_request *r = &call->request;
    rw_status status =
        r->any_model.ptr != NULL ? choose_any(call, r->any_model, err) : choose_by_kind(call, err);
    if (status != RW_OK) {
        return status;
    }
    if (call->model[RW_PART_PROCESS] == NULL && call->model[RW_PART_OUTCOME] == NULL) {
        rw_fail(err, RW_MODEL_NOT_FOUND, "the request leaves no model to score with");
        rw_error_hint(err, "GET /v1/models lists what is loaded");
        return RW_MODEL_NOT_FOUND;
    }
    if (call->model[RW_PART_PROCESS] != NULL) {
        call->aggregate = rw_model_info(call->model[RW_PART_PROCESS])->aggregate;
    }
    if (r->aggregate.ptr != NULL && !rw_aggregate_parse(r->aggregate, &call->aggregate)) {
        rw_fail(err, RW_INVALID_REQUEST, "\"%.*s\" is no aggregate", RW_STR_ARG(r->aggregate));
        rw_error_param(err, "aggregate");
        return RW_INVALID_REQUEST;
    }
    return RW_OK;
}

/* Of the request's own writing, so that only memory can fail. */
static bool read_json(struct rw_call *call, struct rw_str text, const struct rw_json **out)
{
    return rw_input_json(text, &call->arena, out) == RW_OK;
}

/* The request's messages in the core's words; the two layers do not know each other. */
static struct rw_message *to_messages(struct rw_call *call, const struct rw_request_item *item)
{
    struct rw_message *out = rw_arena_array(&call->arena, item->n_messages + 1, sizeof *out);
    for (size_t i = 0; out != NULL && i < item->n_messages; i++) {
        const struct rw_request_message *m = &item->messages[i];
        out[i].content = m->content;
        out[i].role = m->role == RW_REQUEST_SYSTEM ? RW_ROLE_SYSTEM
                      : m->role == RW_REQUEST_USER ? RW_ROLE_USER
                                                   : RW_ROLE_ASSISTANT;
        out[i].whole = NULL;
        if (m->whole.ptr != NULL && !read_json(call, m->whole, &out[i].whole)) {
            return NULL;
        }
    }
    return out;
}

static size_t tokens_max(const struct rw_call *call, int which)
{
    uint32_t context = rw_model_info(call->model[which])->context_max;
    size_t max = call->scoring->limits.trace_tokens_max;
    return context > 0 && max > context ? context : max;
}

/* What the client laid out itself. */
static rw_status build_raw(struct rw_call_trace *trace, int which, struct rw_error *err)
{
    struct rw_call *call = trace->call;
    const struct rw_request_trace *request = trace->request;
    const struct rw_raw_source source = {
        .ids = request->raw == RW_RAW_IDS ? request->ids : NULL,
        .n_ids = request->n_ids,
        .text = request->text,
        .add_special = request->add_special,
        .every_token = request->every_token,
        .tokens_max = tokens_max(call, which),
    };
    return rw_model_build_raw(call->model[which], &source, &call->arena, &trace->part[which].input,
                              err);
}

static rw_status build_input(struct rw_call_trace *trace, int which,
                             const struct rw_message *messages, struct rw_error *err)
{
    struct rw_call *call = trace->call;
    const struct rw_trace_source source = {
        .messages = messages,
        .n_messages = trace->request_item->n_messages,
        .tools = trace->tools,
        .is_text = trace->request->is_text,
        .text = trace->request->text,
        .ended = trace->request->ended,
        .steps = trace->request->steps,
        .n_steps = trace->request->n_steps,
        .parse_special = call->request.allow_special_tokens,
        .overlong = call->request.overlong == RW_REQUEST_OVERLONG_DROP_STEPS
                        ? RW_OVERLONG_DROP_STEPS
                        : RW_OVERLONG_ERROR,
        .roles = rw_call_roles(call),
        .split = rw_call_split(call),
        .steps_max = call->scoring->limits.steps_max,
        .tokens_max = tokens_max(call, which),
    };
    return rw_model_build_input(call->model[which], &source, &call->arena,
                                &trace->part[which].input, err);
}

static void build_part(struct rw_call_trace *trace, int which, const struct rw_message *messages)
{
    struct rw_call *call = trace->call;
    struct rw_call_part *part = &trace->part[which];
    struct rw_error err = {0};
    rw_status status = trace->request->raw == RW_RAW_NONE
                           ? build_input(trace, which, messages, &err)
                           : build_raw(trace, which, &err);
    if (status != RW_OK) {
        part->error = keep_error(call, &err);
        part->final = true;
        return;
    }
    call->tokens += part->input.n_tokens;
    if (part->input.n_steps > call->steps_max) {
        call->steps_max = part->input.n_steps;
    }
}

/* True when no part will be scored. */
static bool build_parts(struct rw_call_trace *trace, const struct rw_message *messages)
{
    bool none = true;
    for (int p = 0; p < RW_PARTS; p++) {
        struct rw_call_part *part = &trace->part[p];
        part->trace = trace;
        part->asked = trace->call->model[p] != NULL;
        part->final = !part->asked;
        if (!part->asked) {
            continue;
        }
        if (trace->request->error.status != RW_OK) {
            part->error = &trace->request->error;
            part->final = true;
        } else if (messages == NULL) {
            part->error = &NO_MEMORY_ERROR;
            part->final = true;
        } else {
            build_part(trace, p, messages);
        }
        none = none && part->final;
    }
    return none;
}

/* A trace without flags is read here for its run: later nobody reads it any more. */
static void watch_trace(struct rw_call_trace *trace, const struct rw_observe_prompt *prompt)
{
    struct rw_arena *arena = &trace->call->arena;
    size_t n = 0;
    if (trace->call->request.run.id.ptr == NULL) {
        return;
    }
    trace->text = rw_arena_alloc(arena, sizeof *trace->text);
    if (trace->text == NULL) {
        return;
    }
    trace->text->prompt = prompt->hash;
    memcpy(trace->text->prompt_x, prompt->x, sizeof prompt->x);
    const struct rw_str *steps = NULL;
    if (trace->flags == NULL) {
        steps = rw_call_step_texts(trace, arena, &n);
    }
    if (steps != NULL) {
        rw_observe_text(trace, steps, n);
    }
}

/* The traces of one item; returns how many. */
static size_t prepare_item(struct rw_call *call, size_t at, struct rw_call_trace *traces)
{
    const struct rw_request_item *item = &call->request.items[at];
    const struct rw_message *messages = to_messages(call, item);
    struct rw_str question = {0};
    struct rw_observe_prompt prompt = {0};
    if (call->request.run.id.ptr != NULL) {
        rw_observe_prompt(&call->request, item, &prompt);
    }
    if (messages != NULL) {
        question = rw_probe_question(messages, item->n_messages, &call->arena);
    }
    const struct rw_json *tools = NULL;
    if (item->tools.ptr != NULL && !read_json(call, item->tools, &tools)) {
        messages = NULL;
    }
    for (size_t t = 0; t < item->n_traces && !atomic_load(&call->flags.gone); t++) {
        struct rw_call_trace *trace = &traces[t];
        *trace = (struct rw_call_trace){.call = call,
                                        .item = (uint32_t)at,
                                        .index = (uint32_t)t,
                                        .request_item = item,
                                        .tools = tools,
                                        .request = &item->traces[t],
                                        .question = question};
        if (!build_parts(trace, messages)) {
            rw_call_flags_prepare(trace, messages);
        }
        watch_trace(trace, &prompt);
    }
    return item->n_traces;
}

static rw_status prepare_traces(struct rw_call *call, struct rw_error *err)
{
    size_t n = 0;
    call->n_traces = call->request.n_traces;
    call->traces = rw_arena_array(&call->arena, call->n_traces + 1, sizeof *call->traces);
    for (size_t i = 0; call->traces != NULL && i < call->request.n_items; i++) {
        if (atomic_load(&call->flags.gone)) {
            break; /* nobody looks at it any more */
        }
        rw_assert(call->request.items[i].n_traces <= call->n_traces - n);
        n += prepare_item(call, i, &call->traces[n]);
    }
    call->n_traces = n;
    call->steps = rw_arena_array(&call->arena, call->steps_max + 1, sizeof *call->steps);
    /* Over the cap is not the fault of one trace: the request is too large, and will be again. */
    if (call->traces == NULL || call->steps == NULL || call->arena.over_cap) {
        call->n_traces = 0; /* none of them has a job */
        *err = NO_MEMORY_ERROR;
        return RW_NO_MEMORY;
    }
    return RW_OK;
}

rw_status rw_call_prepare(struct rw_call *call, struct rw_error *err)
{
    if (atomic_load(&call->flags.gone)) {
        return rw_fail(err, RW_CANCELLED, "the client went away");
    }
    rw_status status = call->dialect->parse(call, err);
    if (status == RW_OK) {
        status = choose_models(call, err);
    }
    if (status == RW_OK) {
        status = rw_call_flags_begin(call, err);
    }
    return status == RW_OK ? prepare_traces(call, err) : status;
}
