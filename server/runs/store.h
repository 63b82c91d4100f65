/* Runs in SQLite: what survives a restart and kill -9. Used by one thread only (runs.c's).
 *
 *   runs     one row per run: its name, figures for the list, and a snapshot of its state
 *   journal  the observations since that snapshot, in order; removed when the next one is written
 *   events   what happened, numbered, for GET /v1/runs/{id}/events
 *
 * A run is its snapshot with the journal observed again, which gives the same bits. Everything
 * since the last commit is one transaction, so that the three tables always agree; write-ahead log
 * and synchronous=NORMAL: a killed process loses what was not committed (runs.c says how long that
 * is), a power cut may lose the last commits, neither leaves half of one.
 *
 * Without a path the database is in memory and keeps only the list and the events. */
#ifndef RW_SERVER_RUNS_STORE_H
#define RW_SERVER_RUNS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_STORE_VERSION = 2,          /* 1 is brought up to it */
    RW_STORE_EVENTS_MAX = 1000,    /* of one run; older ones are removed */
    RW_STORE_RECORD_MAX = 4 << 20, /* bytes of one record */
    RW_STORE_LABELS_MAX = 1024,    /* bytes of a run's labels as JSON, NUL included */
    RW_STORE_FORGOTTEN_MAX = 1000, /* names of runs that are gone; older ones are unknown */
};

struct rw_store;

enum rw_store_kind {
    RW_STORE_TRACE,
    RW_STORE_ACKNOWLEDGE,
    RW_STORE_RESET,
    RW_STORE_KINDS
};

/* The row of a run without its state. */
struct rw_store_run {
    int64_t row;
    uint64_t snapshot; /* observations inside the state; the journal goes on from there */
    uint64_t events;   /* number of the latest event; 0 = none */
    double created;    /* seconds since 1970 */
    double updated;
    uint64_t traces;
    uint64_t alarms;                  /* not acknowledged */
    char labels[RW_STORE_LABELS_MAX]; /* a JSON object; "" = none */
};

/* A place in the list, to go on behind it. */
struct rw_store_place {
    double updated;
    int64_t row;
};

/* A trace whose text is kept. */
struct rw_store_trace {
    struct rw_str label; /* unique with `why` inside a run */
    const char *why;     /* "named" by an alarm, or "typical" of a window */
    const char *rule;    /* of the alarm; "" = none */
    uint64_t at;         /* number of the trace in its run */
    uint64_t window;
    struct rw_str data; /* members of a JSON object */
};

/* NULL path: in memory. CONFIG with a hint when the file is damaged, foreign, from a newer rewardd,
 * or in use by another one. */
rw_status rw_store_open(const char *path, struct rw_store **out, struct rw_error *err);
void rw_store_close(struct rw_store *store); /* commits; NULL is fine */
bool rw_store_durable(const struct rw_store *store);

/* All writes below begin a transaction if none is open. IO: the statement was not carried out. */
rw_status rw_store_commit(struct rw_store *store, struct rw_error *err); /* nothing open: RW_OK */
void rw_store_rollback(struct rw_store *store);

/* NOT_FOUND when there is no such run. */
rw_status rw_store_find(struct rw_store *store, struct rw_str name, struct rw_store_run *out,
                        struct rw_error *err);
rw_status rw_store_insert(struct rw_store *store, struct rw_str name, double now,
                          struct rw_store_run *out, struct rw_error *err);
/* The run moves aside under a name that says so; its data stay for whoever wants to look. */
rw_status rw_store_set_aside(struct rw_store *store, struct rw_str name,
                             const struct rw_store_run *run, struct rw_error *err);
rw_status rw_store_remove(struct rw_store *store, int64_t row, struct rw_error *err);
/* Row of the run that was updated longest ago, one without open alarms if there is one; -1 = none.
 */
int64_t rw_store_oldest(struct rw_store *store);

/* Bytes stay valid until the next call. An empty state: the run has only a journal. */
rw_status rw_store_state(struct rw_store *store, int64_t row, struct rw_str *out,
                         struct rw_error *err);
/* Calls `each` in order. Stops with its status, or with IO at a gap in the numbers. */
rw_status rw_store_replay(struct rw_store *store, const struct rw_store_run *run,
                          rw_status (*each)(void *ctx, enum rw_store_kind kind, struct rw_str data,
                                            struct rw_error *err),
                          void *ctx, struct rw_error *err);
rw_status rw_store_append(struct rw_store *store, int64_t row, uint64_t number,
                          enum rw_store_kind kind, struct rw_str data, struct rw_error *err);
/* The state after `number` observations; the journal up to there goes. */
rw_status rw_store_snapshot(struct rw_store *store, int64_t row, uint64_t number,
                            struct rw_str state, struct rw_error *err);
/* Figures of the list. */
rw_status rw_store_touch(struct rw_store *store, const struct rw_store_run *run,
                         struct rw_error *err);

rw_status rw_store_event(struct rw_store *store, int64_t row, uint64_t number, const char *kind,
                         struct rw_str data, struct rw_error *err);
/* Events after `after`, oldest first, at most `max`. */
rw_status rw_store_events(struct rw_store *store, int64_t row, uint64_t after, size_t max,
                          void (*each)(void *ctx, uint64_t number, const char *kind,
                                       struct rw_str data),
                          void *ctx, struct rw_error *err);
/* Runs, newest first, at most `max`, behind `after` (NULL: from the first on). */
rw_status rw_store_list(struct rw_store *store, size_t max, const struct rw_store_place *after,
                        void (*each)(void *ctx, struct rw_str name, const struct rw_store_run *run),
                        void *ctx, struct rw_error *err);
/* ---- store_kept.c ---------------------------------------------------------------------------- */

rw_status rw_store_label(struct rw_store *store, int64_t row, struct rw_str labels,
                         struct rw_error *err);
/* The run of this row is about to be removed: its name and the reason are remembered. */
rw_status rw_store_forget(struct rw_store *store, int64_t row, double now, const char *reason,
                          struct rw_error *err);
/* The run is there again. */
rw_status rw_store_unforget(struct rw_store *store, struct rw_str name, struct rw_error *err);
/* GONE with time and reason, or NOT_FOUND. */
rw_status rw_store_why_gone(struct rw_store *store, struct rw_str name, struct rw_error *err);
/* Keeps the trace, and of all of the run `max` at most. */
rw_status rw_store_keep_trace(struct rw_store *store, int64_t row,
                              const struct rw_store_trace *trace, uint64_t max,
                              struct rw_error *err);
/* In the order of the run. */
rw_status rw_store_traces(struct rw_store *store, int64_t row,
                          void (*each)(void *ctx, const struct rw_store_trace *trace), void *ctx,
                          struct rw_error *err);

/* Runs, and the alarms of all of them that nobody acknowledged. */
uint64_t rw_store_count(struct rw_store *store, uint64_t *open_alarms);
/* When any run was updated last, seconds since 1970; 0 = no run. */
double rw_store_latest(struct rw_store *store);

#endif
