#include "server/scoring/call_flags.h"

#include <math.h>

#include "core/base/util.h"
#include "server/scoring/call.h"
#include "server/scoring/observe.h"
#include "server/verify/verdict.h"

static struct rw_call *call_of(struct rw_flags_host *host)
{
    return RW_CONTAINER_OF(host, struct rw_call, flags);
}

static void finish_trace(struct rw_call_trace *trace)
{
    rw_call_end_trace(trace);
    rw_observe_trace(trace);
}

/* ---- host: jobs and tasks -------------------------------------------------------------------- */

static rw_status submit(struct rw_flags_host *host, const struct rw_job_spec *specs, size_t n,
                        struct rw_job **jobs)
{
    struct rw_call *call = call_of(host);
    struct rw_error ignored = {0};
    rw_status status = rw_engine_submit(host->engine, specs, n, jobs, &ignored);
    if (status == RW_OK) {
        rw_call_sent(call, n);
        call->scoring->metrics->jobs_submitted += n;
    }
    return status;
}

static void probed(struct rw_flags_host *host, const struct rw_job_cost *cost)
{
    struct rw_call *call = call_of(host);
    rw_call_account(call, cost);
    call->usage.probe_tokens += cost->tokens;
    rw_call_back(call);
}

static void computing(struct rw_flags_host *host, struct rw_task *task)
{
    struct rw_call *call = call_of(host);
    rw_call_sent(call, 1);
    rw_prepare_more(call->scoring->prepare, &call->lane, task);
}

static void ended(void *at, bool computed)
{
    struct rw_call_trace *trace = at;
    finish_trace(trace);
    if (computed) {
        rw_call_back(trace->call);
    }
}

/* ---- host: the trace as the core sees it (prepare thread) ------------------------------------ */

static double outcome_of(const struct rw_call_trace *trace)
{
    const struct rw_call_part *part = &trace->part[RW_PART_OUTCOME];
    return rw_call_part_runs(part) && part->job != NULL && part->view.scores_ready == 1
               ? (double)rw_job_scores(part->job)->reward
               : NAN;
}

/* Reads what is final: nothing of the trace changes while its flags are computed. */
static bool describe(const void *at, struct rw_arena *scratch, struct rw_flag_trace *out)
{
    const struct rw_call_trace *trace = at;
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    struct rw_str domain = trace->request_item->domain;
    out->prompt = trace->question;
    out->steps = rw_call_step_texts(trace, scratch, &out->n_steps);
    out->n_scores = rw_call_steps_ready(trace);
    if (out->n_scores > 0) {
        out->scores = rw_job_scores(process->job);
        out->features = rw_job_features(process->job);
    }
    out->process_status = rw_call_part_status(process);
    out->outcome = outcome_of(trace);
    out->outcome_status = rw_call_part_status(&trace->part[RW_PART_OUTCOME]);
    out->reference = trace->request->reference;
    out->verify = rw_verdict_options(&trace->call->request.verify);
    out->domain = domain.ptr != NULL ? domain : trace->call->request.domain;
    out->hidden_texts = trace->request->hidden_texts;
    for (int p = 0; p < RW_PARTS; p++) {
        size_t found = trace->part[p].input.special_token_texts;
        bool cut = rw_call_part_runs(&trace->part[p]) && trace->part[p].input.truncated;
        out->special_token_texts = RW_MAX(found, out->special_token_texts);
        out->truncated = out->truncated || cut;
    }
    return out->steps != NULL;
}

static void read_text(void *at, const struct rw_str *steps, size_t n)
{
    rw_observe_text(at, steps, n);
}

static const struct rw_flags_host_ops HOST = {
    .submit = submit,
    .probed = probed,
    .computing = computing,
    .describe = describe,
    .read_text = read_text,
    .ended = ended,
};

/* ---- preparing ------------------------------------------------------------------------------- */

