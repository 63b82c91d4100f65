/* The one public boundary of the core: models in memory, jobs in, rewards out.
 *
 * An engine owns one thread (scheduler, KV memory) and one compute team. Callers submit jobs and
 * poll for progress; nothing here blocks except create, load and destroy. A job is one trace on one
 * model. Its rewards become visible step by step, while later steps are still being computed.
 *
 * Threads: "owner" is the one thread that submits, polls, cancels and releases (the event loop of
 * the server). rw_model_* are safe from any thread once the model is loaded. rw_engine_load may run
 * on a thread of its own; the model becomes visible to others when it returns.
 *
 * Exactness: the same input on the same model gives the same bits, whatever else is in the batch,
 * however many threads, whatever the chunk size. */
#ifndef RW_ENGINE_H
#define RW_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/model/feature.h"
#include "core/model/input.h"
#include "core/model/places.h"
#include "core/model/raw.h"
#include "core/model/recipe.h"
#include "core/model/suffix.h"

struct rw_engine;
struct rw_model;
struct rw_job;

enum rw_weights_dtype {
    RW_WEIGHTS_AUTO, /* as stored: BF16 stays BF16, F16 and F32 are computed in F32 */
    RW_WEIGHTS_F32,
    RW_WEIGHTS_BF16,
    RW_WEIGHTS_INT8, /* quantised at load: W8A8, attention stays BF16 */
    RW_WEIGHTS_Q4,   /* 4-bit weights, 8-bit activations */
};

/* "auto", "f32", "bf16", "int8", "q4"; false when the name is none of them. */
bool rw_weights_dtype_named(struct rw_str name, enum rw_weights_dtype *out);

struct rw_engine_options {
    unsigned threads;           /* compute team; 0 = affinity mask and cgroup quota */
    const char *kernel;         /* NULL = best of this processor */
    size_t kv_bytes_max;        /* memory for keys and values: running jobs, then prefix cache */
    size_t prefix_cache_bytes;  /* of it, kept for later jobs; 0 = no prefix is shared */
    uint32_t chunk_tokens;      /* tokens of one forward pass over all jobs; 0 = default (512) */
    uint32_t jobs_max;          /* queued and running */
    uint64_t queued_tokens_max; /* admission: tokens waiting, over all models */
    const struct rw_clock *clock;
    /* Called from the engine thread when rw_engine_poll has something; must only wake the owner. */
    void (*notify)(void *ctx);
    void *notify_ctx;
};

rw_status rw_engine_create(const struct rw_engine_options *options, struct rw_engine **out,
                           struct rw_error *err);
/* All jobs must have been released. */
void rw_engine_destroy(struct rw_engine *engine);             /* NULL is fine */
const char *rw_engine_kernel(const struct rw_engine *engine); /* "avx512-bf16" */
/* Of the kernels this processor can run, the i-th, best first; NULL past the last. */
const char *rw_engine_kernel_name(size_t i);
unsigned rw_engine_threads(const struct rw_engine *engine);

/* ---- models ---------------------------------------------------------------------------------- */

enum {
    RW_MODEL_NAME_MAX = 128, /* bytes, NUL included */
    RW_MODEL_DIR_MAX = 4096,
};

struct rw_model_options {
    const char *name; /* alias clients use; NULL = base name of dir */
    const char *dir;
    const char *base;               /* folder of the base of a lone LoRA adapter; NULL otherwise */
    const char *preset;             /* NULL = recognise */
    const struct tm *template_date; /* what a chat template that asks is told; NULL: 2024-07-26 */
    enum rw_weights_dtype dtype;
    uint32_t context_max; /* tokens; 0 = the model's own */
    bool language_head;   /* load it, for log-probabilities of answers; without one: refused */
    bool skip_self_test;
    bool skip_agreement; /* of quantised weights with BF16, see rw_model_agreement_measure */
    /* Called between parts of tensors by the threads that load, one at a time; may be NULL. */
    void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
    void *progress_ctx;
};

enum rw_language_head {
    RW_LANGUAGE_NONE,       /* the checkpoint has none */
    RW_LANGUAGE_NOT_LOADED, /* it has one, which was not asked for */
    RW_LANGUAGE_LOADED,
};

/* Quantised weights against the same model in BF16, on a short text: core/engine/model_agreement.h.
 */
