#include "server/runs/runs.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/base/util.h"
#include "server/runs/run_json.h"
#include "server/runs/run_text.h"
#include "server/runs/runs_parts.h"

enum {
    EVENT_BYTES = 8192, /* of most events; a snapshot is larger and waits for its next turn */
};

struct rw_runs_observation {
    struct rw_runs_observation *next;
    size_t id_len;
    char id[RW_RUN_ID_MAX];
    struct rw_run_trace trace;
    char *text; /* NULL = none */
    size_t text_len;
    size_t labels_len;
    char labels[RW_STORE_LABELS_MAX];
};

/* Under the lock, wherever a queue changes. */
static void check_queues(const struct rw_runs *r)
{
    rw_assert((r->first == NULL) == (r->queued == 0));
    rw_assert((r->first == NULL) == (r->end == &r->first));
    rw_assert((r->task_first == NULL) == (r->task_end == &r->task_first));
    rw_assert(r->task_first == NULL || r->tasks > 0);
    rw_assert(r->queued <= RW_RUNS_QUEUE_MAX);
    rw_assert(r->tasks <= RW_RUNS_TASKS_MAX);
}

/* ---- work ------------------------------------------------------------------------------------ */

static void tell_window(struct rw_runs *r, struct rw_runs_entry *e, const char *event,
                        const struct rw_run_window *window)
{
    if (window != NULL) {
        rw_buf_clear(&r->scratch);
        rw_run_json_window(&r->scratch, window);
        rw_runs_shelf_add_event(r, e, event);
    }
}

static void tell_events(struct rw_runs *r, struct rw_runs_entry *e)
{
    tell_window(r, e, "window", r->happened.window);
    tell_window(r, e, "fast_window", r->happened.fast);
    if (r->happened.stream != NULL) {
        rw_buf_clear(&r->scratch);
        rw_run_json_batch(&r->scratch, r->happened.stream);
        rw_runs_shelf_add_event(r, e, "validation");
    }
    if (r->happened.segment != NULL) {
        rw_runs_tell_segment(r, e, r->happened.segment);
    }
    for (uint32_t i = 0; i < r->happened.n_alarms; i++) {
        const struct rw_run_alarm *a = &r->happened.alarm[i];
        rw_buf_clear(&r->scratch);
        rw_run_json_alarm(&r->scratch, a);
        rw_runs_shelf_add_event(r, e, "alarm");
        rw_log(RW_LOG_WARN, "run_alarm", "rule=%s at=%llu value=%g",
               rw_run_rule_info(a->rule)->name, (unsigned long long)a->at, a->value);
        uv_mutex_lock(&r->lock);
        r->stats.alarms[a->rule]++;
        uv_mutex_unlock(&r->lock);
    }
}

/* The text of a trace joins the ring; it is the observation's no more. */
static void keep_text(struct rw_runs *r, const struct rw_runs_entry *e,
                      struct rw_runs_observation *o)
{
    struct rw_run_view v;
    if (r->keep == NULL || o->text == NULL) {
        return;
    }
    rw_run_view(e->run, &v);
    struct rw_keep_trace kept = {.run = rw_runs_shelf_hash(e),
                                 .at = v.traces,
                                 .label = o->trace.label,
                                 .data = o->text,
                                 .len = o->text_len};
    memcpy(kept.reward, o->trace.reward, sizeof kept.reward);
    rw_keep_add(r->keep, &kept);
    o->text = NULL;
}

