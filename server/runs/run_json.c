#include "server/runs/run_json.h"

#include <math.h>

#include "core/base/util.h"
#include "core/shortcut/flag.h"
#include "proto/emit.h"

static const char *const FLAG_NAME[RW_FLAGS] = {
#define XX(name, wire, ...) wire,
    RW_FLAG_MAP(XX)
#undef XX
};

_Static_assert((int)RW_FLAGS <= (int)RW_RUN_FLAG_KINDS, "every flag has a counter");

/* JSON has no NaN, and a figure that is not known is null, not 0. */
static void number(struct rw_buf *out, const char *name, double value)
{
    rw_emit_name(out, name);
    if (isfinite(value)) {
        rw_emit_double(out, value);
    } else {
        rw_emit_raw(out, "null");
    }
}

static void count(struct rw_buf *out, const char *name, uint64_t value)
{
    rw_emit_unsigned_field(out, name, value);
}

static void text(struct rw_buf *out, const char *name, const char *value)
{
    rw_emit_text_field(out, name, value);
}

static void optional(struct rw_buf *out, const char *name, int64_t value)
{
    rw_emit_name(out, name);
    if (value < 0) {
        rw_emit_raw(out, "null");
    } else {
        rw_emit_signed(out, value);
    }
}

/* {"value","low","high"}: 95 % band; null when the value is not known. */
static void interval(struct rw_buf *out, const char *name, struct rw_interval v)
{
    rw_emit_name(out, name);
    if (!isfinite(v.value)) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    number(out, "value", v.value);
    number(out, "low", v.value - 1.96 * v.error);
    number(out, "high", v.value + 1.96 * v.error);
    rw_emit_close(out, '}');
}

static void rewards(struct rw_buf *out, const char *name, const double v[RW_RUN_REWARDS])
{
    rw_emit_name(out, name);
    rw_emit_open(out, '{');
    number(out, "process", v[RW_RUN_PROCESS]);
    number(out, "outcome", v[RW_RUN_OUTCOME]);
    rw_emit_close(out, '}');
}

/* Flags that never fired are left out: thirty zeros in each of 64 windows would be most of the
 * reply. */
static void flag_rates(struct rw_buf *out, const uint64_t *flags, uint64_t traces)
{
    rw_emit_name(out, "flag_rates");
    rw_emit_open(out, '{');
    for (uint32_t i = 0; i < RW_FLAGS; i++) {
        if (flags[i] > 0 && traces > 0) {
            number(out, FLAG_NAME[i], (double)flags[i] / (double)traces);
        }
    }
    rw_emit_close(out, '}');
}

static void coverage(struct rw_buf *out, const struct rw_run_window *w)
{
    rw_emit_name(out, "coverage");
    if (!isfinite(w->coverage.eta_bar.value)) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    interval(out, "eta", w->coverage.eta_bar);
    interval(out, "eta_change", w->eta_change);
    rw_emit_name(out, "eta_curve");
    rw_emit_open(out, '[');
    for (int i = 0; i < RW_COVERAGE_RADII; i++) {
        rw_emit_double(out, w->coverage.eta[i]);
    }
    rw_emit_close(out, ']');
    number(out, "radius_95", w->coverage.r95);
    rw_emit_close(out, '}');
}

void rw_run_json_window(struct rw_buf *out, const struct rw_run_window *w)
{
    static const char *const MISSING[] = {NULL, "too few traces with features",
                                          "all traces are alike"};
    rw_emit_open(out, '{');
    count(out, "window", w->index);
    text(out, "span", w->span == RW_RUN_FAST ? "fast" : "slow");
    count(out, "segment", w->segment);
    count(out, "end", w->end);
    count(out, "traces", w->traces);
    count(out, "failed", w->failed);
    count(out, "prompts", w->prompts);
    optional(out, "step_first", w->step_first);
    optional(out, "step_last", w->step_last);
    interval(out, "process_reward", w->reward[RW_RUN_PROCESS]);
    interval(out, "outcome_reward", w->reward[RW_RUN_OUTCOME]);
    interval(out, "outcome_process_gap", w->gap);
    interval(out, "accuracy", w->accuracy);
    rewards(out, "reward_accuracy_correlation", w->agreement);
    rewards(out, "reward_length_correlation", w->length_correlation);
    rewards(out, "reward_per_length_doubling", w->length_slope);
    rewards(out, "screening_index", w->screening);
    interval(out, "steps", w->steps);
    interval(out, "step_bytes", w->step_bytes);
    coverage(out, w);
    interval(out, "participation_ratio", w->participation);
    text(out, "participation_missing",
         w->span == RW_RUN_FAST ? "a fast window looks at no features"
                                : MISSING[w->participation_missing]);
    rw_emit_name(out, "group_diversity");
    rw_emit_open(out, '{');
    for (int d = 0; d < RW_RUN_DIVERSITIES; d++) {
        interval(out, rw_run_diversity_name((enum rw_run_diversity)d), w->diversity[d]);
    }
    rw_emit_close(out, '}');
    rw_emit_name(out, "prompt_features");
    rw_emit_open(out, '{');
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        interval(out, rw_prompt_name((enum rw_prompt)f), w->prompt_x[f]);
    }
    rw_emit_close(out, '}');
    flag_rates(out, w->flags, w->traces - w->failed);
    rw_emit_close(out, '}');
}

