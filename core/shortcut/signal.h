/* The raw statistics behind the shortcut flags: a finished trace in, one number per signal out.
 *
 * A signal is a number with a direction (which tail is suspicious); it says nothing about how rare
 * that number is. core/shortcut/bank.h says how rare, core/shortcut/flag.h makes flags of both.
 * Definitions: core/shortcut/README.md. They are our operational definitions.
 *
 * Pure: no sockets, no models, no globals. The same trace gives the same bits, whatever was in the
 * batch beside it. May run on any thread. Texts are UTF-8 and hostile; time is near-linear in their
 * bytes, memory is bounded by the constants below and the caller's arena. */
#ifndef RW_SHORTCUT_SIGNAL_H
#define RW_SHORTCUT_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/answer/answer.h"
#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

struct rw_bank;

enum {
    RW_SIGNALS_VERSION = 6, /* a bank built with another version is refused */
    RW_SIGNALS_STEPS_MAX = 65536,
    RW_SIGNALS_SCRATCH_MAX = 7 << 20, /* bytes */
    RW_SIGNAL_FEATURES = 64, /* floats of a step-boundary feature, as the engine's RW_FEATURE_DIM */
};

/* The calibrated statistics, in the order of their values in a bank.
 * XX(NAME, "name", suspicious tail, pass it comes from) */
#define RW_SIGNAL_MAP(XX)                                                                          \
    XX(MIN_LOGIT, "min_logit", LOW, FREE)       /* min_t logit r_t, outcome high */                \
    XX(MEAN_LOGIT, "mean_logit", LOW, FREE)     /* mean_t logit r_t, outcome high */               \
    XX(REDUNDANT, "redundant", LOW, FREE)       /* min_t C(s_t | s_<t) */                          \
    XX(DUPLICATE, "duplicate", HIGH, FREE)      /* share of steps seen before */                   \
    XX(REPETITION, "repetition", HIGH, FREE)    /* share of repeated 4-grams */                    \
    XX(ANSWER_FIRST, "answer_first", LOW, FREE) /* where the answer is first seen */               \
    XX(ARITHMETIC, "arithmetic", HIGH, FREE)    /* false equations in the text */                  \
    XX(FOREIGN, "foreign", HIGH, FREE)          /* share of numbers from nowhere */                \
    XX(UNUSED, "unused", HIGH, FREE)            /* share of the question's numbers unused */       \
    XX(OFF_TOPIC, "off_topic", HIGH, FREE)      /* share without a number or its words */          \
    XX(UNDERIVED, "underived", HIGH, FREE)      /* no step leads to the final number */            \
    XX(ROUND_TRIP, "round_trip", HIGH, FREE)    /* share of sums that undo another */              \
    XX(DIRECTED, "directed", HIGH, FREE)        /* words for whoever grades it */                  \
    XX(SCRIPT, "script", HIGH, FREE)            /* share of steps in another script */             \
    XX(FOREIGN_LETTERS, "foreign_letters", HIGH, FREE) /* share of letters that are not Latin */   \
    XX(STEPS, "steps", HIGH, FREE)                     /* number of steps */                       \
    XX(STEP_SHARE, "step_share", HIGH, FREE)           /* largest step / all bytes */              \
    XX(BYTES, "bytes", LOW, FREE)                      /* bytes of all steps */                    \
    XX(LATENT_D2, "latent_d2", HIGH, FREE)             /* max_t Mahalanobis distance^2 */          \
    XX(LATENT_KNN, "latent_knn", HIGH, FREE)           /* max_t distance to k-th neighbour */      \
    XX(ENSEMBLE, "ensemble", HIGH, FREE)               /* mean_t variance over models */           \
    XX(GAP_FIRST, "gap_first", LOW, CHEAP)             /* mean of the first two g_t */             \
    XX(GAP_SUM, "gap_sum", LOW, CHEAP)                 /* first g_t + mean g_t: full form */       \
    XX(GAP_MAX, "gap_max", LOW, CHEAP)                 /* max_t g_t: full form */                  \
    XX(EARLY_COMMIT, "early_commit", HIGH, CHEAP)      /* A = mean_t min(1, V_t / V_T) */          \
    XX(QUESTION_SWAP, "question_swap", LOW, DEEP)      /* logit r(q) - max logit r(q~) */          \
    XX(CORRUPTION, "corruption", LOW, DEEP)            /* max_j fall after a wrong number */       \
    XX(ABLATION, "ablation", HIGH, DEEP)               /* share of steps nothing leans on */       \
    XX(FORMAT, "format", HIGH, DEEP)                   /* format effect / content effect */        \
    XX(INFO_GAIN, "info_gain", HIGH, DEEP)             /* share of steps with no gain */           \
    XX(COMBINED, "combined", HIGH, FREE)               /* fusion of the free flags, by the bank */ \
    XX(COMBINED_CHEAP, "combined_cheap", HIGH, CHEAP)  /* of the free and the cheap ones */

