#include "server/runs/store.h"

#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "server/runs/store_parts.h"

static const int APPLICATION_ID = 0x52574452; /* "RWDR" */

static const char *const SQL[RW_STORE_SQL_STATEMENTS] = {
    [RW_STORE_SQL_FIND] = "SELECT id, snapshot, events, created, updated, traces, alarms, labels "
                          "FROM runs WHERE name = ?1",
    [RW_STORE_SQL_INSERT] =
        "INSERT INTO runs(name, snapshot, events, created, updated, traces, alarms, state) "
        "VALUES(?1, 0, 0, ?2, ?2, 0, 0, x'')",
    [RW_STORE_SQL_RENAME] = "UPDATE runs SET name = ?2 WHERE id = ?1",
    [RW_STORE_SQL_DELETE_RUN] = "DELETE FROM runs WHERE id = ?1",
    [RW_STORE_SQL_DELETE_JOURNAL] = "DELETE FROM journal WHERE run = ?1",
    [RW_STORE_SQL_DELETE_EVENTS] = "DELETE FROM events WHERE run = ?1",
    /* Nobody has looked at an open alarm yet: such a run goes last. */
    [RW_STORE_SQL_OLDEST] = "SELECT id FROM runs ORDER BY alarms > 0, updated, id LIMIT 1",
    [RW_STORE_SQL_STATE] = "SELECT state FROM runs WHERE id = ?1",
    [RW_STORE_SQL_REPLAY] = "SELECT number, kind, data FROM journal WHERE run = ?1 AND number > ?2 "
                            "ORDER BY number",
    [RW_STORE_SQL_APPEND] = "INSERT INTO journal(run, number, kind, data) VALUES(?1, ?2, ?3, ?4)",
    [RW_STORE_SQL_SNAPSHOT] = "UPDATE runs SET snapshot = ?2, state = ?3 WHERE id = ?1",
    [RW_STORE_SQL_TRIM_JOURNAL] = "DELETE FROM journal WHERE run = ?1 AND number <= ?2",
    [RW_STORE_SQL_TOUCH] =
        "UPDATE runs SET events = ?2, updated = ?3, traces = ?4, alarms = ?5 WHERE id = ?1",
    [RW_STORE_SQL_ADD_EVENT] = "INSERT INTO events(run, number, kind, data) VALUES(?1, ?2, ?3, ?4)",
    [RW_STORE_SQL_TRIM_EVENTS] = "DELETE FROM events WHERE run = ?1 AND number <= ?2",
    [RW_STORE_SQL_EVENTS] = "SELECT number, kind, data FROM events WHERE run = ?1 AND number > ?2 "
                            "ORDER BY number LIMIT ?3",
    [RW_STORE_SQL_LIST] =
        "SELECT name, id, snapshot, events, created, updated, traces, alarms, labels FROM runs "
        "WHERE ?2 IS NULL OR (updated, id) < (?2, ?3) ORDER BY updated DESC, id DESC LIMIT ?1",
    [RW_STORE_SQL_COUNT_RUNS] = "SELECT count(*), coalesce(sum(alarms), 0) FROM runs",
    [RW_STORE_SQL_LATEST] = "SELECT coalesce(max(updated), 0) FROM runs",
    [RW_STORE_SQL_FORGET] = "INSERT OR REPLACE INTO forgotten(name, at, reason) "
                            "SELECT name, ?2, ?3 FROM runs WHERE id = ?1",
    [RW_STORE_SQL_UNFORGET] = "DELETE FROM forgotten WHERE name = ?1",
    [RW_STORE_SQL_TRIM_FORGOTTEN] = "DELETE FROM forgotten WHERE name NOT IN "
                                    "(SELECT name FROM forgotten ORDER BY at DESC LIMIT ?1)",
    [RW_STORE_SQL_FORGOTTEN] = "SELECT at, reason FROM forgotten WHERE name = ?1",
    [RW_STORE_SQL_LABEL] = "UPDATE runs SET labels = ?2 WHERE id = ?1",
    [RW_STORE_SQL_KEEP_TRACE] = "INSERT OR IGNORE INTO traces(run, label, why, rule, at, window, "
                                "data) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    /* Of more than ?2: typical ones that came later first, then what alarms named, both the oldest
     * first; the first typical one, which shows what the run was like before, goes last. */
    [RW_STORE_SQL_DROP_TRACE] =
        "DELETE FROM traces WHERE run = ?1 AND rowid IN (SELECT t.rowid FROM traces t "
        "WHERE t.run = ?1 ORDER BY CASE WHEN t.why = 'named' THEN 1 WHEN t.at = (SELECT min(at) "
        "FROM traces WHERE run = ?1 AND why = 'typical') THEN 2 ELSE 0 END, t.at "
        "LIMIT max(0, (SELECT count(*) FROM traces WHERE run = ?1) - ?2))",
    [RW_STORE_SQL_TRACES] =
        "SELECT why, rule, at, window, data FROM traces WHERE run = ?1 ORDER BY at, rowid",
    [RW_STORE_SQL_DELETE_TRACES] = "DELETE FROM traces WHERE run = ?1",
    [RW_STORE_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [RW_STORE_SQL_COMMIT] = "COMMIT",
};

static const char SCHEMA[] =
    "BEGIN;"
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, snapshot INTEGER NOT "
    "NULL, events INTEGER NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, traces INTEGER "
    "NOT NULL, alarms INTEGER NOT NULL, state BLOB NOT NULL);"
    "CREATE TABLE journal(run INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL, "
    "data BLOB NOT NULL, PRIMARY KEY(run, number)) WITHOUT ROWID;"
    "CREATE TABLE events(run INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, "
    "data TEXT NOT NULL, PRIMARY KEY(run, number)) WITHOUT ROWID;"
    "PRAGMA application_id = 0x52574452;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

/* From version 1, which had neither, to 2. */
static const char SECOND[] =
    "BEGIN;"
    "ALTER TABLE runs ADD COLUMN labels TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE traces(run INTEGER NOT NULL, label TEXT NOT NULL, why TEXT NOT NULL, rule TEXT "
    "NOT NULL, at INTEGER NOT NULL, window INTEGER NOT NULL, data TEXT NOT NULL, "
    "UNIQUE(run, label, why));"
    "CREATE TABLE forgotten(name TEXT PRIMARY KEY, at REAL NOT NULL, reason TEXT NOT NULL) "
    "WITHOUT ROWID;"
    "PRAGMA user_version = 2;"
    "COMMIT;";

rw_status rw_store_refused(struct rw_store *s, struct rw_error *err, const char *what)
{
    int code = sqlite3_errcode(s->db);
    return rw_fail(err, RW_IO, "the runs database: %s: %s (%d)", what, sqlite3_errmsg(s->db), code);
}

/* ---- opening --------------------------------------------------------------------------------- */

static long long pragma_number(struct rw_store *s, const char *sql)
{
    sqlite3_stmt *st = NULL;
    long long value = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        value = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return value;
}

static bool quick_check(struct rw_store *s)
{
    sqlite3_stmt *st = NULL;
    bool good = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL) == SQLITE_OK &&
                sqlite3_step(st) == SQLITE_ROW &&
                strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
    sqlite3_finalize(st);
    return good;
}