void rw_run_json_label_members(struct rw_buf *out, const struct rw_run_label *l)
{
    text(out, "request_id", l->request);
    count(out, "item", l->item);
    count(out, "trace", l->trace);
    optional(out, "step", l->step);
    optional(out, "sample_index", l->sample_index);
}

static void label(struct rw_buf *out, const struct rw_run_label *l)
{
    rw_emit_open(out, '{');
    rw_run_json_label_members(out, l);
    rw_emit_close(out, '}');
}

void rw_run_json_trace(struct rw_buf *out, const struct rw_store_trace *trace)
{
    rw_emit_open(out, '{');
    text(out, "why", trace->why);
    text(out, "rule", trace->rule[0] != '\0' ? trace->rule : NULL);
    count(out, "at_trace", trace->at);
    count(out, "window", trace->window);
    /* Stored as the members that are sent: no reader of JSON stands between disk and client. */
    rw_buf_append_char(out, ',');
    rw_buf_append_str(out, trace->data);
    rw_emit_close(out, '}');
}

static const char *gate_name(uint32_t gate)
{
    return gate < RW_FLAGS ? FLAG_NAME[gate] : "min_process";
}

void rw_run_json_alarm(struct rw_buf *out, const struct rw_run_alarm *a)
{
    const struct rw_run_rule_info *info = rw_run_rule_info(a->rule);
    rw_emit_open(out, '{');
    text(out, "rule", info->name);
    text(out, "severity", info->severity);
    text(out, "span", !a->has_span ? NULL : a->span == RW_RUN_FAST ? "fast" : "slow");
    text(out, "gate", a->rule == RW_RUN_RULE_GATE ? gate_name(a->gate) : NULL);
    rw_emit_bool_field(out, "acknowledged", a->acknowledged);
    count(out, "at_trace", a->at);
    count(out, "window", a->window);
    number(out, "value", a->value);
    number(out, "limit", a->limit);
    text(out, "meaning", info->says);
    text(out, "advice", info->advice);
    text(out, "sentence", a->sentence);
    rw_emit_name(out, "traces");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < a->n_suspects; i++) {
        label(out, &a->suspect[i]);
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

static void martingale(struct rw_buf *out, const char *name, const struct rw_run_score_view *m)
{
    rw_emit_name(out, name);
    if (m->ranked == 0) {
        rw_emit_raw(out, "null");
        return;
    }
    rw_emit_open(out, '{');
    count(out, "ranked", m->ranked);
    count(out, "bets", m->bets);
    number(out, "log10_capital", m->log10_capital);
    number(out, "log10_alarm", m->log10_alarm);
    number(out, "log10_plain", m->log10_plain);
    number(out, "last_p", m->last_p);
    rw_emit_close(out, '}');
}

static void martingales(struct rw_buf *out, const struct rw_run_view *v)
{
    rw_emit_name(out, "martingales");
    rw_emit_open(out, '{');
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        martingale(out, rw_run_score_name((enum rw_run_score)s), &v->score[s]);
    }
    rw_emit_close(out, '}');
    rw_emit_name(out, "prompt_martingales");
    rw_emit_open(out, '{');
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        martingale(out, rw_prompt_name((enum rw_prompt)f), &v->prompt[f]);
    }
    rw_emit_close(out, '}');
}

static void batch(struct rw_buf *out, const struct rw_run_batch *b)
{
    rw_emit_open(out, '{');
    count(out, "at_trace", b->at);
    optional(out, "step", b->step);
    count(out, "traces", b->traces);
    interval(out, "process_reward", b->reward[RW_RUN_PROCESS]);
    interval(out, "outcome_reward", b->reward[RW_RUN_OUTCOME]);
    interval(out, "accuracy", b->accuracy);
    interval(out, "lag", b->lag);
    rw_emit_close(out, '}');
}

static const char *kind_of(const struct rw_run_stream *s)
{
    return s->kind[0] != '\0' ? s->kind : "plain";
}

void rw_run_json_batch(struct rw_buf *out, const struct rw_run_stream *s)
{
    rw_emit_open(out, '{');
    text(out, "kind", kind_of(s));
    rw_emit_name(out, "batch");
    batch(out, rw_run_batch(s, (uint32_t)(RW_MIN(s->batches, RW_RUN_BATCHES)) - 1));
    rw_emit_close(out, '}');
}

