#include "server/scoring/observe.h"

#include <math.h>
#include <string.h>

#include "core/answer/answer.h"
#include "core/base/hash.h"
#include "core/base/mix.h"
#include "core/base/util.h"
#include "proto/emit.h"
#include "server/runs/keep.h"
#include "server/runs/runs.h"

enum {
    MESSAGES_MAX = 64, /* the latest of a prompt, for what it looks like */
    STEPS_MAX = 4096,  /* of the surface measure; the rest of a longer trace is not looked at */
    KEPT_BYTES_MAX = 192 * 1024, /* a kept trace as JSON: an escape may make six bytes of one */
};

_Static_assert((int)RW_FEATURE_DIM == (int)RW_RUN_FEATURES, "one feature, two names");

static const uint64_t PROMPT_SEED = 0x70726F6D7074;
static const uint64_t TRACE_SEED = 0x7472616365;
static const double PROBABILITY_MIN = 1.0 / 512; /* clip of a logit, as in the signals */

/* What a request gives beside the text of its messages: when this changes, so has the task. */
static uint64_t what_is_given(const struct rw_request *request, const struct rw_request_item *item)
{
    struct rw_str domain = item->domain.ptr != NULL ? item->domain : request->domain;
    uint64_t h = domain.ptr != NULL ? rw_hash64(domain.ptr, domain.len, PROMPT_SEED) : 0;
    h = rw_mix(h, item->reference.ptr != NULL ? 1 : 0);
    return rw_mix(h, item->tools.ptr != NULL ? 1 : 0);
}

void rw_observe_prompt(const struct rw_request *request, const struct rw_request_item *item,
                       struct rw_observe_prompt *out)
{
    struct rw_str texts[MESSAGES_MAX];
    size_t n = 0;
    out->hash = PROMPT_SEED;
    for (size_t i = 0; i < item->n_messages; i++) {
        const struct rw_request_message *m = &item->messages[i];
        out->hash = rw_hash64(m->content.ptr, m->content.len, out->hash + (uint64_t)m->role);
        if (item->n_messages - i <= MESSAGES_MAX) {
            texts[n++] = m->content;
        }
    }
    rw_prompt_measure(texts, n, what_is_given(request, item), out->x);
}

static double logit(double p)
{
    p = p < PROBABILITY_MIN ? PROBABILITY_MIN : p;
    p = p > 1 - PROBABILITY_MIN ? 1 - PROBABILITY_MIN : p;
    return log(p / (1 - p));
}

void rw_observe_text(struct rw_call_trace *trace, const struct rw_str *steps, size_t n)
{
    struct rw_call_text *text = trace->text;
    if (text == NULL) {
        return;
    }
    size_t looked_at = RW_MIN(n, STEPS_MAX);
    text->hash = TRACE_SEED;
    for (size_t i = 0; i < looked_at; i++) {
        text->hash = rw_hash64(steps[i].ptr, steps[i].len, text->hash);
        text->bytes += (double)steps[i].len;
    }
    text->steps = (double)n;
    rw_surface_measure(steps, looked_at, text->surface);
    int64_t at;
    struct rw_str answer = rw_answer_extract(steps, looked_at, &at);
    text->answer = answer.len > 0 ? rw_hash64(answer.ptr, answer.len, TRACE_SEED) | 1 : 0;
    text->known = true;
}

static void take_text(const struct rw_call_text *text, struct rw_run_trace *out)
{
    out->prompt = text->prompt;
    out->trace = text->hash;
    out->steps = text->steps;
    out->bytes = text->bytes;
    out->answer = text->answer;
    memcpy(out->surface, text->surface, sizeof out->surface);
    memcpy(out->prompt_x, text->prompt_x, sizeof out->prompt_x);
}

/* Returns the smallest reward of a step; NaN = none. */
static double take_process(const struct rw_call_trace *trace, struct rw_run_trace *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    uint32_t ready = rw_call_steps_ready(trace);
    if (!part->asked || part->error != NULL || ready == 0) {
        return NAN;
    }
    const struct rw_score *scores = rw_job_scores(part->job);
    float *rewards = (float *)trace->call->steps; /* the writers' scratch */
    double smallest = INFINITY;
    for (uint32_t i = 0; i < ready; i++) {
        rewards[i] = scores[i].reward;
        smallest = fmin(smallest, (double)scores[i].reward);
    }
    out->reward[RW_RUN_PROCESS] =
        (double)rw_aggregate_rewards(trace->call->aggregate, rewards, ready);
    out->score[RW_RUN_MIN_LOGIT] = logit(smallest);
    const float *features = rw_job_features(part->job);
    if (features != NULL) {
        out->has_features = true;
        memcpy(out->features, features + (size_t)(ready - 1) * RW_FEATURE_DIM,
               sizeof out->features);
    }
    return smallest;
}