static rw_status unusable(struct rw_error *err, const char *path, const char *why, const char *hint)
{
    rw_fail(err, RW_CONFIG, "the runs database %s %s", path, why);
    rw_error_hint(err, "%s", hint);
    return RW_CONFIG;
}

static const char AWAY[] = "move the file away (a new one is made), or give another --runs-db";

static rw_status check_code(struct rw_store *s, const char *path, int code, struct rw_error *err)
{
    char why[192];
    if (code == SQLITE_OK) {
        return RW_OK;
    }
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return unusable(err, path, "is in use by another process",
                        "each rewardd needs a --runs-db of its own");
    }
    if (code == SQLITE_NOTADB) {
        return unusable(err, path, "is no SQLite database, or damaged", AWAY);
    }
    snprintf(why, sizeof why, "cannot be used: %s", sqlite3_errmsg(s->db));
    return unusable(err, path, why, AWAY);
}

static rw_status check_owner(struct rw_store *s, const char *path, bool *fresh, bool *first,
                             struct rw_error *err)
{
    char why[192];
    long long version = pragma_number(s, "PRAGMA user_version");
    long long id = pragma_number(s, "PRAGMA application_id");
    long long tables = pragma_number(s, "SELECT count(*) FROM sqlite_master");
    *fresh = version == 0 && id == 0 && tables == 0;
    if (!*fresh && id != APPLICATION_ID) {
        return unusable(err, path, tables < 0 ? "is damaged" : "belongs to another program", AWAY);
    }
    *first = version == 1;
    if (!*fresh && !*first && version != RW_STORE_VERSION) {
        snprintf(why, sizeof why, "has schema version %lld; this rewardd knows %d", version,
                 RW_STORE_VERSION);
        return unusable(err, path, why, AWAY);
    }
    return RW_OK;
}

