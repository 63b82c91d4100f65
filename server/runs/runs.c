#include "server/runs/runs.h"

#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/log.h"
#include "server/runs/run_json.h"
#include "server/runs/store.h"

enum {
    SNAPSHOT_EVERY = 1024, /* observations: what a restart replays at most */
    EVENT_BYTES_MAX = 16 * 1024,
};

struct observation {
    struct observation *next;
    size_t id_len;
    char id[RW_RUN_ID_MAX];
    struct rw_run_trace trace;
};

/* A run in memory. */
struct entry {
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
    struct observation *first;
    struct observation **end;
    uint64_t queued;
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
    struct entry **entry;
    size_t entries;
    uint64_t turn;
    struct rw_buf scratch;
    struct rw_run_news happened;
    bool had_events;
    bool complained; /* about a database that refuses writes; once until it recovers */
};

static double unix_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

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

static rw_status snapshot(struct rw_runs *r, struct entry *e, struct rw_error *err)
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
static rw_status mend(struct rw_runs *r, struct entry *e, struct rw_error *err)
{
    struct rw_store_run row;
    struct rw_str name = {e->name, e->name_len};
    rw_status status = rw_store_find(r->store, name, &row, err);
    if (status == RW_NOT_FOUND) {
        status = rw_store_insert(r->store, name, e->row.created, &row, err);
    }
    e->row.row = row.row;
    return status == RW_OK ? snapshot(r, e, err) : status;
}

/* Observation `e->number` is in the state; now it goes to the journal. */
static void keep(struct rw_runs *r, struct entry *e, enum rw_store_kind kind,
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

static void add_event(struct rw_runs *r, struct entry *e, const char *kind)
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

static void flush(struct rw_runs *r)
{
    struct rw_error err = {0};
    rw_status status = RW_OK;
    double now = unix_now();
    for (size_t i = 0; i < r->entries && status == RW_OK; i++) {
        struct entry *e = r->entry[i];
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

/* ---- runs in memory ----------------------------------------------------------------------------
 */

static rw_status replay_one(void *ctx, enum rw_store_kind kind, struct rw_str data,
                            struct rw_error *err)
{
    struct entry *e = ctx;
    struct rw_run_trace trace;
    struct rw_run_news ignored; /* its events were stored with it */
    e->number++;
    if (kind == RW_STORE_ACKNOWLEDGE) {
        rw_run_acknowledge(e->run);
        return RW_OK;
    }
    rw_status status = rw_run_trace_decode(data, &trace, err);
    return status == RW_OK ? rw_run_observe(e->run, &trace, &ignored, err) : status;
}

static rw_status restore(struct rw_runs *r, struct entry *e, struct rw_error *err)
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
    } else if (status == RW_OK) {
        e->run = rw_run_create(name, &r->options.run);
        status = e->run != NULL ? RW_OK : rw_fail(err, RW_NO_MEMORY, "no memory for a run");
    }
    e->number = e->row.snapshot;
    return status == RW_OK ? rw_store_replay(r->store, &e->row, replay_one, e, err) : status;
}

static void release(struct entry *e)
{
    if (e != NULL) {
        rw_run_destroy(e->run);
        rw_free(e);
    }
}

/* Only what is committed may be forgotten. */
static bool evict_one(struct rw_runs *r)
{
    struct rw_error err = {0};
    size_t oldest = 0;
    flush(r);
    for (size_t i = 1; i < r->entries; i++) {
        oldest = r->entry[i]->used < r->entry[oldest]->used ? i : oldest;
    }
    struct entry *e = r->entry[oldest];
    if (!rw_store_durable(r->store)) {
        rw_log(RW_LOG_WARN, "run_forgotten", "traces=%llu reason=\"no --runs-db\"",
               (unsigned long long)e->row.traces);
        (void)rw_store_remove(r->store, e->row.row, &err);
    } else if (e->torn || e->changed) {
        return false; /* the database takes nothing: it stays */
    }
    release(e);
    r->entry[oldest] = r->entry[--r->entries];
    return true;
}

/* A state that cannot be read is never guessed: it is set aside, and the run begins anew. */
static rw_status begin_anew(struct rw_runs *r, struct entry *e, const struct rw_error *why,
                            struct rw_error *err)
{
    struct rw_str name = {e->name, e->name_len};
    rw_log(RW_LOG_ERROR, "run_damaged", "row=%lld reason=\"%s\"", (long long)e->row.row,
           why->message);
    rw_status status = rw_store_set_aside(r->store, name, &e->row, err);
    if (status == RW_OK) {
        status = rw_store_insert(r->store, name, unix_now(), &e->row, err);
    }
    rw_run_destroy(e->run);
    e->run = rw_run_create(name, &r->options.run);
    e->number = 0;
    if (status == RW_OK && e->run == NULL) {
        status = rw_fail(err, RW_NO_MEMORY, "no memory for a run");
    }
    if (status == RW_OK) {
        rw_buf_clear(&r->scratch);
        rw_buf_append_str(&r->scratch, RW_STR("{\"reason\":\"the stored state was damaged; it was "
                                              "set aside\"}"));
        add_event(r, e, "restart");
    }
    return status;
}

static struct entry *in_memory(struct rw_runs *r, struct rw_str id)
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
    for (uint64_t n = rw_store_count(r->store); n > r->options.kept_max; n--) {
        flush(r); /* the times of update */
        int64_t row = rw_store_oldest(r->store);
        for (size_t i = 0; i < r->entries; i++) {
            if (r->entry[i]->row.row == row) {
                release(r->entry[i]);
                r->entry[i] = r->entry[--r->entries];
                break;
            }
        }
        if (rw_store_remove(r->store, row, &err) != RW_OK) {
            write_failed(r, &err);
            return;
        }
        rw_log(RW_LOG_INFO, "run_removed", "row=%lld reason=\"--runs-kept\"", (long long)row);
    }
}

