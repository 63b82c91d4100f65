#include "server/http/connection.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/state.h"
#include "core/base/util.h"
#include "server/http/connection_parts.h"

enum {
    BODY_FIRST_BYTES = 256 * 1024,  /* believed of a Content-Length before bytes arrive */
    AHEAD_SLACK_BYTES = 128 * 1024, /* one read of the transport beyond the soft cap */
    PROBE_MS = 200,
    LINGER_MS = 5000,
    HEARTBEAT_MS = 15000,
};

#define TO(state) RW_STATE(RW_CONNECTION_##state)

/* The drawing in the header, as data. */
static const struct rw_state CONNECTION_STATE[] = {
    [RW_CONNECTION_IDLE] = {"IDLE", TO(HEAD) | TO(CLOSED)},
    [RW_CONNECTION_HEAD] = {"HEAD", TO(BODY) | TO(WORKING) | TO(REPLYING) | TO(CLOSED)},
    [RW_CONNECTION_BODY] = {"BODY", TO(WORKING) | TO(REPLYING) | TO(CLOSED)},
    [RW_CONNECTION_WORKING] = {"WORKING", TO(REPLYING) | TO(CLOSED)},
    [RW_CONNECTION_REPLYING] = {"REPLYING", TO(IDLE) | TO(LINGER) | TO(CLOSED)},
    [RW_CONNECTION_LINGER] = {"LINGER", TO(CLOSED)},
    [RW_CONNECTION_CLOSED] = {"CLOSED", 0},
};
static const struct rw_machine CONNECTION = {"connection", CONNECTION_STATE,
                                             RW_COUNT(CONNECTION_STATE)};

void rw_connection_set_state(struct rw_connection *c, enum rw_connection_state next)
{
    c->state = (enum rw_connection_state)rw_machine_move(&CONNECTION, c, c->state, next);
}

uint64_t rw_connection_now(const struct rw_connection *c)
{
    return rw_clock_now(c->all->clock);
}

void rw_connection_arm(struct rw_connection *c, enum rw_deadline_kind kind)
{
    rw_deadline_arm(&c->all->deadlines, &c->deadline, kind, rw_connection_now(c));
}

/* ---- the exchange of this connection --------------------------------------------------------- */

static void exchange_reset(struct rw_connection *c)
{
    c->all->body_bytes -= c->ex.body_charge;
    rw_buf_fini(&c->ex.body);
    c->ex = (struct rw_exchange){.connection = c, .in = &c->in};
    c->source_ended = false;
    c->probed_ns = 0;
    rw_http_in_reset(&c->in);
}

/* Keeps the account of body memory equal to what is promised or held. */
static bool charge_body(struct rw_connection *c, uint64_t bytes)
{
    struct rw_connections *all = c->all;
    if (bytes <= c->ex.body_charge) {
        return true;
    }
    uint64_t more = bytes - c->ex.body_charge;
    if (more > all->body_bytes_max || all->body_bytes > all->body_bytes_max - more) {
        rw_fail(&all->error, RW_OVERLOADED,
                "the bodies of all requests together are over %llu "
                "bytes",
                (unsigned long long)all->body_bytes_max);
        rw_error_hint(&all->error, "--bodies-memory raises the limit");
        return false;
    }
    all->body_bytes += more;
    c->ex.body_charge = bytes;
    return true;
}

static void exchange_lost(struct rw_connection *c)
{
    if (!c->ex.open) {
        return;
    }
    void *work = c->ex.work;
    c->ex.work = NULL;
    if (work != NULL) {
        c->ex.gone(work);
    }
    c->all->handlers->finished(c->all->handlers->ctx, &c->ex, true);
}

void rw_connection_close(struct rw_connection *c)
{
    if (c->state == RW_CONNECTION_CLOSED) {
        return;
    }
    exchange_lost(c);
    rw_connection_set_state(c, RW_CONNECTION_CLOSED);
    rw_deadline_disarm(&c->deadline);
    c->transport->ops->close(c->transport);
}

