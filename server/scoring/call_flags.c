#include "server/scoring/call_flags.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/util.h"

enum {
    /* Flags of up to this much text are computed on the loop: see core/probe/README.md for the
     * measurement. */
    INLINE_TEXT_BYTES = 4096,
};

/* ---- preparing ------------------------------------------------------------------------------- */

static bool wanted(const struct rw_call_trace *trace)
{
    const struct rw_call *call = trace->call;
    return call->dialect->flags && (!call->flags_off || trace->request->reference.ptr != NULL ||
                                    call->gates.n > 0 || call->request.run.id.ptr != NULL);
}

static void find_others(struct rw_call *call)
{
    const struct rw_model *model[RW_SERVER_MODELS_MAX];
    size_t n = rw_bridge_models(call->service->bridge, model);
    for (size_t i = 0; i < n && call->n_others < RW_PROBE_OTHERS; i++) {
        if (rw_model_info(model[i])->kind == RW_KIND_PROCESS &&
            model[i] != call->model[RW_PART_PROCESS]) {
            call->others[call->n_others++] = model[i];
        }
    }
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
    call->flags_off = asked == RW_FLAGS_OFF || !call->dialect->flags;
    call->tier = TIER[asked];
    call->bank = rw_bridge_bank(call->service->bridge, process != NULL ? process : outcome,
                                process != NULL ? outcome : NULL, &call->other_outcome);
    if (call->tier == RW_FLAG_DEEP) {
        find_others(call);
    }
    rw_status status = rw_gates_parse(r, call->tier, call->flags_off, &call->gates, err);
    for (size_t i = 0; status == RW_OK && i < call->gates.n; i++) {
        if (call->gates.gate[i] == RW_GATE_MIN_PROCESS && process == NULL) {
            rw_fail(err, RW_MODEL_NOT_FOUND, "gate min_process needs a process model");
            rw_error_param(err, "gate[%zu]", i);
            return RW_MODEL_NOT_FOUND;
        }
    }
    return status;
}

/* The part whose input knows where the steps are. */
static const struct rw_input *stepped_input(const struct rw_call_trace *trace)
{
    for (int p = 0; p < RW_PARTS; p++) {
        const struct rw_call_part *part = &trace->part[p];
        if (part->asked && part->input.n_steps > 0) {
            return &part->input;
        }
    }
    return NULL;
}

/* The trace's steps as text; a text that no model cut is one step. NULL = no memory. */
static const struct rw_str *step_texts(const struct rw_call_trace *trace, struct rw_arena *arena,
                                       size_t *n)
{
    const struct rw_request_trace *request = trace->request;
    const struct rw_input *input = stepped_input(trace);
    if (!request->is_text) {
        *n = request->n_steps;
        return request->steps;
    }
    *n = input != NULL ? input->n_steps : 1;
    struct rw_str *steps = rw_arena_array(arena, *n, sizeof *steps);
    for (size_t i = 0; steps != NULL && i < *n; i++) {
        steps[i] = input == NULL ? request->text
                                 : rw_str_slice(request->text, input->steps[i].byte_begin,
                                                input->steps[i].byte_end);
    }
    return steps;
}

static const uint32_t *step_ends(const struct rw_call_trace *trace, size_t n)
{
    const struct rw_input *input = stepped_input(trace);
    uint32_t *end = rw_arena_array(&trace->call->arena, n + 1, sizeof *end);
    for (size_t i = 0; end != NULL && i < n; i++) {
        end[i] = input != NULL ? input->steps[i].byte_end : (uint32_t)trace->request->text.len;
    }
    return end;
}

static bool part_runs(const struct rw_call_trace *trace, int p)
{
    return trace->part[p].asked && trace->part[p].error == NULL;
}

/* Why a part has no scores; RW_OK when it has, or will have. */
static rw_status part_status(const struct rw_call_trace *trace, int p)
{
    const struct rw_call_part *part = &trace->part[p];
    return !part->asked ? RW_UNAVAILABLE : part->error != NULL ? part->error->status : RW_OK;
}

static void refuse_probes(struct rw_trace_flags *flags, rw_status status)
{
    flags->plan.n = 0;
    for (int id = 0; id < RW_FLAGS; id++) {
        if (rw_flag_info((enum rw_flag_id)id)->tier > RW_FLAG_FREE) {
            flags->plan.lacks[id] = status;
        }
    }
}