static void find_others(struct rw_call *call)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    struct rw_flags_host *host = &call->flags;
    size_t n = rw_bridge_models(call->scoring->bridge, model);
    for (size_t i = 0; i < n && host->n_others < RW_COUNT(host->others); i++) {
        if (rw_model_info(model[i])->kind == RW_KIND_PROCESS &&
            model[i] != call->model[RW_PART_PROCESS]) {
            host->others[host->n_others++] = model[i];
        }
    }
}

static rw_status check_gates(const struct rw_call *call, struct rw_error *err)
{
    for (size_t i = 0; i < call->gates.n; i++) {
        if (call->gates.gate[i] == RW_GATE_MIN_PROCESS && call->model[RW_PART_PROCESS] == NULL) {
            /* Left out by the request itself, or not there at all. */
            rw_fail(err, call->request.no_process ? RW_INVALID_REQUEST : RW_MODEL_NOT_FOUND,
                    "gate min_process needs a process model");
            rw_error_param(err, "gate[%zu]", i);
            return err->status;
        }
    }
    return RW_OK;
}

/* A tag that the bank does not know would be ranked among all its traces, and nobody would see it:
 * measured on planted shortcuts, .38 of them are found there and .45 under their own tag. */
static rw_status check_domain(const struct rw_bank *bank, struct rw_str tag, struct rw_error *err)
{
    struct rw_str known[RW_BANK_DOMAINS_MAX];
    char list[RW_ERROR_HINT_MAX - 100] = "";
    size_t used = 0;
    if (tag.len == 0 || rw_bank_has_tag(bank, tag)) {
        return RW_OK;
    }
    rw_fail(err, RW_INVALID_REQUEST, "the calibration bank has no domain \"%.*s\"",
            RW_STR_ARG(tag));
    size_t n = rw_bank_tags(bank, known, RW_BANK_DOMAINS_MAX);
    for (size_t i = 0; i < n && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.*s", i > 0 ? ", " : "",
                                 RW_STR_ARG(known[i]));
    }
    rw_error_hint(err, "it has: %s; without a domain a trace is compared with all of them",
                  n > 0 ? list : "none");
    return RW_INVALID_REQUEST;
}

static rw_status check_domains(const struct rw_call *call, struct rw_error *err)
{
    const struct rw_request *r = &call->request;
    const struct rw_bank *bank = call->flags.off ? NULL : call->flags.bank;
    rw_status status = bank != NULL ? check_domain(bank, r->domain, err) : RW_OK;
    if (status != RW_OK) {
        rw_error_param(err, "domain");
    }
    for (size_t i = 0; bank != NULL && status == RW_OK && i < r->n_items; i++) {
        status = check_domain(bank, r->items[i].domain, err);
        if (status != RW_OK) {
            rw_error_param(err, "items[%zu].domain", i);
        }
    }
    return status;
}

rw_status rw_call_flags_begin(struct rw_call *call, struct rw_error *err)
{
    static const enum rw_flag_tier TIER[] = {
        [RW_FLAGS_OFF] = RW_FLAG_FREE,
        [RW_FLAGS_FREE] = RW_FLAG_FREE,
        [RW_FLAGS_CHEAP] = RW_FLAG_CHEAP,
        [RW_FLAGS_DEEP] = RW_FLAG_DEEP,
    };
    const struct rw_request *r = &call->request;
    enum rw_flags_tier asked = r->flags_set ? r->flags : RW_FLAGS_FREE;
    const struct rw_model *process = call->model[RW_PART_PROCESS];
    const struct rw_model *outcome = call->model[RW_PART_OUTCOME];
    struct rw_flags_host *host = &call->flags;
    host->ops = &HOST;
    host->engine = rw_call_engine(call);
    host->arena = &call->arena;
    host->client = rw_call_client(call);
    host->deadline_ns = rw_call_deadline(call);
    host->off = asked == RW_FLAGS_OFF || !call->dialect->flags;
    host->all = r->flags_all;
    host->check = r->checked;
    host->keep_signals = r->run.id.ptr != NULL;
    host->tier = TIER[asked];
    host->fired = call->scoring->metrics->flags_fired;
    host->bank = rw_bridge_bank(call->scoring->bridge, process != NULL ? process : outcome,
                                process != NULL ? outcome : NULL, &host->other_outcome);
    if (host->tier == RW_FLAG_DEEP) {
        find_others(call);
    }
    rw_status status = rw_gates_parse(r, host->tier, host->off, &call->gates, err);
    status = status == RW_OK ? check_domains(call, err) : status;
    return status == RW_OK ? check_gates(call, err) : status;
}

