#include "server/runs/runs_parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "proto/emit.h"
#include "server/runs/run_json.h"

enum {
    SNAPSHOT_EVERY = 1024, /* observations: what a restart replays at most */
};

/* Never behind what is stored: where a clock was set back, the run just written would be the one
 * "updated longest ago" and the first to be removed. */
static double unix_now(struct rw_runs *r)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    if (seconds < r->latest) {
        if (!r->clock_complained) {
            rw_log(RW_LOG_WARN, "clock_went_back", "seconds=%.0f", r->latest - seconds);
        }
        r->clock_complained = true;
        return r->latest;
    }
    r->clock_complained = false;
    r->latest = seconds;
    return seconds;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The database may be full or gone: scoring goes on, the run goes on in memory, and nothing that is
 * read back later can be half a history. */
static void write_failed(struct rw_runs *r, const struct rw_error *err)
{
    if (!r->complained) {
        rw_log(RW_LOG_ERROR, "runs_not_written", "reason=\"%s\"", err->message);
    }
    r->complained = true;
    rw_store_rollback(r->store);
    for (size_t i = 0; i < r->entries; i++) {
        r->entry[i]->torn = true; /* the transaction held observations of any of them */
        r->entry[i]->changed = true;
    }
}

static rw_status snapshot(struct rw_runs *r, struct rw_runs_entry *e, struct rw_error *err)
{
    rw_buf_clear(&r->scratch);
    rw_run_encode(e->run, &r->scratch);
    if (r->scratch.failed) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to store a run");
    }
    rw_status status =
        rw_store_snapshot(r->store, e->row.row, e->number, rw_buf_str(&r->scratch), err);
    if (status == RW_OK) {
        e->row.snapshot = e->number;
        e->torn = false;
    }
    return status;
}

/* After a failed transaction: the whole state, and the row if that was part of it. */
static rw_status mend(struct rw_runs *r, struct rw_runs_entry *e, struct rw_error *err)
{
    struct rw_store_run row;
    struct rw_str name = {e->name, e->name_len};
    rw_status status = rw_store_find(r->store, name, &row, err);
    if (status == RW_NOT_FOUND) {
        status = rw_store_insert(r->store, name, e->row.created, &row, err);
    }
    e->row.row = row.row;
    if (status == RW_OK && e->row.labels[0] != '\0') {
        status = rw_store_label(r->store, row.row, rw_str_from(e->row.labels), err);
    }
    return status == RW_OK ? snapshot(r, e, err) : status;
}

/* Observation `e->number` is in the state; now it goes to the journal. */
void rw_runs_shelf_keep(struct rw_runs *r, struct rw_runs_entry *e, enum rw_store_kind kind,
                        const struct rw_run_trace *trace, bool window_ended)
{
    struct rw_error err = {0};
    rw_status status = RW_OK;
    e->changed = true;
    if (!rw_store_durable(r->store) || e->torn) {
        return; /* the next flush writes a snapshot */
    }
    if (window_ended || e->number - e->row.snapshot >= SNAPSHOT_EVERY) {
        status = snapshot(r, e, &err);
    } else {
        rw_buf_clear(&r->scratch);
        if (trace != NULL) {
            rw_run_trace_encode(trace, &r->scratch);
        }
        status =
            rw_store_append(r->store, e->row.row, e->number, kind, rw_buf_str(&r->scratch), &err);
    }
    if (status != RW_OK) {
        write_failed(r, &err);
    }
}

void rw_runs_shelf_label(struct rw_runs *r, struct rw_runs_entry *e, struct rw_str labels)
{
    struct rw_error err = {0};
    if (labels.len == 0 || rw_str_is(labels, e->row.labels)) {
        return;
    }
    memcpy(e->row.labels, labels.ptr, labels.len);
    e->row.labels[labels.len] = '\0';
    if (rw_store_label(r->store, e->row.row, labels, &err) != RW_OK) {
        write_failed(r, &err);
    }
}

uint64_t rw_runs_shelf_hash(const struct rw_runs_entry *e)
{
    return rw_hash64(e->name, e->name_len, 0);
}

