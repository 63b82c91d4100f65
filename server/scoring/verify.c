/* POST /v1/verify: answers beside references. No model, no admission: a verdict costs microseconds.
 * Large bodies are parsed and judged on a prepare thread, small ones on the loop. */
#include "core/base/alloc.h"
#include "core/base/util.h"
#include "proto/emit.h"
#include "server/http/exchange.h"
#include "server/scoring/scoring.h"
#include "server/verify/verdict.h"

enum {
    INLINE_BODY_MAX = 16 * 1024, /* bytes */
    REPLY_BYTES_MAX = 256 << 20, /* of one reply */
};

struct verify {
    struct rw_task task;
    struct rw_lane lane;
    struct rw_scoring *scoring;
    struct rw_exchange *ex; /* NULL: the client is gone */
    struct rw_buf body;
    struct rw_buf reply;
    struct rw_arena arena;
    struct rw_error err;
    rw_status status;
    char id[RW_REQUEST_ID_MAX];
};

static void write_reply(struct verify *v, const struct rw_verify_request *request)
{
    struct rw_buf *out = &v->reply;
    rw_emit_open(out, '{');
    rw_emit_text_field(out, "id", v->id);
    rw_emit_text_field(out, "object", "verify");
    rw_emit_name(out, "results");
    rw_emit_open(out, '[');
    for (size_t i = 0; i < request->n && !out->failed; i++) {
        struct rw_reply_verdict verdict;
        rw_verdict_of(&request->options, &request->items[i], &verdict);
        rw_emit_open(out, '{');
        rw_verify_emit(out, "verified", "reason", &verdict);
        rw_emit_close(out, '}');
    }
    rw_emit_close(out, ']');
    rw_emit_close(out, '}');
    rw_buf_append_char(out, '\n');
}

static void run(struct rw_task *task)
{
    struct verify *v = RW_CONTAINER_OF(task, struct verify, task);
    struct rw_verify_request request;
    char nothing[1] = {0};
    v->status = rw_verify_parse(v->body.ptr != NULL ? v->body.ptr : nothing, v->body.len,
                                &v->scoring->limits, false, &v->arena, &request, &v->err);
    if (v->status == RW_OK) {
        write_reply(v, &request);
    }
}

static void done(struct rw_task *task)
{
    struct verify *v = RW_CONTAINER_OF(task, struct verify, task);
    struct rw_exchange *ex = v->ex;
    if (ex != NULL) {
        ex->work = NULL;
        ex->gone = NULL;
        if (v->status == RW_OK) {
            rw_exchange_reply_buf(ex, 200, "application/json", &v->reply, NULL);
        } else {
            rw_exchange_fail(ex, &v->err);
        }
    }
    rw_buf_fini(&v->body);
    rw_buf_fini(&v->reply);
    rw_arena_fini(&v->arena);
    rw_free(v);
}

static void on_gone(void *work)
{
    struct verify *v = work;
    v->ex = NULL;
}

void rw_verify_start(struct rw_scoring *scoring, struct rw_exchange *ex)
{
    struct rw_error err = {0};
    struct verify *v = rw_alloc_zero(1, sizeof *v);
    if (v == NULL) {
        rw_fail_memory(&err, "the request");
        rw_exchange_fail(ex, &err);
        return;
    }
    v->scoring = scoring;
    v->ex = ex;
    v->task.run = run;
    v->task.done = done;
    memcpy(v->id, ex->request_id, sizeof v->id);
    rw_arena_init(&v->arena, scoring->limits.arena_bytes_max);
    rw_buf_init(&v->reply, REPLY_BYTES_MAX);
    v->body = ex->body;
    rw_buf_init(&ex->body, 0);
    ex->work = v;
    ex->gone = on_gone;
    if (v->body.len <= INLINE_BODY_MAX) {
        run(&v->task);
        done(&v->task);
    } else {
        v->status = rw_prepare_body(scoring->prepare, &v->lane, &v->task, &v->err);
        if (v->status != RW_OK) {
            scoring->metrics->refused_overload++;
            done(&v->task);
        }
    }
}
