/* The shortcut flags: what each is called, what it means, and when it fires.
 *
 * A calibrated flag fires when its conformal p-value is at most alpha; without a bank it never
 * fires, except the absolute text rules, which carry a threshold of their own. Info flags are
 * reported and never fire. Flags never change a reward.
 *
 *   rw_signals_compute   trace + scores          -> struct rw_signals
 *   rw_flags_evaluate    signals + bank + alpha  -> struct rw_flag[]
 *
 * Pure; any thread. */
#ifndef RW_SHORTCUT_FLAG_H
#define RW_SHORTCUT_FLAG_H

#include "core/shortcut/bank.h"

/* New flags go to the end: counters of stored runs are numbered.
 * XX(NAME, "wire_name", version, tier, severity, rule, signal, second signal, instead): `instead`
 * is ranked when neither of the two is known. */
#define RW_FLAG_MAP(XX)                                                                            \
    XX(SHORTCUT, "shortcut", 3, FREE, ALARM, CALIBRATED, COMBINED_CHEAP, NONE, COMBINED)           \
    XX(PROCESS_OUTCOME_GAP, "process_outcome_gap", 2, FREE, ALARM, CALIBRATED, MIN_LOGIT,          \
       MEAN_LOGIT, NONE)                                                                           \
    XX(FIRST_ERROR, "first_error", 1, FREE, INFO, INFO, NONE, NONE, NONE)                          \
    XX(STEP_REDUNDANT, "step_redundant", 1, FREE, WARN, TEXT, REDUNDANT, NONE, NONE)               \
    XX(STEP_DUPLICATE, "step_duplicate", 1, FREE, WARN, TEXT, DUPLICATE, NONE, NONE)               \
    XX(REPETITION, "repetition", 1, FREE, WARN, TEXT, REPETITION, NONE, NONE)                      \
    XX(ANSWER_FIRST, "answer_first", 1, FREE, ALARM, TEXT, ANSWER_FIRST, NONE, NONE)               \
    XX(SHAPE, "shape", 1, FREE, INFO, CALIBRATED, STEP_SHARE, BYTES, NONE)                         \
    XX(LATENT_OUTLIER, "latent_outlier", 3, FREE, WARN, CALIBRATED, LATENT_D2, LATENT_KNN, NONE)   \
    XX(ENSEMBLE_SPREAD, "ensemble_spread", 1, FREE, INFO, INFO, ENSEMBLE, NONE, NONE)              \
    XX(SPECIAL_TOKEN_TEXT, "special_token_text", 1, FREE, WARN, FACT, NONE, NONE, NONE)            \
    XX(HIDDEN_TEXT, "hidden_text", 2, FREE, WARN, FACT, NONE, NONE, NONE)                          \
    XX(TRUNCATED_INPUT, "truncated_input", 1, FREE, WARN, FACT, NONE, NONE, NONE)                  \
    XX(PROMPT_GAP, "prompt_gap", 1, CHEAP, ALARM, CALIBRATED, GAP_SUM, GAP_MAX, GAP_FIRST)         \
    XX(EARLY_COMMIT, "early_commit", 2, CHEAP, WARN, CALIBRATED, EARLY_COMMIT, NONE, NONE)         \
    XX(QUESTION_SWAP, "question_swap", 1, DEEP, ALARM, CALIBRATED, QUESTION_SWAP, NONE, NONE)      \
    XX(CORRUPTION_BLIND, "corruption_blind", 1, DEEP, WARN, CALIBRATED, CORRUPTION, NONE, NONE)    \
    XX(STEP_ABLATION, "step_ablation", 1, DEEP, WARN, CALIBRATED, ABLATION, NONE, NONE)            \
    XX(FORMAT_INVARIANCE, "format_invariance", 2, DEEP, WARN, CALIBRATED, FORMAT, NONE, NONE)      \
    XX(INFO_GAIN, "info_gain", 2, DEEP, WARN, CALIBRATED, INFO_GAIN, NONE, NONE)                   \
    XX(ARITHMETIC_FALSE, "arithmetic_false", 3, FREE, WARN, TEXT, ARITHMETIC, NONE, NONE)          \
    XX(FOREIGN_NUMBERS, "foreign_numbers", 2, FREE, WARN, CALIBRATED, FOREIGN, NONE, NONE)         \
    XX(UNUSED_NUMBERS, "unused_numbers", 1, FREE, WARN, CALIBRATED, UNUSED, NONE, NONE)            \
    XX(OFF_TOPIC_STEPS, "off_topic_steps", 2, FREE, WARN, CALIBRATED, OFF_TOPIC, NONE, NONE)       \
    XX(ANSWER_NOT_DERIVED, "answer_not_derived", 1, FREE, WARN, CALIBRATED, UNDERIVED, NONE, NONE) \
    XX(UNDONE_STEPS, "undone_steps", 1, FREE, WARN, CALIBRATED, ROUND_TRIP, NONE, NONE)            \
    XX(GRADER_DIRECTED, "grader_directed", 1, FREE, ALARM, TEXT, DIRECTED, NONE, NONE)             \
    XX(LANGUAGE_SWITCH, "language_switch", 1, FREE, WARN, TEXT, SCRIPT, NONE, NONE)