static rw_status load(struct rw_runs *r, struct entry *e, bool create, struct rw_error *err)
{
    struct rw_str id = {e->name, e->name_len};
    rw_status status = rw_store_find(r->store, id, &e->row, err);
    if (status == RW_NOT_FOUND && create) {
        *err = (struct rw_error){0};
        e->run = rw_run_create(id, &r->options.run);
        status = e->run != NULL ? rw_store_insert(r->store, id, unix_now(), &e->row, err)
                                : rw_fail(err, RW_NO_MEMORY, "no memory for a run");
        if (status == RW_OK && rw_store_durable(r->store)) {
            status = snapshot(r, e, err); /* its options are part of the state */
        }
        trim(r);
        return status;
    }
    if (status != RW_OK) {
        return status;
    }
    struct rw_error why = {0};
    status = restore(r, e, &why);
    if (status == RW_IO) {
        return begin_anew(r, e, &why, err);
    }
    *err = status == RW_OK ? *err : why;
    return status;
}

static rw_status find(struct rw_runs *r, struct rw_str id, bool create, struct entry **out,
                      struct rw_error *err)
{
    struct entry *e = in_memory(r, id);
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
        return rw_fail(err, RW_NO_MEMORY, "no memory for a run");
    }
    memcpy(e->name, id.ptr, id.len);
    e->name_len = id.len;
    e->used = r->turn;
    rw_status status = load(r, e, create, err);
    if (status != RW_OK) {
        release(e);
        return status;
    }
    r->entry[r->entries++] = e;
    *out = e;
    return RW_OK;
}

/* ---- work --------------------------------------------------------------------------------------
 */

