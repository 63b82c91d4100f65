/* POST /v1/rewards: the native dialect, whole or streamed. */
#include <stdio.h>

#include "proto/errors.h"
#include "server/scoring/call.h"

enum {
    PIECE_BYTES = 16 * 1024, /* of a reply per pull */
    WHOLE_TRACES_MAX = 256,  /* larger documents are sent while they are written */
    WHOLE_STEPS_MAX = 4096,
};

/* A document is written trace by trace, in order, once all are complete. */
struct document {
    enum rw_reply_format format;
    size_t next; /* trace */
    bool begun;
    bool ended;
};

static bool is_stream(enum rw_reply_format format)
{
    return format == RW_REPLY_NDJSON || format == RW_REPLY_SSE;
}

static rw_status parse(struct rw_call *call, struct rw_error *err)
{
    struct document *doc = rw_arena_alloc(&call->arena, sizeof *doc);
    if (doc == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for the request");
    }
    rw_status status =
        rw_request_parse(call->body.ptr != NULL ? call->body.ptr : (char[1]){0}, call->body.len,
                         &call->service->limits, &call->arena, &call->request, err);
    if (status == RW_OK) {
        status = rw_reply_negotiate(call->accept, call->request.stream, &doc->format, err);
    }
    call->dialect_data = doc;
    return status;
}

/* ---- one document ---------------------------------------------------------------------------- */

/* Writes until `max` bytes are in the buffer or the document ends. */
static bool write_document(struct rw_call *call, struct rw_buf *out, size_t max)
{
    struct document *doc = call->dialect_data;
    size_t begin = out->len;
    if (!doc->begun) {
        struct rw_reply_head head;
        rw_call_view_head(call, &head);
        rw_reply_begin(out, doc->format, &head);
        doc->begun = true;
    }
    while (doc->next < call->n_traces && out->len - begin < max && !out->failed) {
        struct rw_reply_trace view;
        rw_call_view_trace(&call->traces[doc->next], &view);
        rw_reply_trace(out, doc->format, &view, doc->next == 0);
        doc->next++;
    }
    if (doc->next == call->n_traces && !doc->ended) {
        struct rw_reply_usage usage;
        rw_call_view_usage(call, &usage);
        rw_reply_end(out, doc->format, &usage);
        doc->ended = true;
    }
    return doc->ended;
}

static enum rw_pull pull_document(void *ctx, struct rw_buf *out)
{
    struct rw_call *call = ctx;
    if (!write_document(call, out, PIECE_BYTES)) {
        return RW_PULL_MORE;
    }
    rw_call_end(call);
    return RW_PULL_END;
}

static size_t failed_traces(const struct rw_call *call)
{
    size_t n = 0;
    for (size_t i = 0; i < call->n_traces; i++) {
        const struct rw_call_part *part = call->traces[i].part;
        n += part[RW_PART_PROCESS].error != NULL || part[RW_PART_OUTCOME].error != NULL ? 1 : 0;
    }
    return n;
}

static void send_document(struct rw_call *call)
{
    struct document *doc = call->dialect_data;
    struct rw_exchange *ex = call->ex;
    const char *type = rw_reply_content_type(doc->format);
    char timing[128];
    char extra[192];
    rw_call_server_timing(call, timing, sizeof timing);
    snprintf(extra, sizeof extra, "X-Rewardd-Errors: %zu\r\n%s", failed_traces(call), timing);
    if (call->n_traces > WHOLE_TRACES_MAX || call->steps_max * call->n_traces > WHOLE_STEPS_MAX) {
        struct rw_stream_source source = {pull_document, NULL, call};
        rw_exchange_stream(ex, type, &source, extra);
        return;
    }
    struct rw_buf out;
    rw_buf_init(&out, RW_OUT_BYTES_MAX);
    write_document(call, &out, SIZE_MAX);
    rw_exchange_reply_buf(ex, 200, type, &out, extra);
    rw_buf_fini(&out);
    rw_call_end(call);
}

