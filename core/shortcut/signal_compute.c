#include "core/shortcut/signal.h"

#include <math.h>

#include "core/base/visible.h"
#include "core/equation/arithmetic.h"
#include "core/equation/arithmetic_plain.h"
#include "core/equation/derivation.h"
#include "core/equation/provenance.h"
#include "core/equation/round_trip.h"
#include "core/shortcut/bank.h"
#include "core/shortcut/directed.h"
#include "core/shortcut/redundancy.h"
#include "core/shortcut/score.h"
#include "core/shortcut/script.h"
#include "core/shortcut/text.h"
#include "core/shortcut/topic.h"

/* The trace as a reader sees it. Text that is all ASCII is the client's own. */
struct visible_trace {
    struct rw_str prompt;
    const struct rw_str *steps;
    size_t hidden; /* characters of the steps that were not to be seen */
};

static rw_status redundant(const struct visible_trace *seen, size_t n_steps, struct rw_arena *arena,
                           struct rw_signal *out, struct rw_error *err)
{
    double *value = rw_arena_array(arena, n_steps + 1, sizeof *value);
    if (value == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu steps", n_steps);
    }
    rw_status status = rw_redundancy(seen->steps, n_steps, arena, value, err);
    for (size_t t = 0; status == RW_OK && t < n_steps; t++) {
        if (!isnan(value[t]) && (!out->known || value[t] < out->value)) {
            *out = (struct rw_signal){.known = true, .value = value[t], .step = (int64_t)t};
        }
    }
    return status;
}

/* A place in the visible text, as bytes of the text itself. */
static void point_at(const struct rw_signal_trace *trace, int64_t step, size_t begin, size_t end,
                     struct rw_signal *out)
{
    out->step = step;
    if (step >= 0 && end > begin && trace->steps[step].len <= UINT32_MAX) {
        out->has_span = true;
        out->span_begin = (uint32_t)rw_visible_source(trace->steps[step], begin);
        out->span_end = (uint32_t)rw_visible_source(trace->steps[step], end);
    }
}

/* False equations over all steps; the place is that of the first. */
static void arithmetic(const struct rw_signal_trace *trace, const struct visible_trace *seen,
                       struct rw_signal *out)
{
    *out = (struct rw_signal){.known = trace->n_steps > 0, .step = -1};
    if (!rw_arithmetic_plain(seen->prompt)) {
        return;
    }
    for (size_t t = 0; t < trace->n_steps; t++) {
        struct rw_arithmetic found;
        rw_arithmetic_check(seen->steps[t], &found);
        if (found.wrong > 0 && out->step < 0) {
            point_at(trace, (int64_t)t, found.begin, found.end, out);
        }
        out->value += (double)found.wrong;
    }
}

static void provenance(const struct rw_signal_trace *trace, const struct visible_trace *seen,
                       struct rw_signals *out)
{
    struct rw_signal *foreign = &out->of[RW_SIGNAL_FOREIGN];
    struct rw_signal *unused = &out->of[RW_SIGNAL_UNUSED];
    struct rw_provenance found;
    if (!rw_arithmetic_plain(seen->prompt)) {
        return;
    }
    rw_provenance(seen->prompt, seen->steps, trace->n_steps, &found);
    foreign->known = found.operands > 0;
    if (found.operands > 0) {
        foreign->value = (double)found.foreign / (double)found.operands;
        point_at(trace, found.step, found.begin, found.end, foreign);
    }
    if (found.asked > 0 && trace->n_steps > 0) {
        unused->known = true;
        unused->value = (double)found.unused / (double)found.asked;
    }
}

/* Whether the sums lead to the answer, and whether they lead anywhere. */
static void derivation(const struct rw_signal_trace *trace, const struct visible_trace *seen,
                       struct rw_signals *out)
{
    struct rw_signal *underived = &out->of[RW_SIGNAL_UNDERIVED];
    struct rw_signal *round_trip = &out->of[RW_SIGNAL_ROUND_TRIP];
    struct rw_derivation found;
    rw_derivation(seen->prompt, seen->steps, trace->n_steps, &found);
    if (found.known && rw_arithmetic_plain(seen->prompt)) {
        underived->known = true;
        underived->value = found.value;
        point_at(trace, found.step, found.begin, found.end, underived);
    }
    struct rw_round_trips trips;
    rw_round_trips(seen->steps, trace->n_steps, &trips);
    if (trips.sums > 0) {
        round_trip->known = true;
        round_trip->value = (double)trips.pairs / (double)trips.sums;
        point_at(trace, trips.step, trips.begin, trips.end, round_trip);
    }
}