struct rw_model_agreement {
    uint32_t reads; /* rewards compared; 0 = not measured */
    uint32_t equal; /* on the same side of 0.5 */
    uint32_t tokens;
    float worst; /* largest difference of two rewards */
    double ms;
};

struct rw_model_info {
    /* A text becomes steps at the first of these that occurs in it; n_split 0: it is one step. */
    const struct rw_str *split;
    size_t n_split;
    struct rw_places places; /* besides the question and the trace: core/model/places.h */
    struct rw_str marker;    /* text of the step marker; len 0 = none, or none of its own */
    const char *name;
    const char *dir;    /* as it was found, for its other files */
    const char *digest; /* 64 hex digits: weights, tokenizer, recipe, layout */
    const char *preset;
    const char *evidence;      /* what decided the preset, for people: "class Qwen2ForPrmModel" */
    const char *template_date; /* YYYY-MM-DD, where the chat template asks; else NULL */
    const char *architecture;
    const char *purpose; /* what its maker says that it is for; NULL = nothing */
    enum rw_model_kind kind;
    const char *dtype;           /* "f32", "bf16", "int8", "q4" */
    enum rw_aggregate aggregate; /* default */
    uint32_t context_max;        /* tokens */
    uint64_t parameters;
    uint64_t weight_bytes; /* resident, language head included */
    enum rw_language_head language_head;
    uint64_t language_head_bytes; /* of weight_bytes */
    double flops_per_token;       /* linear operations; attention grows with the position */
    double load_ms;
    uint32_t golden_vectors; /* checked at load */
    struct rw_model_agreement agreement;
};

rw_status rw_engine_load(struct rw_engine *engine, const struct rw_model_options *options,
                         const struct rw_model **out, struct rw_error *err);
/* What can be said of a folder without reading weights: the package opens, and every tensor that
 * scoring needs is there with its shape. The errors are those of rw_engine_load. */
struct rw_model_outline {
    char dir[RW_MODEL_DIR_MAX]; /* as it was found */
    char preset[64];
    char evidence[160];
    char architecture[64];
    char digest[65];
    char template_date[16]; /* YYYY-MM-DD; empty where the chat template does not ask */
    enum rw_model_kind kind;
    uint32_t context_max;
    uint32_t golden_vectors;
    uint64_t stored_bytes; /* of the tensors that are bound */
};

/* A line about the i-th preset: name, kind, head and aggregate. False past the last. */
bool rw_model_preset(size_t i, char *line, size_t size);
/* One trace as the model would read it, without loading weights; see core/model/input.h for the
 * view. Arrays live in the arena. */
rw_status rw_model_explain(const struct rw_model_options *options,
                           const struct rw_trace_source *source, struct rw_arena *arena,
                           struct rw_input *input, struct rw_model_outline *outline,
                           struct rw_error *err);

/* The alias that clients will use: as asked, or the last component of the folder's path. */
rw_status rw_model_name(const struct rw_model_options *options, char name[RW_MODEL_NAME_MAX],
                        struct rw_error *err);
rw_status rw_model_check(const struct rw_model_options *options, struct rw_model_outline *out,
                         struct rw_error *err);
/* In loading order; returns how many there are. */
size_t rw_engine_models(const struct rw_engine *engine, const struct rw_model **out, size_t max);
const struct rw_model_info *rw_model_info(const struct rw_model *model);
/* Token ids, positions and spans of one trace; pure, any thread. See core/model/input.h. */
rw_status rw_model_build_input(const struct rw_model *model, const struct rw_trace_source *source,
                               struct rw_arena *arena, struct rw_input *out, struct rw_error *err);

/* The same for ids or text that the client laid out itself. See core/model/raw.h. */
rw_status rw_model_build_raw(const struct rw_model *model, const struct rw_raw_source *source,
                             struct rw_arena *arena, struct rw_input *out, struct rw_error *err);
/* The text of a process model's step marker, where rewards are read at one token and it has a text;
 * else len 0. */
struct rw_str rw_model_marker(const struct rw_model *model);

/* The answer to a question, tokenised; rw_suffix_join puts it behind steps of a trace. Pure, any
 * thread. See core/model/suffix.h. */
rw_status rw_model_build_suffix(const struct rw_model *model, const struct rw_suffix_source *source,
                                struct rw_arena *arena, struct rw_suffix *out,
                                struct rw_error *err);

