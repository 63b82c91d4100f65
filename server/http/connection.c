#include "server/http/connection.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/state.h"
#include "core/base/util.h"
#include "server/http/connection_parts.h"

enum {
    AHEAD_SLACK_BYTES = 128 * 1024, /* one read of the transport beyond the soft cap */
    PROBE_MS = 200,
    LINGER_MS = 5000,
    HEARTBEAT_MS = 15000,
};

#define TO(state) RW_STATE(RW_CONNECTION_##state)

/* The drawing in the header, as data. */
static const struct rw_state CONNECTION_STATE[] = {
    [RW_CONNECTION_IDLE] = {"IDLE", TO(HEAD) | TO(LINGER) | TO(CLOSED)},
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

/* What holds whenever no event of this connection is being handled. */
static void check_connection(const struct rw_connection *c)
{
    bool idle = c->state == RW_CONNECTION_IDLE || c->state == RW_CONNECTION_LINGER;
    bool gone = c->state == RW_CONNECTION_CLOSED;
    rw_assert(!c->starved || (c->state == RW_CONNECTION_BODY && !c->reading));
    rw_assert(!c->paused || !c->reading);
    rw_assert(!c->writing || c->flight.len > 0 || gone);
    rw_assert(gone || idle == (c->talk == NULL));
    if (c->talk == NULL) {
        return;
    }
    const struct rw_exchange *ex = &c->talk->ex;
    rw_assert(ex->body_charge <= c->all->bodies.held);
    rw_assert(c->state != RW_CONNECTION_WORKING || ex->status == 0);
    rw_assert(c->state != RW_CONNECTION_REPLYING || ex->status != 0);
    rw_assert(!c->source_ended || ex->streaming);
}

/* ---- the exchange of this connection --------------------------------------------------------- */

bool rw_connection_begin_talk(struct rw_connection *c)
{
    c->talk = rw_alloc(sizeof *c->talk);
    if (c->talk == NULL) {
        return false;
    }
    rw_http_in_init(&c->talk->in, c->all->head_bytes_max, &c->all->error);
    c->talk->ex = (struct rw_exchange){.connection = c, .in = &c->talk->in};
    c->source_ended = false;
    c->probed_ns = 0;
    return true;
}

static void end_talk(struct rw_connection *c)
{
    if (c->talk == NULL) {
        return;
    }
    struct rw_exchange *ex = &c->talk->ex;
    rw_shares_give(&c->all->bodies, ex->client, ex->body_charge);
    rw_buf_fini(&ex->body);
    rw_http_in_fini(&c->talk->in);
    rw_free(c->talk);
    c->talk = NULL;
}

static void exchange_lost(struct rw_connection *c)
{
    if (c->talk == NULL) {
        return;
    }
    struct rw_exchange *ex = &c->talk->ex;
    void *work = ex->work;
    ex->work = NULL;
    if (work != NULL) {
        ex->gone(work);
    }
    c->all->handlers->finished(c->all->handlers->ctx, ex, true);
}

void rw_connection_close(struct rw_connection *c)
{
    if (c->state == RW_CONNECTION_CLOSED) {
        return;
    }
    exchange_lost(c);
    rw_connection_leave_starving(c);
    rw_connection_set_state(c, RW_CONNECTION_CLOSED);
    rw_deadline_disarm(&c->deadline);
    rw_turns_remove(c->all->turns, &c->turn);
    c->transport->ops->close(c->transport);
}

static void heartbeat(struct rw_connection *c)
{
    if (c->talk->in.request.minor == 1) {
        struct rw_buf text;
        rw_buf_init(&text, 256);
        c->talk->ex.source.heartbeat(c->talk->ex.source.ctx, &text);
        if (!text.failed && text.len > 0) { /* an empty chunk would end the reply */
            rw_buf_printf(&c->out, "%zx\r\n", text.len);
            rw_buf_append_str(&c->out, rw_buf_str(&text));
            rw_buf_append(&c->out, "\r\n", 2);
        }
        rw_buf_fini(&text);
    } else {
        c->talk->ex.source.heartbeat(c->talk->ex.source.ctx, &c->out);
    }
    rw_connection_pump(c);
}

/* To a client that ended its side. 1xx replies may come any number of times (RFC 9110 15.2). */
static void probe(struct rw_connection *c)
{
    c->probed_ns = rw_connection_now(c);
    if (c->state == RW_CONNECTION_WORKING && c->talk->in.request.minor == 1) {
        rw_connection_interim(c);
    } else if (c->state == RW_CONNECTION_REPLYING && c->talk->ex.streaming && !c->source_ended &&
               c->talk->ex.source.heartbeat != NULL) {
        heartbeat(c);
    }
}

/* ---- the end of a reply ---------------------------------------------------------------------- */

void rw_connection_end(struct rw_connection *c, bool unread)
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
    bool complete = c->talk->in.state == RW_HTTP_IN_DONE;
    bool end = c->talk->ex.close_after || !complete || c->all->closing;
    bool unread = !complete || c->ahead.len > 0;
    c->all->handlers->finished(c->all->handlers->ctx, &c->talk->ex, false);
    end_talk(c);
    if (end) {
        rw_connection_end(c, unread);
        return;
    }
    rw_buf_fini(&c->out);
    rw_buf_fini(&c->flight);
    rw_connection_set_state(c, RW_CONNECTION_IDLE);
    rw_connection_arm(c, RW_DEADLINE_IDLE);
    if (!c->parsing) {
        rw_connection_resume(c);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

void rw_connection_on_read(struct rw_connection *c, const char *bytes, size_t len)
{
    struct rw_watch *watch = c->all->turns->watch;
    struct rw_watch_span span = rw_watch_enter(watch, "receiving");
    c->all->bytes_in += len;
    rw_connection_take(c, bytes, len);
    rw_connection_ration(c, len);
    check_connection(c);
    rw_watch_leave(watch, span);
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
        rw_connection_cut_short(c);
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
    end_talk(c);
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
    rw_connection_refuse(c, &err);
}

static void expired(struct rw_connection *c, enum rw_deadline_kind kind)
{
    uint64_t progress = 0;
    switch (kind) {
    case RW_DEADLINE_HEADER:
        too_slow(c, "the request head did not arrive in time (--header-timeout)");
        break;
    case RW_DEADLINE_BODY:
        if (c->starved) {
            rw_connection_give_up_room(c);
            break;
        }
        if (c->talk->in.body_bytes < c->progress + RW_BODY_PROGRESS_BYTES) {
            too_slow(c, "the request body did not arrive in time (--body-timeout)");
            break;
        }
        c->progress = c->talk->in.body_bytes;
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
    struct rw_connection *next;
    for (struct rw_connection *c = all->first; all->starving > 0 && c != NULL; c = next) {
        next = c->next;
        rw_connection_seek_room(c);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What was put off: reading a body, or pulling more of a reply. */
static bool go_on(struct rw_turn *turn)
{
    struct rw_connection *c = RW_CONTAINER_OF(turn, struct rw_connection, turn);
    if (c->state == RW_CONNECTION_BODY) {
        return rw_connection_read_on(c);
    }
    rw_connection_pump(c);
    check_connection(c);
    return false; /* pumping comes back by itself when there is more */
}

void rw_connections_init(struct rw_connections *all, const struct rw_clock *clock,
                         struct rw_turns *turns, const struct rw_handlers *handlers,
                         size_t head_bytes_max)
{
    *all = (struct rw_connections){
        .clock = clock, .turns = turns, .handlers = handlers, .head_bytes_max = head_bytes_max};
    rw_shares_init(&all->bodies, UINT64_MAX);
    rw_deadlines_init(&all->deadlines);
    rw_deadlines_set(&all->deadlines, RW_DEADLINE_HEARTBEAT, HEARTBEAT_MS);
    rw_deadlines_set(&all->deadlines, RW_DEADLINE_PROBE, PROBE_MS);
    rw_deadlines_set(&all->deadlines, RW_DEADLINE_LINGER, LINGER_MS);
}

static void on_read(void *receiver, const char *bytes, size_t len)
{
    rw_connection_on_read(receiver, bytes, len);
}

static void on_eof(void *receiver)
{
    rw_connection_on_eof(receiver);
}

static void on_lost(void *receiver)
{
    rw_connection_close(receiver);
}

static void on_written(void *receiver, bool good)
{
    rw_connection_on_written(receiver, good);
}

static void on_closed(void *receiver)
{
    rw_connection_on_closed(receiver);
}

static const struct rw_transport_events EVENTS = {on_read, on_eof, on_lost, on_written, on_closed};

void rw_connection_open(struct rw_connection *c, struct rw_connections *all,
                        struct rw_transport *transport)
{
    *c = (struct rw_connection){.all = all, .transport = transport, .next = all->first};
    if (all->first != NULL) {
        all->first->prev = c;
    }
    all->first = c;
    all->open++;
    transport->events = &EVENTS;
    transport->receiver = c;
    rw_buf_init(&c->ahead, RW_AHEAD_BYTES_MAX + AHEAD_SLACK_BYTES);
    rw_buf_init(&c->out, RW_REPLY_BYTES_MAX);
    rw_buf_init(&c->flight, RW_REPLY_BYTES_MAX);
    c->turn = (struct rw_turn){.step = go_on, .name = "reading or writing"};
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

/* The list survives: closing unlinks later, from on_closed. */
void rw_connections_abort_all(struct rw_connections *all, const struct rw_error *error)
{
    struct rw_connection *next;
    for (struct rw_connection *c = all->first; c != NULL; c = next) {
        next = c->next;
        if (c->talk != NULL && c->state != RW_CONNECTION_CLOSED) {
            rw_exchange_abort(&c->talk->ex, error);
        }
        rw_connection_close(c);
    }
}
