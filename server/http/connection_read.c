/* The reading half of a connection: from bytes to a request, and what waits behind it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "server/http/connection_parts.h"

enum {
    BODY_FIRST_BYTES = 16 * 1024, /* believed of a Content-Length before bytes arrive */
};

/* ---- room for bodies ------------------------------------------------------------------------- */

/* Bytes are charged when they have come: a length that is only declared costs nobody anything. */
static bool charge_body(struct rw_connection *c)
{
    struct rw_shares *bodies = &c->all->bodies;
    uint64_t more = c->talk->ex.body.len - c->talk->ex.body_charge;
    if (!rw_shares_has_room(bodies, more) || !rw_shares_is_fair(bodies, c->talk->ex.client, more)) {
        return false;
    }
    rw_shares_take(bodies, c->talk->ex.client, more);
    c->talk->ex.body_charge = c->talk->ex.body.len;
    return true;
}

static void no_room(const struct rw_connection *c, struct rw_error *err)
{
    bool all = !rw_shares_has_room(&c->all->bodies, 1);
    rw_fail(err, RW_OVERLOADED, "the bodies of %s requests hold %llu of %llu bytes",
            all ? "all" : "your", (unsigned long long)(c->all->bodies.held),
            (unsigned long long)c->all->bodies.max);
    rw_error_hint(err, "--bodies-memory sets the limit; one client gets a share of it");
}

void rw_connection_leave_starving(struct rw_connection *c)
{
    if (c->starved) {
        c->starved = false;
        c->all->starving--;
    }
}

/* The peer's own buffers fill meanwhile, and nothing is lost. */
static void starve(struct rw_connection *c)
{
    c->starved = true;
    c->paused = false;
    c->all->starving++;
    if (c->reading) {
        c->reading = false;
        c->transport->ops->read_stop(c->transport);
    }
}

void rw_connection_give_up_room(struct rw_connection *c)
{
    struct rw_error err = {0};
    rw_connection_leave_starving(c);
    no_room(c, &err);
    rw_connection_refuse(c, &err);
}

/* A refusal while the client still sends: it hears the answer, then the end. */
void rw_connection_refuse(struct rw_connection *c, const struct rw_error *error)
{
    struct rw_error copy = *error;
    rw_connection_leave_starving(c);
    c->paused = false;
    c->talk->ex.close_after = true;
    rw_exchange_fail(&c->talk->ex, &copy);
}