/* Never carries on with a file it does not understand: the history of a run would be lost or wrong
 * without anyone being told. Nothing is written before it is known to be ours. */
static rw_status check_file(struct rw_store *s, const char *path, struct rw_error *err)
{
    static const char LOOK[] = "SELECT count(*) FROM sqlite_master";
    /* 512 kB of pages: a run writes, and reads only when it comes back. SQLite's own 2 MB filled
     * over the first half hour of a soak, which looked like a leak. */
    static const char TAKE[] =
        "PRAGMA temp_store=MEMORY; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
        "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-512; BEGIN IMMEDIATE; COMMIT;";
    bool fresh = false;
    bool first = false;
    rw_status status = check_code(s, path, sqlite3_exec(s->db, LOOK, NULL, NULL, NULL), err);
    if (status == RW_OK) {
        status = check_owner(s, path, &fresh, &first, err);
    }
    if (status == RW_OK) {
        status = check_code(s, path, sqlite3_exec(s->db, TAKE, NULL, NULL, NULL), err);
    }
    if (status == RW_OK && !fresh && !quick_check(s)) {
        return unusable(err, path, "is damaged (quick_check)", AWAY);
    }
    if (status == RW_OK && fresh && sqlite3_exec(s->db, SCHEMA, NULL, NULL, NULL) != SQLITE_OK) {
        return rw_store_refused(s, err, "cannot make its tables");
    }
    if (status == RW_OK && (fresh || first) &&
        sqlite3_exec(s->db, SECOND, NULL, NULL, NULL) != SQLITE_OK) {
        return rw_store_refused(s, err, "cannot bring its tables up to date");
    }
    return status;
}

rw_status rw_store_open(const char *path, struct rw_store **out, struct rw_error *err)
{
    struct rw_store *s = rw_alloc_zero(1, sizeof *s);
    rw_status status = RW_OK;
    if (s == NULL) {
        return rw_fail_memory(err, "the runs database");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path != NULL ? path : ":memory:", &s->db, flags, NULL) != SQLITE_OK) {
        status = rw_fail(err, RW_CONFIG, "the runs database %s cannot be opened: %s",
                         path != NULL ? path : "in memory", sqlite3_errmsg(s->db));
    }
    if (status == RW_OK) {
        /* SQLite's own names for a database in memory (":memory:", "") have no file. */
        const char *file = sqlite3_db_filename(s->db, "main");
        s->durable = file != NULL && file[0] != '\0';
        sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, RW_STORE_RECORD_MAX);
        status = check_file(s, path != NULL ? path : "in memory", err);
    }
    for (int i = 0; i < RW_STORE_SQL_STATEMENTS && status == RW_OK; i++) {
        if (sqlite3_prepare_v3(s->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statement[i],
                               NULL) != SQLITE_OK) {
            status = rw_store_refused(s, err, "a table is not as it should be");
        }
    }
    if (status != RW_OK) {
        rw_store_close(s);
        return status;
    }
    *out = s;
    return RW_OK;
}

