#include "core/probe/flags.h"

#include <math.h>

#include "core/answer/answer.h"

const char *rw_flags_reason(enum rw_flag_id id, rw_status status)
{
    if (status == RW_UNAVAILABLE) {
        return id == RW_FLAG_EARLY_COMMIT ? "it needs an outcome model"
               : id == RW_FLAG_PROCESS_OUTCOME_GAP
                   ? "it needs a process model, and an outcome model or a reference answer"
                   : "it needs a process model";
    }
    if (status == RW_NOT_APPLICABLE) {
        return id == RW_FLAG_CORRUPTION_BLIND ? "no step holds a number that could be changed"
               : id == RW_FLAG_FORMAT_INVARIANCE
                   ? "the trace has no formatting to remove, or no number to change beside it"
               : id == RW_FLAG_STEP_ABLATION || id == RW_FLAG_EARLY_COMMIT
                   ? "the trace has too few steps"
                   : rw_status_text(status);
    }
    return rw_status_text(status);
}

static rw_status fill_trace(const struct rw_flag_trace *t, struct rw_arena *arena,
                            enum rw_verified verified, struct rw_signal_trace *out,
                            struct rw_error *err)
{
    float *own = rw_arena_array(arena, t->n_scores + 1, sizeof *own);
    if (own == NULL) {
        return rw_fail_memory(err, "the flags of this trace");
    }
    for (size_t i = 0; i < t->n_scores; i++) {
        own[i] = t->scores[i].reward;
    }
    *out = (struct rw_signal_trace){
        .domain = t->domain,
        .prompt = t->prompt,
        .steps = t->steps,
        .n_steps = t->n_steps,
        .own = {own, t->n_scores},
        .outcome = t->outcome,
        /* Not the reference: answer_first must look for the same thing in traces with one and
         * without, or a bank of the one kind is wrong for the other (measured: 20 % false alarms).
         */
        .verified = verified,
        .features = t->features,
        .n_features = t->features != NULL ? t->n_scores : 0,
        .special_token_texts = t->special_token_texts,
        .hidden_texts = t->hidden_texts,
        .truncated = t->truncated,
    };
    return t->probes != NULL ? rw_probe_fill(t->probes, arena, out, err) : RW_OK;
}

/* Flags made from the steps' rewards. */
static bool needs_process(enum rw_flag_id id)
{
    return id == RW_FLAG_PROCESS_OUTCOME_GAP || id == RW_FLAG_FIRST_ERROR ||
           id == RW_FLAG_LATENT_OUTLIER || id == RW_FLAG_SHORTCUT;
}

/* Flags that compare the rewards of all steps with those of an edited trace. */
static bool needs_all_steps(enum rw_flag_id id)
{
    return id == RW_FLAG_QUESTION_SWAP || id == RW_FLAG_CORRUPTION_BLIND ||
           id == RW_FLAG_STEP_ABLATION || id == RW_FLAG_FORMAT_INVARIANCE;
}

/* Why a flag was not computed, in the order of what is most telling. NOT_APPLICABLE is said where
 * all was there that the flag needs: a gate is open then. */
static rw_status lack_of(const struct rw_flag_trace *t, enum rw_verified verified,
                         enum rw_flag_id id)
{
    rw_status lack = t->probes != NULL ? t->probes->lacks[id] : RW_OK;
    bool accepted_unknown = verified == RW_VERIFIED_UNKNOWN && isnan(t->outcome);
    if (needs_process(id) && t->process_status != RW_OK) {
        return t->process_status;
    }
    if (id == RW_FLAG_PROCESS_OUTCOME_GAP && accepted_unknown && t->outcome_status != RW_OK) {
        return t->outcome_status;
    }
    if (needs_all_steps(id) && lack == RW_OK && t->n_scores < t->n_steps) {
        return t->truncated ? RW_CONTEXT_EXCEEDED : RW_STOPPED;
    }
    return lack != RW_OK ? lack : RW_NOT_APPLICABLE;
}

/* A flag that is not in the list was not computed. */
static void fill_states(const struct rw_flag_trace *t, struct rw_flag_result *out)
{
    for (int id = 0; id < RW_FLAGS; id++) {
        rw_status lack = lack_of(t, out->verified, (enum rw_flag_id)id);
        bool ranked = rw_flag_info((enum rw_flag_id)id)->rule == RW_RULE_CALIBRATED;
        bool abstains = out->signals.outside_bank && ranked && lack == RW_NOT_APPLICABLE;
        out->states.status[id] = abstains ? RW_OUTSIDE_BANK : lack;
        out->states.fired[id] = false;
    }
    for (size_t i = 0; i < out->n; i++) {
        const struct rw_flag *flag = &out->flag[i];
        enum rw_flag_rule rule = rw_flag_info(flag->id)->rule;
        bool uncalibrated = rule == RW_RULE_CALIBRATED && isnan(flag->p);
        out->states.status[flag->id] = uncalibrated ? RW_NOT_CALIBRATED : RW_OK;
        out->states.fired[flag->id] = flag->fired;
    }
    /* A fact that does not hold is known not to. The fusion exists with a bank only. */
    for (int id = 0; id < RW_FLAGS; id++) {
        const struct rw_flag_info *info = rw_flag_info((enum rw_flag_id)id);
        if (info->rule == RW_RULE_FACT && !out->states.fired[id]) {
            out->states.status[id] = RW_OK;
        }
    }
    if (out->states.status[RW_FLAG_SHORTCUT] == RW_NOT_APPLICABLE && t->bank == NULL) {
        out->states.status[RW_FLAG_SHORTCUT] = RW_NOT_CALIBRATED;
    }
}

void rw_flags_compute(const struct rw_flag_trace *t, struct rw_arena *scratch,
                      struct rw_flag_result *out)
{
    struct rw_signal_trace trace;
    *out = (struct rw_flag_result){0};
    if (t->reference.len > 0) {
        rw_answer_verify(t->steps, t->n_steps, t->reference, &t->verify, &out->verdict);
        out->answer = out->verdict.verified;
    }
    out->verified = t->clean ? RW_VERIFIED_RIGHT : out->answer;
    out->status = fill_trace(t, scratch, out->verified, &trace, &out->error);
    if (out->status == RW_OK) {
        out->status = rw_signals_compute(&trace, t->bank, scratch, &out->signals, &out->error);
    }
    if (out->status != RW_OK) {
        for (int id = 0; id < RW_FLAGS; id++) {
            out->states.status[id] = out->status;
        }
        return;
    }
    bool no_rank = t->other_outcome && out->signals.of[RW_SIGNAL_EARLY_COMMIT].known;
    if (no_rank) {
        out->signals.of[RW_SIGNAL_EARLY_COMMIT].known = false;
    }
    const struct rw_flag_options options = {.bank = t->bank, .domain = t->domain, .tier = t->tier};
    out->n = rw_flags_evaluate(&out->signals, &options, out->flag);
    fill_states(t, out);
    if (no_rank) {
        out->states.status[RW_FLAG_EARLY_COMMIT] = RW_NOT_CALIBRATED;
    }
}
