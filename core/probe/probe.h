/* The extra passes behind the cheap and deep flags: which inputs to score beside a trace, and what
 * their scores mean to core/shortcut/signal.h.
 *
 * A plan is made before the trace is scored (so that admission can count its tokens), its probes
 * are scored by whoever has the engine, and then it fills the signal trace. Everything is
 * deterministic: the same prompt and trace give the same probes on every machine. A probe that
 * cannot be made or fails is a reason on its flag, never a number, and never touches a reward.
 *
 *   rw_probe_plan      model, prompt, steps, tier  -> struct rw_probe[]    any thread
 *   (the engine fills probe.scores, or probe.status)
 *   rw_probe_fill      probes                      -> struct rw_signal_trace
 *
 * Knows the core only: no sockets, no requests. */
#ifndef RW_PROBE_PROBE_H
#define RW_PROBE_PROBE_H

#include "core/rw_engine.h"
#include "core/shortcut/flag.h"

enum {
    RW_PROBE_GAP_STEPS = 2,  /* steps that the short form of prompt_gap scores */
    RW_PROBE_BOUNDARIES = 3, /* prefixes for early_commit: after 1/4, 2/4 and 3/4 of the steps */
    RW_PROBE_QUESTIONS = 2, /* other questions of question_swap, beside one with a changed number */
    RW_PROBE_CORRUPTIONS = 3, /* steps with a wrong number */
    RW_PROBE_ABLATIONS = 8,   /* steps left out, evenly spread */
    RW_PROBE_OTHERS = 3,      /* other process models */
    RW_PROBE_PREFIXES = 16,   /* of info_gain, beside the bare question */
    RW_PROBE_ALTERNATIVES = 4,
    RW_PROBE_ANSWERS_MAX = (1 + RW_PROBE_PREFIXES) * (1 + RW_PROBE_ALTERNATIVES),
    RW_PROBE_EDITS_MAX = 1 + RW_PROBE_BOUNDARIES + RW_PROBE_QUESTIONS + 1 + RW_PROBE_CORRUPTIONS +
                         RW_PROBE_ABLATIONS + 1 + RW_PROBE_OTHERS,
    RW_PROBES_MAX = RW_PROBE_EDITS_MAX + RW_PROBE_ANSWERS_MAX, /* of one trace */
};

enum rw_probe_kind {
    RW_PROBE_NO_PROMPT,
    RW_PROBE_EARLY,
    RW_PROBE_SWAP,
    RW_PROBE_CORRUPT,
    RW_PROBE_ABLATE,
    RW_PROBE_STRIP,
    RW_PROBE_OTHER,
    RW_PROBE_ANSWER, /* last, in the order of prefixes: see probe_gain.h */
};

struct rw_probe {
    enum rw_probe_kind kind;
    const struct rw_model *model;
    size_t step;   /* EARLY, ANSWER: steps of the prefix; CORRUPT, ABLATE: the step */
    size_t answer; /* ANSWER: 0 = the reference, else an alternative */
    struct rw_input input;
    /* Set by whoever ran it. status: RW_OK, or why there are no scores. */
    rw_status status;
    const struct rw_score *scores; /* NULL for ANSWER, which keeps their sum */
    size_t n_scores;
    double log_p; /* ANSWER: of all its tokens */
};

struct rw_probe_source {
    const struct rw_model *process; /* NULL = not asked or not scored */
    const struct rw_input *input;   /* of the trace on it; NULL with it */
    rw_status process_status;       /* then: why */
    const struct rw_model *outcome; /* the same */
    rw_status outcome_status;
    const struct rw_model *const *others; /* more process models */
    size_t n_others;
    const struct rw_message *messages;
    size_t n_messages;
    struct rw_str prompt;       /* the question alone, as the signals see it */
    struct rw_str reference;    /* empty = none */
    bool is_text;               /* the trace was one text, cut into these steps */
    struct rw_str text;         /* then */
    const struct rw_str *steps; /* in either case */
    size_t n_steps;
    const uint32_t *step_end; /* is_text: where step i ends in the text */
    enum rw_flag_tier tier;
    bool full_gap;
    bool parse_special;
    enum rw_roles roles;
    struct rw_split_rule split; /* of the text, where it is cut again */
    size_t steps_max;
    size_t tokens_max; /* of a trace; never over the model's context */
};

struct rw_probe_plan {
    struct rw_probe *probe;
    size_t n;
    uint64_t tokens; /* of all probes */
    /* Why a flag of the tier has no probes: the status of the model it needs, NOT_APPLICABLE; or NO
     * probe was built because its input was refused. RW_OK where probes exist. */
    rw_status lacks[RW_FLAGS];
    const char *why_no_gain; /* a sentence; NULL = as the status says */
};

/* The question of a conversation: its user messages, joined by newlines. Empty on NO_MEMORY. */
struct rw_str rw_probe_question(const struct rw_message *messages, size_t n,
                                struct rw_arena *arena);

/* Everything in the arena. NO_MEMORY only; texts that cannot be edited are lacks. */
rw_status rw_probe_plan(const struct rw_probe_source *source, struct rw_arena *arena,
                        struct rw_probe_plan *out, struct rw_error *err);

/* Enters the scores of the probes; `trace->own` and `trace->outcome` are set. A flag one of whose
 * probes failed gets none of them, and the status goes to plan->lacks. Arrays in the arena. */
rw_status rw_probe_fill(struct rw_probe_plan *plan, struct rw_arena *arena,
                        struct rw_signal_trace *trace, struct rw_error *err);

/* The probe has been run: its scores, borrowed (of an ANSWER: for this call). */
void rw_probe_done(struct rw_probe *probe, const struct rw_score *scores, size_t n);

/* The flag a probe serves. */
enum rw_flag_id rw_probe_flag(enum rw_probe_kind kind);

#endif