static void tell_events(struct rw_runs *r, struct entry *e)
{
    if (r->happened.window != NULL) {
        rw_buf_clear(&r->scratch);
        rw_run_json_window(&r->scratch, r->happened.window);
        add_event(r, e, "window");
    }
    for (uint32_t i = 0; i < r->happened.n_alarms; i++) {
        const struct rw_run_alarm *a = &r->happened.alarm[i];
        rw_buf_clear(&r->scratch);
        rw_run_json_alarm(&r->scratch, a);
        add_event(r, e, "alarm");
        rw_log(RW_LOG_WARN, "run_alarm", "rule=%s at=%llu value=%g",
               rw_run_rule_info(a->rule)->name, (unsigned long long)a->at, a->value);
        uv_mutex_lock(&r->lock);
        r->stats.alarms[a->rule]++;
        uv_mutex_unlock(&r->lock);
    }
}

static void take_observation(struct rw_runs *r, const struct observation *o)
{
    struct rw_error err = {0};
    struct entry *e;
    rw_status status = find(r, (struct rw_str){o->id, o->id_len}, true, &e, &err);
    if (status == RW_OK) {
        status = rw_run_observe(e->run, &o->trace, &r->happened, &err);
    }
    if (status == RW_OK) {
        e->number++;
        tell_events(r, e);
        keep(r, e, RW_STORE_TRACE, &o->trace, r->happened.window != NULL);
    }
    uv_mutex_lock(&r->lock);
    r->stats.observed += status == RW_OK ? 1 : 0;
    r->stats.failed += status == RW_OK ? 0 : 1;
    uv_mutex_unlock(&r->lock);
}

struct listing {
    struct rw_buf *out;
};

static void list_one(void *ctx, struct rw_str name, const struct rw_store_run *run)
{
    rw_run_json_entry(((struct listing *)ctx)->out, name, run);
}

static void answer_list(struct rw_runs *r, struct rw_runs_task *t)
{
    struct listing listing = {&t->reply};
    flush(r);
    rw_buf_append_str(&t->reply, RW_STR("{\"object\":\"list\",\"data\":["));
    t->status = rw_store_list(r->store, RW_RUNS_LIST_MAX, list_one, &listing, &t->error);
    rw_buf_append_str(&t->reply, RW_STR("]}\n"));
}

static void answer_run(struct rw_runs *r, struct rw_runs_task *t, struct entry *e)
{
    if (t->question == RW_RUNS_ACKNOWLEDGE) {
        struct rw_run_view v;
        rw_run_acknowledge(e->run);
        rw_run_view(e->run, &v);
        e->number++;
        rw_buf_clear(&r->scratch);
        rw_buf_printf(&r->scratch, "{\"at_trace\":%llu}", (unsigned long long)v.traces);
        add_event(r, e, "acknowledged");
        keep(r, e, RW_STORE_ACKNOWLEDGE, NULL, false);
    }
    flush(r);
    rw_run_json(&t->reply, e->run, &e->row, rw_store_durable(r->store) && !e->torn);
    rw_buf_append_char(&t->reply, '\n');
}

struct event_writer {
    struct rw_runs_task *task;
    size_t n;
};

/* server-sent events (HTML standard, section 9.2): the data are one line of JSON. */
static void event_one(void *ctx, uint64_t number, const char *kind, struct rw_str data)
{
    struct event_writer *w = ctx;
    struct rw_runs_task *t = w->task;
    if (number > t->after + 1 && t->after > 0) {
        rw_buf_printf(&t->reply, "event: gap\ndata: {\"from\":%llu,\"to\":%llu}\n\n",
                      (unsigned long long)t->after + 1, (unsigned long long)number - 1);
    }
    rw_buf_printf(&t->reply, "id: %llu\nevent: %s\ndata: ", (unsigned long long)number, kind);
    rw_buf_append_str(&t->reply, data);
    rw_buf_append(&t->reply, "\n\n", 2);
    t->after = number;
    w->n++;
}