/* {"request_id",...}: the label as alarms show it, then what the trace said. */
void rw_runs_shelf_keep_trace(struct rw_runs *r, struct rw_runs_entry *e, const char *why,
                              const char *rule, uint64_t window, const struct rw_keep_trace *trace)
{
    struct rw_error err = {0};
    const struct rw_run_label *l = &trace->label;
    char label[RW_RUN_REQUEST_MAX + 32];
    snprintf(label, sizeof label, "%s.%u.%u", l->request, l->item, l->trace);
    rw_buf_clear(&r->kept);
    rw_run_json_label_members(&r->kept, l);
    rw_buf_append_char(&r->kept, ',');
    rw_buf_append(&r->kept, trace->data, trace->len);
    struct rw_store_trace kept = {.label = rw_str_from(label),
                                  .why = why,
                                  .rule = rule,
                                  .at = trace->at,
                                  .window = window,
                                  .data = rw_buf_str(&r->kept)};
    if (r->kept.failed ||
        rw_store_keep_trace(r->store, e->row.row, &kept, r->options.keep_traces, &err) != RW_OK) {
        write_failed(r, &err);
    }
}

void rw_runs_shelf_add_event(struct rw_runs *r, struct rw_runs_entry *e, const char *kind)
{
    struct rw_error err = {0};
    r->had_events = true;
    if (!r->scratch.failed && rw_store_event(r->store, e->row.row, e->row.events + 1, kind,
                                             rw_buf_str(&r->scratch), &err) == RW_OK) {
        e->row.events++;
    } else {
        write_failed(r, &err);
    }
}

static uint64_t open_alarms(const struct rw_run *run)
{
    struct rw_run_view v;
    uint64_t n = 0;
    rw_run_view(run, &v);
    for (uint32_t i = 0; i < v.n_alarms; i++) {
        n += rw_run_alarm(run, i)->acknowledged ? 0 : 1;
    }
    return n;
}

void rw_runs_shelf_flush(struct rw_runs *r)
{
    struct rw_error err = {0};
    rw_status status = RW_OK;
    double now = unix_now(r);
    for (size_t i = 0; i < r->entries && status == RW_OK; i++) {
        struct rw_runs_entry *e = r->entry[i];
        if (!e->changed) {
            continue;
        }
        struct rw_run_view v;
        rw_run_view(e->run, &v);
        e->row.updated = now;
        e->row.traces = v.traces;
        e->row.alarms = open_alarms(e->run);
        if (e->torn && rw_store_durable(r->store)) {
            status = mend(r, e, &err);
        }
        if (status == RW_OK) {
            status = rw_store_touch(r->store, &e->row, &err);
        }
    }
    if (status == RW_OK) {
        status = rw_store_commit(r->store, &err);
    }
    if (status != RW_OK) {
        write_failed(r, &err);
        return;
    }
    for (size_t i = 0; i < r->entries; i++) {
        r->entry[i]->changed = false;
    }
    if (r->complained) {
        rw_log(RW_LOG_INFO, "runs_written_again", "runs=%zu", r->entries);
    }
    r->complained = false;
}

/* ---- runs in memory -------------------------------------------------------------------------- */

static rw_status replay_one(void *ctx, enum rw_store_kind kind, struct rw_str data,
                            struct rw_error *err)
{
    struct rw_runs_entry *e = ctx;
    struct rw_run_trace trace;
    struct rw_run_news ignored; /* its events were stored with it */
    e->number++;
    if (kind == RW_STORE_ACKNOWLEDGE) {
        rw_run_acknowledge(e->run);
        return RW_OK;
    }
    if (kind == RW_STORE_RESET) {
        rw_run_rebase(e->run);
        return RW_OK;
    }
    rw_status status = rw_run_trace_decode(data, &trace, err);
    return status == RW_OK ? rw_run_observe(e->run, &trace, &ignored, err) : status;
}

