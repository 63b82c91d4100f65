#include "server/http/exchange.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "server/http/connection_parts.h"
#include "server/http/http_out.h"

enum {
    ERROR_BODY_MAX = 4096, /* bytes */
};

static void begin(struct rw_exchange *ex, int status, const char *content_type,
                  enum rw_framing framing, size_t length, const char *extra_headers)
{
    struct rw_connection *c = ex->connection;
    rw_assert(ex->status == 0);
    bool old = c->talk->in.request.minor == 0;
    if (c->talk->in.state != RW_HTTP_IN_DONE || !c->talk->in.request.keep_alive ||
        c->all->draining || framing == RW_FRAMING_CLOSE) {
        ex->close_after = true;
    }
    struct rw_str allow_origin = {NULL, 0};
    if (ex->cors) {
        allow_origin = rw_exchange_header(ex, RW_HEADER_ORIGIN);
    }
    ex->status = status;
    rw_connection_set_state(c, RW_CONNECTION_REPLYING);
    rw_deadline_disarm(&c->deadline);
    rw_http_out_head(&c->out, &(struct rw_http_head){.status = status,
                                                     .content_type = content_type,
                                                     .framing = framing,
                                                     .content_length = length,
                                                     .close = ex->close_after,
                                                     .old_keep_alive = old && !ex->close_after,
                                                     .request_id = ex->request_id,
                                                     .allow_origin = allow_origin,
                                                     .extra = extra_headers});
}

void rw_exchange_reply(struct rw_exchange *ex, int status, const char *content_type,
                       struct rw_str body, const char *extra_headers)
{
    struct rw_connection *c = ex->connection;
    begin(ex, status, content_type, RW_FRAMING_LENGTH, body.len, extra_headers);
    ex->work = NULL;
    ex->reply_bytes = body.len;
    if (!ex->is_head) {
        rw_buf_append_str(&c->out, body);
    }
    rw_connection_pump(c);
}

static void reply_head_only(struct rw_exchange *ex, int status, const char *extra_headers)
{
    begin(ex, status, NULL, RW_FRAMING_EMPTY, 0, extra_headers);
    ex->work = NULL;
    rw_connection_pump(ex->connection);
}

void rw_exchange_reply_empty(struct rw_exchange *ex, const char *extra_headers)
{
    reply_head_only(ex, 204, extra_headers);
}

void rw_exchange_reply_unchanged(struct rw_exchange *ex, const char *extra_headers)
{
    reply_head_only(ex, 304, extra_headers);
}

void rw_exchange_fail_as(struct rw_exchange *ex, const struct rw_error *error, int status,
                         const char *extra_headers)
{
    struct rw_buf body;
    ex->tally.error = error->status;
    memcpy(ex->tally.param, error->param, sizeof ex->tally.param);
    rw_buf_init(&body, ERROR_BODY_MAX);
    const char *id = ex->request_id[0] != '\0' ? ex->request_id : NULL;
    if (ex->write_error != NULL) {
        ex->write_error(error, status, id, &body);
    } else {
        rw_error_write_body(&body, error, status, id);
    }
    rw_buf_append_char(&body, '\n');
    char brief[256];
    const struct rw_error_entry *entry = rw_error_entry(error->status);
    snprintf(brief, sizeof brief,
             "{\"error\":{\"code\":\"%s\",\"type\":\"%s\",\"status\":%d,\"param\":null,"
             "\"message\":\"no memory for the message\",\"hint\":null,\"retryable\":%s,"
             "\"request_id\":null}}\n",
             rw_status_code(error->status), entry->type, status,
             entry->retryable ? "true" : "false");
    struct rw_str text = body.failed ? rw_str_from(brief) : rw_buf_str(&body);
    rw_exchange_reply(ex, status, "application/json", text, extra_headers);
    rw_buf_fini(&body);
}

void rw_exchange_fail(struct rw_exchange *ex, const struct rw_error *error)
{
    const char *extra = NULL;
    char allow[64];
    if (error->status == RW_METHOD_NOT_ALLOWED && ex->allow != NULL) {
        snprintf(allow, sizeof allow, "Allow: %s\r\n", ex->allow);
        extra = allow;
    } else if (error->status == RW_UNAUTHORIZED) {
        extra = "WWW-Authenticate: Bearer realm=\"rewardd\", Basic realm=\"rewardd\"\r\n";
    } else if (error->status == RW_OVERLOADED || error->status == RW_NOT_READY ||
               error->status == RW_DRAINING) {
        snprintf(allow, sizeof allow, "Retry-After: %u\r\n", RW_MAX(ex->retry_after_s, 1U));
        extra = allow;
    }
    int status = rw_error_entry(error->status)->http_status;
    if (error->status == RW_OVERLOADED && ex->patient) {
        status = 503; /* its clients take 429 for the end of their run */
    }
    rw_exchange_fail_as(ex, error, status, extra);
}

void rw_exchange_reply_buf(struct rw_exchange *ex, int status, const char *content_type,
                           const struct rw_buf *body, const char *extra_headers)
{
    struct rw_error err = {0};
    if (body->failed) {
        rw_fail_memory(&err, "the reply");
        rw_exchange_fail(ex, &err);
    } else {
        rw_exchange_reply(ex, status, content_type, rw_buf_str(body), extra_headers);
    }
}

void rw_exchange_stream(struct rw_exchange *ex, const char *content_type,
                        const struct rw_stream_source *source, const char *extra_headers)
{
    struct rw_connection *c = ex->connection;
    bool chunked = c->talk->in.request.minor == 1;
    begin(ex, 200, content_type, chunked ? RW_FRAMING_CHUNKED : RW_FRAMING_CLOSE, 0, extra_headers);
    ex->streaming = true;
    ex->source = *source;
    rw_connection_pump(c);
}

void rw_exchange_wake(struct rw_exchange *ex)
{
    rw_connection_pump(ex->connection);
}

static void forget_work(struct rw_exchange *ex)
{
    void *work = ex->work;
    ex->work = NULL;
    if (work != NULL) {
        ex->gone(work);
    }
}

void rw_exchange_abort(struct rw_exchange *ex, const struct rw_error *error)
{
    struct rw_connection *c = ex->connection;
    ex->close_after = true;
    if (ex->streaming && !c->source_ended) {
        bool said = rw_connection_lose(c, error); /* in the words of the work, while it is there */
        forget_work(ex);
        if (said) {
            rw_connection_pump(c);
        } else {
            rw_connection_close(c);
        }
    } else if (ex->status == 0) {
        forget_work(ex);
        rw_exchange_fail(ex, error);
    } /* else the reply is complete, and on its way */
}

struct rw_str rw_exchange_header(const struct rw_exchange *ex, enum rw_header header)
{
    return ex->in->request.header[header];
}

unsigned rw_exchange_via(const struct rw_exchange *ex)
{
    return ex->connection->transport->via;
}

uint64_t rw_exchange_peer(const struct rw_exchange *ex)
{
    const struct rw_transport *t = ex->connection->transport;
    return t->ops->peer(t);
}
