/* The run monitor: what the traces of one training run say together, in bounded memory.
 *
 * Feed it every scored trace; it tells, at the end of each window of traces and at once where it
 * can, whether the policy is drifting to a shortcut. It knows no models, no sockets and no clock: a
 * state is a function of the observations and of the run's id, bit for bit, so that it can be
 * rebuilt by observing them again.
 *
 *   martingale.h   has the distribution of a score changed?     one prompt group at a time, at once
 *   coverage.h     what share of the first traces' region is still visited, in how many dimensions
 *   screen.h       how much of the reward the surface of a trace explains
 *   run_change.c   rules on prompt groups: the policy has changed, or the prompts have
 *   run_rules.c    rules on windows, and their sentences
 *   run_stream.c   validation and counterfactual traces, watched on their own
 *
 * Two windows run side by side: a slow one with every figure, and a fast one with the figures that
 * need few traces, so that a run of 48 steps is seen. A `segment` is a stretch of the run that is
 * one: a new one begins when the alarms are acknowledged, the prompts change, or training goes on
 * from an earlier step; no window lies in two.
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
#include "core/run/prompt.h"
#include "core/run/surface.h"

enum {
    RW_RUN_FEATURES = 64,     /* dimensions of a trace's feature */
    RW_RUN_POINTS = 1024,     /* traces kept of a slow window */
    RW_RUN_FAST_POINTS = 256, /* and of a fast one */
    RW_RUN_WINDOW_MIN = 64,   /* traces of a window */
    RW_RUN_WINDOW_MAX = 1 << 20,
    RW_RUN_GROUPS = 512, /* prompt groups remembered */
    RW_RUN_BACK = 64,    /* traces in a row of earlier steps: the run goes on from there */
    RW_RUN_AHEAD = 1000, /* steps: a trace that is farther ahead than that is a mistake at first */
    RW_RUN_HISTORY = 64, /* slow windows remembered, besides the first */
    RW_RUN_FAST_HISTORY = 32,
    RW_RUN_MEMBERS = 12,    /* of a prompt group that its diversity is told from */
    RW_RUN_KINDS = 6,       /* of validation traces, the plain ones being one */
    RW_RUN_KIND_MAX = 24,   /* bytes of a kind's name, NUL included */
    RW_RUN_BATCHES = 16,    /* of a kind that are remembered, besides the first */
    RW_RUN_BATCH_MIN = 16,  /* traces of a kind that are told together ... */
    RW_RUN_BATCH_MAX = 256, /* ... from one training step, this many at most */
    RW_RUN_ALARMS = 16,     /* alarms remembered */
    RW_RUN_SUSPECTS = 5,    /* traces named by an alarm */
    RW_RUN_FLAG_KINDS = 32,
    RW_RUN_ID_MAX = 128,     /* bytes of a run id */
    RW_RUN_REQUEST_MAX = 64, /* bytes of a request id, NUL included */
    RW_RUN_SENTENCE_MAX = 640,
    RW_RUN_BYTES_MAX = 1000 * 1000,
    RW_RUN_SCRATCH_BYTES = 640 * 1024,
};

/* The main scores, low = suspicious. The first four come with a trace, one trace standing for its
 * prompt group; the others are told of the whole group. */
enum rw_run_score {
    RW_RUN_PROMPT_GAP,
    RW_RUN_MIN_LOGIT,
    RW_RUN_STEP_REDUNDANT,
    RW_RUN_LATENT_OUTLIER, /* negated distance */
    RW_RUN_TRACE_SCORES,
    RW_RUN_FLAG_COUNT = RW_RUN_TRACE_SCORES, /* negated mean number of flags that fired */
    RW_RUN_RIGHT,                            /* share verified right, of those verified */
    RW_RUN_DISTINCT,                         /* share of pairs whose texts differ */
    RW_RUN_SCORES
};