/* The gate min_process closes where the smallest step is what the reward becomes. */
static void take_gate(const struct rw_call_trace *trace, double smallest, struct rw_run_trace *out)
{
    const struct rw_gates *gates = &trace->call->gates;
    for (size_t i = 0; i < gates->n; i++) {
        if (gates->gate[i] == RW_GATE_MIN_PROCESS) {
            double reward = out->reward[RW_RUN_OUTCOME];
            reward = isnan(reward) ? out->reward[RW_RUN_PROCESS] : reward;
            out->gate = isnan(smallest) || isnan(reward) ? NAN : smallest < reward ? 1 : 0;
        }
    }
}

static void take_outcome(const struct rw_call_trace *trace, struct rw_run_trace *out)
{
    const struct rw_call_part *part = &trace->part[RW_PART_OUTCOME];
    if (part->asked && part->error == NULL && part->view.scores_ready == 1) {
        out->reward[RW_RUN_OUTCOME] = (double)rw_job_scores(part->job)->reward;
    }
}

/* What the flags found: scores are oriented so that low is suspicious. */
static void take_flags(const struct rw_call_trace *trace, struct rw_run_trace *out)
{
    static const struct {
        enum rw_run_score score;
        enum rw_signal_id signal;
    } SCORE[] = {
        {RW_RUN_PROMPT_GAP, RW_SIGNAL_GAP_FIRST},
        {RW_RUN_STEP_REDUNDANT, RW_SIGNAL_REDUNDANT},
        {RW_RUN_LATENT_OUTLIER, RW_SIGNAL_LATENT_D2},
    };
    const struct rw_trace_flags *flags = trace->flags;
    if (flags == NULL || !flags->computed) {
        return;
    }
    if (flags->verified != RW_VERIFIED_UNKNOWN) {
        out->verified = flags->verified == RW_VERIFIED_RIGHT ? 1 : 0;
    }
    out->has_flags = true;
    for (int id = 0; id < RW_FLAGS && id < RW_RUN_FLAG_KINDS; id++) {
        out->flags |= flags->states.fired[id] ? UINT32_C(1) << id : 0;
    }
    for (size_t i = 0; flags->signals != NULL && i < RW_COUNT(SCORE); i++) {
        const struct rw_signal *signal = &flags->signals->of[SCORE[i].signal];
        if (signal->known) {
            out->score[SCORE[i].score] = -rw_signal_strangeness(SCORE[i].signal, signal->value);
        }
    }
}

/* ---- the text, for --runs-keep-traces ---------------------------------------------------------
 */

/* Bytes of `text` up to a maximum, never half a character. */
static struct rw_str cut(struct rw_str text, size_t max, bool *was_cut)
{
    size_t n = RW_MIN(text.len, max);
    while (n < text.len && n > 0 && ((unsigned char)text.ptr[n] & 0xC0) == 0x80) {
        n--;
    }
    *was_cut = *was_cut || n < text.len;
    return rw_str_slice(text, 0, n);
}

/* What the steps are concatenated, their spans count in it; a step's end is a new line for whoever
 * reads a list of steps. */
static void write_text(struct rw_buf *out, const struct rw_request_trace *request, bool *was_cut)
{
    struct rw_buf whole;
    rw_buf_init(&whole, RW_KEEP_TEXT_MAX + 1);
    rw_emit_name(out, "text");
    if (request->is_text) {
        rw_emit_text(out, cut(request->text, RW_KEEP_TEXT_MAX, was_cut));
        rw_buf_fini(&whole);
        return;
    }
    bool here = false;
    for (size_t i = 0; i < request->n_steps && !here; i++) {
        size_t left = RW_KEEP_TEXT_MAX - RW_MIN(whole.len, (size_t)RW_KEEP_TEXT_MAX);
        rw_buf_append_str(&whole, cut(request->steps[i], left, &here));
        struct rw_str last = request->steps[i];
        bool ends = last.len > 0 && last.ptr[last.len - 1] == '\n';
        if (i + 1 < request->n_steps && !ends && whole.len < RW_KEEP_TEXT_MAX) {
            rw_buf_append_char(&whole, '\n');
        }
    }
    *was_cut = *was_cut || here;
    rw_emit_text(out, rw_buf_str(&whole));
    rw_buf_fini(&whole);
}