/* ---- jobs ------------------------------------------------------------------------------------ */

enum rw_job_priority {
    RW_PRIORITY_NORMAL,
    RW_PRIORITY_LOW, /* runs when no normal job wants the pass, and in a small share beside them */
};

struct rw_job_spec {
    const struct rw_model *model;
    const struct rw_input *input; /* borrowed until rw_job_release */
    float stop_below;             /* NaN = compute all steps; process models only */
    uint64_t deadline_ns;         /* on the engine's clock; 0 = none */
    void *tag;                    /* the owner's own */
    uint64_t client;              /* clients get equal shares: hash of key or peer, and run */
    enum rw_job_priority priority;
    bool want_features; /* see rw_job_features */
    bool alone;         /* neither takes from the prefix cache nor leaves anything there */
};

/*   QUEUED --> RUNNING --> DONE
 *      |          |
 *      '----------'-----> FAILED      (DEADLINE, NOT_FINITE, NO_MEMORY, ...)
 *      '----------'-----> CANCELLED */
enum rw_job_state {
    RW_JOB_QUEUED,
    RW_JOB_RUNNING,
    RW_JOB_DONE,
    RW_JOB_FAILED,
    RW_JOB_CANCELLED,
};

struct rw_job_cost {
    uint32_t tokens;        /* that entered a forward pass */
    uint32_t cached_tokens; /* found in the prefix cache instead */
    double flops;
    uint64_t cpu_ns;   /* share of the team's CPU time, by operations */
    uint64_t queue_ns; /* submit to first chunk */
    uint64_t total_ns; /* submit to end */
};

struct rw_job_view {
    enum rw_job_state state;
    uint32_t scores_ready;   /* process: leading steps computed; outcome: 0 or 1; answer: its
                                leading tokens. Grows only. */
    bool stopped;            /* DONE early: the last ready step fell under stop_below */
    struct rw_job_cost cost; /* final once the state is */
    struct rw_error error;   /* FAILED */
};

/* All of the specs or none. OVERLOADED when a budget would be passed. jobs[n] are the caller's
 * until released. */
rw_status rw_engine_submit(struct rw_engine *engine, const struct rw_job_spec *specs, size_t n,
                           struct rw_job **jobs, struct rw_error *err);
/* Jobs with news since the last poll, each at most once; returns how many were written. Call again
 * until 0. A job appears for the last time when its state is final. */
size_t rw_engine_poll(struct rw_engine *engine, struct rw_job **changed, size_t max);
/* Asks for the end of a job; it still ends with a final state through poll. Safe on a final one. */
void rw_engine_cancel(struct rw_engine *engine, struct rw_job *job);
void *rw_job_tag(const struct rw_job *job);
/* As of the last poll that handed the job out. */
void rw_job_view(const struct rw_job *job, struct rw_job_view *out);
/* scores[0 .. scores_ready) are valid and never change. Of an input with an answer, one per token
 * of the answer: raw = its log-probability after all before it, reward = the probability. */
const struct rw_score *rw_job_scores(const struct rw_job *job);
/* features[scores_ready][RW_FEATURE_DIM], row i at the position of score i (core/model/feature.h);
 * valid and final like the scores. NULL when the spec did not want them. */
const float *rw_job_features(const struct rw_job *job);
/* Only after poll has shown a final state. */
void rw_job_release(struct rw_engine *engine, struct rw_job *job);

struct rw_engine_stats {
    uint32_t jobs_queued;
    uint32_t jobs_running;
    uint64_t queued_tokens;
    uint64_t tokens_total; /* through forward passes since creation */
    uint64_t cpu_ns_total;
    uint64_t passes_total;
    double flops_total;
    size_t kv_bytes_used; /* by running jobs */
    size_t kv_bytes_max;
    uint64_t cache_lookup_tokens; /* of jobs that started */
    uint64_t cache_hit_tokens;    /* of jobs that ended: not computed, since they were there */
    uint64_t cache_evictions;     /* blocks */
    uint64_t cache_blocks;        /* kept and in no job's use */
    size_t cache_bytes;
    size_t cache_bytes_max;
    uint64_t lock_wait_ns_max; /* the longest that a caller waited for the engine thread */
};

void rw_engine_stats(const struct rw_engine *engine, struct rw_engine_stats *out); /* any thread */

#endif