/* ---- a stream of events ---------------------------------------------------------------------- */

/* Steps that are ready, and after the last one the trace. False when the piece is full first. */
static bool write_events(struct rw_call_trace *trace, struct rw_buf *out, size_t begin)
{
    enum rw_reply_format format = ((struct document *)trace->call->dialect_data)->format;
    const struct rw_call_part *process = &trace->part[RW_PART_PROCESS];
    bool failed = !process->asked || process->error != NULL;
    uint32_t until = rw_call_steps_ready(trace);
    if (trace->complete && !failed) {
        until = process->input.n_steps; /* the others are null, with a reason */
    }
    while (trace->steps_written < until) {
        if (out->len - begin >= PIECE_BYTES) {
            return false;
        }
        struct rw_reply_step step;
        rw_call_view_step(trace, trace->steps_written++, &step);
        rw_reply_step_event(out, format, trace->item, trace->index, &step);
    }
    if (trace->complete) {
        struct rw_reply_trace view;
        rw_call_view_trace(trace, &view);
        rw_reply_trace(out, format, &view, false);
        ((struct document *)trace->call->dialect_data)->next++;
    }
    return true;
}

static enum rw_pull pull_events(void *ctx, struct rw_buf *out)
{
    struct rw_call *call = ctx;
    struct document *doc = call->dialect_data;
    size_t begin = out->len;
    if (!doc->begun) {
        struct rw_reply_head head;
        rw_call_view_head(call, &head);
        rw_reply_begin(out, doc->format, &head);
        doc->begun = true;
    }
    while (call->fresh != NULL) {
        /* Off the list only when nothing is left to say about it. */
        if (!write_events(call->fresh, out, begin)) {
            return RW_PULL_MORE;
        }
        rw_call_take_fresh(call);
        if (out->len - begin >= PIECE_BYTES) {
            return RW_PULL_MORE;
        }
    }
    if (doc->next < call->n_traces) {
        return RW_PULL_WAIT;
    }
    struct rw_reply_usage usage;
    rw_call_view_usage(call, &usage);
    rw_reply_end(out, doc->format, &usage);
    rw_call_end(call);
    return RW_PULL_END;
}

static void heartbeat(void *ctx, struct rw_buf *out)
{
    struct rw_call *call = ctx;
    rw_reply_heartbeat(out, ((struct document *)call->dialect_data)->format);
}

/* ---- the dialect ----------------------------------------------------------------------------- */

static void begun(struct rw_call *call)
{
    struct document *doc = call->dialect_data;
    if (is_stream(doc->format)) {
        struct rw_stream_source source = {pull_events,
                                          doc->format == RW_REPLY_SSE ? heartbeat : NULL, call};
        rw_exchange_stream(call->ex, rw_reply_content_type(doc->format), &source,
                           "X-Accel-Buffering: no\r\n");
    } else if (rw_call_complete(call)) {
        send_document(call);
    }
}

static void progress(struct rw_call *call)
{
    struct document *doc = call->dialect_data;
    if (is_stream(doc->format)) {
        rw_exchange_wake(call->ex);
    } else if (rw_call_complete(call)) {
        send_document(call);
    }
}

static void fail(struct rw_call *call, const struct rw_error *err)
{
    char extra[64];
    if (err->status != RW_OVERLOADED) {
        rw_exchange_fail(call->ex, err);
        return;
    }
    snprintf(extra, sizeof extra, "Retry-After: %u\r\n",
             rw_admission_retry_after(&call->service->admission, call->tokens));
    rw_exchange_fail_as(call->ex, err, rw_error_entry(err->status)->http_status, extra);
}

static const struct rw_dialect NATIVE = {parse, begun,         progress,
                                         fail,  .hold = false, .flags = true};

void rw_handle_rewards(struct rw_service *service, struct rw_exchange *ex)
{
    rw_call_start(service, ex, &NATIVE);
}
