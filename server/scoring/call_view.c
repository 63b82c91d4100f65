#include "server/scoring/call_view.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "server/scoring/call_state.h"
#include "server/scoring/call_view_flags.h"

/* Why a step of a finished trace has no reward. */
static rw_status step_error(const struct rw_call_part *part, uint32_t index)
{
    if (part->error != NULL) {
        return part->error->status;
    }
    if (index >= part->input.n_scored_steps) {
        return RW_CONTEXT_EXCEEDED;
    }
    return part->view.stopped ? RW_STOPPED : RW_INTERNAL;
}

static void view_step(const struct rw_call_trace *trace, uint32_t index, struct rw_reply_step *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    rw_assert(index < part->input.n_steps);
    const struct rw_input_step *step = &part->input.steps[index];
    *out = (struct rw_reply_step){.index = index,
                                  .tokens = step->tokens,
                                  .byte_begin = step->byte_begin,
                                  .byte_end = step->byte_end,
                                  .char_begin = step->char_begin,
                                  .char_end = step->char_end};
    const struct rw_request_trace *request = trace->request;
    if (request->raw != RW_RAW_NONE) {
        out->text = (struct rw_str){NULL, 0}; /* the client laid it out: there are no steps in it */
    } else if (!request->is_text) {
        out->text = request->steps[index];
    } else if (step->byte_end <= request->text.len) {
        out->text = rw_str_slice(request->text, step->byte_begin, step->byte_end);
    }
    if (index < rw_call_steps_ready(trace)) {
        const struct rw_score *score = &rw_job_scores(part->job)[index];
        out->scored = true;
        out->reward = score->reward;
        out->raw = score->raw;
    } else {
        out->error = step_error(part, index);
    }
}

static void view_process(struct rw_call_trace *trace, struct rw_reply_trace *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    struct rw_call *call = trace->call;
    out->has_process = part->asked;
    if (!part->asked) {
        return;
    }
    out->aggregate = rw_aggregate_name(call->aggregate);
    out->process_error = part->error;
    if (part->error != NULL) {
        return;
    }
    uint32_t ready = rw_call_steps_ready(trace);
    out->stopped = part->view.stopped;
    out->truncated = part->input.truncated;
    if (ready == 0) {
        static const struct rw_error NONE = {.status = RW_CONTEXT_EXCEEDED,
                                             .message = "no step of the trace fits the context"};
        out->process_error = &NONE;
        return;
    }
    /* The writers' scratch is large enough for the rewards first and the steps after. */
    float *rewards = (float *)call->steps;
    const struct rw_score *scores = rw_job_scores(part->job);
    for (uint32_t i = 0; i < ready; i++) {
        rewards[i] = scores[i].reward;
    }
    out->process_reward = rw_aggregate_rewards(call->aggregate, rewards, ready);
    out->process_scored = true;
}

/* Why there is no checked reward, or that there is one. */
static void find_checked(const struct rw_call_trace *trace, const struct rw_reply_trace *out,
                         struct rw_reply_checked *checked)
{
    const struct rw_trace_flags *flags = trace->flags;
    if (!out->process_scored) {
        checked->error = *out->process_error;
    } else if (trace->request->raw != RW_RAW_NONE) {
        rw_fail(&checked->error, RW_NOT_APPLICABLE, "there are no steps to read equations in");
    } else if (flags == NULL || !flags->computed || flags->error.status != RW_OK) {
        rw_fail_memory(&checked->error, "reading the equations of this trace");
    } else if (!flags->first_false.read) {
        rw_fail(&checked->error, RW_NOT_APPLICABLE,
                "the question gives the equals sign another meaning");
    } else {
        checked->scored = true;
        checked->step = flags->first_false.step;
    }
}

/* The plain reward stays what it is: this one has its own name. Steps without a reward take no
 * part, as in the plain one; but that a false equation is worth 0 is known without the model, so it
 * takes part also where scoring had stopped before it (`stop_below`). */
static void view_checked(const struct rw_call_trace *trace, struct rw_reply_trace *out,
                         struct rw_reply_checked *checked)
{
    struct rw_call *call = trace->call;
    *checked = (struct rw_reply_checked){.step = -1};
    out->checked = checked;
    find_checked(trace, out, checked);
    if (!checked->scored) {
        return;
    }
    uint32_t ready = rw_call_steps_ready(trace);
    float *rewards = (float *)call->steps; /* the steps come after */
    const struct rw_score *scores = rw_job_scores(trace->part[RW_PART_PROCESS].job);
    for (uint32_t i = 0; i < ready; i++) {
        rewards[i] = checked->step >= 0 && i >= checked->step ? 0 : scores[i].reward;
    }
    if (checked->step >= (int64_t)ready) {
        rewards[ready++] = 0;
    }
    checked->reward = rw_aggregate_rewards(call->aggregate, rewards, ready);
}