void rw_store_close(struct rw_store *s)
{
    if (s == NULL) {
        return;
    }
    if (s->statement[RW_STORE_SQL_COMMIT] != NULL) {
        struct rw_error ignored = {0};
        (void)rw_store_commit(s, &ignored);
    }
    for (int i = 0; i < RW_STORE_SQL_STATEMENTS; i++) {
        sqlite3_finalize(s->statement[i]);
    }
    sqlite3_close(s->db);
    rw_free(s);
}

bool rw_store_durable(const struct rw_store *store)
{
    return store->durable;
}

/* ---- statements ------------------------------------------------------------------------------ */

sqlite3_stmt *rw_store_use(struct rw_store *s, enum rw_store_statement which)
{
    if (s->borrowed != NULL) {
        sqlite3_reset(s->borrowed);
        s->borrowed = NULL;
    }
    sqlite3_stmt *st = s->statement[which];
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return st;
}

rw_status rw_store_finish(struct rw_store *s, sqlite3_stmt *st, const char *what,
                          struct rw_error *err)
{
    int code = sqlite3_step(st);
    rw_status status =
        code == SQLITE_DONE || code == SQLITE_ROW ? RW_OK : rw_store_refused(s, err, what);
    sqlite3_reset(st);
    return status;
}

static bool in_transaction(const struct rw_store *s)
{
    return sqlite3_get_autocommit(s->db) == 0;
}

rw_status rw_store_begin(struct rw_store *s, struct rw_error *err)
{
    return in_transaction(s) ? RW_OK
                             : rw_store_finish(s, rw_store_use(s, RW_STORE_SQL_BEGIN),
                                               "cannot begin to write", err);
}

rw_status rw_store_commit(struct rw_store *s, struct rw_error *err)
{
    return in_transaction(s)
               ? rw_store_finish(s, rw_store_use(s, RW_STORE_SQL_COMMIT), "cannot commit", err)
               : RW_OK;
}

void rw_store_rollback(struct rw_store *s)
{
    rw_store_use(s, RW_STORE_SQL_COMMIT);
    if (in_transaction(s)) {
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* ---- runs ------------------------------------------------------------------------------------ */

static struct rw_store_run read_run(sqlite3_stmt *st, int at)
{
    struct rw_store_run run = {.row = sqlite3_column_int64(st, at),
                               .snapshot = rw_store_column_number(st, at + 1),
                               .events = rw_store_column_number(st, at + 2),
                               .created = sqlite3_column_double(st, at + 3),
                               .updated = sqlite3_column_double(st, at + 4),
                               .traces = rw_store_column_number(st, at + 5),
                               .alarms = rw_store_column_number(st, at + 6)};
    struct rw_str labels = rw_store_column_bytes(st, at + 7);
    if (labels.len < sizeof run.labels) {
        memcpy(run.labels, labels.ptr != NULL ? labels.ptr : "", labels.len);
    }
    return run;
}

rw_status rw_store_find(struct rw_store *s, struct rw_str name, struct rw_store_run *out,
                        struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_FIND);
    rw_store_bind_text(st, 1, name);
    int code = sqlite3_step(st);
    rw_status status = RW_OK;
    if (code == SQLITE_ROW) {
        *out = read_run(st, 0);
    } else if (code == SQLITE_DONE) {
        status = rw_fail(err, RW_NOT_FOUND, "there is no run of that id");
    } else {
        status = rw_store_refused(s, err, "cannot look up a run");
    }
    sqlite3_reset(st);
    return status;
}

rw_status rw_store_insert(struct rw_store *s, struct rw_str name, double now,
                          struct rw_store_run *out, struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_INSERT, err)
    rw_store_bind_text(st, 1, name);
    sqlite3_bind_double(st, 2, now);
    status = rw_store_finish(s, st, "cannot add a run", err);
    *out = (struct rw_store_run){
        .row = sqlite3_last_insert_rowid(s->db), .created = now, .updated = now};
    return status;
}

