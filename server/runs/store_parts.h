/* What the two halves of the store share: store.c (runs, journal, events) and store_kept.c (texts
 * of traces, labels, runs that are gone). */
#ifndef RW_SERVER_RUNS_STORE_PARTS_H
#define RW_SERVER_RUNS_STORE_PARTS_H

#include <sqlite3.h>

#include "server/runs/store.h"

enum rw_store_statement {
    RW_STORE_SQL_FIND,
    RW_STORE_SQL_INSERT,
    RW_STORE_SQL_RENAME,
    RW_STORE_SQL_DELETE_RUN,
    RW_STORE_SQL_DELETE_JOURNAL,
    RW_STORE_SQL_DELETE_EVENTS,
    RW_STORE_SQL_OLDEST,
    RW_STORE_SQL_STATE,
    RW_STORE_SQL_REPLAY,
    RW_STORE_SQL_APPEND,
    RW_STORE_SQL_SNAPSHOT,
    RW_STORE_SQL_TRIM_JOURNAL,
    RW_STORE_SQL_TOUCH,
    RW_STORE_SQL_ADD_EVENT,
    RW_STORE_SQL_TRIM_EVENTS,
    RW_STORE_SQL_EVENTS,
    RW_STORE_SQL_LIST,
    RW_STORE_SQL_COUNT_RUNS,
    RW_STORE_SQL_LATEST,
    RW_STORE_SQL_FORGET,
    RW_STORE_SQL_UNFORGET,
    RW_STORE_SQL_TRIM_FORGOTTEN,
    RW_STORE_SQL_FORGOTTEN,
    RW_STORE_SQL_LABEL,
    RW_STORE_SQL_KEEP_TRACE,
    RW_STORE_SQL_DROP_TRACE,
    RW_STORE_SQL_TRACES,
    RW_STORE_SQL_DELETE_TRACES,
    RW_STORE_SQL_BEGIN,
    RW_STORE_SQL_COMMIT,
    RW_STORE_SQL_STATEMENTS
};

struct rw_store {
    sqlite3 *db;
    sqlite3_stmt *statement[RW_STORE_SQL_STATEMENTS];
    sqlite3_stmt *borrowed; /* its row is what a caller still reads */
    bool durable;
};

rw_status rw_store_refused(struct rw_store *s, struct rw_error *err, const char *what);
/* The statement, reset and without bindings. */
sqlite3_stmt *rw_store_use(struct rw_store *s, enum rw_store_statement which);
/* Steps once and resets. */
rw_status rw_store_finish(struct rw_store *s, sqlite3_stmt *st, const char *what,
                          struct rw_error *err);
rw_status rw_store_begin(struct rw_store *s, struct rw_error *err);

/* Begins if needed; `st` is the statement to bind and finish. */
#define RW_STORE_WRITE_BEGIN(s, which, err)        \
    rw_status status = rw_store_begin((s), (err)); \
    sqlite3_stmt *st = rw_store_use((s), (which)); \
    if (status != RW_OK) {                         \
        return status;                             \
    }

static inline void rw_store_bind_number(sqlite3_stmt *st, int at, uint64_t value)
{
    sqlite3_bind_int64(st, at, (sqlite3_int64)value);
}

static inline void rw_store_bind_text(sqlite3_stmt *st, int at, struct rw_str text)
{
    sqlite3_bind_text(st, at, text.ptr, (int)text.len, SQLITE_STATIC);
}

static inline void rw_store_bind_blob(sqlite3_stmt *st, int at, struct rw_str data)
{
    sqlite3_bind_blob(st, at, data.len > 0 ? data.ptr : "", (int)data.len, SQLITE_STATIC);
}

static inline uint64_t rw_store_column_number(sqlite3_stmt *st, int at)
{
    return (uint64_t)sqlite3_column_int64(st, at);
}

static inline struct rw_str rw_store_column_bytes(sqlite3_stmt *st, int at)
{
    const void *ptr = sqlite3_column_blob(st, at); /* before column_bytes, as SQLite asks */
    return (struct rw_str){ptr, (size_t)sqlite3_column_bytes(st, at)};
}

#endif