/* How much the members of a prompt group differ, 0 = not at all. */
enum rw_run_diversity {
    RW_RUN_TEXTS,   /* share of pairs with different texts */
    RW_RUN_ANSWERS, /* the same of the answers, those verified right left out: they must agree */
    RW_RUN_STATES,  /* mean squared distance of the latent states to their mean, x 2 */
    RW_RUN_DIVERSITIES
};

enum rw_run_span {
    RW_RUN_SLOW,
    RW_RUN_FAST,
    RW_RUN_SPANS
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
    uint64_t prompt;            /* hash of the prompt: which traces belong together */
    uint64_t trace;             /* hash of the trace's text */
    uint64_t group_size;        /* traces of this prompt in this step; 0 = unknown */
    uint64_t answer;            /* hash of the final answer; 0 = none */
    bool validate;              /* no training trace: watched on its own, by kind */
    char kind[RW_RUN_KIND_MAX]; /* of a validation trace, NUL-terminated; "" = plain */
    bool has_features;
    double reward[RW_RUN_REWARDS];
    double verified; /* 1 right, 0 wrong */
    double steps;
    double bytes;
    double score[RW_RUN_TRACE_SCORES];
    double surface[RW_SURFACE_DIM];
    double prompt_x[RW_PROMPT_DIM];
    double gate;                     /* 1: the gate min_process closed, 0: it did not */
    bool has_flags;                  /* they were looked for */
    uint32_t flags;                  /* bit i: flag i fired */
    float features[RW_RUN_FEATURES]; /* any length; normalised here */
};

/* Why a window has no participation ratio. */
enum rw_run_missing {
    RW_RUN_THERE,
    RW_RUN_NO_FEATURES, /* too few traces with features; a fast window looks at none */
    RW_RUN_NO_SPREAD,   /* all traces alike: there is no dimension to count */
};

/* What one window of traces said. NaN = not known. */
struct rw_run_window {
    enum rw_run_span span;
    uint64_t segment;
    uint64_t index; /* of its span */
    uint64_t end;   /* number of traces of the run at its end */
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
    enum rw_run_missing participation_missing;
    struct rw_interval diversity[RW_RUN_DIVERSITIES]; /* means over its prompt groups */
    struct rw_interval prompt_x[RW_PROMPT_DIM];
    uint64_t flags[RW_RUN_FLAG_KINDS];
};

/* Validation traces of one kind from one training step. */
struct rw_run_batch {
    uint64_t at; /* number of traces of the run at its end */
    int64_t step;
    uint64_t traces;
    struct rw_interval reward[RW_RUN_REWARDS];
    struct rw_interval accuracy;
    struct rw_interval lag; /* training accuracy minus this one; of rewards, turned round, without
                             * answers: how much more this kind is accepted */
};

struct rw_run_stream {
    char kind[RW_RUN_KIND_MAX];
    uint64_t traces;
    uint64_t batches;
    struct rw_run_batch first;
    struct rw_run_batch batch[RW_RUN_BATCHES]; /* ring */
    bool rang;
    int64_t step; /* of those that wait for their batch to end */
    uint32_t n;
    struct {
        uint64_t prompt;
        float reward[RW_RUN_REWARDS];
        float verified;
    } waiting[RW_RUN_BATCH_MAX];
};

enum rw_run_rule {
    RW_RUN_RULE_PROMPT_GAP, /* the martingales, in the order of rw_run_score */
    RW_RUN_RULE_MIN_LOGIT,
    RW_RUN_RULE_STEP_REDUNDANT,
    RW_RUN_RULE_LATENT_OUTLIER,
    RW_RUN_RULE_FLAG_COUNT,
    RW_RUN_RULE_RIGHT,
    RW_RUN_RULE_DISTINCT,
    RW_RUN_RULE_GATE,
    RW_RUN_RULE_PROMPTS,
    RW_RUN_RULE_COLLAPSE,
    RW_RUN_RULE_DIVERGENCE,
    RW_RUN_RULE_GAP,
    RW_RUN_RULE_SCREENING,
    RW_RUN_RULE_REWARD_JUMP,
    RW_RUN_RULE_STEPS_JUMP,
    RW_RUN_RULE_STEP_BYTES_JUMP,
    RW_RUN_RULE_ACCURACY,
    RW_RUN_RULE_DIVERSITY,
    RW_RUN_RULE_COVERAGE,
    RW_RUN_RULE_LENGTH,
    RW_RUN_RULE_VALIDATION,
    RW_RUN_RULE_COUNTERFACTUAL,
    RW_RUN_RULES
};

