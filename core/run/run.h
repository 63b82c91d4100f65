/* The run monitor: what the traces of one training run say together, in bounded memory.
 *
 * Feed it every scored trace; it tells, at the end of each window of traces and at once where it
 * can, whether the policy is drifting to a shortcut. It knows no models, no sockets and no clock: a
 * state is a function of the observations and of the run's id, bit for bit, so that it can be
 * rebuilt by observing them again.
 *
 *   martingale.h   has the distribution of a score changed?     one trace per prompt group, at once
 *   coverage.h     what share of the first traces' region is still visited, in how many dimensions
 *   screen.h       how much of the reward the surface of a trace explains
 *   run_rules.c    when an alarm rings, and its sentence
 *
 * Memory: RW_RUN_BYTES_MAX per run, all of it in one block, whatever the length of the run; window
 * ends need RW_RUN_SCRATCH_BYTES more for a moment. One owner at a time; no thread of its own. */
#ifndef RW_RUN_RUN_H
#define RW_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/run/coverage.h"
#include "core/run/surface.h"

enum {
    RW_RUN_FEATURES = 64,   /* dimensions of a trace's feature */
    RW_RUN_POINTS = 1024,   /* traces kept of a window */
    RW_RUN_WINDOW_MIN = 64, /* traces of a window */
    RW_RUN_WINDOW_MAX = 1 << 20,
    RW_RUN_GROUPS = 512, /* prompt groups remembered */
    RW_RUN_BACK = 64,    /* traces in a row of earlier steps: the run goes on from there */
    RW_RUN_HISTORY = 64, /* windows remembered, besides the first */
    RW_RUN_ALARMS = 16,  /* alarms remembered */
    RW_RUN_SUSPECTS = 5, /* traces named by an alarm */
    RW_RUN_FLAG_KINDS = 32,
    RW_RUN_ID_MAX = 128,     /* bytes of a run id */
    RW_RUN_REQUEST_MAX = 64, /* bytes of a request id, NUL included */
    RW_RUN_SENTENCE_MAX = 640,
    RW_RUN_BYTES_MAX = 896 * 1024,
    RW_RUN_SCRATCH_BYTES = 128 * 1024,
};

/* The main scores, low = suspicious. */
enum rw_run_score {
    RW_RUN_PROMPT_GAP,
    RW_RUN_MIN_LOGIT,
    RW_RUN_STEP_REDUNDANT,
    RW_RUN_LATENT_OUTLIER, /* negated distance */
    RW_RUN_SCORES
};

enum rw_run_reward {
    RW_RUN_PROCESS,
    RW_RUN_OUTCOME,
    RW_RUN_REWARDS
};

/* How to find a trace again. */
struct rw_run_label {
    char request[RW_RUN_REQUEST_MAX]; /* id of the request, NUL-terminated */
    uint32_t item;
    uint32_t trace;
    int64_t step; /* -1 = not given */
    int64_t sample_index;
};

/* One scored trace. NaN = not known. */
struct rw_run_trace {
    struct rw_run_label label;
    uint64_t prompt;     /* hash of the prompt: which traces belong together */
    uint64_t trace;      /* hash of the trace's text */
    uint64_t group_size; /* traces of this prompt in this step; 0 = unknown */
    bool validate;       /* counted, not monitored */
    bool has_features;
    double reward[RW_RUN_REWARDS];
    double verified; /* 1 right, 0 wrong */
    double steps;
    double bytes;
    double score[RW_RUN_SCORES];
    double surface[RW_SURFACE_DIM];
    uint32_t flags;                  /* bit i: flag i fired */
    float features[RW_RUN_FEATURES]; /* any length; normalised here */
};

/* What one window of traces said. NaN = not known. */
struct rw_run_window {
    uint64_t index;
    uint64_t end; /* number of traces of the run at its end */
    uint64_t traces;
    uint64_t failed; /* of them without any reward */
    uint64_t points; /* kept for the figures below */
    uint64_t prompts;
    int64_t step_first; /* lowest and highest of its traces; -1 = not given */
    int64_t step_last;
    struct rw_interval reward[RW_RUN_REWARDS]; /* means; errors with prompts as clusters */
    struct rw_interval gap;                    /* outcome - process */
    struct rw_interval accuracy;               /* verified */
    double agreement[RW_RUN_REWARDS];          /* correlation of reward and verified */
    double length_correlation[RW_RUN_REWARDS]; /* of reward and log bytes */
    double length_slope[RW_RUN_REWARDS];       /* reward per doubling of the bytes */
    double screening[RW_RUN_REWARDS];          /* prequential R^2 */
    struct rw_interval steps;
    struct rw_interval step_bytes; /* bytes per step */
    struct rw_coverage coverage;   /* of the reference set; NaN without features */
    struct rw_interval eta_change; /* against the first window */
    struct rw_interval participation;
    uint64_t flags[RW_RUN_FLAG_KINDS];
};

