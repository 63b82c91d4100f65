/* The state of a run monitor: one block, no pointers. Inside core/run only. */
#ifndef RW_RUN_RUN_PARTS_H
#define RW_RUN_RUN_PARTS_H

#include "core/run/capital.h"
#include "core/run/martingale.h"
#include "core/run/run.h"
#include "core/run/screen.h"

/* Traces of a run; a state that says more is damaged. Their number stays exact in JSON. */
#define RW_RUN_TRACES_MAX (UINT64_C(1) << 53)

enum {
    RW_RUN_GATES = RW_RUN_FLAG_KINDS + 1, /* every flag can be a gate; the last is min_process */
    RW_RUN_STATE_DIMS = 16, /* of a feature, a random projection, that a group's spread looks at */
};

/* Features have length one and are kept as round(32767 x): half the memory, and what is lost is a
 * thousandth of the nearest distance that counts. */
void rw_run_features_unpack(const int16_t *in, size_t points, float *out);

/* A kept trace of a window; its feature is in `x` of the set. */
struct rw_run_point {
    uint64_t priority; /* the lowest ones stay: a uniform sample that does not depend on order */
    uint64_t prompt;
    struct rw_run_label label;
    bool has_features;
    double reward[RW_RUN_REWARDS];
    double verified;
    double steps;
    double bytes;
};

/* A sample of at most `max` traces. Once full, a heap with the largest priority on top. A view: the
 * points are the run's. */
struct rw_run_sample {
    uint32_t n;
    uint32_t max;
    struct rw_run_point *point;
    int16_t *x; /* [max][RW_RUN_FEATURES]; NULL = no features are kept */
};

/* Mean of independent values, one per prompt group. */
struct rw_run_moments {
    double n;
    double sum;
    double square;
};

/* One trace stands for its prompt group: the member with the lowest priority. */
struct rw_run_group {
    bool used;
    bool fed; /* its trace was ranked; kept to know late members */
    uint64_t prompt;
    int64_t step;
    uint64_t size; /* 0 = unknown */
    uint64_t members;
    uint64_t priority;
    double score[RW_RUN_TRACE_SCORES];
    struct rw_run_label label;
    /* of the one that stands for it */
    bool has_flags;
    uint32_t flags;
    float gate;
    /* of all of them */
    float flagged; /* traces whose flags were looked for, and how many fired */
    float fired;
    float judged; /* traces with an answer verified, and those right */
    float right;
    uint32_t kept; /* of the two arrays */
    uint32_t text[RW_RUN_MEMBERS];
    uint32_t answer[RW_RUN_MEMBERS]; /* 0 = none, or right */
    float states;                    /* traces with features, their sum and that of their squares */
    float state[RW_RUN_STATE_DIMS];
    float square;
    float prompt_x[RW_PROMPT_DIM];
};

struct rw_run_suspect {
    double p; /* 2 = free */
    uint64_t at;
    struct rw_run_label label;
};

/* A window under way, and those before it. */
struct rw_run_course {
    uint64_t in_window;
    uint64_t failed_in_window;
    uint64_t flags_in_window[RW_RUN_FLAG_KINDS];
    int64_t step_first; /* lowest and highest of the window under way; -1 = not given */
    int64_t step_last;
    struct rw_run_moments diversity[RW_RUN_DIVERSITIES];
    struct rw_run_moments prompt_x[RW_PROMPT_DIM];
    uint32_t n;       /* points kept */
    uint64_t windows; /* ended, since the baseline began */
    struct rw_run_window first;
    uint64_t history_count;
};

struct rw_run {
    char id[RW_RUN_ID_MAX];
    uint32_t id_len;
    uint64_t seed;
    struct rw_run_options options;
    uint64_t traces;
    uint64_t failed;
    uint64_t validation;
    uint64_t epoch;    /* acknowledgements */
    uint64_t segment;  /* stretches of the run so far */
    uint64_t baseline; /* banks so far: what is drawn at random differs between them */
    int64_t step;
    uint64_t flags[RW_RUN_FLAG_KINDS];
    bool rang[RW_RUN_RULES];
    /* groups and martingales */
    uint32_t next_group; /* oldest slot */
    struct rw_run_group group[RW_RUN_GROUPS];
    struct rw_martingale martingale[RW_RUN_SCORES];
    struct rw_martingale prompt[RW_PROMPT_DIM];
    double prompt_lean[RW_PROMPT_DIM];  /* moving means of p - 1/2 and of |2 p - 1| - 1/2 ... */
    double prompt_width[RW_PROMPT_DIM]; /* ... of the latest prompts; see run_change.c */
    struct rw_coin gate[RW_RUN_GATES];
    struct rw_run_suspect suspect[RW_RUN_SCORES][RW_RUN_SUSPECTS];
    /* Traces in a row of an earlier training step than `step` (or of one far ahead), and the latest
     * step among them: RW_RUN_BACK of them are no stragglers, the run was resumed from there. */
    uint32_t back;
    int64_t back_step;
    uint32_t ahead;
    int64_t ahead_step;
    /* windows */
    struct rw_run_course course[RW_RUN_SPANS];
    struct rw_run_point slow_point[RW_RUN_POINTS];
    struct rw_run_point fast_point[RW_RUN_FAST_POINTS];
    int16_t slow_x[RW_RUN_POINTS * RW_RUN_FEATURES];
    struct rw_screen screen[RW_RUN_REWARDS];
    /* the first slow window of the baseline */
    bool has_reference;
    uint32_t n_reference;
    uint64_t reference_prompt[RW_RUN_POINTS];
    uint64_t reference_priority[RW_RUN_POINTS];
    int16_t reference[RW_RUN_POINTS * RW_RUN_FEATURES];
    struct rw_nearest reference_loo[RW_RUN_POINTS];
    double reference_variance; /* jackknife, of its own eta_bar */
    double radii[RW_COVERAGE_RADII];
    /* validation */
    uint32_t n_streams;
    uint64_t stray_kinds;
    struct rw_run_stream stream[RW_RUN_KINDS];
    /* rings: the newest is at (count - 1) mod size */
    struct rw_run_window slow_history[RW_RUN_HISTORY];
    struct rw_run_window fast_history[RW_RUN_FAST_HISTORY];
    uint64_t alarm_count;
    struct rw_run_alarm alarm[RW_RUN_ALARMS];
};