/* What alarms name, and of each window the trace nearest to its mean reward: its text is kept. */
static void keep_traces(struct rw_runs *r, struct rw_runs_entry *e)
{
    if (r->keep == NULL) {
        return;
    }
    uint64_t run = rw_runs_shelf_hash(e);
    const struct rw_run_window *w = r->happened.window;
    if (w != NULL) {
        enum rw_run_reward reward =
            isfinite(w->reward[RW_RUN_OUTCOME].value) ? RW_RUN_OUTCOME : RW_RUN_PROCESS;
        uint64_t from = w->end > w->traces ? w->end - w->traces : 0;
        const struct rw_keep_trace *t =
            rw_keep_nearest(r->keep, run, from, reward, w->reward[reward].value);
        if (t != NULL) {
            rw_runs_shelf_keep_trace(r, e, "typical", "", w->index, t);
        }
    }
    for (uint32_t i = 0; i < r->happened.n_alarms; i++) {
        const struct rw_run_alarm *a = &r->happened.alarm[i];
        for (uint32_t k = 0; k < a->n_suspects; k++) {
            const struct rw_keep_trace *t = rw_keep_find(r->keep, run, &a->suspect[k]);
            if (t != NULL) {
                rw_runs_shelf_keep_trace(r, e, "named", rw_run_rule_info(a->rule)->name, a->window,
                                         t);
            }
        }
    }
}

static void take_observation(struct rw_runs *r, struct rw_runs_observation *o)
{
    struct rw_error err = {0};
    struct rw_runs_entry *e;
    rw_status status = rw_runs_shelf_find(r, (struct rw_str){o->id, o->id_len}, true, &e, &err);
    if (status == RW_OK) {
        status = rw_run_observe(e->run, &o->trace, &r->happened, &err);
    }
    if (status == RW_OK) {
        e->number++;
        keep_text(r, e, o);
        rw_runs_shelf_label(r, e, (struct rw_str){o->labels, o->labels_len});
        keep_traces(r, e);
        tell_events(r, e);
        rw_runs_shelf_keep(r, e, RW_STORE_TRACE, &o->trace, r->happened.window != NULL);
    }
    uv_mutex_lock(&r->lock);
    r->stats.observed += status == RW_OK ? 1 : 0;
    r->stats.failed += status == RW_OK ? 0 : 1;
    uv_mutex_unlock(&r->lock);
}