enum rw_run_rule {
    RW_RUN_RULE_PROMPT_GAP, /* the four martingales, in the order of rw_run_score */
    RW_RUN_RULE_MIN_LOGIT,
    RW_RUN_RULE_STEP_REDUNDANT,
    RW_RUN_RULE_LATENT_OUTLIER,
    RW_RUN_RULE_COLLAPSE,
    RW_RUN_RULE_DIVERGENCE,
    RW_RUN_RULE_GAP,
    RW_RUN_RULE_SCREENING,
    RW_RUN_RULE_REWARD_JUMP,
    RW_RUN_RULE_STEPS_JUMP,
    RW_RUN_RULE_STEP_BYTES_JUMP,
    RW_RUN_RULES
};

struct rw_run_alarm {
    enum rw_run_rule rule;
    bool acknowledged;
    uint64_t at;     /* number of traces of the run */
    uint64_t window; /* index of the window */
    double value;    /* the figure that rang ... */
    double limit;    /* ... and where it rings */
    uint32_t n_suspects;
    struct rw_run_label suspect[RW_RUN_SUSPECTS];
    char sentence[RW_RUN_SENTENCE_MAX];
};

struct rw_run_rule_info {
    const char *name;
    const char *severity; /* "alarm" or "warn" */
    const char *says;     /* one sentence: what it means */
};

struct rw_run_options {
    uint64_t window; /* traces; eta depends on it, so it is fixed for the run */
    uint64_t warm;   /* traces per score that are ranked without betting: the run's own bank */
};

struct rw_run;

/* What one observation brought about. */
struct rw_run_news {
    const struct rw_run_window *window; /* a window ended; valid until the next call */
    uint32_t n_alarms;
    struct rw_run_alarm alarm[RW_RUN_RULES];
};

const struct rw_run_rule_info *rw_run_rule_info(enum rw_run_rule rule);
const char *rw_run_score_name(enum rw_run_score score);

/* NULL = no memory. `id` (1..RW_RUN_ID_MAX bytes) seeds every random choice. */
struct rw_run *rw_run_create(struct rw_str id, const struct rw_run_options *options);
void rw_run_destroy(struct rw_run *run);
/* NO_MEMORY leaves the state as it was. */
rw_status rw_run_observe(struct rw_run *run, const struct rw_run_trace *trace,
                         struct rw_run_news *news, struct rw_error *err);
/* The alarms were seen: new bank, new reference set, every rule armed again. History stays. */
void rw_run_acknowledge(struct rw_run *run);
/* a += b, for two replicas of one run. Exact for counts, ranks, the sample of the window and the
 * reference set; approximate where order matters (see README). CONFIG when ids or options differ.
 */
rw_status rw_run_merge(struct rw_run *a, const struct rw_run *b, struct rw_error *err);

/* State to bytes and back; the bytes carry a version and a digest. MODEL_CORRUPT never happens
 * silently: a state that does not check out is refused. */
void rw_run_encode(const struct rw_run *run, struct rw_buf *out);
rw_status rw_run_decode(struct rw_str bytes, struct rw_run **out, struct rw_error *err);
void rw_run_trace_encode(const struct rw_run_trace *trace, struct rw_buf *out);
rw_status rw_run_trace_decode(struct rw_str bytes, struct rw_run_trace *out, struct rw_error *err);

/* ---- reading --------------------------------------------------------------------------------- */

struct rw_run_score_view {
    uint64_t ranked; /* scores in the ranking */
    uint64_t bets;
    double log10_plain;
    double log10_capital;
    double log10_alarm; /* where it rings */
    double last_p;
};

struct rw_run_view {
    struct rw_str id;
    struct rw_run_options options;
    uint64_t traces; /* all observed, validation included */
    uint64_t failed;
    uint64_t validation;
    uint64_t acknowledged; /* resets so far */
    uint64_t in_window;    /* traces of the window under way */
    uint64_t reference;    /* points of the reference set, 0 = not there yet */
    double radii[RW_COVERAGE_RADII];
    int64_t step; /* under way: follows a run that was resumed from an earlier step */
    struct rw_run_score_view score[RW_RUN_SCORES];
    uint64_t flags[RW_RUN_FLAG_KINDS];
    const struct rw_run_window *first; /* since the last acknowledgement; NULL = none yet */
    uint32_t n_windows;
    uint32_t n_alarms;
};

void rw_run_view(const struct rw_run *run, struct rw_run_view *out);
/* i = 0 is the oldest remembered. */
const struct rw_run_window *rw_run_window(const struct rw_run *run, uint32_t i);
const struct rw_run_alarm *rw_run_alarm(const struct rw_run *run, uint32_t i);

#endif
