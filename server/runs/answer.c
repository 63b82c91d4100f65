/* Questions about runs, answered on the runs thread. */
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "server/runs/run_json.h"
#include "server/runs/run_text.h"
#include "server/runs/runs_parts.h"

void rw_runs_tell_segment(struct rw_runs *r, struct rw_runs_entry *e, const char *why)
{
    struct rw_run_view v;
    rw_run_view(e->run, &v);
    rw_buf_clear(&r->scratch);
    rw_buf_printf(&r->scratch, "{\"segment\":%llu,\"at_trace\":%llu,\"reason\":\"%s\"}",
                  (unsigned long long)v.segment, (unsigned long long)v.traces, why);
    rw_runs_shelf_add_event(r, e, "segment");
}

struct listing {
    struct rw_runs *runs;
    struct rw_buf *out;
    uint64_t left; /* of the page */
    struct rw_store_place last;
    bool more;
};

/* A run in memory may know more than its row, and have no row at all while the disk is full. */
static void list_one(void *ctx, struct rw_str name, const struct rw_store_run *run)
{
    struct listing *l = ctx;
    for (size_t i = 0; i < l->runs->entries; i++) {
        const struct rw_runs_entry *e = l->runs->entry[i];
        if (e->torn && rw_str_equal(name, (struct rw_str){e->name, e->name_len})) {
            return; /* listed already */
        }
    }
    if (l->left == 0) {
        l->more = true;
        return;
    }
    rw_run_json_entry(l->out, name, run);
    l->left--;
    l->last = (struct rw_store_place){run->updated, run->row};
}

static void list_unwritten(struct rw_runs *r, struct rw_buf *out)
{
    for (size_t i = 0; i < r->entries; i++) {
        const struct rw_runs_entry *e = r->entry[i];
        if (e->torn) {
            struct rw_run_view v;
            struct rw_store_run row = e->row;
            rw_run_view(e->run, &v);
            row.traces = v.traces;
            rw_run_json_entry(out, (struct rw_str){e->name, e->name_len}, &row);
        }
    }
}

/* A page and one more, so that it is known whether there is another. */
static void answer_list(struct rw_runs *r, struct rw_runs_task *t)
{
    struct listing l = {.runs = r, .out = &t->reply, .left = t->limit};
    rw_runs_shelf_flush(r);
    rw_buf_append_str(&t->reply, RW_STR("{\"object\":\"list\",\"data\":["));
    if (!t->has_from) {
        list_unwritten(r, &t->reply);
    }
    t->status = rw_store_list(r->store, t->limit + 1 + r->entries, t->has_from ? &t->from : NULL,
                              list_one, &l, &t->error);
    rw_buf_append_str(&t->reply, RW_STR("],\"next_cursor\":"));
    if (l.more) {
        rw_buf_printf(&t->reply, "\"%.17g_%lld\"}\n", l.last.updated, (long long)l.last.row);
    } else {
        rw_buf_append_str(&t->reply, RW_STR("null}\n"));
    }
}

struct trace_writer {
    struct rw_buf *out;
    size_t n;
    size_t named;
};

static void trace_one(void *ctx, const struct rw_store_trace *trace)
{
    struct trace_writer *w = ctx;
    rw_run_json_trace(w->out, trace);
    w->n++;
    w->named += strcmp(trace->why, "named") == 0 ? 1 : 0;
}

static void answer_traces(struct rw_runs *r, struct rw_runs_task *t, const struct rw_runs_entry *e)
{
    struct trace_writer writer = {&t->reply, 0, 0};
    t->reply.max_bytes = RW_RUNS_TRACES_MAX;
    rw_buf_printf(&t->reply, "{\"object\":\"list\",\"keep\":%llu,\"data\":[",
                  (unsigned long long)r->options.keep_traces);
    t->status = rw_store_traces(r->store, e->row.row, trace_one, &writer, &t->error);
    rw_buf_printf(&t->reply, "],\"named_without_text\":%zu}\n",
                  rw_run_json_without_text(e->run, writer.named));
}

static void answer_delete(struct rw_runs *r, struct rw_runs_task *t, struct rw_runs_entry *e)
{
    t->status = rw_runs_shelf_remove(r, e, "it was deleted on request", &t->error);
    r->had_events = true; /* open event streams end */
    rw_buf_append_str(&t->reply, RW_STR("{\"object\":\"run\",\"deleted\":true}\n"));
}