rw_status rw_store_set_aside(struct rw_store *s, struct rw_str name, const struct rw_store_run *run,
                             struct rw_error *err)
{
    char aside[256];
    snprintf(aside, sizeof aside, "%.*s (damaged, set aside as %lld)", (int)name.len, name.ptr,
             (long long)run->row);
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_RENAME, err)
    sqlite3_bind_int64(st, 1, run->row);
    rw_store_bind_text(st, 2, rw_str_from(aside));
    return rw_store_finish(s, st, "cannot set a damaged run aside", err);
}

static rw_status remove_part(struct rw_store *s, enum rw_store_statement which, int64_t row,
                             struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, which, err)
    sqlite3_bind_int64(st, 1, row);
    return rw_store_finish(s, st, "cannot remove a run", err);
}

rw_status rw_store_remove(struct rw_store *s, int64_t row, struct rw_error *err)
{
    rw_status status = remove_part(s, RW_STORE_SQL_DELETE_JOURNAL, row, err);
    if (status == RW_OK) {
        status = remove_part(s, RW_STORE_SQL_DELETE_EVENTS, row, err);
    }
    if (status == RW_OK) {
        status = remove_part(s, RW_STORE_SQL_DELETE_TRACES, row, err);
    }
    return status == RW_OK ? remove_part(s, RW_STORE_SQL_DELETE_RUN, row, err) : status;
}

double rw_store_latest(struct rw_store *s)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_LATEST);
    double latest = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_double(st, 0) : 0;
    sqlite3_reset(st);
    return latest;
}

uint64_t rw_store_count(struct rw_store *s, uint64_t *open_alarms)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_COUNT_RUNS);
    uint64_t n = sqlite3_step(st) == SQLITE_ROW ? rw_store_column_number(st, 0) : 0;
    *open_alarms = n > 0 ? rw_store_column_number(st, 1) : 0;
    sqlite3_reset(st);
    return n;
}

int64_t rw_store_oldest(struct rw_store *s)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_OLDEST);
    int64_t row = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
    sqlite3_reset(st);
    return row;
}

/* ---- state and journal ----------------------------------------------------------------------- */

rw_status rw_store_state(struct rw_store *s, int64_t row, struct rw_str *out, struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_STATE);
    sqlite3_bind_int64(st, 1, row);
    if (sqlite3_step(st) != SQLITE_ROW) {
        rw_status status = rw_store_refused(s, err, "cannot read a run");
        sqlite3_reset(st);
        return status;
    }
    *out = rw_store_column_bytes(st, 0);
    s->borrowed = st;
    return RW_OK;
}

rw_status rw_store_replay(struct rw_store *s, const struct rw_store_run *run,
                          rw_status (*each)(void *ctx, enum rw_store_kind kind, struct rw_str data,
                                            struct rw_error *err),
                          void *ctx, struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_REPLAY);
    sqlite3_bind_int64(st, 1, run->row);
    rw_store_bind_number(st, 2, run->snapshot);
    rw_status status = RW_OK;
    uint64_t expected = run->snapshot + 1;
    int code = SQLITE_DONE;
    while (status == RW_OK && (code = sqlite3_step(st)) == SQLITE_ROW) {
        if (rw_store_column_number(st, 0) != expected) {
            status = rw_fail(err, RW_IO, "observation %llu of a run is missing",
                             (unsigned long long)expected);
            break;
        }
        status = each(ctx, (enum rw_store_kind)sqlite3_column_int64(st, 1),
                      rw_store_column_bytes(st, 2), err);
        expected++;
    }
    if (status == RW_OK && code != SQLITE_DONE) {
        status = rw_store_refused(s, err, "cannot read the journal of a run");
    }
    sqlite3_reset(st);
    return status;
}