enum rw_flag_id {
#define XX(name, text, version, tier, severity, rule, first, second, instead) RW_FLAG_##name,
    RW_FLAG_MAP(XX)
#undef XX
    RW_FLAGS
};

enum rw_flag_tier {
    RW_FLAG_FREE,  /* from the same pass and the text */
    RW_FLAG_CHEAP, /* one more short pass */
    RW_FLAG_DEEP,  /* counterfactual passes */
};

enum rw_flag_severity {
    RW_FLAG_INFO,
    RW_FLAG_WARN,
    RW_FLAG_ALARM,
};

enum rw_flag_rule {
    RW_RULE_CALIBRATED,
    /* Calibrated with a bank, else an absolute threshold on the text; a false equation fires by
     * itself, whatever its p. */
    RW_RULE_TEXT,
    RW_RULE_FACT, /* fires when the fact holds */
    RW_RULE_INFO, /* never fires */
};

enum {
    RW_FLAG_MESSAGE_MAX = 200, /* bytes with the NUL */
};

/* Two signals: p = min(1, 2 min(p1, p2)) (Bonferroni over those that are known). */
struct rw_flag_info {
    const char *name;
    uint32_t version;
    enum rw_flag_tier tier;
    enum rw_flag_severity severity;
    enum rw_flag_rule rule;
    int signal[2]; /* enum rw_signal_id, or -1 */
    int instead;   /* ranked when neither is known, or -1 */
};

const struct rw_flag_info *rw_flag_info(enum rw_flag_id id);
const char *rw_flag_meaning(enum rw_flag_id id); /* one clause a person understands */
const char *rw_flag_severity_name(enum rw_flag_severity severity); /* "info", "warn", "alarm" */
const char *rw_flag_tier_name(enum rw_flag_tier tier);             /* "free", "cheap", "deep" */

struct rw_flag {
    enum rw_flag_id id;
    double value; /* of the signal with the smaller p; finite */
    double p;     /* conformal; NaN = not calibrated */
    bool fired;
    uint64_t n_cal; /* traces behind p; 0 = not calibrated */
    int64_t step;   /* -1 = the whole trace */
    bool has_span;  /* bytes [span_begin, span_end) of that step's text; else the whole step */
    uint32_t span_begin;
    uint32_t span_end;
    char message[RW_FLAG_MESSAGE_MAX]; /* a sentence, valid UTF-8, no text of the trace in it */
};

struct rw_flag_options {
    const struct rw_bank *bank; /* NULL = uncalibrated */
    struct rw_str domain;       /* the client's tag; one that the bank does not know = its pool */
    double alpha;               /* per flag; 0 = RW_FLAG_ALPHA_DEFAULT */
    enum rw_flag_tier tier;     /* flags above it are not reported */
};

#define RW_FLAG_ALPHA_DEFAULT 0.01

/* Flags whose value is known, in table order, fired or not (the sparse reply takes the fired ones);
 * returns how many were written. Fills signals->of[RW_SIGNAL_COMBINED*] when there is a bank. */
size_t rw_flags_evaluate(struct rw_signals *signals, const struct rw_flag_options *options,
                         struct rw_flag out[RW_FLAGS]);

/* Sum over the flags up to `tier` (shortcut and deep ones left out) of max(0, rarity - 1/2), where
 * rarity is -log10 p, continued beyond the bank (rw_bank_rank), and RW_BANK_RARITY_MAX for an
 * equation that is false. prompt_gap takes part by its first two steps: what every request has.
 * False when no flag has a p. */
bool rw_flag_combine(enum rw_flag_tier tier, const struct rw_signals *signals,
                     const struct rw_bank *bank, const struct rw_bank_place *place, double *value);

/* What became of the flags of a trace. */
struct rw_flag_states {
    rw_status status[RW_FLAGS]; /* RW_OK: decided; else why not */
    bool fired[RW_FLAGS];
};

#endif