enum rw_signal_id {
#define XX(name, text, tail, tier) RW_SIGNAL_##name,
    RW_SIGNAL_MAP(XX)
#undef XX
    RW_SIGNALS
};

const char *rw_signal_name(enum rw_signal_id id); /* "min_logit"; stable, used in bank files */
/* Oriented so that large is suspicious: v or -v. What a bank ranks. */
double rw_signal_strangeness(enum rw_signal_id id, double value);

/* Probabilities of the leading steps, as a process model gave them in one pass. n = 0: no pass. */
struct rw_step_scores {
    const float *probability; /* [n], each in [0, 1] */
    size_t n;
};

/* One extra pass over an edited trace (core/shortcut/edit.h makes the text). */
struct rw_edited_pass {
    size_t step;                /* CORRUPTION: the step edited; ABLATION: the step left out */
    struct rw_step_scores pass; /* of the edited trace: n_steps, or one fewer for ABLATION */
};

/* L_t = log p(a* | q, s_<=t) - mean_m log p(a~_m | q, s_<=t): how much the question and the first
 * steps speak for the reference answer a* against alternatives a~_m (core/answer/alternatives.h).
 */
struct rw_answer_gain {
    size_t steps; /* t */
    double contrast;
};

/* Everything known of one trace. Whatever is not known is NULL, 0 or NaN, and its signals stay
 * unknown. All borrowed for the call. */
struct rw_signal_trace {
    struct rw_str domain; /* the client's tag, for LATENT_*; empty = none */
    struct rw_str prompt; /* the question as text; of a chat, the user's messages joined by \n */
    const struct rw_str *steps;
    size_t n_steps;
    struct rw_step_scores own; /* of the trace itself; n < n_steps when it stopped or was cut */
    double outcome;            /* probability of the outcome model; NaN = none */
    struct rw_str reference;   /* reference answer; empty = none */
    enum rw_verified verified;
    const float *features; /* [n_features][RW_SIGNAL_FEATURES] of the leading steps, or NULL */
    size_t n_features;
    const struct rw_step_scores *others; /* the same trace under other process models */
    size_t n_others;
    /* cheap */
    struct rw_step_scores no_prompt; /* question removed, same template; two steps, or all */
    struct rw_step_scores early;     /* outcome probability of prefixes, the whole trace the last */
    const size_t *early_steps;       /* [early.n] their steps, rising up to n_steps */
    /* deep */
    const struct rw_step_scores *swapped; /* under other questions */
    size_t n_swapped;
    const struct rw_edited_pass *corrupted;
    size_t n_corrupted;
    const struct rw_edited_pass *ablated;
    size_t n_ablated;
    struct rw_step_scores
        stripped; /* of the trace without markdown, LaTeX wrappers and filler: its steps */
    const struct rw_answer_gain *answer_gain; /* [n_answer_gain], rising; the first after no step */
    size_t n_answer_gain;
    /* what the scoring contract already knows */
    size_t special_token_texts;
    size_t hidden_texts; /* NUL and lone surrogates; what draws nothing is counted on top */
    bool truncated;
};

struct rw_signal {
    bool known;
    double value;  /* finite when known */
    int64_t step;  /* the step it points at, or -1 */
    bool has_span; /* bytes [begin, end) of that step's text; else the whole step */
    uint32_t span_begin;
    uint32_t span_end;
};

/* Everything the signals say of one trace. Plain data: copy it freely. */
struct rw_signals {
    struct rw_signal of[RW_SIGNALS]; /* COMBINED* are filled by rw_flags_evaluate */
    int64_t first_error; /* first step with r_t < .5; -1 = none; -2 = no process scores */
    double first_error_probability;
    uint64_t trace_bytes; /* all steps together: which length bin of a bank */
    size_t n_steps;
    bool outside_bank; /* set by rw_flags_evaluate: nothing in the bank is like it, no p is given */
    bool outcome_high; /* verified right, or (not verified wrong and) outcome >= .5 */
    size_t special_token_texts;
    size_t hidden_texts;
    bool truncated;
};

/* Fills `out`. Text rules read the visible form of the text (core/base/visible.h); spans are bytes
 * of the text itself. The bank (may be NULL) is needed for LATENT_* only. `arena` is scratch, at
 * most RW_SIGNALS_SCRATCH_MAX + 96 bytes per step + the bytes of text that is not ASCII. NO_MEMORY,
 * LIMIT_EXCEEDED (more than RW_SIGNALS_STEPS_MAX steps); then nothing is known and no flag may be
 * reported. */
rw_status rw_signals_compute(const struct rw_signal_trace *trace, const struct rw_bank *bank,
                             struct rw_arena *arena, struct rw_signals *out, struct rw_error *err);

#endif
