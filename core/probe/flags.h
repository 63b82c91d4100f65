/* From the scores of one trace to its flags: what a call, `rewardd calibrate` and `rewardd audit`
 * share. Pure but for the scratch arena; any thread. */
#ifndef RW_PROBE_FLAGS_H
#define RW_PROBE_FLAGS_H

#include "core/probe/probe.h"
#include "core/shortcut/bank.h"

enum {
    RW_FLAGS_SCRATCH_MAX = 64 << 20, /* bytes for the signals of one trace */
};

/* One scored trace; everything is borrowed. */
struct rw_flag_trace {
    struct rw_str prompt;
    const struct rw_str *steps;
    size_t n_steps;
    const struct rw_score *scores; /* of the leading steps; NULL = no process scores */
    size_t n_scores;
    const float *features;    /* [n_scores][RW_SIGNAL_FEATURES], or NULL */
    rw_status process_status; /* why there are no process scores; RW_OK with scores */
    double outcome;           /* probability; NaN = none */
    rw_status outcome_status; /* then: why */
    struct rw_str reference;
    struct rw_answer_options verify; /* how it is compared with the final answer */
    struct rw_probe_plan *probes;    /* run; NULL = none */
    const struct rw_bank *bank;      /* NULL = uncalibrated */
    bool other_outcome; /* the bank was made with another outcome model than this trace */
    struct rw_str domain;
    enum rw_flag_tier tier;
    size_t special_token_texts;
    size_t hidden_texts;
    bool truncated;
    bool clean; /* known to be right, whatever its reference says: for banks */
};

struct rw_flag_result {
    rw_status status; /* else nothing below is known */
    struct rw_error error;
    enum rw_verified verified; /* as the flags took it */
    enum rw_verified answer;   /* the final answer against the reference */
    struct rw_verdict verdict; /* how that came about; no reference: all zero */
    struct rw_signals signals;
    struct rw_flag flag[RW_FLAGS]; /* known values, in table order */
    size_t n;
    struct rw_flag_states states; /* of every flag */
};

void rw_flags_compute(const struct rw_flag_trace *trace, struct rw_arena *scratch,
                      struct rw_flag_result *out);

/* A sentence for a flag without a value. */
const char *rw_flags_reason(enum rw_flag_id id, rw_status status);

#endif