void rw_connection_interim(struct rw_connection *c)
{
    rw_buf_append_str(&c->out, RW_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    rw_connection_pump(c);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* There is not even memory to write a reply in, so its words are made beforehand. */
static void no_memory(struct rw_connection *c)
{
    static const char BODY[] =
        "{\"error\":{\"code\":\"out_of_memory\",\"type\":\"overloaded\",\"status\":503,"
        "\"param\":null,\"message\":\"no memory for another request\",\"hint\":null,"
        "\"retryable\":true}}\n";
    char reply[512];
    int len = snprintf(reply, sizeof reply,
                       "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s",
                       sizeof BODY - 1, BODY);
    rw_log(RW_LOG_ERROR, "no_memory", "what=\"a request\"");
    c->transport->ops->try_write(c->transport, reply, (size_t)len);
    rw_connection_end(c, true);
}

static bool begin_request(struct rw_connection *c)
{
    if (!rw_connection_begin_talk(c)) {
        no_memory(c);
        return false;
    }
    rw_connection_set_state(c, RW_CONNECTION_HEAD);
    c->talk->ex.start_ns = rw_connection_now(c);
    rw_connection_arm(c, RW_DEADLINE_HEADER);
    return true;
}

static void begin_work(struct rw_connection *c)
{
    rw_connection_set_state(c, RW_CONNECTION_WORKING);
    if (c->peer_ended) {
        rw_connection_arm(c, RW_DEADLINE_PROBE);
    } else {
        rw_deadline_disarm(&c->deadline);
    }
    c->all->handlers->request(c->all->handlers->ctx, &c->talk->ex);
}

/* Policy on a complete head; the error is in all->error when it says no. */
static rw_status decide(struct rw_connection *c, uint64_t *body_max)
{
    struct rw_http_in *in = &c->talk->in;
    struct rw_error *err = &c->all->error;
    *err = (struct rw_error){0};
    rw_status status = c->all->handlers->head(c->all->handlers->ctx, &c->talk->ex, body_max, err);
    if (status == RW_OK && in->request.has_length && in->request.content_length > *body_max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %llu bytes, over the limit of %llu",
                (unsigned long long)in->request.content_length, (unsigned long long)*body_max);
        rw_error_hint(err, "send fewer traces per request, or raise --body-max");
        return RW_BODY_TOO_LARGE;
    }
    if (status == RW_OK && in->request.has_length &&
        in->request.content_length > c->all->bodies.max) {
        rw_fail(err, RW_BODY_TOO_LARGE, "the body has %llu bytes, --bodies-memory is %llu",
                (unsigned long long)in->request.content_length,
                (unsigned long long)c->all->bodies.max);
        return RW_BODY_TOO_LARGE;
    }
    return status;
}

/* `more`: bytes behind the head are already here. */
static void head_done(struct rw_connection *c, bool more)
{
    uint64_t body_max = 0;
    c->talk->ex.is_head = rw_str_is(c->talk->in.request.method, "HEAD");
    if (decide(c, &body_max) != RW_OK) {
        if (!c->talk->in.request.chunked && c->talk->in.request.content_length == 0) {
            /* Nothing follows the head: a refusal need not end the connection. */
            struct rw_error error = c->all->error;
            rw_http_in_accept_body(&c->talk->in, NULL, 0);
            rw_exchange_fail(&c->talk->ex, &error);
        } else {
            rw_connection_refuse(c, &c->all->error);
        }
        return;
    }
    rw_buf_init(&c->talk->ex.body, body_max + 1);
    rw_http_in_accept_body(&c->talk->in, &c->talk->ex.body, body_max);
    if (c->talk->in.state == RW_HTTP_IN_DONE) {
        begin_work(c);
        return;
    }
    uint64_t expected = RW_MIN(c->talk->in.request.content_length, BODY_FIRST_BYTES);
    rw_buf_reserve(&c->talk->ex.body, (size_t)expected);
    c->talk->ex.body.failed = false;
    rw_connection_set_state(c, RW_CONNECTION_BODY);
    c->progress = 0;
    rw_connection_arm(c, RW_DEADLINE_BODY);
    if (!more && c->talk->in.request.minor == 1 &&
        c->talk->in.request.header[RW_HEADER_EXPECT].ptr != NULL) {
        rw_connection_interim(c);
    }
}

/* More of the body is here, or all of it. */
static void take_body(struct rw_connection *c)
{
    if (charge_body(c)) {
        if (c->talk->in.state == RW_HTTP_IN_DONE) {
            begin_work(c);
        }
    } else if (c->talk->ex.patient) {
        starve(c);
    } else {
        no_room(c, &c->all->error);
        rw_connection_refuse(c, &c->all->error);
    }
}

void rw_connection_seek_room(struct rw_connection *c)
{
    if (!c->starved || !charge_body(c)) {
        return;
    }
    rw_connection_leave_starving(c);
    rw_connection_arm(c, RW_DEADLINE_BODY);
    if (c->talk->in.state == RW_HTTP_IN_DONE) {
        begin_work(c);
    } else {
        rw_connection_resume(c);
    }
}

static void after_feed(struct rw_connection *c, bool more)
{
    switch (c->talk->in.state) {
    case RW_HTTP_IN_BAD:
        rw_connection_refuse(c, &c->all->error);
        break;
    case RW_HTTP_IN_HEAD_DONE:
        head_done(c, more);
        break;
    case RW_HTTP_IN_BODY:
    case RW_HTTP_IN_DONE:
        take_body(c);
        break;
    case RW_HTTP_IN_HEAD:
        break;
    }
}

static bool receiving(const struct rw_connection *c)
{
    return c->state == RW_CONNECTION_IDLE || c->state == RW_CONNECTION_HEAD ||
           (c->state == RW_CONNECTION_BODY && !c->starved);
}

/* Bytes behind the current request wait; a client that will be cut off anyway is not listened to.
 */
static void keep_ahead(struct rw_connection *c, const char *bytes, size_t len)
{
    bool kept =
        c->state == RW_CONNECTION_WORKING || c->state == RW_CONNECTION_REPLYING || c->starved;
    if (!kept || c->talk->ex.close_after || len == 0) {
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
        if (c->state == RW_CONNECTION_IDLE && !begin_request(c)) {
            break;
        }
        c->all->error = (struct rw_error){0};
        size_t n = rw_http_in_feed(&c->talk->in, bytes, len);
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
void rw_connection_cut_short(struct rw_connection *c)
{
    struct rw_error err = {0};
    if (c->state == RW_CONNECTION_BODY) {
        rw_fail(&err, RW_BAD_HTTP, "the connection ended after %llu bytes of the body",
                (unsigned long long)c->talk->in.body_bytes);
    } else {
        rw_fail(&err, RW_BAD_HTTP, "the connection ended inside the request head");
    }
    rw_connection_refuse(c, &err);
}

/* What became possible when a reply was done: the requests that waited behind it. */
void rw_connection_resume(struct rw_connection *c)
{
    while (receiving(c) && c->ahead.len > 0) {
        struct rw_buf ahead = c->ahead;
        rw_buf_init(&c->ahead, ahead.max_bytes);
        consume(c, ahead.ptr, ahead.len);
        rw_buf_fini(&ahead);
    }
    if (c->peer_ended && receiving(c)) {
        if (c->state == RW_CONNECTION_IDLE) {
            rw_connection_close(c);
        } else {
            rw_connection_cut_short(c);
        }
    } else if (!c->peer_ended && !c->reading && c->state != RW_CONNECTION_CLOSED && !c->starved &&
               c->ahead.len < RW_AHEAD_BYTES_MAX) {
        c->reading = true;
        c->transport->ops->read_start(c->transport);
    }
}

void rw_connection_take(struct rw_connection *c, const char *bytes, size_t len)
{
    if (receiving(c)) {
        consume(c, bytes, len);
    } else {
        keep_ahead(c, bytes, len);
    }
}

/* ---- rations --------------------------------------------------------------------------------- */

static uint64_t *round_bytes(struct rw_connections *all)
{
    if (all->round != all->turns->round) {
        all->round = all->turns->round;
        all->round_bytes = 0;
    }
    return &all->round_bytes;
}

void rw_connection_ration(struct rw_connection *c, size_t len)
{
    uint64_t *bytes = round_bytes(c->all);
    *bytes += len;
    if (*bytes > RW_ROUND_BYTES && c->state == RW_CONNECTION_BODY && c->reading) {
        c->reading = false;
        c->paused = true;
        c->transport->ops->read_stop(c->transport);
        rw_turns_add(c->all->turns, &c->turn);
    }
}

bool rw_connection_read_on(struct rw_connection *c)
{
    uint64_t *bytes = round_bytes(c->all);
    if (!c->paused) {
        return false;
    }
    if (*bytes > RW_ROUND_BYTES) {
        return true;
    }
    *bytes += RW_READ_BYTES; /* what it will read at least, so that not all start at once */
    c->paused = false;
    c->reading = true;
    c->transport->ops->read_start(c->transport);
    return false;
}