static void write_reward(struct rw_buf *out, const char *name, double value)
{
    rw_emit_name(out, name);
    if (isfinite(value)) {
        rw_emit_float(out, (float)value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void write_step_rewards(struct rw_buf *out, const struct rw_call_trace *trace)
{
    const struct rw_call_part *part = &trace->part[RW_PART_PROCESS];
    uint32_t ready = part->asked && part->error == NULL ? rw_call_steps_ready(trace) : 0;
    rw_emit_name(out, "step_rewards");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < RW_MIN(ready, (uint32_t)RW_KEEP_STEPS_MAX); i++) {
        rw_emit_float(out, rw_job_scores(part->job)[i].reward);
    }
    rw_emit_close(out, ']');
}

static void write_prompt(struct rw_buf *out, const struct rw_request_item *item, bool *was_cut)
{
    struct rw_str last = {"", 0}; /* what was asked at last */
    for (size_t i = 0; i < item->n_messages; i++) {
        last = item->messages[i].content;
    }
    rw_emit_name(out, "prompt");
    rw_emit_text(out, cut(last, RW_KEEP_PROMPT_MAX, was_cut));
}

/* The members of a JSON object. */
static void write_kept(struct rw_buf *out, const struct rw_call_trace *trace,
                       const struct rw_run_trace *t)
{
    bool was_cut = false;
    write_prompt(out, trace->request_item, &was_cut);
    write_text(out, trace->request, &was_cut);
    rw_emit_bool_field(out, "cut", was_cut);
    write_reward(out, "process_reward", t->reward[RW_RUN_PROCESS]);
    write_reward(out, "outcome_reward", t->reward[RW_RUN_OUTCOME]);
    write_step_rewards(out, trace);
    rw_emit_name(out, "verified");
    rw_emit_raw(out, isnan(t->verified) ? "null" : t->verified > 0 ? "true" : "false");
    rw_emit_name(out, "flags");
    rw_emit_open(out, '[');
    for (int id = 0; id < RW_FLAGS && id < RW_RUN_FLAG_KINDS; id++) {
        if ((t->flags >> id & 1) != 0) {
            rw_emit_text(out, rw_str_from(rw_flag_info((enum rw_flag_id)id)->name));
        }
    }
    rw_emit_close(out, ']');
}

void rw_observe_trace(const struct rw_call_trace *trace)
{
    static struct rw_run_trace t; /* loop thread */
    const struct rw_call *call = trace->call;
    const struct rw_request_run *run = &call->request.run;
    if (run->id.ptr == NULL || call->phase == RW_CALL_ENDING) {
        return; /* a cancelled trace failed for no fault of the policy's */
    }
    if (trace->text == NULL || !trace->text->known) { /* no memory to look at it */
        rw_runs_drop(call->scoring->runs);
        return;
    }
    memset(&t, 0, sizeof t);
    t.reward[RW_RUN_PROCESS] = NAN;
    t.reward[RW_RUN_OUTCOME] = NAN;
    t.verified = NAN;
    for (int s = 0; s < RW_RUN_TRACE_SCORES; s++) {
        t.score[s] = NAN;
    }
    t.gate = NAN;
    memcpy(t.label.request, call->id, sizeof t.label.request - 1);
    t.label.item = trace->item;
    t.label.trace = trace->index;
    t.label.step = run->step;
    t.label.sample_index = rw_call_sample_index(trace);
    t.group_size = run->rollout_n > 0                  ? (uint64_t)run->rollout_n
                   : trace->request_item->n_traces > 1 ? trace->request_item->n_traces
                                                       : 0;
    t.validate = run->validate;
    memcpy(t.kind, run->kind, sizeof t.kind);
    take_text(trace->text, &t);
    double smallest = take_process(trace, &t);
    take_outcome(trace, &t);
    take_gate(trace, smallest, &t);
    take_flags(trace, &t);
    struct rw_buf kept;
    rw_buf_init(&kept, KEPT_BYTES_MAX);
    if (rw_runs_keeps_traces(call->scoring->runs)) {
        write_kept(&kept, trace, &t);
    }
    struct rw_runs_extra extra = {.labels = {run->labels, run->labels_len},
                                  .text =
                                      kept.failed ? (struct rw_str){NULL, 0} : rw_buf_str(&kept)};
    (void)rw_runs_observe(call->scoring->runs, run->id, &t, &extra); /* a drop is counted */
    rw_buf_fini(&kept);
}