static void answer(struct rw_runs *r, struct rw_runs_task *t)
{
    struct entry *e = NULL;
    rw_buf_init(&t->reply, RW_RUNS_REPLY_MAX);
    if (t->question == RW_RUNS_LIST) {
        answer_list(r, t);
    } else {
        t->status = find(r, (struct rw_str){t->id, t->id_len}, false, &e, &t->error);
    }
    if (e != NULL && t->question == RW_RUNS_EVENTS) {
        struct event_writer writer = {t, 0};
        t->status = rw_store_events(r->store, e->row.row, t->after, RW_RUNS_EVENTS_BATCH, event_one,
                                    &writer, &t->error);
        t->more = writer.n == RW_RUNS_EVENTS_BATCH;
    } else if (e != NULL) {
        answer_run(r, t, e);
    }
    if (t->status == RW_OK && t->reply.failed) {
        t->status = rw_fail(&t->error, RW_NO_MEMORY, "no memory for the reply");
    }
}

static void work_off(struct rw_runs *r, struct observation *o, struct rw_runs_task *t)
{
    while (o != NULL) {
        struct observation *next = o->next;
        take_observation(r, o);
        rw_free(o);
        o = next;
    }
    while (t != NULL) {
        struct rw_runs_task *next = t->next;
        answer(r, t);
        uv_mutex_lock(&r->lock);
        t->next = NULL;
        *r->done_end = t;
        r->done_end = &t->next;
        r->tasks--;
        uv_mutex_unlock(&r->lock);
        uv_async_send(&r->wake);
        t = next;
    }
}

static void after_work(struct rw_runs *r)
{
    uv_mutex_lock(&r->lock);
    r->events = r->events || r->had_events;
    r->stats.in_memory = r->entries;
    uv_mutex_unlock(&r->lock);
    if (r->had_events) {
        uv_async_send(&r->wake);
    }
    r->had_events = false;
}

static void count_stored(struct rw_runs *r)
{
    uint64_t stored = rw_store_count(r->store);
    uv_mutex_lock(&r->lock);
    r->stats.stored = stored;
    uv_mutex_unlock(&r->lock);
}

static void thread(void *ctx)
{
    struct rw_runs *r = ctx;
    uint64_t flush_at = 0; /* 0 = nothing to write */
    uv_mutex_lock(&r->lock);
    for (;;) {
        struct observation *o = r->first;
        struct rw_runs_task *t = r->task_first;
        if (o == NULL && t == NULL && r->stopping) {
            break;
        }
        uint64_t now = uv_hrtime();
        if (o == NULL && t == NULL && flush_at == 0) {
            uv_cond_wait(&r->work, &r->lock);
            continue;
        }
        if (o == NULL && t == NULL && flush_at > now) {
            uv_cond_timedwait(&r->work, &r->lock, flush_at - now);
            continue;
        }
        r->first = NULL;
        r->end = &r->first;
        r->queued = 0;
        r->task_first = NULL;
        r->task_end = &r->task_first;
        uv_mutex_unlock(&r->lock);
        work_off(r, o, t);
        after_work(r);
        if (flush_at != 0 && flush_at <= now) {
            flush(r);
            count_stored(r);
            flush_at = 0;
        } else if (flush_at == 0 && o != NULL) {
            flush_at = now + (uint64_t)RW_RUNS_FLUSH_MS * 1000000;
        }
        uv_mutex_lock(&r->lock);
    }
    uv_mutex_unlock(&r->lock);
    flush(r);
}

/* ---- the loop's side ---------------------------------------------------------------------------
 */

static void deliver(struct rw_runs *r)
{
    uv_mutex_lock(&r->lock);
    struct rw_runs_task *t = r->done_first;
    r->done_first = NULL;
    r->done_end = &r->done_first;
    bool events = r->events;
    r->events = false;
    uv_mutex_unlock(&r->lock);
    while (t != NULL) {
        struct rw_runs_task *next = t->next;
        t->done(t);
        t = next;
    }
    if (events) {
        r->news(r->news_ctx);
    }
}

static void on_wake(uv_async_t *handle)
{
    deliver(handle->data);
}

