/* POST /v1/rewards: the native dialect, whole or streamed. */
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "proto/request_parse.h"
#include "server/scoring/call.h"
#include "server/scoring/call_view.h"
#include "server/scoring/resume.h"
#include "server/version.h"

enum {
    PIECE_BYTES = 16 * 1024, /* of a reply per pull */
    WHOLE_TRACES_MAX = 256,  /* larger documents are sent while they are written */
    WHOLE_STEPS_MAX = 4096,
};

/* A document is written trace by trace, in order, once all are complete. */
struct document {
    enum rw_reply_format format;
    uint64_t body_hash;
    struct rw_resume resume; /* server-sent events: what was sent */
    size_t next;             /* trace */
    bool sending;            /* whole documents: the head of the reply is out */
    bool begun;
    bool ended;
};

static bool is_stream(enum rw_reply_format format)
{
    return format == RW_REPLY_NDJSON || format == RW_REPLY_SSE;
}

static rw_status parse(struct rw_call *call, struct rw_error *err)
{
    struct rw_arena *arena = rw_call_arena(call);
    struct rw_request *request = rw_call_request(call);
    struct rw_buf *body = rw_call_body(call);
    struct document *doc = rw_arena_alloc(arena, sizeof *doc);
    if (doc == NULL) {
        return rw_fail_memory(err, "the request");
    }
    memset(doc, 0, sizeof *doc);
    rw_call_keep(call, doc);
    doc->body_hash = rw_hash64(body->ptr, body->len, 0); /* parsing writes into it */
    rw_status status =
        rw_request_parse(body->ptr, body->len, &rw_call_scoring(call)->limits, arena, request, err);
    return status == RW_OK
               ? rw_reply_negotiate(rw_call_accept(call), request->stream, &doc->format, err)
               : status;
}

static void write_id(const struct document *doc, struct rw_buf *out)
{
    char id[RW_RESUME_ID_MAX];
    if (doc->format == RW_REPLY_SSE) {
        rw_resume_write(&doc->resume, id);
        rw_reply_event_id(out, id);
    }
}

static void begin_once(struct rw_call *call, struct rw_buf *out)
{
    struct document *doc = rw_call_kept(call);
    if (!doc->begun) {
        struct rw_reply_head head;
        rw_call_view_head(call, &head);
        write_id(doc, out);
        rw_reply_begin(out, doc->format, &head);
        doc->begun = true;
    }
}

static void write_end(struct rw_call *call, struct rw_buf *out)
{
    struct document *doc = rw_call_kept(call);
    struct rw_reply_usage usage;
    rw_call_view_usage(call, &usage);
    rw_reply_end(out, doc->format, &usage);
    doc->ended = true;
}

/* ---- one document ---------------------------------------------------------------------------- */

/* Writes until `max` bytes are in the buffer or the document ends. */
static bool write_document(struct rw_call *call, struct rw_buf *out, size_t max)
{
    struct document *doc = rw_call_kept(call);
    size_t begin = out->len;
    begin_once(call, out);
    while (doc->next < rw_call_traces(call) && out->len - begin < max && !out->failed) {
        struct rw_reply_trace view;
        rw_call_view_trace(rw_call_trace_at(call, doc->next), &view);
        rw_reply_trace(out, doc->format, &view, doc->next == 0);
        doc->next++;
    }
    if (doc->next == rw_call_traces(call) && !doc->ended) {
        write_end(call, out);
    }
    return doc->ended;
}

static enum rw_pull pull_document(void *ctx, struct rw_buf *out)
{
    struct rw_call *call = ctx;
    if (!write_document(call, out, PIECE_BYTES)) {
        return RW_PULL_MORE;
    }
    if (out->failed) {
        return RW_PULL_MORE; /* the end is not in it: the connection cuts the reply */
    }
    rw_call_end(call);
    return RW_PULL_END;
}