rw_status rw_store_append(struct rw_store *s, int64_t row, uint64_t number, enum rw_store_kind kind,
                          struct rw_str data, struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_APPEND, err)
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_number(st, 2, number);
    sqlite3_bind_int64(st, 3, kind);
    rw_store_bind_blob(st, 4, data);
    return rw_store_finish(s, st, "cannot write an observation", err);
}

rw_status rw_store_snapshot(struct rw_store *s, int64_t row, uint64_t number, struct rw_str state,
                            struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_SNAPSHOT, err)
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_number(st, 2, number);
    rw_store_bind_blob(st, 3, state);
    status = rw_store_finish(s, st, "cannot write the state of a run", err);
    if (status == RW_OK && sqlite3_changes(s->db) != 1) {
        status = rw_fail(err, RW_IO, "the row of a run is gone from the runs database");
    }
    if (status != RW_OK) {
        return status;
    }
    st = rw_store_use(s, RW_STORE_SQL_TRIM_JOURNAL);
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_number(st, 2, number);
    return rw_store_finish(s, st, "cannot trim the journal of a run", err);
}

rw_status rw_store_touch(struct rw_store *s, const struct rw_store_run *run, struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_TOUCH, err)
    sqlite3_bind_int64(st, 1, run->row);
    rw_store_bind_number(st, 2, run->events);
    sqlite3_bind_double(st, 3, run->updated);
    rw_store_bind_number(st, 4, run->traces);
    rw_store_bind_number(st, 5, run->alarms);
    return rw_store_finish(s, st, "cannot update a run", err);
}

/* ---- events and lists ------------------------------------------------------------------------ */

rw_status rw_store_event(struct rw_store *s, int64_t row, uint64_t number, const char *kind,
                         struct rw_str data, struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_ADD_EVENT, err)
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_number(st, 2, number);
    rw_store_bind_text(st, 3, rw_str_from(kind));
    rw_store_bind_text(st, 4, data);
    status = rw_store_finish(s, st, "cannot write an event", err);
    if (status == RW_OK && number > RW_STORE_EVENTS_MAX) {
        st = rw_store_use(s, RW_STORE_SQL_TRIM_EVENTS);
        sqlite3_bind_int64(st, 1, row);
        rw_store_bind_number(st, 2, number - RW_STORE_EVENTS_MAX);
        status = rw_store_finish(s, st, "cannot trim events", err);
    }
    return status;
}

rw_status rw_store_events(struct rw_store *s, int64_t row, uint64_t after, size_t max,
                          void (*each)(void *ctx, uint64_t number, const char *kind,
                                       struct rw_str data),
                          void *ctx, struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_EVENTS);
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_number(st, 2, after);
    rw_store_bind_number(st, 3, max);
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        each(ctx, rw_store_column_number(st, 0), (const char *)sqlite3_column_text(st, 1),
             rw_store_column_bytes(st, 2));
    }
    rw_status status = code == SQLITE_DONE ? RW_OK : rw_store_refused(s, err, "cannot read events");
    sqlite3_reset(st);
    return status;
}

rw_status rw_store_list(struct rw_store *s, size_t max, const struct rw_store_place *after,
                        void (*each)(void *ctx, struct rw_str name, const struct rw_store_run *run),
                        void *ctx, struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_LIST);
    rw_store_bind_number(st, 1, max);
    if (after != NULL) {
        sqlite3_bind_double(st, 2, after->updated);
        sqlite3_bind_int64(st, 3, after->row);
    }
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        struct rw_store_run run = read_run(st, 1);
        each(ctx, rw_store_column_bytes(st, 0), &run);
    }
    rw_status status = code == SQLITE_DONE ? RW_OK : rw_store_refused(s, err, "cannot list runs");
    sqlite3_reset(st);
    return status;
}
