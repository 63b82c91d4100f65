/* The state of a run monitor: one block, no pointers. Inside core/run only. */
#ifndef RW_RUN_RUN_PARTS_H
#define RW_RUN_RUN_PARTS_H

#include "core/run/martingale.h"
#include "core/run/run.h"
#include "core/run/screen.h"

/* Traces of a run; a state that says more is damaged. Their number stays exact in JSON. */
#define RW_RUN_TRACES_MAX (UINT64_C(1) << 53)

/* A kept trace of the window; its feature is in `x` of the set. */
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

/* A sample of at most RW_RUN_POINTS traces. Once full, a heap with the largest priority on top. */
struct rw_run_sample {
    uint32_t n;
    struct rw_run_point point[RW_RUN_POINTS];
    float x[RW_RUN_POINTS * RW_RUN_FEATURES];
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
    double score[RW_RUN_SCORES];
    struct rw_run_label label;
};

struct rw_run_suspect {
    double p; /* 2 = free */
    uint64_t at;
    struct rw_run_label label;
};

struct rw_run {
    char id[RW_RUN_ID_MAX];
    uint32_t id_len;
    uint64_t seed;
    struct rw_run_options options;
    uint64_t traces;
    uint64_t failed;
    uint64_t validation;
    uint64_t epoch; /* acknowledgements */
    int64_t step;
    uint64_t flags[RW_RUN_FLAG_KINDS];
    bool rang[RW_RUN_RULES];
    /* groups and martingales */
    uint32_t next_group; /* oldest slot */
    struct rw_run_group group[RW_RUN_GROUPS];
    struct rw_martingale martingale[RW_RUN_SCORES];
    struct rw_run_suspect suspect[RW_RUN_SCORES][RW_RUN_SUSPECTS];
    /* the window under way */
    uint64_t in_window;
    uint64_t failed_in_window;
    uint64_t flags_in_window[RW_RUN_FLAG_KINDS];
    int64_t step_first; /* lowest and highest of the window under way; -1 = not given */
    int64_t step_last;
    /* Traces in a row of an earlier training step than `step`, and the latest step among them:
     * RW_RUN_BACK of them are no stragglers, the run was resumed from a checkpoint. */
    uint32_t back;
    int64_t back_step;
    struct rw_run_sample window;
    struct rw_screen screen[RW_RUN_REWARDS];
    /* the first window since the last acknowledgement */
    uint64_t windows; /* ended, since then */
    struct rw_run_window first;
    bool has_reference;
    uint32_t n_reference;
    uint64_t reference_prompt[RW_RUN_POINTS];
    uint64_t reference_priority[RW_RUN_POINTS];
    float reference[RW_RUN_POINTS * RW_RUN_FEATURES];
    struct rw_nearest reference_loo[RW_RUN_POINTS];
    double reference_variance; /* jackknife, of its own eta_bar */
    double radii[RW_COVERAGE_RADII];
    /* rings: the newest is at (count - 1) mod size */
    uint64_t history_count;
    struct rw_run_window history[RW_RUN_HISTORY];
    uint64_t alarm_count;
    struct rw_run_alarm alarm[RW_RUN_ALARMS];
};

_Static_assert(sizeof(struct rw_run) <= RW_RUN_BYTES_MAX, "the memory of a run is stated");

/* run_sample.c: keeps the lowest priorities. */
void rw_run_sample_add(struct rw_run_sample *s, const struct rw_run_point *point,
                       const float x[RW_RUN_FEATURES]);
/* Points with features first, then by priority: figures do not depend on the order of arrival.
 * Returns how many have features. */
uint32_t rw_run_sample_sort(struct rw_run_sample *s);

/* run_window.c: figures of the window under way, then a new one begins. NO_MEMORY: nothing was
 * changed. */
rw_status rw_run_close_window(struct rw_run *run, struct rw_error *err);
/* run_rules.c */
double rw_run_alarm_capital(enum rw_run_score score); /* log */
void rw_run_check_martingale(struct rw_run *run, enum rw_run_score score, struct rw_run_news *news);
void rw_run_check_window(struct rw_run *run, struct rw_run_news *news);

/* run.c */
/* What holds between two observations. rw_run_decode refuses stored bytes in which it does not; an
 * observation asserts it. */
bool rw_run_is_sound(const struct rw_run *run);
void rw_run_feed(struct rw_run *run, struct rw_run_group *group, struct rw_run_news *news);

#endif
