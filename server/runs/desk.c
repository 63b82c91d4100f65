#include "server/runs/desk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "proto/reply.h"

enum {
    SUBSCRIBERS_MAX = 256, /* event streams open at once */
};

/* One question, or one event stream that asks again and again. */
struct rw_asker {
    struct rw_runs_task task; /* first member */
    struct rw_run_desk *desk;
    struct rw_exchange *ex; /* NULL = the client is gone */
    bool asking;            /* the task is out */
    bool begun;             /* events: the head of the reply was sent */
    bool news;              /* events: something happened since the last question */
    bool over;              /* events: the run is gone, and so is the stream */
    struct rw_buf pending;  /* events: not yet pulled */
    struct rw_asker *prev;
    struct rw_asker *next;
};

/* ---- which run ------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoded (RFC 3986, section 2.1); 0 = it is no id. */
static size_t read_name(struct rw_str in, char out[RW_RUN_ID_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex(in.ptr[i + 1]) : -1;
            int low = i + 2 < in.len ? hex(in.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return 0;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (n == RW_RUN_ID_MAX) {
            return 0;
        }
        out[n++] = c;
    }
    return n;
}

/* The path segment behind /v1/runs/. */
static bool read_id(const struct rw_exchange *ex, struct rw_runs_task *task)
{
    const struct rw_str prefix = RW_STR("/v1/runs/");
    struct rw_str target = ex->in->request.target;
    size_t end = prefix.len;
    while (end < target.len && target.ptr[end] != '/' && target.ptr[end] != '?') {
        end++;
    }
    task->id_len = read_name(rw_str_slice(target, RW_MIN(prefix.len, end), end), task->id);
    return task->id_len > 0;
}

/* A parameter of the query; empty when absent. Ours hold nothing that is percent-encoded. */
static struct rw_str query(const struct rw_exchange *ex, const char *name)
{
    struct rw_str target = ex->in->request.target;
    size_t at = rw_str_find(target, RW_STR("?"), 0);
    size_t len = strlen(name);
    while (at < target.len) {
        size_t end = rw_str_find(target, RW_STR("&"), at + 1);
        struct rw_str part = rw_str_slice(target, at + 1, end);
        if (part.len > len && part.ptr[len] == '=' && memcmp(part.ptr, name, len) == 0) {
            return rw_str_slice(part, len + 1, part.len);
        }
        at = end;
    }
    return (struct rw_str){NULL, 0};
}

/* "1795948738.5_12": time of update and row, as the page before gave it. */
static bool read_cursor(struct rw_str text, struct rw_store_place *out)
{
    char copy[64];
    char *end = copy;
    if (text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    out->updated = strtod(copy, &end);
    if (end == copy || *end != '_' || !isfinite(out->updated)) {
        return false;
    }
    const char *row = end + 1;
    out->row = strtoll(row, &end, 10);
    return end != row && *end == '\0' && out->row >= 0;
}

static rw_status read_page(const struct rw_exchange *ex, struct rw_runs_task *task,
                           struct rw_error *err)
{
    struct rw_str limit = query(ex, "limit");
    struct rw_str cursor = query(ex, "cursor");
    unsigned long long n = RW_RUNS_LIST_DEFAULT;
    task->has_from = cursor.len > 0;
    if (limit.len > 0 && (!rw_str_to_u64(limit, &n) || n < 1 || n > RW_RUNS_LIST_MAX)) {
        rw_fail(err, RW_INVALID_REQUEST, "limit is 1 to %d", RW_RUNS_LIST_MAX);
        rw_error_param(err, "limit");
        return RW_INVALID_REQUEST;
    }
    if (task->has_from && !read_cursor(cursor, &task->from)) {
        rw_fail(err, RW_INVALID_REQUEST, "that is no cursor of this list");
        rw_error_hint(err, "take next_cursor of the page before, as it is");
        rw_error_param(err, "cursor");
        return RW_INVALID_REQUEST;
    }
    task->limit = n;
    return RW_OK;
}

static void destroy(struct rw_asker *a)
{
    rw_buf_fini(&a->task.reply);
    rw_buf_fini(&a->pending);
    rw_free(a);
}

static void on_gone(void *work)
{
    struct rw_asker *a = work;
    a->ex = NULL;
    if (!a->asking) {
        destroy(a);
    }
}

static void refuse(struct rw_asker *a, const struct rw_error *err)
{
    struct rw_exchange *ex = a->ex;
    struct rw_error copy = *err;
    if (copy.status == RW_GONE) {
        rw_error_hint(&copy, "its next trace begins it anew; --runs-db, --runs-kept and "
                             "--runs-memory say how many runs are kept");
    } else if (copy.status == RW_NOT_FOUND) {
        rw_error_hint(&copy, "a run begins with the first scored trace that carries \"run\": "
                             "{\"id\": ...}; GET /v1/runs lists them");
    }
    rw_exchange_fail(ex, &copy);
    destroy(a);
}

static void on_answer(struct rw_runs_task *task)
{
    struct rw_asker *a = (struct rw_asker *)task;
    a->asking = false;
    if (a->ex == NULL) {
        destroy(a);
    } else if (task->status != RW_OK) {
        refuse(a, &task->error);
    } else {
        const char *type = task->as_text ? "text/plain; charset=utf-8" : "application/json";
        rw_exchange_reply(a->ex, 200, type, rw_buf_str(&task->reply), "Vary: Accept\r\n");
        destroy(a);
    }
}

static struct rw_asker *create(struct rw_run_desk *desk, struct rw_exchange *ex,
                               enum rw_runs_question question)
{
    struct rw_error err = {0};
    struct rw_asker *a = rw_alloc_zero(1, sizeof *a);
    if (a == NULL) {
        rw_fail_memory(&err, "the request");
        rw_exchange_fail(ex, &err);
        return NULL;
    }
    a->desk = desk;
    a->ex = ex;
    a->task.question = question;
    a->task.done = on_answer;
    rw_buf_init(&a->pending, 2 * RW_RUNS_REPLY_MAX);
    if (question == RW_RUNS_LIST && read_page(ex, &a->task, &err) != RW_OK) {
        refuse(a, &err);
        return NULL;
    }
    if (question == RW_RUNS_BASELINE) {
        a->task.other_len = read_name(query(ex, "from"), a->task.other);
        if (a->task.other_len == 0) {
            rw_fail(&err, RW_INVALID_REQUEST, "?from= names the run whose baseline is taken");
            rw_error_param(&err, "from");
            refuse(a, &err);
            return NULL;
        }
    }
    if (question != RW_RUNS_LIST && !read_id(ex, &a->task)) {
        rw_fail(&err, RW_NOT_FOUND, "there is no run of that id");
        refuse(a, &err);
        return NULL;
    }
    return a;
}

static bool ask(struct rw_asker *a, struct rw_error *err)
{
    a->asking = rw_runs_ask(a->desk->runs, &a->task, err) == RW_OK;
    return a->asking;
}

static void handle(struct rw_run_desk *desk, struct rw_exchange *ex, enum rw_runs_question question)
{
    struct rw_error err = {0};
    struct rw_asker *a = create(desk, ex, question);
    if (a == NULL) {
        return;
    }
    enum rw_reply_format format = RW_REPLY_JSON;
    if (question == RW_RUNS_SHOW && rw_reply_negotiate(rw_exchange_header(ex, RW_HEADER_ACCEPT),
                                                       false, &format, &err) == RW_OK) {
        a->task.as_text = format == RW_REPLY_TEXT;
    }
    ex->work = a;
    ex->gone = on_gone;
    if (!ask(a, &err)) {
        refuse(a, &err);
    }
}

void rw_run_desk_list(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    handle(desk, ex, RW_RUNS_LIST);
}

void rw_run_desk_show(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    bool erase = rw_str_is(ex->in->request.method, "DELETE");
    handle(desk, ex, erase ? RW_RUNS_DELETE : RW_RUNS_SHOW);
}

void rw_run_desk_traces(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    handle(desk, ex, RW_RUNS_TRACES);
}

void rw_run_desk_acknowledge(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    handle(desk, ex, RW_RUNS_ACKNOWLEDGE);
}

void rw_run_desk_reset(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    handle(desk, ex, RW_RUNS_RESET);
}

void rw_run_desk_baseline(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    handle(desk, ex, RW_RUNS_BASELINE);
}

/* ---- events ------------------------------------------------------------------------------------
 *
 *   asks -> (answer: the head of the reply is sent, or 404) -> pulled -> asks when there is news
 */

static void unlink_asker(struct rw_asker *a)
{
    struct rw_run_desk *desk = a->desk;
    if (a->prev != NULL) {
        a->prev->next = a->next;
    } else {
        desk->subscribers = a->next;
    }
    if (a->next != NULL) {
        a->next->prev = a->prev;
    }
    desk->n_subscribers--;
}

static void on_subscriber_gone(void *work)
{
    struct rw_asker *a = work;
    unlink_asker(a);
    on_gone(a);
}

static enum rw_pull pull_events(void *ctx, struct rw_buf *out)
{
    struct rw_asker *a = ctx;
    struct rw_error ignored = {0};
    if (a->pending.len > 0) {
        rw_buf_append(out, a->pending.ptr, a->pending.len);
        rw_buf_clear(&a->pending);
    }
    if (a->desk->draining || a->over) {
        rw_buf_append_str(out, a->over ? RW_STR("event: end\ndata: {\"reason\":\"forgotten\"}\n\n")
                                       : RW_STR("event: end\ndata: {\"reason\":\"draining\"}\n\n"));
        unlink_asker(a);
        a->ex = NULL;
        if (!a->asking) {
            destroy(a);
        }
        return RW_PULL_END;
    }
    if (a->news && !a->asking) {
        a->news = !ask(a, &ignored); /* too many questions: at the next news */
    }
    return RW_PULL_WAIT;
}

static void heartbeat(void *ctx, struct rw_buf *out)
{
    (void)ctx;
    rw_buf_append_str(out, RW_STR(": hb\n\n"));
}

static void on_events(struct rw_runs_task *task)
{
    struct rw_asker *a = (struct rw_asker *)task;
    a->asking = false;
    if (a->ex == NULL) {
        destroy(a);
        return;
    }
    if (task->status != RW_OK && !a->begun) {
        unlink_asker(a);
        refuse(a, &task->error);
        return;
    }
    a->over = task->status == RW_GONE || task->status == RW_NOT_FOUND;
    rw_buf_append_str(&a->pending, rw_buf_str(&task->reply));
    rw_buf_fini(&task->reply);
    a->news = a->news || task->more;
    if (a->begun) {
        rw_exchange_wake(a->ex);
        return;
    }
    a->begun = true;
    struct rw_stream_source source = {.pull = pull_events, .heartbeat = heartbeat, .ctx = a};
    rw_exchange_stream(a->ex, "text/event-stream", &source,
                       "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n");
}

static uint64_t last_event_id(const struct rw_exchange *ex)
{
    unsigned long long id = 0;
    struct rw_str text = rw_exchange_header(ex, RW_HEADER_LAST_EVENT_ID);
    return rw_str_to_u64(text, &id) ? id : 0;
}

void rw_run_desk_events(struct rw_run_desk *desk, struct rw_exchange *ex)
{
    struct rw_error err = {0};
    if (desk->n_subscribers >= SUBSCRIBERS_MAX) {
        rw_fail(&err, RW_OVERLOADED, "%d event streams are open", SUBSCRIBERS_MAX);
        rw_exchange_fail(ex, &err);
        return;
    }
    struct rw_asker *a = create(desk, ex, RW_RUNS_EVENTS);
    if (a == NULL) {
        return;
    }
    if (ex->is_head) {
        a->task.question = RW_RUNS_SHOW; /* says whether there is such a run */
    } else {
        a->task.done = on_events;
        a->task.after = last_event_id(ex);
    }
    ex->work = a;
    ex->gone = on_gone;
    if (!ask(a, &err)) {
        refuse(a, &err);
        return;
    }
    if (!ex->is_head) {
        ex->gone = on_subscriber_gone;
        a->next = desk->subscribers;
        if (a->next != NULL) {
            a->next->prev = a;
        }
        desk->subscribers = a;
        desk->n_subscribers++;
    }
}

void rw_run_desk_wake(struct rw_run_desk *desk)
{
    struct rw_asker *a = desk->subscribers;
    while (a != NULL) {
        struct rw_asker *next = a->next; /* a wake may end this one */
        a->news = true;
        if (a->begun && a->ex != NULL) {
            rw_exchange_wake(a->ex);
        }
        a = next;
    }
}
