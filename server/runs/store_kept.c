/* What people need of a run besides its figures: labels, texts of traces, and what became of it. */
#include <string.h>
#include <time.h>

#include "server/runs/store_parts.h"

rw_status rw_store_label(struct rw_store *s, int64_t row, struct rw_str labels,
                         struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_LABEL, err)
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_text(st, 2, labels);
    return rw_store_finish(s, st, "cannot write the labels of a run", err);
}

rw_status rw_store_forget(struct rw_store *s, int64_t row, double now, const char *reason,
                          struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_FORGET, err)
    sqlite3_bind_int64(st, 1, row);
    sqlite3_bind_double(st, 2, now);
    rw_store_bind_text(st, 3, rw_str_from(reason));
    status = rw_store_finish(s, st, "cannot note a run that goes", err);
    if (status == RW_OK) {
        st = rw_store_use(s, RW_STORE_SQL_TRIM_FORGOTTEN);
        rw_store_bind_number(st, 1, RW_STORE_FORGOTTEN_MAX);
        status = rw_store_finish(s, st, "cannot trim the runs that are gone", err);
    }
    return status;
}

rw_status rw_store_unforget(struct rw_store *s, struct rw_str name, struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_UNFORGET, err)
    rw_store_bind_text(st, 1, name);
    return rw_store_finish(s, st, "cannot note a run that is back", err);
}

rw_status rw_store_why_gone(struct rw_store *s, struct rw_str name, struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_FORGOTTEN);
    rw_store_bind_text(st, 1, name);
    rw_status status = RW_NOT_FOUND;
    if (sqlite3_step(st) == SQLITE_ROW) {
        char when[32];
        struct tm utc;
        time_t at = (time_t)sqlite3_column_double(st, 0);
        struct rw_str reason = rw_store_column_bytes(st, 1);
        gmtime_r(&at, &utc);
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
        *err = (struct rw_error){0};
        status =
            rw_fail(err, RW_GONE, "the run was forgotten at %s: %.*s", when, RW_STR_ARG(reason));
    }
    sqlite3_reset(st);
    return status;
}

rw_status rw_store_keep_trace(struct rw_store *s, int64_t row, const struct rw_store_trace *trace,
                              uint64_t max, struct rw_error *err)
{
    RW_STORE_WRITE_BEGIN(s, RW_STORE_SQL_KEEP_TRACE, err)
    sqlite3_bind_int64(st, 1, row);
    rw_store_bind_text(st, 2, trace->label);
    rw_store_bind_text(st, 3, rw_str_from(trace->why));
    rw_store_bind_text(st, 4, rw_str_from(trace->rule));
    rw_store_bind_number(st, 5, trace->at);
    rw_store_bind_number(st, 6, trace->window);
    rw_store_bind_text(st, 7, trace->data);
    status = rw_store_finish(s, st, "cannot keep a trace", err);
    if (status == RW_OK) {
        st = rw_store_use(s, RW_STORE_SQL_DROP_TRACE);
        sqlite3_bind_int64(st, 1, row);
        rw_store_bind_number(st, 2, max);
        status = rw_store_finish(s, st, "cannot trim the traces of a run", err);
    }
    return status;
}

rw_status rw_store_traces(struct rw_store *s, int64_t row,
                          void (*each)(void *ctx, const struct rw_store_trace *trace), void *ctx,
                          struct rw_error *err)
{
    sqlite3_stmt *st = rw_store_use(s, RW_STORE_SQL_TRACES);
    sqlite3_bind_int64(st, 1, row);
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        struct rw_store_trace trace = {.why = (const char *)sqlite3_column_text(st, 0),
                                       .rule = (const char *)sqlite3_column_text(st, 1),
                                       .at = rw_store_column_number(st, 2),
                                       .window = rw_store_column_number(st, 3),
                                       .data = rw_store_column_bytes(st, 4)};
        each(ctx, &trace);
    }
    rw_status status = code == SQLITE_DONE ? RW_OK : rw_store_refused(s, err, "cannot read traces");
    sqlite3_reset(st);
    return status;
}