static rw_status plan_probes(struct rw_call_trace *trace, const struct rw_message *messages,
                             struct rw_error *err)
{
    struct rw_call *call = trace->call;
    struct rw_trace_flags *flags = trace->flags;
    struct rw_probe_source source = {
        .process = part_runs(trace, RW_PART_PROCESS) ? call->model[RW_PART_PROCESS] : NULL,
        .input = part_runs(trace, RW_PART_PROCESS) ? &trace->part[RW_PART_PROCESS].input : NULL,
        .process_status = part_status(trace, RW_PART_PROCESS),
        .outcome = part_runs(trace, RW_PART_OUTCOME) ? call->model[RW_PART_OUTCOME] : NULL,
        .outcome_status = part_status(trace, RW_PART_OUTCOME),
        .others = call->others,
        .n_others = call->n_others,
        .messages = messages,
        .n_messages = trace->request_item->n_messages,
        .prompt = trace->question,
        .reference = trace->request->reference,
        .is_text = trace->request->is_text,
        .text = trace->request->text,
        .tier = call->tier,
        .full_gap = call->request.prompt_gap == RW_PROMPT_GAP_FULL,
        .parse_special = call->request.allow_special_tokens,
        .steps_max = call->service->limits.steps_max,
        .tokens_max = call->service->limits.trace_tokens_max,
    };
    source.steps = step_texts(trace, &call->arena, &source.n_steps);
    source.step_end = step_ends(trace, source.n_steps);
    if (source.steps == NULL || source.step_end == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory left for the probes of this request");
    }
    rw_status status = rw_probe_plan(&source, &call->arena, &flags->plan, err);
    if (status != RW_OK) {
        return status;
    }
    flags->probe = rw_arena_array(&call->arena, flags->plan.n + 1, sizeof *flags->probe);
    if (flags->probe == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory left for the probes of this request");
    }
    for (size_t i = 0; i < flags->plan.n; i++) {
        flags->probe[i].trace = trace;
        flags->probe[i].probe = &flags->plan.probe[i];
    }
    return RW_OK;
}

