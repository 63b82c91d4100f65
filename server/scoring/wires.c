/* Every wire of proto/wires.c through one dialect. A trace without a score is never a number of our
 * making: it fails its request, which names all of them, or is left out, or is the number that the
 * user put into the address. */
#include "server/scoring/wires.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "proto/wire.h"
#include "server/scoring/call.h"
#include "server/scoring/call_view.h"

enum {
    NAMED_MAX = 16, /* traces that an error names one by one */
};

/* What `parse` leaves for the reply; in the call's arena. */
struct wire_call {
    const struct rw_wire *wire;
    struct rw_wire_options options;
    void *state;
};

/* ---- request --------------------------------------------------------------------------------- */

static struct rw_str marker_of(void *ctx, struct rw_str name)
{
    const struct rw_scoring *scoring = ctx;
    struct rw_error none = {0};
    const struct rw_model *model =
        name.ptr == NULL ? rw_bridge_default(scoring->bridge, RW_KIND_PROCESS)
                         : rw_bridge_find(scoring->bridge, name, RW_KIND_PROCESS, &none);
    return model != NULL ? rw_model_marker(model) : (struct rw_str){NULL, 0};
}

static bool has_raw(const struct rw_request *request)
{
    for (size_t i = 0; i < request->n_items; i++) {
        if (request->items[i].traces[0].raw != RW_RAW_NONE) {
            return true;
        }
    }
    return false;
}

/* What the address asks for and this wire has no place for. */
static rw_status check_options(const struct wire_call *kept, const struct rw_request *request,
                               struct rw_error *err)
{
    const struct rw_wire_options *o = &kept->options;
    const struct rw_wire *wire = kept->wire;
    const struct {
        bool wrong;
        const char *param;
        const char *says;
    } CHECK[] = {
        {o->has_unscorable && !wire->takes_unscorable, "?unscorable",
         "this wire has no place for an unscorable trace"},
        {o->bare && !wire->takes_bare, "?bare", "a reply of this wire is no bare number"},
        {o->drop_steps && wire->counts_steps, "?overlong",
         "this wire has a value for every step, or none: a client would take one for another's"},
        {o->run.id.ptr != NULL && has_raw(request), "?run",
         "inputs without prompt and steps cannot be watched"},
    };
    for (size_t i = 0; i < RW_COUNT(CHECK); i++) {
        if (CHECK[i].wrong) {
            rw_fail(err, RW_INVALID_REQUEST, "%s", CHECK[i].says);
            rw_error_param(err, "%s", CHECK[i].param);
            return RW_INVALID_REQUEST;
        }
    }
    return RW_OK;
}

/* Where one model takes part, ?model= names it whichever its kind. */
static void choose_one(const struct wire_call *kept, struct rw_request *request)
{
    bool watched = kept->wire->one_value && request->run.id.ptr != NULL;
    if (request->model.ptr != NULL && request->outcome_model.ptr == NULL) {
        request->any_model = request->model;
        request->model = (struct rw_str){NULL, 0};
    } else if (request->outcome_model.ptr != NULL && request->model.ptr == NULL) {
        request->only = RW_REQUEST_ONLY_OUTCOME;
    } else if (!watched) {
        request->only = kept->options.which == RW_WIRE_OUTCOME ? RW_REQUEST_ONLY_OUTCOME
                                                               : RW_REQUEST_ONLY_PROCESS;
    }
}

static rw_status read_body(struct rw_call *call, struct wire_call *kept, struct rw_str path,
                           struct rw_error *err)
{
    const struct rw_scoring *scoring = rw_call_scoring(call);
    struct rw_buf *body = rw_call_body(call);
    const char *marker = scoring->response_marker;
    const struct rw_wire_input in = {
        .body = body->ptr,
        .len = body->len,
        .path = path,
        .limits = &scoring->limits,
        .arena = rw_call_arena(call),
        .options = &kept->options,
        .response_marker = rw_str_from(marker != NULL ? marker : ""),
        .step_marker = marker_of,
        .ctx = (void *)(uintptr_t)scoring,
    };
    return kept->wire->read(&in, rw_call_request(call), &kept->state, err);
}