bool rw_runs_observe(struct rw_runs *r, struct rw_str id, const struct rw_run_trace *trace)
{
    rw_assert(id.len > 0 && id.len <= RW_RUN_ID_MAX);
    struct observation *o = rw_alloc(sizeof *o);
    if (o != NULL) {
        o->next = NULL;
        o->id_len = id.len;
        memcpy(o->id, id.ptr, id.len);
        o->trace = *trace;
    }
    uv_mutex_lock(&r->lock);
    bool room = o != NULL && r->queued < RW_RUNS_QUEUE_MAX && !r->stopping;
    if (room) {
        *r->end = o;
        r->end = &o->next;
        r->queued++;
        uv_cond_signal(&r->work);
    } else {
        r->stats.dropped++;
    }
    uv_mutex_unlock(&r->lock);
    if (!room) {
        rw_free(o);
    }
    return room;
}

rw_status rw_runs_ask(struct rw_runs *r, struct rw_runs_task *task, struct rw_error *err)
{
    task->next = NULL;
    task->status = RW_OK;
    task->error = (struct rw_error){0};
    task->more = false;
    uv_mutex_lock(&r->lock);
    bool room = r->tasks < RW_RUNS_TASKS_MAX && !r->stopping;
    if (room) {
        *r->task_end = task;
        r->task_end = &task->next;
        r->tasks++;
        uv_cond_signal(&r->work);
    }
    uv_mutex_unlock(&r->lock);
    return room ? RW_OK
                : rw_fail(err, RW_OVERLOADED, "over %d questions about runs wait",
                          RW_RUNS_TASKS_MAX);
}

void rw_runs_stats(struct rw_runs *r, struct rw_runs_stats *out)
{
    uv_mutex_lock(&r->lock);
    *out = r->stats;
    uv_mutex_unlock(&r->lock);
}

rw_status rw_runs_start(uv_loop_t *loop, const struct rw_runs_options *options,
                        void (*news)(void *ctx), void *ctx, struct rw_runs **out,
                        struct rw_error *err)
{
    struct rw_runs *r = rw_alloc_zero(1, sizeof *r);
    if (r == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the run monitors");
    }
    r->options = *options;
    r->news = news;
    r->news_ctx = ctx;
    r->end = &r->first;
    r->task_end = &r->task_first;
    r->done_end = &r->done_first;
    r->wake.data = r;
    rw_buf_init(&r->scratch, RW_STORE_RECORD_MAX);
    r->entry = rw_alloc_zero(options->memory_max, sizeof(struct entry *));
    rw_status status = r->entry != NULL ? rw_store_open(options->path, &r->store, err)
                                        : rw_fail(err, RW_NO_MEMORY, "no memory for the runs");
    if (status != RW_OK) {
        rw_free(r->entry);
        rw_free(r);
        return status;
    }
    r->stats.durable = rw_store_durable(r->store);
    r->stats.stored = rw_store_count(r->store);
    if (uv_mutex_init(&r->lock) != 0 || uv_cond_init(&r->work) != 0 ||
        uv_async_init(loop, &r->wake, on_wake) != 0 ||
        uv_thread_create(&r->thread, thread, r) != 0) {
        /* The process ends: what was begun goes with it. */
        return rw_fail(err, RW_NO_MEMORY, "cannot start the thread of the run monitors");
    }
    r->started = true;
    *out = r;
    return RW_OK;
}

void rw_runs_stop(struct rw_runs *r)
{
    if (r == NULL) {
        return;
    }
    uv_mutex_lock(&r->lock);
    r->stopping = true;
    uv_cond_broadcast(&r->work);
    uv_mutex_unlock(&r->lock);
    uv_thread_join(&r->thread);
    deliver(r);
    uv_close((uv_handle_t *)&r->wake, NULL);
}

void rw_runs_free(struct rw_runs *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->entries; i++) {
        release(r->entry[i]);
    }
    rw_store_close(r->store);
    rw_buf_fini(&r->scratch);
    uv_cond_destroy(&r->work);
    uv_mutex_destroy(&r->lock);
    rw_free(r->entry);
    rw_free(r);
}