static void work_off(struct rw_runs *r, struct rw_runs_observation *o, struct rw_runs_task *t)
{
    while (o != NULL) {
        struct rw_runs_observation *next = o->next;
        take_observation(r, o);
        rw_free(o->text);
        rw_free(o);
        o = next;
    }
    while (t != NULL) {
        struct rw_runs_task *next = t->next;
        rw_runs_answer(r, t);
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
    uint64_t open = 0;
    uint64_t stored = rw_store_count(r->store, &open);
    uv_mutex_lock(&r->lock);
    r->stats.stored = stored;
    r->stats.open_alarms = open;
    uv_mutex_unlock(&r->lock);
}

static void thread(void *ctx)
{
    struct rw_runs *r = ctx;
    uint64_t flush_at = 0; /* 0 = nothing to write */
    rw_thread_be_patient();
    uv_mutex_lock(&r->lock);
    for (;;) {
        struct rw_runs_observation *o = r->first;
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
        r->queued_bytes = 0;
        check_queues(r);
        r->task_first = NULL;
        r->task_end = &r->task_first;
        uv_mutex_unlock(&r->lock);
        work_off(r, o, t);
        after_work(r);
        if (flush_at != 0 && flush_at <= now) {
            rw_runs_shelf_flush(r);
            count_stored(r);
            flush_at = 0;
        } else if (flush_at == 0 && o != NULL) {
            flush_at = now + (uint64_t)RW_RUNS_FLUSH_MS * RW_NS_PER_MS;
        }
        uv_mutex_lock(&r->lock);
    }
    uv_mutex_unlock(&r->lock);
    rw_runs_shelf_flush(r);
}

/* ---- the loop's side ------------------------------------------------------------------------- */

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

bool rw_runs_keeps_traces(const struct rw_runs *r)
{
    return r->keep != NULL;
}

static struct rw_runs_observation *copy(struct rw_str id, const struct rw_run_trace *trace,
                                        const struct rw_runs_extra *extra)
{
    struct rw_runs_observation *o = rw_alloc(sizeof *o);
    if (o == NULL) {
        return NULL;
    }
    o->next = NULL;
    o->id_len = id.len;
    memcpy(o->id, id.ptr, id.len);
    o->trace = *trace;
    rw_assert(extra->labels.len < RW_STORE_LABELS_MAX);
    o->labels_len = extra->labels.len;
    memcpy(o->labels, extra->labels.len > 0 ? extra->labels.ptr : "", extra->labels.len);
    o->text_len = extra->text.len;
    o->text = extra->text.len > 0 ? rw_alloc(extra->text.len) : NULL;
    if (o->text != NULL) {
        memcpy(o->text, extra->text.ptr, extra->text.len);
    }
    return o;
}

/* Under the lock: a text that finds no room is dropped, its trace is not. */
static void charge_text(struct rw_runs *r, struct rw_runs_observation *o)
{
    if (o->text_len == 0) {
        return;
    }
    if (o->text == NULL || r->queued_bytes + o->text_len > RW_KEEP_QUEUED_MAX) {
        rw_free(o->text);
        o->text = NULL;
        r->stats.texts_dropped++;
        return;
    }
    r->queued_bytes += o->text_len;
}

bool rw_runs_observe(struct rw_runs *r, struct rw_str id, const struct rw_run_trace *trace,
                     const struct rw_runs_extra *extra)
{
    rw_assert(id.len > 0 && id.len <= RW_RUN_ID_MAX);
    struct rw_runs_observation *o = copy(id, trace, extra);
    uv_mutex_lock(&r->lock);
    bool room = o != NULL && r->queued < RW_RUNS_QUEUE_MAX && !r->stopping;
    if (room) {
        charge_text(r, o);
        *r->end = o;
        r->end = &o->next;
        r->queued++;
        check_queues(r);
        uv_cond_signal(&r->work);
    } else {
        r->stats.dropped++;
    }
    uv_mutex_unlock(&r->lock);
    if (!room && o != NULL) {
        rw_free(o->text);
        rw_free(o);
    }
    return room;
}

void rw_runs_drop(struct rw_runs *r)
{
    uv_mutex_lock(&r->lock);
    r->stats.dropped++;
    uv_mutex_unlock(&r->lock);
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
        check_queues(r);
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
        return rw_fail_memory(err, "the run monitors");
    }
    r->options = *options;
    r->news = news;
    r->news_ctx = ctx;
    r->end = &r->first;
    r->task_end = &r->task_first;
    r->done_end = &r->done_first;
    r->wake.data = r;
    rw_buf_init(&r->scratch, RW_STORE_RECORD_MAX);
    rw_buf_init(&r->kept, RW_STORE_RECORD_MAX);
    r->keep = options->keep_traces > 0 ? rw_keep_create() : NULL;
    r->entry = rw_alloc_zero(options->memory_max, sizeof(struct rw_runs_entry *));
    /* An alarm is written when memory may be short: what it is written into is there from birth. */
    bool memory = r->entry != NULL && (options->keep_traces == 0 || r->keep != NULL) &&
                  rw_buf_reserve(&r->scratch, EVENT_BYTES) != NULL;
    rw_status status =
        memory ? rw_store_open(options->path, &r->store, err) : rw_fail_memory(err, "the runs");
    if (status != RW_OK) {
        rw_buf_fini(&r->scratch);
        rw_keep_destroy(r->keep);
        rw_free(r->entry);
        rw_free(r);
        return status;
    }
    r->stats.durable = rw_store_durable(r->store);
    r->latest = rw_store_latest(r->store);
    r->stats.stored = rw_store_count(r->store, &r->stats.open_alarms);
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
        rw_runs_shelf_release(r->entry[i]);
    }
    rw_store_close(r->store);
    rw_keep_destroy(r->keep);
    rw_buf_fini(&r->kept);
    rw_buf_fini(&r->scratch);
    uv_cond_destroy(&r->work);
    uv_mutex_destroy(&r->lock);
    rw_free(r->entry);
    rw_free(r);
}