static void streams(struct rw_buf *out, const struct rw_run *run, const struct rw_run_view *v)
{
    rw_emit_name(out, "validation_kinds");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < v->n_streams; i++) {
        const struct rw_run_stream *s = rw_run_stream(run, i);
        rw_emit_open(out, '{');
        text(out, "kind", kind_of(s));
        count(out, "traces", s->traces);
        rw_emit_name(out, "first_batch");
        if (s->batches > 0) {
            batch(out, &s->first);
        } else {
            rw_emit_raw(out, "null");
        }
        rw_emit_name(out, "batches");
        rw_emit_open(out, '[');
        for (uint32_t k = 0; k < RW_MIN(s->batches, (uint64_t)RW_RUN_BATCHES); k++) {
            batch(out, rw_run_batch(s, k));
        }
        rw_emit_close(out, ']');
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
    count(out, "validation_of_other_kinds", v->stray_kinds);
}

static void windows(struct rw_buf *out, const struct rw_run *run, const char *first_name,
                    const struct rw_run_window *first, const char *name, uint32_t n,
                    const struct rw_run_window *(*get)(const struct rw_run *, uint32_t))
{
    rw_emit_name(out, first_name);
    if (first != NULL) {
        rw_run_json_window(out, first);
    } else {
        rw_emit_raw(out, "null");
    }
    rw_emit_name(out, name);
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        rw_run_json_window(out, get(run, i));
    }
    rw_emit_close(out, ']');
}

static void row_figures(struct rw_buf *out, const struct rw_store_run *row)
{
    number(out, "created", row->created);
    number(out, "updated", row->updated);
    count(out, "open_alarms", row->alarms);
    count(out, "last_event", row->events);
    rw_emit_name(out, "labels");
    rw_emit_raw(out, row->labels[0] != '\0' ? row->labels : "{}");
}

void rw_run_json(struct rw_buf *out, const struct rw_run *run, const struct rw_store_run *row,
                 bool durable)
{
    struct rw_run_view v;
    rw_run_view(run, &v);
    rw_emit_open(out, '{');
    text(out, "object", "run");
    rw_emit_name(out, "id");
    rw_emit_text(out, v.id);
    row_figures(out, row);
    rw_emit_bool_field(out, "durable", durable);
    count(out, "traces", v.traces);
    count(out, "failed", v.failed);
    count(out, "validation", v.validation);
    count(out, "acknowledged", v.acknowledged);
    optional(out, "step", v.step);
    count(out, "window_traces", v.options.window);
    count(out, "in_window", v.in_window);
    count(out, "fast_window_traces", v.options.fast < v.options.window ? v.options.fast : 0);
    count(out, "in_fast_window", v.in_fast);
    count(out, "segment", v.segment);
    count(out, "warm_prompts", v.options.warm);
    count(out, "reference_points", v.reference);
    flag_rates(out, v.flags, v.traces - v.failed - v.validation);
    martingales(out, &v);
    streams(out, run, &v);
    windows(out, run, "first_window", v.first, "windows", v.n_windows, rw_run_window);
    windows(out, run, "first_fast_window", v.first_fast, "fast_windows", v.n_fast, rw_run_fast);
    rw_emit_name(out, "alarms");
    rw_emit_open(out, '[');
    for (uint32_t i = 0; i < v.n_alarms; i++) {
        rw_run_json_alarm(out, rw_run_alarm(run, i));
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
}

void rw_run_json_entry(struct rw_buf *out, struct rw_str name, const struct rw_store_run *row)
{
    rw_emit_open(out, '{');
    rw_emit_name(out, "id");
    rw_emit_text(out, name);
    count(out, "traces", row->traces);
    row_figures(out, row);
    rw_emit_close(out, '}');
}

static bool same_trace(const struct rw_run_label *a, const struct rw_run_label *b)
{
    return a->item == b->item && a->trace == b->trace && strcmp(a->request, b->request) == 0;
}

/* Whether an alarm before the i-th, or an earlier place of it, names the trace too. */
static bool named_before(const struct rw_run *run, uint32_t i, uint32_t k)
{
    const struct rw_run_label *label = &rw_run_alarm(run, i)->suspect[k];
    for (uint32_t j = 0; j <= i; j++) {
        const struct rw_run_alarm *a = rw_run_alarm(run, j);
        for (uint32_t s = 0; s < (j < i ? a->n_suspects : k); s++) {
            if (same_trace(&a->suspect[s], label)) {
                return true;
            }
        }
    }
    return false;
}

size_t rw_run_json_without_text(const struct rw_run *run, size_t kept)
{
    struct rw_run_view v;
    size_t named = 0;
    rw_run_view(run, &v);
    for (uint32_t i = 0; i < v.n_alarms; i++) {
        for (uint32_t k = 0; k < rw_run_alarm(run, i)->n_suspects; k++) {
            named += named_before(run, i, k) ? 0 : 1;
        }
    }
    return named > kept ? named - kept : 0;
}