static rw_status parse(struct rw_call *call, struct rw_error *err)
{
    struct rw_arena *arena = rw_call_arena(call);
    struct rw_request *request = rw_call_request(call);
    struct rw_str target = rw_call_target(call);
    size_t mark = rw_str_find(target, RW_STR("?"), 0);
    struct rw_str path = rw_str_slice(target, 0, mark);
    struct rw_str query = rw_str_slice(target, RW_MIN(mark + 1, target.len), target.len);
    struct wire_call *kept = rw_arena_alloc(arena, sizeof *kept);
    if (kept == NULL) {
        return rw_wire_no_memory(arena, err);
    }
    *kept = (struct wire_call){.wire = rw_wire_at(path)};
    rw_call_keep(call, kept);
    rw_status status = rw_wire_options_parse(query, arena, &kept->options, err);
    if (kept->options.which == RW_WIRE_EITHER) {
        kept->options.which = kept->wire->which;
    }
    if (status == RW_OK) {
        status = read_body(call, kept, path, err);
    }
    if (status != RW_OK) {
        return status;
    }
    rw_wire_options_apply(&kept->options, request);
    if (kept->wire->one_model || kept->wire->one_value) {
        choose_one(kept, request);
    }
    if (!kept->wire->flags && !request->flags_set) {
        request->flags = RW_FLAGS_OFF;
        request->flags_set = true;
    }
    return check_options(kept, request, err);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct rw_reply_step *copy_steps(const struct rw_reply_trace *view,
                                              struct rw_arena *arena)
{
    struct rw_reply_step *out = rw_arena_array(arena, view->n_steps, sizeof *out);
    if (out != NULL && view->n_steps > 0) {
        memcpy(out, view->steps, view->n_steps * sizeof *out);
    }
    return out;
}

static void fill_process(const struct rw_reply_trace *view, struct rw_wire_row *row)
{
    double sum = 0;
    row->process = view->process_reward;
    for (uint32_t i = 0; i < view->n_steps && view->steps[i].scored; i++) {
        row->n_steps++;
        sum += (double)view->steps[i].reward;
        if (view->steps[i].reward < 0.5F && row->first_bad_step < 0) {
            row->first_bad_step = i;
        }
    }
    row->mean = row->n_steps > 0 ? (float)(sum / row->n_steps) : 0;
}

static void fill_flags(const struct rw_reply_trace *view, struct rw_wire_row *row)
{
    row->flags = view->flags;
    row->n_flags = (uint32_t)view->n_flags;
    for (size_t i = 0; i < view->n_flags; i++) {
        row->fired += view->flags[i].fired;
        if (strcmp(view->flags[i].name, "shortcut") == 0 && view->flags[i].error == RW_OK) {
            row->shortcut_p = (float)view->flags[i].p;
        }
    }
}

/* Why the row has no number. A model beside the one whose value the client reads may drop out where
 * the client chose overlong=drop_steps, which that model cannot follow. */
static const struct rw_error *row_error(const struct wire_call *kept, struct rw_reply_trace *view)
{
    bool reads_outcome =
        !view->has_process || (kept->options.which == RW_WIRE_OUTCOME && view->has_outcome);
    const struct rw_error *beside = reads_outcome ? view->process_error : view->outcome_error;
    if (view->error == NULL && kept->options.drop_steps && beside != NULL &&
        beside->status == RW_CONTEXT_EXCEEDED) {
        *(reads_outcome ? &view->has_process : &view->has_outcome) = false;
    }
    return view->error != NULL                          ? view->error
           : view->has_process && !view->process_scored ? view->process_error
           : view->has_outcome && !view->outcome_scored ? view->outcome_error
                                                        : NULL;
}

/* False: no memory. The view's arrays last until the next view, so what is kept is copied. */
static bool fill_row(struct rw_call *call, const struct wire_call *kept, size_t at,
                     struct rw_wire_row *row)
{
    struct rw_reply_trace view;
    struct rw_call_trace *trace = rw_call_trace_at(call, at);
    rw_call_view_trace(trace, &view);
    const struct rw_error *error = row_error(kept, &view);
    *row = (struct rw_wire_row){.error = error,
                                .first_bad_step = -1,
                                .shortcut_p = NAN,
                                .verified = view.verdict.verified,
                                .has_process = view.has_process,
                                .has_outcome = view.has_outcome,
                                .tokens = rw_call_trace_tokens(trace)};
    if (row->error != NULL) {
        return true;
    }
    row->outcome = view.outcome_reward;
    row->outcome_raw = view.outcome_raw;
    if (view.has_process) {
        fill_process(&view, row);
    }
    fill_flags(&view, row);
    struct rw_arena *arena = rw_call_arena(call);
    if (kept->wire->reads_steps && row->n_steps > 0) {
        row->steps = copy_steps(&view, arena);
    }
    if (kept->wire->reads_steps && row->n_flags > 0) {
        struct rw_reply_flag *flags = rw_arena_array(arena, row->n_flags, sizeof *flags);
        if (flags != NULL) {
            memcpy(flags, view.flags, row->n_flags * sizeof *flags);
        }
        row->flags = flags;
    }
    return !kept->wire->reads_steps ||
           ((row->n_steps == 0 || row->steps != NULL) && (row->n_flags == 0 || row->flags != NULL));
}

/* Whether the user's own number may stand for it: only what is the sample's fault, never ours. */
static bool is_unscorable(const struct rw_error *error)
{
    return error->status == RW_EMPTY_TRACE || error->status == RW_CONTEXT_EXCEEDED ||
           error->status == RW_LIMIT_EXCEEDED;
}

/* What the core's own hints say of a request of /v1/rewards, in words of an address. */
static void hint_at_address(const struct wire_call *kept, struct rw_error *err)
{
    bool may_drop = !kept->options.drop_steps && !kept->wire->counts_steps;
    const char *drop = err->status == RW_CONTEXT_EXCEEDED && may_drop
                           ? "?overlong=drop_steps in the address scores the steps that fit "
                             "(process models); "
                           : "";
    if (kept->wire->takes_unscorable && is_unscorable(err)) {
        rw_error_hint(err,
                      "%s?unscorable=NUMBER gives empty and over-long traces a reward of your own "
                      "choice",
                      drop);
    } else if (err->status == RW_CONTEXT_EXCEEDED) {
        rw_error_hint(err, "%sshorter texts", drop);
    }
}

/* The first error, and the indexes of all traces that have one. */
static rw_status tell_lost(const struct wire_call *kept, const struct rw_wire_row *rows, size_t n,
                           struct rw_error *err)
{
    size_t lost = 0, named = 0, at = 0;
    char list[160] = "";
    for (size_t i = 0; i < n; i++) {
        const struct rw_error *error = rows[i].error;
        bool excused = error != NULL && kept->options.has_unscorable && is_unscorable(error);
        if (error == NULL || excused) {
            continue;
        }
        if (lost++ == 0) {
            *err = *error;
        }
        if (named < NAMED_MAX && at + 24 < sizeof list) {
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%zu", named > 0 ? ", " : "", i);
            named++;
        }
    }
    if (lost == 0) {
        return RW_OK;
    }
    if (n > 1) {
        char first[RW_ERROR_MESSAGE_MAX];
        snprintf(first, sizeof first, "%s", err->message);
        rw_fail(err, err->status, "%zu of %zu traces cannot be scored, at %s%s; the first: %.200s",
                lost, n, list, lost > named ? ", ..." : "", first);
    }
    hint_at_address(kept, err);
    return err->status;
}

/* ---- replies --------------------------------------------------------------------------------- */

/* A connection the client will not reuse; its form is the route's. */
static void fail(struct rw_call *call, const struct rw_error *err)
{
    struct rw_exchange *ex = rw_call_exchange(call);
    ex->close_after = true;
    ex->retry_after_s = ex->patient ? 1 : rw_call_retry_after(call);
    const struct wire_call *kept = rw_call_kept(call);
    if (err->status == RW_MODEL_KIND && kept->wire->wrong_kind != 0) {
        rw_exchange_fail_as(ex, err, kept->wire->wrong_kind, "Allow: OPTIONS\r\n");
    } else {
        rw_exchange_fail(ex, err);
    }
}

static rw_status write_reply(struct rw_call *call, const struct wire_call *kept,
                             const struct rw_wire_row *rows, struct rw_buf *out,
                             struct rw_error *err)
{
    struct rw_reply_head head;
    struct rw_reply_usage usage;
    rw_call_view_head(call, &head);
    rw_call_view_usage(call, &usage);
    const struct rw_wire_reply reply = {
        .rows = rows,
        .n = rw_call_traces(call),
        .has_process = rw_call_has_model(call, RW_KIND_PROCESS),
        .has_outcome = rw_call_has_model(call, RW_KIND_OUTCOME),
        .request_id = head.id,
        .process_name = head.process.name,
        .outcome_name = head.outcome.name,
        .prompt_tokens = usage.scored_tokens + usage.cached_tokens,
        .created = (int64_t)time(NULL),
        .options = &kept->options,
        .state = kept->state,
    };
    kept->wire->write(&reply, out);
    return out->failed ? rw_fail_memory(err, "the reply") : RW_OK;
}

static rw_status collect(struct rw_call *call, const struct wire_call *kept, struct rw_buf *out,
                         struct rw_error *err)
{
    size_t n = rw_call_traces(call);
    struct rw_wire_row *rows = rw_alloc_zero(n + 1, sizeof *rows);
    rw_status status = rows != NULL ? RW_OK : rw_fail_memory(err, "the reply");
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        status = fill_row(call, kept, i, &rows[i]) ? RW_OK : rw_fail_memory(err, "the reply");
    }
    if (status == RW_OK && kept->wire->lost == RW_WIRE_LOST_FAILS) {
        status = tell_lost(kept, rows, n, err);
    }
    if (status == RW_OK) {
        status = write_reply(call, kept, rows, out, err);
    }
    rw_free(rows);
    return status;
}