struct rw_run_alarm {
    enum rw_run_rule rule;
    bool acknowledged;
    uint32_t gate; /* of the rule `gate`: which flag, RW_RUN_FLAG_KINDS = min_process */
    bool has_span; /* a rule on windows; the others look at each prompt group or batch */
    enum rw_run_span span;
    uint64_t at;     /* number of traces of the run */
    uint64_t window; /* index of the last slow window, or of the fast one that rang */
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
    const char *advice;   /* one sentence: what to do */
};

struct rw_run_options {
    uint64_t window; /* traces; eta depends on it, so it is fixed for the run */
    uint64_t warm;   /* prompts per score that are ranked without betting: the run's own bank */
    uint64_t fast;   /* traces of a fast window; 0 or not below `window` = none */
};

struct rw_run;

/* What one observation brought about. */
struct rw_run_news {
    const struct rw_run_window *window; /* a window ended; valid until the next call */
    const struct rw_run_window *fast;   /* the same of a fast one */
    const struct rw_run_stream *stream; /* a batch of validation traces ended */
    const char *segment;                /* a segment began: why; NULL = none */
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
const char *rw_run_diversity_name(enum rw_run_diversity diversity);

/* The alarms were seen: new bank, new reference set, every rule armed again. History stays. */
void rw_run_acknowledge(struct rw_run *run);
/* The same without having looked: the alarms stay open. */
void rw_run_rebase(struct rw_run *run);
/* The baseline of `from` (its bank, its first windows, its reference set, the first batches of its
 * validation) becomes that of `run`, which is compared with it from its next trace on. CONFIG when
 * options differ, or when `from` has no window yet. */
rw_status rw_run_take_baseline(struct rw_run *run, const struct rw_run *from, struct rw_error *err);
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
    uint64_t segment;
    uint64_t in_window; /* traces of the window under way */
    uint64_t in_fast;
    uint64_t reference; /* points of the reference set, 0 = not there yet */
    double radii[RW_COVERAGE_RADII];
    int64_t step; /* under way: follows a run that was resumed from an earlier step */
    struct rw_run_score_view score[RW_RUN_SCORES];
    struct rw_run_score_view prompt[RW_PROMPT_DIM];
    uint64_t flags[RW_RUN_FLAG_KINDS];
    const struct rw_run_window *first; /* since the last acknowledgement; NULL = none yet */
    const struct rw_run_window *first_fast;
    uint32_t n_windows;
    uint32_t n_fast;
    uint32_t n_alarms;
    uint32_t n_streams;
    uint64_t stray_kinds; /* validation traces of more kinds than are watched */
};

void rw_run_view(const struct rw_run *run, struct rw_run_view *out);
/* i = 0 is the oldest remembered. */
const struct rw_run_window *rw_run_window(const struct rw_run *run, uint32_t i);
const struct rw_run_window *rw_run_fast(const struct rw_run *run, uint32_t i);
const struct rw_run_stream *rw_run_stream(const struct rw_run *run, uint32_t i);
/* i = 0 is the oldest remembered; min(batches, RW_RUN_BATCHES) are. */
const struct rw_run_batch *rw_run_batch(const struct rw_run_stream *stream, uint32_t i);
const struct rw_run_alarm *rw_run_alarm(const struct rw_run *run, uint32_t i);

#endif