static rw_status make_visible(const struct rw_signal_trace *trace, struct rw_arena *arena,
                              struct visible_trace *seen, struct rw_error *err)
{
    struct rw_visible text;
    struct rw_str *steps = rw_arena_array(arena, trace->n_steps + 1, sizeof *steps);
    *seen = (struct visible_trace){.steps = steps};
    if (steps == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu steps", trace->n_steps);
    }
    rw_status status = rw_visible_text(trace->prompt, arena, &text, err);
    seen->prompt = text.text;
    for (size_t t = 0; status == RW_OK && t < trace->n_steps; t++) {
        status = rw_visible_text(trace->steps[t], arena, &text, err);
        steps[t] = text.text;
        seen->hidden += text.hidden;
    }
    return status;
}

/* answer_first looks in the visible text; the place it names is in the text itself. */
static void answer_first(const struct rw_signal_trace *trace, const struct visible_trace *seen,
                         struct rw_signal *out)
{
    struct rw_signal_trace same = *trace;
    same.prompt = seen->prompt;
    same.steps = seen->steps;
    rw_text_answer_first(&same, out);
    if (out->has_span) {
        point_at(trace, out->step, out->span_begin, out->span_end, out);
    }
}

static rw_status text_signals(const struct rw_signal_trace *trace, struct rw_arena *arena,
                              struct rw_signals *out, struct rw_error *err)
{
    struct visible_trace seen;
    size_t n = trace->n_steps;
    rw_status status = make_visible(trace, arena, &seen, err);
    if (status != RW_OK) {
        return status;
    }
    out->hidden_texts += seen.hidden;
    rw_text_shape(trace->steps, n, out);
    answer_first(trace, &seen, &out->of[RW_SIGNAL_ANSWER_FIRST]);
    arithmetic(trace, &seen, &out->of[RW_SIGNAL_ARITHMETIC]);
    provenance(trace, &seen, out);
    derivation(trace, &seen, out);
    rw_directed(seen.prompt, seen.steps, n, &out->of[RW_SIGNAL_DIRECTED]);
    rw_script(seen.steps, n, &out->of[RW_SIGNAL_SCRIPT], &out->of[RW_SIGNAL_FOREIGN_LETTERS]);
    status = redundant(&seen, n, arena, &out->of[RW_SIGNAL_REDUNDANT], err);
    if (status == RW_OK) {
        status = rw_topic(seen.prompt, seen.steps, n, arena, &out->of[RW_SIGNAL_OFF_TOPIC], err);
    }
    if (status == RW_OK) {
        status = rw_text_duplicate(seen.steps, n, arena, &out->of[RW_SIGNAL_DUPLICATE], err);
    }
    if (status == RW_OK) {
        status = rw_text_repetition(seen.steps, n, arena, &out->of[RW_SIGNAL_REPETITION], err);
    }
    return status;
}

static void latent(const struct rw_signal_trace *trace, const struct rw_bank *bank,
                   struct rw_signals *out)
{
    struct rw_signal *d2 = &out->of[RW_SIGNAL_LATENT_D2];
    struct rw_signal *knn = &out->of[RW_SIGNAL_LATENT_KNN];
    for (size_t t = 0; trace->features != NULL && t < trace->n_features; t++) {
        struct rw_signal now[2] = {{.known = true, .step = (int64_t)t},
                                   {.known = true, .step = (int64_t)t}};
        if (!rw_bank_latent(bank, trace->domain, trace->features + t * RW_SIGNAL_FEATURES,
                            &now[0].value, &now[1].value)) {
            return;
        }
        *d2 = !d2->known || now[0].value > d2->value ? now[0] : *d2;
        *knn = !knn->known || now[1].value > knn->value ? now[1] : *knn;
    }
}

rw_status rw_signals_compute(const struct rw_signal_trace *trace, const struct rw_bank *bank,
                             struct rw_arena *arena, struct rw_signals *out, struct rw_error *err)
{
    *out = (struct rw_signals){.special_token_texts = trace->special_token_texts,
                               .hidden_texts = trace->hidden_texts,
                               .truncated = trace->truncated};
    for (int i = 0; i < RW_SIGNALS; i++) {
        out->of[i].step = -1;
    }
    if (trace->n_steps > RW_SIGNALS_STEPS_MAX) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "%zu steps, flags are computed for at most %d",
                       trace->n_steps, RW_SIGNALS_STEPS_MAX);
    }
    rw_status status = text_signals(trace, arena, out, err);
    if (status != RW_OK) {
        return status;
    }
    rw_score_own(trace, out);
    rw_score_cheap(trace, out);
    rw_score_deep(trace, out);
    if (bank != NULL) {
        latent(trace, bank, out);
    }
    return RW_OK;
}