/* What it cost, and what became of turns the model has no place for: these replies have no room for
 * either. */
static void headers(const struct rw_call *call, char *out, size_t size)
{
    struct rw_call_fit fit = rw_call_fit(call);
    char timing[128];
    rw_call_view_server_timing(call, timing, sizeof timing);
    int n = snprintf(out, size, "%s", timing);
    if (fit.system_dropped + fit.turns_folded > 0) {
        snprintf(out + n, size - (size_t)n,
                 "X-Rewardd-Roles: system_dropped=%llu, turns_folded=%llu\r\n",
                 (unsigned long long)fit.system_dropped, (unsigned long long)fit.turns_folded);
    }
}

static void progress(struct rw_call *call)
{
    if (!rw_call_complete(call)) {
        return;
    }
    struct rw_error err = {0};
    struct rw_buf out;
    rw_buf_init(&out, RW_REPLY_BYTES_MAX);
    if (collect(call, rw_call_kept(call), &out, &err) == RW_OK) {
        char extra[256];
        headers(call, extra, sizeof extra);
        rw_exchange_reply(rw_call_exchange(call), 200, "application/json", rw_buf_str(&out), extra);
    } else {
        fail(call, &err);
    }
    rw_buf_fini(&out);
    rw_call_end(call);
}

/* By `hold`, then `flags`. */
static const struct rw_dialect DIALECT[2][2] = {
    {{.name = "wire", .parse = parse, .begun = progress, .progress = progress, .fail = fail},
     {.name = "wire",
      .parse = parse,
      .begun = progress,
      .progress = progress,
      .fail = fail,
      .flags = true}},
    {{.name = "wire",
      .parse = parse,
      .begun = progress,
      .progress = progress,
      .fail = fail,
      .hold = true},
     {.name = "wire",
      .parse = parse,
      .begun = progress,
      .progress = progress,
      .fail = fail,
      .hold = true,
      .flags = true}},
};

void rw_wires_start(struct rw_scoring *scoring, struct rw_exchange *ex)
{
    struct rw_str target = ex->in->request.target;
    struct rw_str path = rw_str_slice(target, 0, rw_str_find(target, RW_STR("?"), 0));
    const struct rw_wire *wire = rw_wire_at(path);
    rw_call_start(scoring, ex, &DIALECT[wire->hold][wire->flags]);
}
