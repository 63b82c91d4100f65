#include "proto/reply.h"

#include "core/base/assert.h"
#include "proto/emit.h"
#include "proto/errors.h"
#include "proto/reply_internal.h"

/* One event is one line of JSON; SSE puts its framing around the same object.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html section 9.2.6. */
static void event_open(struct rw_buf *out, enum rw_reply_format format, const char *name)
{
    rw_assert(format == RW_REPLY_NDJSON || format == RW_REPLY_SSE);
    if (format == RW_REPLY_SSE) {
        rw_buf_printf(out, "event: %s\ndata: ", name);
    }
    rw_buf_append_char(out, '{');
    rw_emit_name(out, "event");
    rw_emit_text(out, rw_str_from(name));
}

static void event_close(struct rw_buf *out, enum rw_reply_format format)
{
    rw_buf_append(out, format == RW_REPLY_SSE ? "}\n\n" : "}\n", format == RW_REPLY_SSE ? 3 : 2);
}

void rw_reply_event_id(struct rw_buf *out, const char *id)
{
    rw_buf_printf(out, "id: %s\n", id);
}

void rw_reply_begin(struct rw_buf *out, enum rw_reply_format format,
                    const struct rw_reply_head *head)
{
    switch (format) {
    case RW_REPLY_JSON:
        rw_buf_append_char(out, '{');
        rw_reply_json_head(out, head);
        rw_emit_name(out, "results");
        rw_buf_append_char(out, '[');
        return;
    case RW_REPLY_NDJSON:
    case RW_REPLY_SSE:
        event_open(out, format, "start");
        rw_reply_json_head(out, head);
        event_close(out, format);
        return;
    case RW_REPLY_TEXT:
        rw_reply_text_head(out, head);
        return;
    }
}

void rw_reply_step_event(struct rw_buf *out, enum rw_reply_format format, uint32_t item,
                         uint32_t trace, const struct rw_reply_step *step)
{
    event_open(out, format, "step");
    rw_emit_unsigned_field(out, "item", item);
    rw_emit_unsigned_field(out, "trace", trace);
    rw_reply_json_step(out, step);
    event_close(out, format);
}

void rw_reply_trace(struct rw_buf *out, enum rw_reply_format format,
                    const struct rw_reply_trace *trace, bool first)
{
    switch (format) {
    case RW_REPLY_JSON:
        rw_buf_append(out, first ? "{" : ",{", first ? 1 : 2);
        rw_reply_json_trace(out, trace, true);
        rw_buf_append_char(out, '}');
        return;
    case RW_REPLY_NDJSON:
    case RW_REPLY_SSE:
        event_open(out, format, "trace");
        rw_reply_json_trace(out, trace, false);
        event_close(out, format);
        return;
    case RW_REPLY_TEXT:
        rw_reply_text_trace(out, trace, first);
        return;
    }
}

void rw_reply_end(struct rw_buf *out, enum rw_reply_format format,
                  const struct rw_reply_usage *usage)
{
    switch (format) {
    case RW_REPLY_JSON:
        rw_buf_append(out, "],\"usage\":", 10);
        rw_reply_json_usage(out, usage);
        rw_buf_append(out, "}\n", 2);
        return;
    case RW_REPLY_NDJSON:
    case RW_REPLY_SSE:
        event_open(out, format, "done");
        rw_emit_name(out, "usage");
        rw_reply_json_usage(out, usage);
        event_close(out, format);
        return;
    case RW_REPLY_TEXT:
        rw_reply_text_usage(out, usage);
        return;
    }
}

void rw_reply_error_event(struct rw_buf *out, enum rw_reply_format format,
                          const struct rw_error *error, const char *request_id)
{
    if (format == RW_REPLY_TEXT) {
        rw_reply_text_error(out, error);
        return;
    }
    event_open(out, format, "error");
    rw_emit_name(out, "error");
    rw_error_write_object(out, error, request_id);
    event_close(out, format);
}

void rw_reply_heartbeat(struct rw_buf *out, enum rw_reply_format format)
{
    if (format == RW_REPLY_SSE) {
        rw_buf_append(out, ": heartbeat\n\n", 13);
    }
}

const char *rw_reply_content_type(enum rw_reply_format format)
{
    static const char *const TYPE[] = {
        [RW_REPLY_JSON] = "application/json",
        [RW_REPLY_NDJSON] = "application/x-ndjson",
        [RW_REPLY_SSE] = "text/event-stream",
        [RW_REPLY_TEXT] = "text/plain; charset=utf-8",
    };
    return TYPE[format];
}