void rw_call_flags_prepare(struct rw_call_trace *trace, const struct rw_message *messages)
{
    struct rw_call *call = trace->call;
    struct rw_error err = {0};
    if (!wanted(trace) || trace->complete) {
        return;
    }
    trace->flags = rw_arena_alloc(&call->arena, sizeof *trace->flags);
    if (trace->flags == NULL) {
        trace->flags_lost = true; /* the rewards still stand */
        return;
    }
    if (!call->flags_off && call->tier > RW_FLAG_FREE) {
        rw_status status = plan_probes(trace, messages, &err);
        if (status != RW_OK) {
            refuse_probes(trace->flags, status);
        }
        call->tokens += trace->flags->plan.tokens;
    }
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static bool first_wave(const struct rw_probe *probe)
{
    return probe->kind == RW_PROBE_NO_PROMPT;
}

static void compute(struct rw_call_trace *trace);
static void go_on(struct rw_call_trace *trace, rw_status answers);

static void probe_final(struct rw_call_probe *probe)
{
    struct rw_trace_flags *flags = probe->trace->flags;
    struct rw_call *call = probe->trace->call;
    rw_assert(!probe->final && flags->open > 0);
    probe->final = true;
    flags->open--;
    call->jobs_open--;
    probe->probe->status = probe->view.state == RW_JOB_DONE     ? RW_OK
                           : probe->view.state == RW_JOB_FAILED ? probe->view.error.status
                                                                : RW_CANCELLED;
    if (probe->probe->status == RW_OK) {
        rw_probe_done(probe->probe, rw_job_scores(probe->job), probe->view.scores_ready);
    }
    rw_call_account(call, &probe->view.cost);
    call->usage.probe_tokens += probe->view.cost.tokens;
    rw_status answers = RW_OK;
    if (probe->probe->kind == RW_PROBE_ANSWER) { /* many: each leaves the engine when it is done */
        rw_job_release(rw_bridge_engine(call->service->bridge), probe->job);
        probe->job = NULL;
        flags->answers_open--;
        answers = probe->probe->status;
    }
    if (flags->second_wave) {
        go_on(probe->trace, answers);
    }
}

static void on_probe_news(struct rw_job_owner *owner, struct rw_job *job)
{
    struct rw_call_probe *probe = (struct rw_call_probe *)owner; /* first member */
    rw_assert(job == probe->job && !probe->final);
    rw_job_view(job, &probe->view);
    if (probe->view.state >= RW_JOB_DONE) {
        struct rw_call *call = probe->trace->call;
        probe_final(probe);
        rw_call_mark_dirty(call);
    }
}

static void fill_spec(struct rw_call_probe *probe, uint64_t deadline_ns, struct rw_job_spec *spec)
{
    enum rw_flag_id flag = rw_probe_flag(probe->probe->kind);
    bool deep = rw_flag_info(flag)->tier == RW_FLAG_DEEP || flag == RW_FLAG_ENSEMBLE_SPREAD;
    probe->owner.news = on_probe_news;
    *spec = (struct rw_job_spec){
        .model = probe->probe->model,
        .input = &probe->probe->input,
        .stop_below = NAN,
        .deadline_ns = deadline_ns,
        .client = rw_call_client(probe->trace->call),
        .priority = deep ? RW_PRIORITY_LOW : RW_PRIORITY_NORMAL,
        .tag = &probe->owner,
    };
}

size_t rw_call_flags_specs(struct rw_call_trace *trace, uint64_t deadline_ns,
                           struct rw_job_spec *specs, struct rw_job ***slots)
{
    struct rw_trace_flags *flags = trace->flags;
    size_t n = 0;
    for (size_t i = 0; flags != NULL && i < flags->plan.n; i++) {
        if (first_wave(flags->probe[i].probe)) {
            fill_spec(&flags->probe[i], deadline_ns, &specs[n]);
            slots[n++] = &flags->probe[i].job;
            flags->open++;
        }
    }
    return n;
}

/* Probes [begin, end) that have no job will not have one. */
static void fail_probes(struct rw_trace_flags *flags, size_t begin, size_t end, rw_status status)
{
    for (size_t i = begin; i < end; i++) {
        struct rw_call_probe *probe = &flags->probe[i];
        if (probe->job == NULL && !probe->final) {
            probe->final = true;
            probe->probe->status = status;
        }
    }
}

/* All of the probes [begin, end) or none; those of the first wave are out already. */
static rw_status submit_probes(struct rw_call_trace *trace, size_t begin, size_t end)
{
    struct rw_call *call = trace->call;
    struct rw_trace_flags *flags = trace->flags;
    struct rw_error err = {0};
    size_t n = 0;
    struct rw_job_spec *specs = rw_alloc_zero(end - begin + 1, sizeof *specs);
    struct rw_job **jobs = rw_alloc_zero(end - begin + 1, sizeof *jobs);
    if (specs == NULL || jobs == NULL) {
        rw_fail(&err, RW_NO_MEMORY, "no memory for the probes of a trace");
    }
    for (size_t i = begin; err.status == RW_OK && i < end; i++) {
        if (!first_wave(flags->probe[i].probe)) {
            fill_spec(&flags->probe[i], rw_call_deadline(call), &specs[n++]);
        }
    }
    if (err.status == RW_OK && n > 0) {
        rw_engine_submit(rw_bridge_engine(call->service->bridge), specs, n, jobs, &err);
    }
    n = 0;
    for (size_t i = begin; err.status == RW_OK && i < end; i++) {
        if (!first_wave(flags->probe[i].probe)) {
            flags->probe[i].job = jobs[n++];
            flags->open++;
        }
    }
    if (err.status == RW_OK) {
        call->jobs_open += n;
        call->service->metrics.jobs_submitted += n;
    }
    rw_free(specs);
    rw_free(jobs);
    return err.status;
}

/* One prefix after the other, so that a trace never has more than a handful of jobs waiting: what
 * the answers behind a prefix share is computed by the first of them. */
static rw_status submit_answers(struct rw_call_trace *trace)
{
    struct rw_trace_flags *flags = trace->flags;
    size_t begin = flags->answers_next, end = begin;
    while (end < flags->plan.n && flags->plan.probe[end].step == flags->plan.probe[begin].step) {
        end++;
    }
    if (begin == end) {
        return RW_OK;
    }
    rw_status status = submit_probes(trace, begin, end);
    if (status == RW_OK) {
        flags->answers_next = end;
        flags->answers_open = end - begin;
    }
    return status;
}

/* After every step: the next answers, and when nothing is open any more the flags. */
static void go_on(struct rw_call_trace *trace, rw_status answers)
{
    struct rw_trace_flags *flags = trace->flags;
    if (answers == RW_OK && trace->call->phase == RW_CALL_ABANDONED) {
        answers = RW_CANCELLED;
    }
    if (answers == RW_OK && flags->answers_open == 0) {
        answers = submit_answers(trace);
    }
    if (answers != RW_OK) {
        fail_probes(flags, flags->answers_next, flags->plan.n, answers);
        flags->answers_next = flags->plan.n;
    }
    if (flags->open == 0) {
        compute(trace);
    }
}

/* Forks of the trace come after it, so that its prefix is in the cache. */
void rw_call_flags_scored(struct rw_call_trace *trace)
{
    struct rw_trace_flags *flags = trace->flags;
    if (flags == NULL || trace->call->phase == RW_CALL_ABANDONED) {
        rw_call_trace_complete(trace);
        return;
    }
    rw_status status = RW_OK;
    for (int p = 0; p < RW_PARTS; p++) {
        if (trace->part[p].asked && trace->part[p].error != NULL) {
            status = trace->part[p].error->status;
        }
    }
    size_t edits = 0;
    while (edits < flags->plan.n && flags->plan.probe[edits].kind != RW_PROBE_ANSWER) {
        edits++;
    }
    flags->second_wave = true;
    flags->answers_next = edits;
    rw_status refused = status == RW_OK ? submit_probes(trace, 0, edits) : status;
    if (refused != RW_OK) {
        fail_probes(flags, 0, edits, refused);
    }
    go_on(trace, status);
}

void rw_call_flags_cancel(struct rw_call_trace *trace)
{
    struct rw_trace_flags *flags = trace->flags;
    struct rw_service *s = trace->call->service;
    for (size_t i = 0; flags != NULL && i < flags->plan.n; i++) {
        if (flags->probe[i].job != NULL && !flags->probe[i].final) {
            s->metrics.jobs_cancelled++;
            rw_engine_cancel(rw_bridge_engine(s->bridge), flags->probe[i].job);
        }
    }
}

void rw_call_flags_release(struct rw_call_trace *trace)
{
    struct rw_trace_flags *flags = trace->flags;
    for (size_t i = 0; flags != NULL && i < flags->plan.n; i++) {
        if (flags->probe[i].job != NULL) {
            rw_job_release(rw_bridge_engine(trace->call->service->bridge), flags->probe[i].job);
        }
    }
}

/* ---- computing ------------------------------------------------------------------------------- */

/* The work of one trace: alone with its memory, so that several may run at once. */
struct work {
    struct rw_task task; /* first member */
    struct rw_call_trace *trace;
    struct rw_arena arena;
    struct rw_flag_result result;
};

static double outcome_of(const struct rw_call_trace *trace)
{
    const struct rw_call_part *part = &trace->part[RW_PART_OUTCOME];
    return part_runs(trace, RW_PART_OUTCOME) && part->job != NULL && part->view.scores_ready == 1
               ? (double)rw_job_scores(part->job)->reward
               : NAN;
}

/* Prepare thread or loop: reads what is final, writes only the work. */
static void run_work(struct rw_task *task)
{
    struct work *w = (struct work *)task;
    const struct rw_call_trace *trace = w->trace;
    const struct rw_call *call = trace->call;
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    struct rw_str domain = trace->request_item->domain;
    struct rw_flag_trace input = {
        .n_scores = rw_call_steps_ready(trace),
        .outcome = outcome_of(trace),
        .outcome_status = part_status(trace, RW_PART_OUTCOME),
        .process_status = part_status(trace, RW_PART_PROCESS),
        .reference = trace->request->reference,
        .probes = &trace->flags->plan,
        .bank = call->bank,
        .other_outcome = call->other_outcome,
        .domain = domain.ptr != NULL ? domain : call->request.domain,
        .tier = call->tier,
        .hidden_texts = trace->request->hidden_texts,
    };
    input.steps = step_texts(trace, &w->arena, &input.n_steps);
    input.prompt = trace->question;
    if (input.n_scores > 0) {
        input.scores = rw_job_scores(process->job);
        input.features = rw_call_features(process);
    }
    for (int p = 0; p < RW_PARTS; p++) {
        size_t found = trace->part[p].input.special_token_texts;
        bool cut = part_runs(trace, p) && trace->part[p].input.truncated;
        input.special_token_texts = RW_MAX(found, input.special_token_texts);
        input.truncated = input.truncated || cut;
    }
    if (input.steps == NULL) {
        w->result.status = rw_fail(&w->result.error, RW_NO_MEMORY, "no memory for the flags");
        return;
    }
    rw_flags_compute(&input, &w->arena, &w->result);
}

static bool shown(const struct rw_call *call, const struct rw_flag *flag)
{
    return flag->fired || call->request.flags_all;
}

/* Loop thread: what the reply shows moves into the call's arena. */
static void keep(struct rw_call_trace *trace, const struct rw_flag_result *result)
{
    struct rw_trace_flags *flags = trace->flags;
    size_t n = 0;
    flags->verified = result->verified;
    flags->states = result->states;
    flags->error = result->error;
    flags->computed = true;
    if (trace->call->request.run.id.ptr != NULL && result->status == RW_OK) {
        flags->signals = rw_arena_alloc(&trace->call->arena, sizeof *flags->signals);
        if (flags->signals != NULL) {
            *flags->signals = result->signals;
        }
    }
    for (size_t i = 0; i < result->n; i++) {
        n += shown(trace->call, &result->flag[i]) ? 1 : 0;
    }
    if (n == 0 || trace->call->flags_off) {
        return;
    }
    flags->flag = rw_arena_array(&trace->call->arena, n, sizeof *flags->flag);
    if (flags->flag == NULL) {
        rw_fail(&flags->error, RW_NO_MEMORY, "no memory left for the flags of this request");
        return;
    }
    for (size_t i = 0; i < result->n; i++) {
        if (shown(trace->call, &result->flag[i])) {
            flags->flag[flags->n++] = result->flag[i];
        }
    }
}

static void count_fired(const struct rw_call_trace *trace, const struct rw_flag_result *result)
{
    struct rw_metrics *m = &trace->call->service->metrics;
    for (int id = 0; id < RW_FLAGS && !trace->call->flags_off; id++) {
        m->flags_fired[id] += result->states.fired[id] ? 1 : 0;
    }
}

static void work_done(struct work *w)
{
    struct rw_call_trace *trace = w->trace;
    keep(trace, &w->result);
    count_fired(trace, &w->result);
    rw_arena_fini(&w->arena);
    rw_free(w);
    rw_call_trace_complete(trace);
}

static void on_work_done(struct rw_task *task)
{
    struct work *w = (struct work *)task;
    struct rw_call *call = w->trace->call;
    call->jobs_open--;
    work_done(w);
    rw_call_mark_dirty(call);
    rw_calls_progress(call->service);
}

static size_t text_bytes(const struct rw_call_trace *trace)
{
    const struct rw_request_trace *request = trace->request;
    size_t bytes = request->is_text ? request->text.len : 0;
    for (size_t i = 0; i < request->n_steps; i++) {
        bytes += request->steps[i].len;
    }
    return bytes;
}

static void compute(struct rw_call_trace *trace)
{
    struct rw_call *call = trace->call;
    struct rw_error err = {0};
    if (call->phase == RW_CALL_ABANDONED) {
        rw_call_trace_complete(trace);
        return;
    }
    struct work *w = rw_alloc_zero(1, sizeof *w);
    if (w == NULL) {
        rw_fail(&trace->flags->error, RW_NO_MEMORY, "no memory for the flags of this trace");
        rw_call_trace_complete(trace);
        return;
    }
    w->trace = trace;
    w->task.run = run_work;
    w->task.done = on_work_done;
    rw_arena_init(&w->arena, RW_FLAGS_SCRATCH_MAX);
    /* A full queue is no reason to lose the flags: the loop does it then. */
    if (text_bytes(trace) > INLINE_TEXT_BYTES &&
        rw_prepare_submit(call->service->prepare, &w->task, &err) == RW_OK) {
        call->jobs_open++;
        return;
    }
    run_work(&w->task);
    work_done(w);
}