static void acknowledge(struct rw_runs *r, struct rw_runs_entry *e)
{
    struct rw_run_view v;
    rw_run_acknowledge(e->run);
    rw_run_view(e->run, &v);
    e->number++;
    rw_buf_clear(&r->scratch);
    rw_buf_printf(&r->scratch, "{\"at_trace\":%llu}", (unsigned long long)v.traces);
    rw_runs_shelf_add_event(r, e, "acknowledged");
    rw_runs_shelf_keep(r, e, RW_STORE_ACKNOWLEDGE, NULL, false);
}

/* Looking up the other run may put this one away, so it is looked up again. */
static rw_status take_baseline(struct rw_runs *r, struct rw_runs_task *t, struct rw_runs_entry **e)
{
    struct rw_runs_entry *other = NULL;
    struct rw_buf bytes;
    struct rw_run *copy = NULL;
    rw_status status =
        rw_runs_shelf_find(r, (struct rw_str){t->other, t->other_len}, false, &other, &t->error);
    if (status != RW_OK) {
        return status;
    }
    rw_buf_init(&bytes, RW_RUN_BYTES_MAX);
    rw_run_encode(other->run, &bytes);
    status = bytes.failed ? rw_fail_memory(&t->error, "the baseline")
                          : rw_run_decode(rw_buf_str(&bytes), &copy, &t->error);
    rw_buf_fini(&bytes);
    if (status == RW_OK) {
        status = rw_runs_shelf_find(r, (struct rw_str){t->id, t->id_len}, false, e, &t->error);
    }
    if (status == RW_OK && rw_run_take_baseline((*e)->run, copy, &t->error) != RW_OK) {
        status = t->error.status = RW_INVALID_REQUEST;
    }
    rw_run_destroy(copy);
    if (status == RW_OK) {
        (*e)->number++;
        rw_runs_tell_segment(r, *e, "the baseline of another run");
        rw_runs_shelf_keep(r, *e, RW_STORE_RESET, NULL, true); /* as a whole state */
    }
    return status;
}

static void answer_run(struct rw_runs *r, struct rw_runs_task *t, struct rw_runs_entry *e)
{
    if (t->question == RW_RUNS_ACKNOWLEDGE) {
        acknowledge(r, e);
    } else if (t->question == RW_RUNS_RESET) {
        rw_run_rebase(e->run);
        e->number++;
        rw_runs_tell_segment(r, e, "reset");
        rw_runs_shelf_keep(r, e, RW_STORE_RESET, NULL, false);
    } else if (t->question == RW_RUNS_BASELINE) {
        t->status = take_baseline(r, t, &e);
        if (t->status != RW_OK) {
            return;
        }
    }
    rw_runs_shelf_flush(r);
    bool durable = rw_store_durable(r->store) && !e->torn;
    if (t->as_text) {
        rw_run_text(&t->reply, e->run, &e->row, durable);
        return;
    }
    rw_run_json(&t->reply, e->run, &e->row, durable);
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

void rw_runs_answer(struct rw_runs *r, struct rw_runs_task *t)
{
    struct rw_runs_entry *e = NULL;
    rw_buf_init(&t->reply, RW_RUNS_REPLY_MAX);
    if (t->question == RW_RUNS_LIST) {
        answer_list(r, t);
    } else {
        t->status = rw_runs_shelf_find(r, (struct rw_str){t->id, t->id_len}, false, &e, &t->error);
    }
    if (e != NULL && t->question == RW_RUNS_EVENTS) {
        struct event_writer writer = {t, 0};
        t->status = rw_store_events(r->store, e->row.row, t->after, RW_RUNS_EVENTS_BATCH, event_one,
                                    &writer, &t->error);
        t->more = writer.n == RW_RUNS_EVENTS_BATCH;
    } else if (e != NULL && t->question == RW_RUNS_TRACES) {
        answer_traces(r, t, e);
    } else if (e != NULL && t->question == RW_RUNS_DELETE) {
        answer_delete(r, t, e);
    } else if (e != NULL) {
        answer_run(r, t, e);
    }
    if (t->status == RW_OK && t->reply.failed) {
        t->status = rw_fail_memory(&t->error, "the reply");
    }
}
