/* The run monitors of this daemon, on a thread of their own.
 *
 *      loop thread                          runs thread
 *      rw_runs_observe --- queue ------->   rw_run_observe, journal, events
 *      rw_runs_ask     --- queue ------->   renders the answer
 *      task->done      <-- uv_async ----    (and `news` when a run has new events)
 *
 * The loop never waits: not for a window's figures, not for SQLite. A full queue drops the
 * observation and counts it. The thread owns the states and the database; it commits every
 * RW_RUNS_FLUSH_MS while something is written, so a killed daemon loses the observations of that
 * time at most, and those still in the queue.
 *
 * At most `memory_max` runs are in memory, the least recently used goes to the database; without a
 * database it is forgotten, and a log line says so. */
#ifndef RW_SERVER_RUNS_RUNS_H
#define RW_SERVER_RUNS_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/run/run.h"
#include "server/runs/store.h"

enum {
    RW_RUNS_QUEUE_MAX = 16384, /* observations; about 1.2 kB each */
    RW_RUNS_TASKS_MAX = 256,   /* questions */
    RW_RUNS_FLUSH_MS = 200,
    RW_RUNS_LIST_MAX = 1000, /* of one page */
    RW_RUNS_LIST_DEFAULT = 100,
    RW_RUNS_EVENTS_BATCH = 16,     /* events of one answer */
    RW_RUNS_REPLY_MAX = 4 << 20,   /* bytes of one answer */
    RW_RUNS_TRACES_MAX = 48 << 20, /* of one with texts: 256 of 20 kB, of which JSON may make six */
};

struct rw_runs_options {
    const char *path; /* NULL = memory only */
    struct rw_run_options run;
    uint64_t memory_max;  /* runs */
    uint64_t kept_max;    /* runs in the database */
    uint64_t keep_traces; /* of a run, with their texts; 0 = none */
};

enum rw_runs_question {
    RW_RUNS_LIST,        /* a page of the runs */
    RW_RUNS_SHOW,        /* one run */
    RW_RUNS_ACKNOWLEDGE, /* its alarms; answers like SHOW */
    RW_RUNS_RESET,       /* a new baseline, alarms stay open; answers like SHOW */
    RW_RUNS_BASELINE,    /* that of the run `other`; answers like SHOW */
    RW_RUNS_TRACES,      /* the traces whose text is kept */
    RW_RUNS_DELETE,
    RW_RUNS_EVENTS, /* its events after `after`, as SSE; `after` moves on */
};

/* A question. The owner keeps it alive until `done`, which is called on the loop. */
struct rw_runs_task {
    enum rw_runs_question question;
    char id[RW_RUN_ID_MAX];
    size_t id_len;
    char other[RW_RUN_ID_MAX]; /* BASELINE */
    size_t other_len;
    uint64_t after;
    bool more;                  /* EVENTS: there are more already */
    bool as_text;               /* SHOW: text/plain */
    uint64_t limit;             /* LIST: at most */
    struct rw_store_place from; /* LIST: behind this one, when `has_from` */
    bool has_from;
    rw_status status;
    struct rw_error error;
    struct rw_buf reply;
    void (*done)(struct rw_runs_task *task);
    struct rw_runs_task *next;
};

struct rw_runs_stats {
    uint64_t observed;
    uint64_t dropped;       /* the queue was full, or no memory */
    uint64_t failed;        /* observations that the monitor or the database refused */
    uint64_t texts_dropped; /* traces observed without their text, for want of room */
    uint64_t in_memory;
    uint64_t stored;
    uint64_t open_alarms; /* not acknowledged, over all runs */
    uint64_t alarms[RW_RUN_RULES];
    bool durable;
};

struct rw_runs;

/* `news` is called on the loop when some run has new events. */
rw_status rw_runs_start(uv_loop_t *loop, const struct rw_runs_options *options,
                        void (*news)(void *ctx), void *ctx, struct rw_runs **out,
                        struct rw_error *err);
/* What comes with an observation and is not the monitor's business. */
struct rw_runs_extra {
    struct rw_str labels; /* of the run, a JSON object; empty = not given */
    struct rw_str text;   /* the trace as members of a JSON object; empty = not to be kept */
};

/* Copies. False = dropped (and counted). */
bool rw_runs_observe(struct rw_runs *runs, struct rw_str id, const struct rw_run_trace *trace,
                     const struct rw_runs_extra *extra);
/* Texts are wanted: --runs-keep-traces. */
bool rw_runs_keeps_traces(const struct rw_runs *runs);
/* An observation that could not be made for want of memory. */
void rw_runs_drop(struct rw_runs *runs);
/* OVERLOADED when too many questions wait. */
rw_status rw_runs_ask(struct rw_runs *runs, struct rw_runs_task *task, struct rw_error *err);
void rw_runs_stats(struct rw_runs *runs, struct rw_runs_stats *out);
/* Works off the queue, commits, joins the thread; every task gets its `done`. The loop must run
 * once more before rw_runs_free. */
void rw_runs_stop(struct rw_runs *runs);
void rw_runs_free(struct rw_runs *runs); /* NULL is fine */

#endif