static void send_document(struct rw_call *call)
{
    struct document *doc = rw_call_kept(call);
    struct rw_exchange *ex = rw_call_exchange(call);
    const char *type = rw_reply_content_type(doc->format);
    size_t traces = rw_call_traces(call);
    char timing[128];
    char extra[192];
    doc->sending = true;
    rw_call_view_server_timing(call, timing, sizeof timing);
    snprintf(extra, sizeof extra, "X-Rewardd-Errors: %zu\r\n%s", rw_call_failed(call), timing);
    if (traces > WHOLE_TRACES_MAX || rw_call_steps_max(call) * traces > WHOLE_STEPS_MAX) {
        struct rw_stream_source source = {.pull = pull_document, .ctx = call};
        rw_exchange_stream(ex, type, &source, extra);
        return;
    }
    struct rw_buf out;
    rw_buf_init(&out, RW_REPLY_BYTES_MAX);
    write_document(call, &out, SIZE_MAX);
    rw_exchange_reply_buf(ex, 200, type, &out, extra);
    rw_buf_fini(&out);
    rw_call_end(call);
}

/* ---- a stream of lines ----------------------------------------------------------------------- */

/* Steps that are ready, and after the last one the trace. False when the piece is full first. */
static bool write_lines(struct document *doc, struct rw_call_trace *trace, struct rw_buf *out,
                        size_t begin)
{
    struct rw_reply_trace view;
    struct rw_reply_step step;
    while (rw_call_view_next_step(trace, &view, &step)) {
        rw_reply_step_event(out, doc->format, view.item, view.trace, &step);
        if (out->len - begin >= PIECE_BYTES) {
            return false;
        }
    }
    if (rw_call_trace_complete(trace)) {
        rw_call_view_trace(trace, &view);
        rw_reply_trace(out, doc->format, &view, false);
        doc->next++;
    }
    return true;
}

static enum rw_pull end_stream(struct rw_call *call, struct rw_buf *out)
{
    write_end(call, out);
    if (out->failed) {
        return RW_PULL_MORE; /* not the end yet: an error event will be */
    }
    rw_call_end(call);
    return RW_PULL_END;
}

static enum rw_pull pull_lines(void *ctx, struct rw_buf *out)
{
    struct rw_call *call = ctx;
    struct document *doc = rw_call_kept(call);
    size_t begin = out->len;
    begin_once(call, out);
    while (rw_call_fresh(call) != NULL) {
        /* Off the list only when nothing is left to say about it. */
        if (!write_lines(doc, rw_call_fresh(call), out, begin)) {
            return RW_PULL_MORE;
        }
        rw_call_drop_fresh(call);
        if (out->len - begin >= PIECE_BYTES) {
            return RW_PULL_MORE;
        }
    }
    if (doc->next < rw_call_traces(call)) {
        return RW_PULL_WAIT;
    }
    return end_stream(call, out);
}

/* ---- a stream of server-sent events ---------------------------------------------------------- */

/* The same with ids. What it says is told when it is in the buffer, so the id says so too. */
static bool write_events(struct document *doc, struct rw_call *call, size_t i, struct rw_buf *out,
                         size_t begin)
{
    struct rw_call_trace *trace = rw_call_trace_at(call, i);
    struct rw_reply_trace view;
    struct rw_reply_step step;
    while (rw_call_view_next_step(trace, &view, &step)) {
        rw_resume_tell_step(&doc->resume, i);
        write_id(doc, out);
        rw_reply_step_event(out, doc->format, view.item, view.trace, &step);
        if (out->len - begin >= PIECE_BYTES) {
            return false;
        }
    }
    if (rw_call_trace_complete(trace)) {
        rw_call_view_trace(trace, &view);
        rw_resume_tell_trace(&doc->resume, i);
        write_id(doc, out);
        rw_reply_trace(out, doc->format, &view, false);
    }
    return true;
}

/* What can be said of the traces in the window; it moves on as they end. False: the piece is full.
 */
static bool write_window(struct document *doc, struct rw_call *call, struct rw_buf *out)
{
    size_t begin = out->len;
    for (size_t i = doc->resume.base; i < rw_resume_end(&doc->resume); i++) {
        if (rw_resume_is_told(&doc->resume, i)) {
            continue;
        }
        if (!write_events(doc, call, i, out, begin) || out->len - begin >= PIECE_BYTES) {
            return false;
        }
    }
    return true;
}

