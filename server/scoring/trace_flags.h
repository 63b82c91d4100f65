/* The flags of one trace: its probes as jobs, then the computation on a prepare thread.
 *
 *   PLANNED --> PROBING --> COMPUTING --> ENDED
 *      |           |                        ^
 *      '-----------'------------------------'   nobody waits any more, or no memory
 *
 * PLANNED: the request is being prepared, or the trace's own jobs are out with the first probes.
 * PROBING: the trace is scored; forks of it run now, so that they find it in the prefix cache.
 * COMPUTING: everything they need is final; a thread looks at the text.
 *
 * Knows nothing of requests: what they share and what they are asked is struct rw_flags_host. Loop
 * thread, but for planning (any one thread) and the host's `describe`. */
#ifndef RW_SERVER_SCORING_TRACE_FLAGS_H
#define RW_SERVER_SCORING_TRACE_FLAGS_H

#include <stdatomic.h>

#include "core/probe/flags.h"
#include "core/rw_engine.h"
#include "core/shortcut/first_false.h"
#include "server/scoring/bridge.h"
#include "server/scoring/prepare.h"

struct rw_flags_host;
struct rw_trace_flags;

/* What the owner of the traces does for their flags; `trace` is its own pointer, given at the plan.
 */
struct rw_flags_host_ops {
    /* Jobs of probes: all of them, or none and why. */
    rw_status (*submit)(struct rw_flags_host *host, const struct rw_job_spec *specs, size_t n,
                        struct rw_job **jobs);
    /* One of them is over and cost this. */
    void (*probed)(struct rw_flags_host *host, const struct rw_job_cost *cost);
    /* A task is given to the prepare threads; it is back when `ended` is called. */
    void (*computing)(struct rw_flags_host *host, struct rw_task *task);
    /* Prepare thread: the scored trace in the core's words, its steps in the arena. False: no
     * memory. */
    bool (*describe)(const void *trace, struct rw_arena *scratch, struct rw_flag_trace *out);
    /* Prepare thread: the steps as they were described, for whoever else reads text. */
    void (*read_text)(void *trace, const struct rw_str *steps, size_t n);
    /* The flags are there, or flags->error says why not. `computed`: the task is back. */
    void (*ended)(void *trace, bool computed);
};

/* What all traces of a request share; set while it is prepared, then constant but for `gone`. */
struct rw_flags_host {
    const struct rw_flags_host_ops *ops;
    struct rw_engine *engine;
    struct rw_arena *arena; /* of the request: loop thread, or who prepares */
    uint64_t client;
    uint64_t deadline_ns; /* 0 = none */
    enum rw_flag_tier tier;
    bool off;          /* none is shown; gates, a reference or a run want them all the same */
    bool all;          /* those that did not fire are shown too */
    bool check;        /* false equations are looked for, whatever flags are shown */
    bool keep_signals; /* a run looks at them */
    atomic_bool gone;  /* nobody waits for them any more; the one field that changes */
    const struct rw_bank *bank; /* NULL = uncalibrated */
    bool other_outcome;         /* the bank was made beside another outcome model */
    const struct rw_model *others[RW_PROBE_OTHERS]; /* more process models, for deep flags */
    size_t n_others;
    uint64_t *fired; /* [RW_FLAGS] counters */
};

enum rw_flags_phase {
    RW_FLAGS_PLANNED,
    RW_FLAGS_PROBING,
    RW_FLAGS_COMPUTING,
    RW_FLAGS_ENDED,
};

struct rw_flag_probe;
struct rw_flags_work;

/* In the request's arena. */
struct rw_trace_flags {
    struct rw_task task;
    struct rw_flags_host *host;
    void *trace;
    enum rw_flags_phase phase;
    struct rw_probe_plan plan;
    struct rw_flag_probe *probe; /* [plan.n] */
    size_t open;                 /* probes submitted and not final */
    size_t answers_next;         /* first probe of kind ANSWER that was not submitted */
    size_t answers_open;         /* of them, submitted and not final */
    struct rw_flags_work *work;  /* COMPUTING; NULL before a thread has begun it */
    bool computed;
    enum rw_verified verified;
    struct rw_verdict verdict;         /* its slices are of the request and of the trace's steps */
    struct rw_first_false first_false; /* of a host that checks */
    struct rw_signals *signals;        /* NULL unless keep_signals */
    struct rw_error error;             /* the flags as a whole could not be computed */
    struct rw_flag *flag;              /* what the reply shows */
    size_t n;
    struct rw_flag_states states;
};

/* NULL = no memory. */
struct rw_trace_flags *rw_trace_flags_new(struct rw_flags_host *host, void *trace);
/* The probes of its tier; without memory for them they are lacks. Returns their tokens. */
uint64_t rw_trace_flags_plan(struct rw_trace_flags *flags, struct rw_probe_source *source);
/* Probes that go out with the trace's own jobs: at most one. */
size_t rw_trace_flags_first(struct rw_trace_flags *flags, struct rw_job_spec *specs,
                            struct rw_job ***slots);
/* The trace's own jobs are final, with this status; goes on by itself until `ended`. */
void rw_trace_flags_scored(struct rw_trace_flags *flags, rw_status status);
/* Asks for the end of the probes that are out; returns how many. */
size_t rw_trace_flags_cancel(struct rw_trace_flags *flags);
/* Nothing is out any more: the jobs go. */
void rw_trace_flags_release(struct rw_trace_flags *flags);

#endif