static rw_status restore(struct rw_runs *r, struct rw_runs_entry *e, struct rw_error *err)
{
    struct rw_str state;
    struct rw_str name = {e->name, e->name_len};
    rw_status status = rw_store_state(r->store, e->row.row, &state, err);
    if (status == RW_OK && state.len > 0) {
        status = rw_run_decode(state, &e->run, err);
        struct rw_run_view v;
        if (status == RW_OK) {
            rw_run_view(e->run, &v);
            status = rw_str_equal(v.id, name)
                         ? RW_OK
                         : rw_fail(err, RW_IO, "a stored run has the state of another one");
        }
    } else if (status == RW_OK && e->row.snapshot > 0) {
        status = rw_fail(err, RW_IO, "a stored run says it has a state, and has none");
    } else if (status == RW_OK) {
        e->run = rw_run_create(name, &r->options.run);
        status = e->run != NULL ? RW_OK : rw_fail_memory(err, "a run");
    }
    e->number = e->row.snapshot;
    return status == RW_OK ? rw_store_replay(r->store, &e->row, replay_one, e, err) : status;
}

void rw_runs_shelf_release(struct rw_runs_entry *e)
{
    if (e != NULL) {
        rw_run_destroy(e->run);
        rw_free(e);
    }
}

/* Before another: no open alarm, then the longer unused. */
static bool goes_before(const struct rw_runs_entry *a, const struct rw_runs_entry *b)
{
    bool a_rings = a->row.alarms > 0;
    bool b_rings = b->row.alarms > 0;
    return a_rings != b_rings ? b_rings : a->used < b->used;
}

static void take_off(struct rw_runs *r, size_t i)
{
    rw_runs_shelf_release(r->entry[i]);
    r->entry[i] = r->entry[--r->entries];
}

rw_status rw_runs_shelf_remove(struct rw_runs *r, struct rw_runs_entry *e, const char *reason,
                               struct rw_error *err)
{
    int64_t row = e->row.row;
    rw_runs_shelf_flush(r);
    rw_status status = rw_store_forget(r->store, row, unix_now(r), reason, err);
    if (status == RW_OK) {
        status = rw_store_remove(r->store, row, err);
    }
    if (status == RW_OK) {
        status = rw_store_commit(r->store, err);
    }
    if (status != RW_OK) {
        write_failed(r, err);
        return status;
    }
    for (size_t i = 0; i < r->entries; i++) {
        if (r->entry[i] == e) {
            take_off(r, i);
            break;
        }
    }
    return RW_OK;
}

/* Only what is committed may be forgotten. */
static bool evict_one(struct rw_runs *r)
{
    struct rw_error err = {0};
    size_t first = 0;
    rw_runs_shelf_flush(r);
    for (size_t i = 1; i < r->entries; i++) {
        first = goes_before(r->entry[i], r->entry[first]) ? i : first;
    }
    struct rw_runs_entry *e = r->entry[first];
    if (!rw_store_durable(r->store)) {
        rw_log(RW_LOG_WARN, "run_forgotten", "traces=%llu open_alarms=%llu reason=\"no --runs-db\"",
               (unsigned long long)e->row.traces, (unsigned long long)e->row.alarms);
        return rw_runs_shelf_remove(r, e, "over --runs-memory, and there is no --runs-db", &err) ==
               RW_OK;
    }
    if (e->torn || e->changed) {
        return false; /* the database takes nothing: it stays */
    }
    take_off(r, first);
    return true;
}

/* A state that cannot be read is never guessed: it is set aside, and the run begins anew. */
static rw_status begin_anew(struct rw_runs *r, struct rw_runs_entry *e, const struct rw_error *why,
                            struct rw_error *err)
{
    struct rw_str name = {e->name, e->name_len};
    rw_log(RW_LOG_ERROR, "run_damaged", "row=%lld reason=\"%s\"", (long long)e->row.row,
           why->message);
    rw_status status = rw_store_set_aside(r->store, name, &e->row, err);
    if (status == RW_OK) {
        status = rw_store_insert(r->store, name, unix_now(r), &e->row, err);
    }
    rw_run_destroy(e->run);
    e->run = rw_run_create(name, &r->options.run);
    e->number = 0;
    if (status == RW_OK && e->run == NULL) {
        status = rw_fail_memory(err, "a run");
    }
    if (status == RW_OK) {
        rw_buf_clear(&r->scratch);
        rw_emit_open(&r->scratch, '{');
        rw_emit_text_field(&r->scratch, "reason", why->message);
        rw_emit_close(&r->scratch, '}');
        rw_runs_shelf_add_event(r, e, "restart");
    }
    return status;
}