static void view_checked_span(const struct rw_call_trace *trace, const struct rw_reply_trace *out,
                              struct rw_reply_checked *checked)
{
    if (!checked->scored || checked->step < 0) {
        return;
    }
    rw_assert((size_t)checked->step < out->n_steps);
    const struct rw_first_false *found = &trace->flags->first_false;
    const struct rw_reply_step *step = &out->steps[checked->step];
    struct rw_str before = rw_str_slice(step->text, 0, found->begin);
    struct rw_str inside = rw_str_slice(step->text, found->begin, found->end);
    checked->char_begin = step->char_begin + (uint32_t)rw_utf8_count(before);
    checked->char_end = checked->char_begin + (uint32_t)rw_utf8_count(inside);
}

static void view_outcome(const struct rw_call_trace *trace, struct rw_reply_trace *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_OUTCOME];
    out->has_outcome = part->asked;
    out->outcome_error = part->error;
    if (!part->asked || part->error != NULL) {
        return;
    }
    rw_assert(part->view.scores_ready == 1);
    const struct rw_score *score = rw_job_scores(part->job);
    out->outcome_scored = true;
    out->outcome_reward = score->reward;
    out->outcome_raw = score->raw;
    out->truncated = out->truncated || part->input.truncated;
}

void rw_call_view_trace(struct rw_call_trace *trace, struct rw_reply_trace *out)
{
    struct rw_call *call = trace->call;
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    const struct rw_call_part *outcome = &trace->part[RW_PART_OUTCOME];
    *out = (struct rw_reply_trace){
        .item = trace->item, .trace = trace->index, .split = trace->request->is_text};
    const struct rw_request_run *run = &call->request.run;
    if (run->id.ptr != NULL) {
        out->label_request = call->id;
        out->label_step = run->step;
        out->label_sample_index = rw_call_sample_index(trace);
    }
    static struct rw_reply_checked checked; /* loop thread */
    view_process(trace, out);
    if (process->asked && call->request.checked) {
        view_checked(trace, out, &checked);
    }
    view_outcome(trace, out);
    out->separator = process->asked ? process->input.split : outcome->input.split;
    bool process_lost = !process->asked || process->error != NULL;
    bool outcome_lost = !outcome->asked || outcome->error != NULL;
    if (process_lost && outcome_lost) {
        out->error = process->error != NULL ? process->error : outcome->error;
    }
    if (process->asked && process->error == NULL) {
        for (uint32_t i = 0; i < process->input.n_steps; i++) {
            view_step(trace, i, &call->steps[i]);
        }
        out->steps = call->steps;
        out->n_steps = process->input.n_steps;
    }
    if (out->checked != NULL) {
        view_checked_span(trace, out, &checked);
    }
    struct rw_call_fit fit = rw_call_trace_fit(trace);
    out->system_dropped = (uint32_t)fit.system_dropped;
    out->turns_folded = (uint32_t)fit.turns_folded;
    rw_call_view_flags(trace, out);
}

bool rw_call_view_next_step(struct rw_call_trace *trace, struct rw_reply_trace *of,
                            struct rw_reply_step *out)
{
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    uint32_t until = rw_call_steps_ready(trace);
    if (trace->complete && rw_call_part_runs(process)) {
        until = process->input.n_steps; /* the others are null, with a reason */
    }
    if (trace->steps_told >= until) {
        return false;
    }
    of->item = trace->item;
    of->trace = trace->index;
    view_step(trace, trace->steps_told++, out);
    return true;
}

bool rw_call_view_skip_steps(struct rw_call_trace *trace, uint32_t n)
{
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    uint32_t most = process->asked ? process->input.n_steps : 0;
    trace->steps_told = RW_MIN(n, most);
    return n <= most;
}

static void view_model(const struct rw_model *model, struct rw_reply_model *out)
{
    if (model != NULL) {
        const struct rw_model_info *info = rw_model_info(model);
        *out = (struct rw_reply_model){info->name, info->digest, info->dtype};
    }
}

void rw_call_view_head(const struct rw_call *call, struct rw_reply_head *out)
{
    *out = (struct rw_reply_head){.id = call->id, .kernel = rw_engine_kernel(rw_call_engine(call))};
    view_model(call->model[RW_PART_PROCESS], &out->process);
    view_model(call->model[RW_PART_OUTCOME], &out->outcome);
}

void rw_call_view_server_timing(const struct rw_call *call, char *out, size_t size)
{
    struct rw_reply_usage usage;
    rw_call_view_usage(call, &usage);
    snprintf(out, size, "Server-Timing: queue;dur=%.3f, cpu;dur=%.3f, total;dur=%.3f\r\n",
             usage.queue_ms, usage.cpu_ms, usage.total_ms);
}

void rw_call_view_usage(const struct rw_call *call, struct rw_reply_usage *out)
{
    *out = call->usage;
    out->queue_ms = (double)call->queue_ns_max / RW_NS_PER_MS;
    out->total_ms = (double)(rw_clock_now(call->scoring->clock) - call->start_ns) / RW_NS_PER_MS;
}