void rw_connection_begin_reply(struct rw_connection *c)
{
    rw_connection_set_state(c, RW_CONNECTION_REPLYING);
    rw_deadline_disarm(&c->deadline);
}

/* A refusal while the client still sends: it hears the answer, then the end. */
static void refuse(struct rw_connection *c, const struct rw_error *error)
{
    struct rw_error copy = *error;
    c->ex.close_after = true;
    rw_exchange_fail(&c->ex, &copy);
}

static void interim_continue(struct rw_connection *c)
{
    rw_buf_append_str(&c->out, RW_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    rw_connection_pump(c);
}

static void heartbeat(struct rw_connection *c)
{
    if (c->in.request.minor == 1) {
        struct rw_buf text;
        rw_buf_init(&text, 256);
        c->ex.source.heartbeat(c->ex.source.ctx, &text);
        rw_buf_printf(&c->out, "%zx\r\n", text.len);
        rw_buf_append_str(&c->out, rw_buf_str(&text));
        rw_buf_append(&c->out, "\r\n", 2);
        rw_buf_fini(&text);
    } else {
        c->ex.source.heartbeat(c->ex.source.ctx, &c->out);
    }
    rw_connection_pump(c);
}

/* To a client that ended its side. 1xx replies may come any number of times (RFC 9110 15.2). */
static void probe(struct rw_connection *c)
{
    c->probed_ns = rw_connection_now(c);
    if (c->state == RW_CONNECTION_WORKING && c->in.request.minor == 1) {
        interim_continue(c);
    } else if (c->state == RW_CONNECTION_REPLYING && c->ex.streaming && !c->source_ended &&
               c->ex.source.heartbeat != NULL) {
        heartbeat(c);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void begin_request(struct rw_connection *c)
{
    rw_connection_set_state(c, RW_CONNECTION_HEAD);
    c->ex.open = true;
    c->ex.start_ns = rw_connection_now(c);
    rw_connection_arm(c, RW_DEADLINE_HEADER);
}

static void begin_work(struct rw_connection *c)
{
    rw_connection_set_state(c, RW_CONNECTION_WORKING);
    if (c->peer_ended) {
        rw_connection_arm(c, RW_DEADLINE_PROBE);
    } else {
        rw_deadline_disarm(&c->deadline);
    }
    c->all->handlers->request(c->all->handlers->ctx, &c->ex);
}

/* Policy on a complete head; the error is in all->error when it says no. */
static rw_status decide(struct rw_connection *c, uint64_t *body_max)
{
    struct rw_http_in *in = &c->in;
    struct rw_error *err = &c->all->error;
    *err = (struct rw_error){0};
    rw_status status = c->all->handlers->head(c->all->handlers->ctx, &c->ex, body_max, err);
    if (status == RW_OK && in->request.has_length && in->request.content_length > *body_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %llu bytes, over the limit of %llu",
                (unsigned long long)in->request.content_length, (unsigned long long)*body_max);
        rw_error_hint(err, "send fewer traces per request, or raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    if (status == RW_OK && in->request.has_length && !charge_body(c, in->request.content_length)) {
        return RW_OVERLOADED;
    }
    return status;
}

/* `more`: bytes behind the head are already here. */
static void head_done(struct rw_connection *c, bool more)
{
    uint64_t body_max = 0;
    c->ex.is_head = rw_str_is(c->in.request.method, "HEAD");
    if (decide(c, &body_max) != RW_OK) {
        if (!c->in.request.chunked && c->in.request.content_length == 0) {
            /* Nothing follows the head: a refusal need not end the connection. */
            struct rw_error error = c->all->error;
            rw_http_in_accept_body(&c->in, NULL, 0);
            rw_exchange_fail(&c->ex, &error);
        } else {
            refuse(c, &c->all->error);
        }
        return;
    }
    rw_buf_init(&c->ex.body, body_max + 1);
    rw_http_in_accept_body(&c->in, &c->ex.body, body_max);
    if (c->in.state == RW_HTTP_IN_DONE) {
        begin_work(c);
        return;
    }
    uint64_t expected = RW_MIN(c->in.request.content_length, BODY_FIRST_BYTES);
    rw_buf_reserve(&c->ex.body, (size_t)expected);
    c->ex.body.failed = false;
    rw_connection_set_state(c, RW_CONNECTION_BODY);
    c->progress = 0;
    rw_connection_arm(c, RW_DEADLINE_BODY);
    if (!more && c->in.request.minor == 1 && c->in.request.header[RW_HEADER_EXPECT].ptr != NULL) {
        interim_continue(c);
    }
}

static void after_feed(struct rw_connection *c, bool more)
{
    switch (c->in.state) {
    case RW_HTTP_IN_BAD:
        refuse(c, &c->all->error);
        break;
    case RW_HTTP_IN_HEAD_DONE:
        head_done(c, more);
        break;
    case RW_HTTP_IN_BODY:
        if (!charge_body(c, c->ex.body.len)) {
            refuse(c, &c->all->error);
        }
        break;
    case RW_HTTP_IN_DONE:
        begin_work(c);
        break;
    case RW_HTTP_IN_HEAD:
        break;
    }
}

static bool receiving(const struct rw_connection *c)
{
    return c->state == RW_CONNECTION_IDLE || c->state == RW_CONNECTION_HEAD ||
           c->state == RW_CONNECTION_BODY;
}

/* Bytes behind the current request wait; a client that will be cut off anyway is not listened to.
 */
static void keep_ahead(struct rw_connection *c, const char *bytes, size_t len)
{
    bool answering = c->state == RW_CONNECTION_WORKING || c->state == RW_CONNECTION_REPLYING;
    if (!answering || c->ex.close_after || len == 0) {
        return;
    }
    if (!rw_buf_append(&c->ahead, bytes, len)) {
        rw_connection_close(c);
    } else if (c->ahead.len >= RW_AHEAD_BYTES_MAX && c->reading) {
        c->reading = false;
        c->transport->ops->read_stop(c->transport);
    }
}

static void consume(struct rw_connection *c, const char *bytes, size_t len)
{
    c->parsing = true;
    while (len > 0 && receiving(c)) {
        if (c->state == RW_CONNECTION_IDLE) {
            begin_request(c);
        }
        c->all->error = (struct rw_error){0};
        size_t n = rw_http_in_feed(&c->in, bytes, len);
        bytes += n;
        len -= n;
        after_feed(c, len > 0);
    }
    c->parsing = false;
    keep_ahead(c, bytes, len);
    if (c->state == RW_CONNECTION_BODY || c->state == RW_CONNECTION_HEAD) {
        c->transport->ops->quick_ack(c->transport);
    }
}

/* EOF where it cannot be the end of a conversation. */
static void cut_short(struct rw_connection *c)
{
    struct rw_error err = {0};
    if (c->state == RW_CONNECTION_BODY) {
        rw_fail(&err, RW_BAD_HTTP, "the connection ended after %llu bytes of the body",
                (unsigned long long)c->in.body_bytes);
    } else {
        rw_fail(&err, RW_BAD_HTTP, "the connection ended inside the request head");
    }
    refuse(c, &err);
}

/* What became possible when a reply was done: the requests that waited behind it. */
static void resume(struct rw_connection *c)
{
    while (c->state == RW_CONNECTION_IDLE && c->ahead.len > 0) {
        struct rw_buf ahead = c->ahead;
        rw_buf_init(&c->ahead, ahead.max_bytes);
        consume(c, ahead.ptr, ahead.len);
        rw_buf_fini(&ahead);
    }
    if (c->peer_ended && receiving(c)) {
        if (c->state == RW_CONNECTION_IDLE) {
            rw_connection_close(c);
        } else {
            cut_short(c);
        }
    } else if (!c->peer_ended && !c->reading && c->state != RW_CONNECTION_CLOSED &&
               c->ahead.len < RW_AHEAD_BYTES_MAX) {
        c->reading = true;
        c->transport->ops->read_start(c->transport);
    }
}

/* ---- the end of a reply ---------------------------------------------------------------------- */

static void end_connection(struct rw_connection *c, bool unread)
{
    if (!unread || c->peer_ended) {
        rw_connection_close(c);
        return;
    }
    rw_connection_set_state(c, RW_CONNECTION_LINGER);
    c->transport->ops->shutdown(c->transport);
    rw_connection_arm(c, RW_DEADLINE_LINGER);
    if (!c->reading) {
        c->reading = true;
        c->transport->ops->read_start(c->transport);
    }
}

void rw_connection_reply_done(struct rw_connection *c)
{
    bool complete = c->in.state == RW_HTTP_IN_DONE;
    bool end = c->ex.close_after || !complete || c->all->closing;
    bool unread = !complete || c->ahead.len > 0;
    c->all->handlers->finished(c->all->handlers->ctx, &c->ex, false);
    exchange_reset(c);
    if (end) {
        end_connection(c, unread);
        return;
    }
    rw_buf_fini(&c->out);
    rw_buf_fini(&c->flight);
    rw_connection_set_state(c, RW_CONNECTION_IDLE);
    rw_connection_arm(c, RW_DEADLINE_IDLE);
    if (!c->parsing) {
        resume(c);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

void rw_connection_on_read(struct rw_connection *c, const char *bytes, size_t len)
{
    c->all->bytes_in += len;
    if (receiving(c)) {
        consume(c, bytes, len);
    } else {
        keep_ahead(c, bytes, len);
    }
}

void rw_connection_on_eof(struct rw_connection *c)
{
    c->reading = false;
    c->peer_ended = true;
    switch (c->state) {
    case RW_CONNECTION_IDLE:
    case RW_CONNECTION_LINGER:
        rw_connection_close(c);
        break;
    case RW_CONNECTION_HEAD:
    case RW_CONNECTION_BODY:
        cut_short(c);
        break;
    case RW_CONNECTION_WORKING:
        rw_connection_arm(c, RW_DEADLINE_PROBE);
        probe(c);
        break;
    case RW_CONNECTION_REPLYING:
        rw_connection_arm_reply(c);
        probe(c);
        break;
    case RW_CONNECTION_CLOSED:
        break;
    }
}

void rw_connection_on_lost(struct rw_connection *c)
{
    rw_connection_close(c);
}

void rw_connection_on_written(struct rw_connection *c, bool good)
{
    c->writing = false;
    c->written += c->flight.len;
    c->all->bytes_out += c->flight.len;
    rw_buf_clear(&c->flight);
    if (!good) {
        rw_connection_close(c);
        return;
    }
    rw_connection_pump(c);
}

void rw_connection_on_closed(struct rw_connection *c)
{
    struct rw_connections *all = c->all;
    exchange_reset(c);
    rw_http_in_fini(&c->in);
    rw_buf_fini(&c->ahead);
    rw_buf_fini(&c->out);
    rw_buf_fini(&c->flight);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        all->first = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    all->open--;
    all->handlers->closed(all->handlers->ctx, c);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void too_slow(struct rw_connection *c, const char *what)
{
    struct rw_error err = {0};
    rw_fail(&err, RW_REQUEST_TIMEOUT, "%s", what);
    refuse(c, &err);
}

static void expired(struct rw_connection *c, enum rw_deadline_kind kind)
{
    uint64_t progress = 0;
    switch (kind) {
    case RW_DEADLINE_HEADER:
        too_slow(c, "the request head did not arrive in time (--header-timeout)");
        break;
    case RW_DEADLINE_BODY:
        if (c->in.body_bytes < c->progress + RW_BODY_PROGRESS_BYTES) {
            too_slow(c, "the request body did not arrive in time (--body-timeout)");
            break;
        }
        c->progress = c->in.body_bytes;
        rw_connection_arm(c, RW_DEADLINE_BODY);
        return;
    case RW_DEADLINE_WRITE:
        progress = rw_connection_taken_by_peer(c);
        if (progress == c->progress) {
            rw_connection_close(c);
            break;
        }
        c->progress = progress;
        rw_connection_arm(c, RW_DEADLINE_WRITE);
        return;
    case RW_DEADLINE_HEARTBEAT:
        heartbeat(c);
        return;
    case RW_DEADLINE_PROBE:
        if (!c->transport->ops->peer_lost(c->transport)) {
            rw_connection_arm(c, RW_DEADLINE_PROBE);
            if (rw_connection_now(c) - c->probed_ns >= HEARTBEAT_MS * RW_NS_PER_MS) {
                probe(c);
            }
            return;
        }
        rw_connection_close(c);
        break;
    default:
        rw_connection_close(c);
    }
    c->all->timeouts[kind]++;
}

void rw_connections_tick(struct rw_connections *all)
{
    enum rw_deadline_kind kind;
    uint64_t now = rw_clock_now(all->clock);
    struct rw_deadline *deadline;
    while ((deadline = rw_deadlines_expired(&all->deadlines, now, &kind)) != NULL) {
        expired(RW_CONTAINER_OF(deadline, struct rw_connection, deadline), kind);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void rw_connections_init(struct rw_connections *all, const struct rw_clock *clock,
                         const struct rw_handlers *handlers, size_t head_bytes_max)
{
    *all = (struct rw_connections){.clock = clock,
                                   .handlers = handlers,
                                   .head_bytes_max = head_bytes_max,
                                   .body_bytes_max = UINT64_MAX};
    rw_deadlines_init(&all->deadlines);
    rw_deadlines_set(&all->deadlines, RW_DEADLINE_HEARTBEAT, HEARTBEAT_MS);
    rw_deadlines_set(&all->deadlines, RW_DEADLINE_PROBE, PROBE_MS);
    rw_deadlines_set(&all->deadlines, RW_DEADLINE_LINGER, LINGER_MS);
}

void rw_connection_open(struct rw_connection *c, struct rw_connections *all,
                        struct rw_transport *transport)
{
    *c = (struct rw_connection){.all = all, .transport = transport, .next = all->first};
    if (all->first != NULL) {
        all->first->prev = c;
    }
    all->first = c;
    all->open++;
    transport->connection = c;
    rw_http_in_init(&c->in, all->head_bytes_max, &all->error);
    rw_buf_init(&c->ahead, RW_AHEAD_BYTES_MAX + AHEAD_SLACK_BYTES);
    rw_buf_init(&c->out, RW_OUT_BYTES_MAX);
    rw_buf_init(&c->flight, RW_OUT_BYTES_MAX);
    c->ex = (struct rw_exchange){.connection = c, .in = &c->in};
    rw_connection_arm(c, RW_DEADLINE_IDLE);
    c->reading = true;
    transport->ops->read_start(transport);
    transport->ops->quick_ack(transport);
}

void rw_connections_close_idle(struct rw_connections *all)
{
    all->closing = true;
    struct rw_connection *next;
    for (struct rw_connection *c = all->first; c != NULL; c = next) {
        next = c->next; /* closing unlinks later, from on_closed */
        if (c->state == RW_CONNECTION_IDLE) {
            rw_connection_close(c);
        }
    }
}

void rw_connections_close_all(struct rw_connections *all)
{
    struct rw_connection *next;
    for (struct rw_connection *c = all->first; c != NULL; c = next) {
        next = c->next;
        rw_connection_close(c);
    }
}
