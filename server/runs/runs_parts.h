/* What is shared inside server/runs: the state of the runs thread, and the shelf of runs it holds
 * in memory.
 *
 * runs.c is the thread and the loop's side of it; shelf.c keeps monitors in memory and in the
 * store. Everything of the shelf is the runs thread's own (or, before it starts and after it ended,
 * the loop's). */
#ifndef RW_SERVER_RUNS_RUNS_PARTS_H
#define RW_SERVER_RUNS_RUNS_PARTS_H

#include "server/runs/keep.h"
#include "server/runs/runs.h"
#include "server/runs/store.h"

struct rw_runs_observation;

/* A run in memory. */
struct rw_runs_entry {
    struct rw_run *run;
    char name[RW_RUN_ID_MAX];
    size_t name_len;
    struct rw_store_run row;
    uint64_t number; /* observations and acknowledgements so far */
    uint64_t used;   /* turn of the last use */
    bool changed;    /* the row's figures wait to be written */
    bool torn;       /* a write failed: only a whole snapshot makes the database right again */
};

struct rw_runs {
    struct rw_runs_options options;
    void (*news)(void *ctx);
    void *news_ctx;
    uv_async_t wake;
    uv_thread_t thread;
    bool started;

    uv_mutex_t lock; /* from here to `stats` */
    uv_cond_t work;
    struct rw_runs_observation *first;
    struct rw_runs_observation **end;
    uint64_t queued;
    uint64_t queued_bytes; /* of texts */
    struct rw_runs_task *task_first;
    struct rw_runs_task **task_end;
    uint64_t tasks;
    struct rw_runs_task *done_first;
    struct rw_runs_task **done_end;
    bool events; /* there were some since the loop looked */
    bool stopping;
    struct rw_runs_stats stats;

    /* the thread's own */
    struct rw_store *store;
    struct rw_keep *keep; /* NULL = no texts are kept */
    struct rw_buf kept;   /* scratch: label and data of a trace */
    struct rw_runs_entry **entry;
    size_t entries;
    uint64_t turn;
    double latest; /* time of the last update, of this and of earlier daemons */
    bool clock_complained;
    struct rw_buf scratch;
    struct rw_run_news happened;
    bool had_events;
    bool complained; /* about a database that refuses writes; once until it recovers */
};

/* answer.c: the reply of the task, and its status. */
void rw_runs_answer(struct rw_runs *r, struct rw_runs_task *t);
/* The event: a new segment of the run began. */
void rw_runs_tell_segment(struct rw_runs *r, struct rw_runs_entry *e, const char *why);

/* shelf.c: the run's entry, taken from the store or, with `create`, begun; may evict another. */
rw_status rw_runs_shelf_find(struct rw_runs *r, struct rw_str id, bool create,
                             struct rw_runs_entry **out, struct rw_error *err);
/* One journal record; a whole snapshot every so often. */
void rw_runs_shelf_keep(struct rw_runs *r, struct rw_runs_entry *e, enum rw_store_kind kind,
                        const struct rw_run_trace *trace, bool window_ended);
/* The scratch buffer as an event of the run. */
void rw_runs_shelf_add_event(struct rw_runs *r, struct rw_runs_entry *e, const char *kind);
/* The labels that came with a trace; the same ones cost nothing. */
void rw_runs_shelf_label(struct rw_runs *r, struct rw_runs_entry *e, struct rw_str labels);
/* The trace goes into the store, with its text. */
void rw_runs_shelf_keep_trace(struct rw_runs *r, struct rw_runs_entry *e, const char *why,
                              const char *rule, uint64_t window, const struct rw_keep_trace *trace);
/* The run goes, from memory and from the store; its name stays, with the reason. Frees `e`. */
rw_status rw_runs_shelf_remove(struct rw_runs *r, struct rw_runs_entry *e, const char *reason,
                               struct rw_error *err);
uint64_t rw_runs_shelf_hash(const struct rw_runs_entry *e);
/* Figures of all changed runs, and the end of the transaction. */
void rw_runs_shelf_flush(struct rw_runs *r);
void rw_runs_shelf_release(struct rw_runs_entry *e);

#endif