_Static_assert(sizeof(struct rw_run) <= RW_RUN_BYTES_MAX, "the memory of a run is stated");

/* run_sample.c: keeps the lowest priorities. `x` is looked at only where features are kept. */
void rw_run_sample_add(struct rw_run_sample *s, const struct rw_run_point *point,
                       const int16_t x[RW_RUN_FEATURES]);
/* To length one; false, and zeros, for a feature that has no direction. */
bool rw_run_features_pack(const float *in, int16_t *out);
/* Points with features first, then by priority: figures do not depend on the order of arrival.
 * Returns how many have features. */
uint32_t rw_run_sample_sort(struct rw_run_sample *s);
/* The points of the window under way. */
struct rw_run_sample rw_run_sample_of(struct rw_run *run, enum rw_run_span span);

/* run_group.c: one trace per prompt group. */
void rw_run_take_for_group(struct rw_run *run, const struct rw_run_trace *t, uint64_t priority,
                           struct rw_run_news *news);
void rw_run_feed(struct rw_run *run, struct rw_run_group *group, struct rw_run_news *news);
struct rw_interval rw_run_moments_mean(const struct rw_run_moments *m);

/* run_window.c: figures of the window under way, then a new one begins. NO_MEMORY: nothing was
 * changed. */
rw_status rw_run_close_window(struct rw_run *run, enum rw_run_span span, struct rw_error *err);
/* The window under way is forgotten. */
void rw_run_begin_window(struct rw_run *run, enum rw_run_span span);
struct rw_run_window *rw_run_history(struct rw_run *run, enum rw_run_span span, uint64_t number);
uint64_t rw_run_span_traces(const struct rw_run *run, enum rw_run_span span); /* 0 = none */

/* run_ring.c */
struct rw_run_alarm *rw_run_ring(struct rw_run *run, enum rw_run_rule rule, double value,
                                 double limit);
void rw_run_publish(const struct rw_run_alarm *a, struct rw_run_news *news);
__attribute__((format(printf, 2, 3))) void rw_run_say(struct rw_run_alarm *a, const char *format,
                                                      ...);
/* One-sided: Student's t that is exceeded with probability `alpha`, with so many prompts behind. */
double rw_run_quantile(double alpha, double prompts);
/* What look number j = 1, 2, ... of a rule may err: they sum to the rule's share. */
double rw_run_alpha(double looks);
struct rw_interval rw_run_change(struct rw_interval from, struct rw_interval to);

/* run_change.c: rules on the prompt groups. */
double rw_run_alarm_capital(enum rw_run_score score); /* log */
double rw_run_prompt_capital(void);                   /* log */
/* The group's figures are bet on. True: the prompts have changed, and a new baseline began. */
bool rw_run_watch_prompt(struct rw_run *run, const struct rw_run_group *g,
                         struct rw_run_news *news);
void rw_run_watch_scores(struct rw_run *run, const struct rw_run_group *g,
                         const double score[RW_RUN_SCORES], struct rw_run_news *news);
void rw_run_prompts_changed(struct rw_run *run, enum rw_prompt feature, double value, double limit,
                            const char *how, struct rw_run_news *news);
void rw_run_begin_segment(struct rw_run *run, const char *why, struct rw_run_news *news);

/* run_rules.c: rules on windows; the sample of the window is emptied. */
void rw_run_check_window(struct rw_run *run, enum rw_run_span span, struct rw_run_news *news);

/* run_stream.c */
/* Training went on to a later step: what waits of earlier ones is complete. */
void rw_run_end_batches(struct rw_run *run, struct rw_run_news *news);
/* a += b, of one kind. */
void rw_run_join_stream(struct rw_run *run, struct rw_run_stream *a, const struct rw_run_stream *b,
                        struct rw_run_news *news);
void rw_run_take_validation(struct rw_run *run, const struct rw_run_trace *t,
                            struct rw_run_news *news);

/* run.c */
/* What holds between two observations. rw_run_decode refuses stored bytes in which it does not; an
 * observation asserts it. */
bool rw_run_is_sound(const struct rw_run *run);

#endif