static bool wanted(const struct rw_call_trace *trace)
{
    const struct rw_call *call = trace->call;
    if (trace->request->raw != RW_RAW_NONE) {
        return false; /* no question, no steps: nothing to look at */
    }
    return call->dialect->flags &&
           (!call->flags.off || trace->request->reference.ptr != NULL || call->gates.n > 0 ||
            call->request.checked || call->request.run.id.ptr != NULL);
}

static const uint32_t *step_ends(const struct rw_call_trace *trace, size_t n)
{
    const struct rw_input *input = rw_call_stepped_input(trace);
    uint32_t *end = rw_arena_array(&trace->call->arena, n + 1, sizeof *end);
    for (size_t i = 0; end != NULL && i < n; i++) {
        end[i] = input != NULL ? input->steps[i].byte_end : (uint32_t)trace->request->text.len;
    }
    return end;
}

static void plan_probes(struct rw_call_trace *trace, const struct rw_message *messages)
{
    struct rw_call *call = trace->call;
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    const struct rw_call_part *outcome = &trace->part[RW_PART_OUTCOME];
    struct rw_probe_source source = {
        .process = rw_call_part_runs(process) ? call->model[RW_PART_PROCESS] : NULL,
        .input = rw_call_part_runs(process) ? &process->input : NULL,
        .process_status = rw_call_part_status(process),
        .outcome = rw_call_part_runs(outcome) ? call->model[RW_PART_OUTCOME] : NULL,
        .outcome_status = rw_call_part_status(outcome),
        .messages = messages,
        .n_messages = trace->request_item->n_messages,
        .prompt = trace->question,
        .reference = trace->request->reference,
        .is_text = trace->request->is_text,
        .text = trace->request->text,
        .full_gap = call->request.prompt_gap == RW_PROMPT_GAP_FULL,
        .parse_special = call->request.allow_special_tokens,
        .roles = rw_call_roles(call),
        .split = rw_call_split(call),
        .steps_max = call->scoring->limits.steps_max,
        .tokens_max = call->scoring->limits.trace_tokens_max,
    };
    source.steps = rw_call_step_texts(trace, &call->arena, &source.n_steps);
    source.step_end = step_ends(trace, source.n_steps);
    call->tokens += rw_trace_flags_plan(trace->flags, &source);
}

void rw_call_flags_prepare(struct rw_call_trace *trace, const struct rw_message *messages)
{
    struct rw_call *call = trace->call;
    if (!wanted(trace)) {
        return;
    }
    trace->flags = rw_trace_flags_new(&call->flags, trace);
    if (trace->flags == NULL) {
        trace->flags_lost = true; /* the rewards still stand */
    } else if (!call->flags.off && call->flags.tier > RW_FLAG_FREE) {
        plan_probes(trace, messages);
    }
}

/* ---- scored ---------------------------------------------------------------------------------- */

void rw_call_trace_scored(struct rw_call_trace *trace)
{
    rw_status status = RW_OK;
    for (int p = 0; p < RW_PARTS; p++) {
        if (trace->part[p].asked && trace->part[p].error != NULL) {
            status = trace->part[p].error->status;
        }
    }
    if (trace->flags != NULL) {
        rw_trace_flags_scored(trace->flags, status);
    } else {
        finish_trace(trace);
    }
}