static struct rw_runs_entry *in_memory(struct rw_runs *r, struct rw_str id)
{
    for (size_t i = 0; i < r->entries; i++) {
        if (rw_str_equal(id, (struct rw_str){r->entry[i]->name, r->entry[i]->name_len})) {
            return r->entry[i];
        }
    }
    return NULL;
}

/* --runs-kept: the runs that were updated longest ago go, from memory too. */
static void trim(struct rw_runs *r)
{
    struct rw_error err = {0};
    uint64_t open = 0;
    for (uint64_t n = rw_store_count(r->store, &open); n > r->options.kept_max; n--) {
        rw_runs_shelf_flush(r); /* the times of update */
        int64_t row = rw_store_oldest(r->store);
        for (size_t i = 0; i < r->entries; i++) {
            if (r->entry[i]->row.row == row) {
                take_off(r, i);
                break;
            }
        }
        if (rw_store_forget(r->store, row, unix_now(r), "over --runs-kept", &err) != RW_OK ||
            rw_store_remove(r->store, row, &err) != RW_OK) {
            write_failed(r, &err);
            return;
        }
        rw_log(RW_LOG_INFO, "run_removed", "row=%lld reason=\"--runs-kept\"", (long long)row);
    }
}

static rw_status load(struct rw_runs *r, struct rw_runs_entry *e, bool create, struct rw_error *err)
{
    struct rw_str id = {e->name, e->name_len};
    rw_status status = rw_store_find(r->store, id, &e->row, err);
    if (status == RW_NOT_FOUND && create) {
        *err = (struct rw_error){0};
        e->run = rw_run_create(id, &r->options.run);
        status = e->run != NULL ? rw_store_insert(r->store, id, unix_now(r), &e->row, err)
                                : rw_fail_memory(err, "a run");
        if (status == RW_OK) {
            status = rw_store_unforget(r->store, id, err);
        }
        if (status == RW_OK && rw_store_durable(r->store)) {
            status = snapshot(r, e, err); /* its options are part of the state */
        }
        trim(r);
        return status;
    }
    if (status != RW_OK) {
        return status == RW_NOT_FOUND ? rw_store_why_gone(r->store, id, err) : status;
    }
    struct rw_error why = {0};
    status = restore(r, e, &why);
    if (status == RW_IO) {
        return begin_anew(r, e, &why, err);
    }
    *err = status == RW_OK ? *err : why;
    return status;
}

/* The shelf after a run came onto it: a run in memory always has its monitor. */
static void check_shelf(const struct rw_runs *r, const struct rw_runs_entry *e)
{
    rw_assert(r->entries <= r->options.memory_max);
    rw_assert(e->run != NULL);
    rw_assert(e->name_len > 0 && e->name_len <= RW_RUN_ID_MAX);
    rw_assert(e->used == r->turn);
}

rw_status rw_runs_shelf_find(struct rw_runs *r, struct rw_str id, bool create,
                             struct rw_runs_entry **out, struct rw_error *err)
{
    struct rw_runs_entry *e = in_memory(r, id);
    r->turn++;
    if (e != NULL) {
        e->used = r->turn;
        *out = e;
        return RW_OK;
    }
    if (r->entries >= r->options.memory_max && !evict_one(r)) {
        return rw_fail(err, RW_OVERLOADED, "no run can leave memory: the database takes no writes");
    }
    e = rw_alloc_zero(1, sizeof *e);
    if (e == NULL) {
        return rw_fail_memory(err, "a run");
    }
    memcpy(e->name, id.ptr, id.len);
    e->name_len = id.len;
    e->used = r->turn;
    rw_status status = load(r, e, create, err);
    if (status != RW_OK) {
        rw_runs_shelf_release(e);
        return status;
    }
    r->entry[r->entries++] = e;
    check_shelf(r, e);
    *out = e;
    return RW_OK;
}
