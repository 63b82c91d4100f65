#include "core/shortcut/signal.h"

#include <math.h>

#include "core/equation/arithmetic.h"
#include "core/equation/provenance.h"
#include "core/shortcut/bank.h"
#include "core/shortcut/redundancy.h"
#include "core/shortcut/score.h"
#include "core/shortcut/text.h"
#include "core/shortcut/topic.h"

static rw_status redundant(const struct rw_signal_trace *trace, struct rw_arena *arena,
                           struct rw_signal *out, struct rw_error *err)
{
    double *value = rw_arena_array(arena, trace->n_steps + 1, sizeof *value);
    if (value == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu steps", trace->n_steps);
    }
    rw_status status = rw_redundancy(trace->steps, trace->n_steps, arena, value, err);
    for (size_t t = 0; status == RW_OK && t < trace->n_steps; t++) {
        if (!isnan(value[t]) && (!out->known || value[t] < out->value)) {
            *out = (struct rw_signal){.known = true, .value = value[t], .step = (int64_t)t};
        }
    }
    return status;
}

/* False equations over all steps; the place is that of the first. */
static void arithmetic(const struct rw_signal_trace *trace, struct rw_signal *out)
{
    *out = (struct rw_signal){.known = trace->n_steps > 0, .step = -1};
    if (!rw_arithmetic_plain(trace->prompt)) {
        return;
    }
    for (size_t t = 0; t < trace->n_steps; t++) {
        struct rw_arithmetic found;
        rw_arithmetic_check(trace->steps[t], &found);
        if (found.wrong > 0 && out->step < 0 && found.end <= UINT32_MAX) {
            out->step = (int64_t)t;
            out->has_span = true;
            out->span_begin = (uint32_t)found.begin;
            out->span_end = (uint32_t)found.end;
        }
        out->value += (double)found.wrong;
    }
}

static void provenance(const struct rw_signal_trace *trace, struct rw_signal *out,
                       struct rw_signal *unused)
{
    struct rw_provenance found;
    *out = *unused = (struct rw_signal){.step = -1};
    if (!rw_arithmetic_plain(trace->prompt)) {
        return;
    }
    rw_provenance(trace->prompt, trace->steps, trace->n_steps, &found);
    *out = (struct rw_signal){.known = found.operands > 0, .step = found.step};
    if (found.operands > 0) {
        out->value = (double)found.foreign / (double)found.operands;
    }
    if (found.step >= 0 && found.end <= UINT32_MAX) {
        out->has_span = true;
        out->span_begin = (uint32_t)found.begin;
        out->span_end = (uint32_t)found.end;
    }
    if (found.asked > 0 && trace->n_steps > 0) {
        unused->known = true;
        unused->value = (double)found.unused / (double)found.asked;
    }
}

static rw_status text_signals(const struct rw_signal_trace *trace, struct rw_arena *arena,
                              struct rw_signals *out, struct rw_error *err)
{
    const struct rw_str *steps = trace->steps;
    rw_text_shape(steps, trace->n_steps, out);
    rw_text_answer_first(trace, &out->of[RW_SIGNAL_ANSWER_FIRST]);
    arithmetic(trace, &out->of[RW_SIGNAL_ARITHMETIC]);
    provenance(trace, &out->of[RW_SIGNAL_FOREIGN], &out->of[RW_SIGNAL_UNUSED]);
    rw_status status = redundant(trace, arena, &out->of[RW_SIGNAL_REDUNDANT], err);
    if (status == RW_OK) {
        status = rw_topic(trace->prompt, steps, trace->n_steps, arena,
                          &out->of[RW_SIGNAL_OFF_TOPIC], err);
    }
    if (status == RW_OK) {
        status =
            rw_text_duplicate(steps, trace->n_steps, arena, &out->of[RW_SIGNAL_DUPLICATE], err);
    }
    if (status == RW_OK) {
        status =
            rw_text_repetition(steps, trace->n_steps, arena, &out->of[RW_SIGNAL_REPETITION], err);
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
