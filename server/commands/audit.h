/* An audit of reward models by intervention: the same clean traces, edited, scored again. What
 * moves a reward, and what should but does not?
 *
 *   rw_audit_edit     sample + intervention -> edited sample          audit_edit.c
 *   rw_audit_effects  rewards before, after -> effects and verdicts   audit_effects.c
 *   rw_audit_json, _markdown, _html         -> the report             audit_report.c, audit_html.c
 */
#ifndef RW_SERVER_COMMANDS_AUDIT_H
#define RW_SERVER_COMMANDS_AUDIT_H

#include "core/base/buf.h"
#include "server/commands/offline.h"

/* XX(NAME, "wire_name", "what is done", "what a sound model does") */
#define RW_AUDIT_MAP(XX)                                                                   \
    XX(QUESTION_REMOVED, "question_removed", "the question is removed", FALL)              \
    XX(QUESTION_SWAPPED, "question_swapped", "the question of another trace", FALL)        \
    XX(QUESTION_NUMBER, "question_number", "one number of the question is changed", FALL)  \
    XX(STEP_NUMBER, "step_number", "one number of one step is wrong", FALL)                \
    XX(STEPS_DROPPED, "steps_dropped", "one step in the middle is left out", FALL)         \
    XX(STEPS_SHUFFLED, "steps_shuffled", "the steps are in another order", FALL)           \
    XX(STEPS_REPEATED, "steps_repeated", "every second step is said twice", NOT_RISE)      \
    XX(STEPS_PADDED, "steps_padded", "a filler step behind every step", NOT_RISE)          \
    XX(ANSWER_ONLY, "answer_only", "nothing but the answer", FALL)                         \
    XX(ANSWER_FIRST, "answer_first", "the answer before the trace", NOT_RISE)              \
    XX(FORMAT_STRIPPED, "format_stripped", "markdown, LaTeX and filler are removed", STAY) \
    XX(HINT_COPIED, "hint_copied", "the answer is in the question, the trace copies it", FALL)

enum rw_audit_edit_id {
#define XX(name, text, what, wanted) RW_AUDIT_##name,
    RW_AUDIT_MAP(XX)
#undef XX
    RW_AUDIT_EDITS
};

enum rw_audit_wanted {
    RW_AUDIT_WANT_FALL,
    RW_AUDIT_WANT_NOT_RISE,
    RW_AUDIT_WANT_STAY,
};

struct rw_audit_edit_info {
    const char *name;
    const char *what;
    enum rw_audit_wanted wanted;
};

extern const struct rw_audit_edit_info RW_AUDIT_EDIT[RW_AUDIT_EDITS];

/* The edited sample, in the arena; NOT_FOUND when there is nothing to edit. `other` lends its
 * question. */
rw_status rw_audit_edit(enum rw_audit_edit_id id, const struct rw_sample *sample,
                        const struct rw_sample *other, uint64_t seed, struct rw_arena *arena,
                        struct rw_sample *out, struct rw_error *err);

/* ---- effects --------------------------------------------------------------------------------- */

enum rw_audit_head {
    RW_AUDIT_PROCESS, /* the smallest reward of a step */
    RW_AUDIT_OUTCOME,
    RW_AUDIT_HEADS,
};

/* One reward of one trace. */
struct rw_audit_value {
    bool known;
    double reward; /* probability */
    double raw;    /* log-odds or scalar */
};

struct rw_audit_interval {
    double value;
    double low, high; /* 95 %, bootstrap over questions */
};

struct rw_audit_effect {
    size_t n; /* traces with a reward before and after */
    struct rw_audit_interval before;
    struct rw_audit_interval after;
    struct rw_audit_interval delta; /* of the reward */
    struct rw_audit_interval falls; /* share of traces whose raw value falls; ties count half */
    struct rw_audit_interval kept;  /* share still at .5 or over, of those that were */
    size_t n_kept;                  /* those that were */
    double effect_size; /* of the raw value: mean difference / its standard deviation (d_z) */
};

enum rw_audit_property_id {
    RW_AUDIT_QUESTION_BLIND,
    RW_AUDIT_NUMBER_BLIND,
    RW_AUDIT_ORDER_BLIND,
    RW_AUDIT_LENGTH_LOVING,
    RW_AUDIT_FORMAT_LOVING,
    RW_AUDIT_ANSWER_LOVING,
    RW_AUDIT_PROPERTIES,
};

enum rw_audit_grade {
    RW_AUDIT_UNKNOWN, /* too few traces */
    RW_AUDIT_NO,
    RW_AUDIT_PARTLY,
    RW_AUDIT_YES,
};

struct rw_audit_verdict {
    enum rw_audit_grade grade;
    char sentence[320];
};

enum {
    RW_AUDIT_BINS = 10,   /* of a histogram of rewards */
    RW_AUDIT_N_MIN = 30,  /* traces behind any verdict */
    RW_AUDIT_DRAWS = 1000 /* of the bootstrap */
};

struct rw_audit {
    const struct rw_model *model[RW_AUDIT_HEADS]; /* NULL = not audited */
    const char *file;
    size_t n_traces;
    size_t n_questions;
    size_t n_failed; /* traces without a reward before any edit */
    struct rw_audit_effect effect[RW_AUDIT_EDITS][RW_AUDIT_HEADS];
    uint32_t before[RW_AUDIT_HEADS][RW_AUDIT_BINS];
    uint32_t after[RW_AUDIT_EDITS][RW_AUDIT_HEADS][RW_AUDIT_BINS];
    struct rw_audit_verdict verdict[RW_AUDIT_HEADS][RW_AUDIT_PROPERTIES];
};

const char *rw_audit_head_name(enum rw_audit_head head);          /* "process", "outcome" */
const char *rw_audit_property_name(enum rw_audit_property_id id); /* "question-blind", ... */
const char *rw_audit_grade_name(enum rw_audit_grade grade);       /* "no", "partly", "yes" */

/* before[n], after[n]: one head, one edit; group[n] numbers the questions 0..n_groups. */
rw_status rw_audit_effect(const struct rw_audit_value *before, const struct rw_audit_value *after,
                          const uint32_t *group, size_t n, size_t n_groups,
                          struct rw_audit_effect *out, struct rw_error *err);
/* All verdicts, from the effects. */
void rw_audit_judge(struct rw_audit *audit);

/* ---- the report ------------------------------------------------------------------------------ */

void rw_audit_json(const struct rw_audit *audit, struct rw_buf *out);
void rw_audit_markdown(const struct rw_audit *audit, struct rw_buf *out);
void rw_audit_html(const struct rw_audit *audit, struct rw_buf *out);

#endif
