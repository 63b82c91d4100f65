/* Models and scores without a server: what `rewardd calibrate` and `rewardd audit` stand on.
 *
 * The engine, its batching and its probes are those of the daemon, so a score here is bit for bit
 * the score there. One thread calls everything. */
#ifndef RW_SERVER_COMMANDS_OFFLINE_H
#define RW_SERVER_COMMANDS_OFFLINE_H

#include "core/probe/flags.h"

enum {
    RW_OFFLINE_STEPS_MAX = 10000,
    RW_OFFLINE_TOKENS_MAX = 131072, /* of a trace, below the model's own context */
    RW_OFFLINE_WINDOW = 64,         /* traces whose jobs are in the engine together */
};

struct rw_offline;

const struct rw_model *rw_offline_process(const struct rw_offline *o); /* may be NULL */
const struct rw_model *rw_offline_outcome(const struct rw_offline *o);

/* One trace as read from a file, or edited. Texts are borrowed. */
struct rw_sample {
    struct rw_str prompt;
    const struct rw_str *steps;
    size_t n_steps;
    struct rw_str domain;    /* empty = none */
    struct rw_str group;     /* of clean traces: what a bank ranks apart; empty = none */
    struct rw_str reference; /* empty = none */
};

/* What scoring leaves behind; arrays in the arena that was given. */
struct rw_offline_score {
    const struct rw_sample *sample; /* set by the caller */
    rw_status status;               /* the first thing that failed, else RW_OK */
    struct rw_error error;
    struct rw_score *scores; /* process; [n_steps], or NULL */
    float *features;         /* [n_steps][RW_SIGNAL_FEATURES], or NULL */
    struct rw_score outcome;
    bool has_outcome;
    struct rw_probe_plan plan; /* run, for tiers above FREE */
};

struct rw_offline_work {
    enum rw_flag_tier tier;
    bool full_gap; /* prompt_gap over all steps: gives every one of its signals */
    bool features;
};

/* Scores n traces (any number; windows are inside). Fails on NO_MEMORY only: what is wrong with one
 * trace is in its score. */
rw_status rw_offline_score(struct rw_offline *o, const struct rw_offline_work *work,
                           struct rw_offline_score *scores, size_t n, struct rw_arena *arena,
                           struct rw_error *err);

/* A JSONL file: {"prompt": "...", "steps": ["..."] | "text": "...", "domain": "...", "group":
 * "...", "reference": "..." or a number}, other members are ignored, empty lines too. A text is cut
 * by the model's own rule. Fails with the line's number. At most `max` lines are read. */
rw_status rw_offline_read(const struct rw_offline *o, const char *path, size_t max,
                          struct rw_arena *arena, struct rw_sample **out, size_t *n,
                          struct rw_error *err);

/* What commands over a file of traces are told, and have once it is read. */
struct rw_offline_set {
    const char *model; /* DIR[=NAME][,...] as --model of the daemon; NULL = none */
    const char *outcome;
    const char *traces; /* a file */
    const char *out;
    size_t max;
    size_t threads; /* 0 = all */
    bool skip_self_test;
    struct rw_offline *offline;
    struct rw_arena arena; /* the command's, from rw_arena_init to rw_offline_end */
    struct rw_sample *sample;
    size_t n;
};

/* Opens the models and reads the traces. A kind of model other than asked for is MODEL_KIND;
 * rw_offline_end frees what either left, also on failure. */
rw_status rw_offline_begin(struct rw_offline_set *set, struct rw_error *err);
void rw_offline_end(struct rw_offline_set *set);

/* Writes path.part, then renames it: a reader sees the old file or the new one. */
rw_status rw_offline_write(const char *path, struct rw_str text, struct rw_error *err);

#endif