static enum rw_pull pull_events(void *ctx, struct rw_buf *out)
{
    struct rw_call *call = ctx;
    struct document *doc = rw_call_kept(call);
    begin_once(call, out);
    while (rw_call_fresh(call) != NULL) {
        rw_call_drop_fresh(call); /* the window is looked at as a whole */
    }
    if (!write_window(doc, call, out)) {
        return RW_PULL_MORE;
    }
    return doc->resume.base < rw_call_traces(call) ? RW_PULL_WAIT : end_stream(call, out);
}

/* Every reply that goes on from an event of this one has the same tag. */
static uint64_t tag_of(const struct rw_call *call)
{
    struct rw_reply_head head = {0};
    const struct document *doc = rw_call_kept(call);
    char by[512];
    rw_call_view_head(call, &head);
    int n = snprintf(by, sizeof by, "%s %s %s %s %s", RW_VERSION, RW_COMMIT, head.kernel,
                     head.process.digest != NULL ? head.process.digest : "-",
                     head.outcome.digest != NULL ? head.outcome.digest : "-");
    return rw_hash64(by, RW_MIN((size_t)n, sizeof by - 1), doc->body_hash);
}

static rw_status go_on(struct rw_call *call, struct rw_error *err)
{
    struct document *doc = rw_call_kept(call);
    struct rw_resume *r = &doc->resume;
    struct rw_str id = rw_call_last_event_id(call);
    rw_resume_init(r, tag_of(call), rw_call_traces(call));
    if (id.len == 0) {
        return RW_OK;
    }
    rw_status status = rw_resume_read(r, id, err);
    for (size_t i = r->base; status == RW_OK && i < rw_resume_end(r); i++) {
        if (!rw_call_view_skip_steps(rw_call_trace_at(call, i), r->steps[i - r->base])) {
            status = rw_fail(err, RW_INVALID_REQUEST, "trace %zu has fewer steps than that", i);
            rw_error_param(err, "Last-Event-ID");
        }
    }
    doc->begun = true;
    return status;
}

static void heartbeat(void *ctx, struct rw_buf *out)
{
    rw_reply_heartbeat(out, ((struct document *)rw_call_kept(ctx))->format);
}

/* The status is spent: what went wrong is the last event, in place of `done`. */
static void lose(void *ctx, struct rw_buf *out, const struct rw_error *err)
{
    struct rw_call *call = ctx;
    struct document *doc = rw_call_kept(call);
    rw_reply_error_event(out, doc->format, err, rw_call_exchange(call)->request_id);
}

/* ---- the dialect ----------------------------------------------------------------------------- */

static void progress(struct rw_call *call)
{
    struct document *doc = rw_call_kept(call);
    if (is_stream(doc->format)) {
        rw_exchange_wake(rw_call_exchange(call));
    } else if (rw_call_complete(call) && !doc->sending) {
        send_document(call);
    }
}

static void fail(struct rw_call *call, const struct rw_error *err)
{
    struct rw_exchange *ex = rw_call_exchange(call);
    char extra[64];
    if (err->status != RW_OVERLOADED) {
        rw_exchange_fail(ex, err);
        return;
    }
    snprintf(extra, sizeof extra, "Retry-After: %u\r\n", rw_call_retry_after(call));
    rw_exchange_fail_as(ex, err, rw_error_entry(err->status)->http_status, extra);
}

static void begun(struct rw_call *call)
{
    struct document *doc = rw_call_kept(call);
    struct rw_error err = {0};
    bool events = doc->format == RW_REPLY_SSE;
    if (!is_stream(doc->format)) {
        progress(call);
        return;
    }
    if (events && go_on(call, &err) != RW_OK) {
        fail(call, &err);
        rw_call_end(call);
        return;
    }
    struct rw_stream_source source = {.pull = events ? pull_events : pull_lines,
                                      .heartbeat = events ? heartbeat : NULL,
                                      .lose = lose,
                                      .ctx = call};
    rw_exchange_stream(rw_call_exchange(call), rw_reply_content_type(doc->format), &source,
                       "X-Accel-Buffering: no\r\n");
}

static const struct rw_dialect NATIVE = {.name = "/v1/rewards",
                                         .parse = parse,
                                         .begun = begun,
                                         .progress = progress,
                                         .fail = fail,
                                         .hold = false,
                                         .flags = true};

void rw_rewards_start(struct rw_scoring *scoring, struct rw_exchange *ex)
{
    rw_call_start(scoring, ex, &NATIVE);
}
