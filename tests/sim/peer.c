#include "tests/sim/peer.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/util.h"

enum {
    BODY_MAX = 1 << 20,
    SEEN_MAX = 8 << 20,
    LARGE_REPLY = 300 * 1024,
    PIECE = 1000,
};

/* ---- transport ------------------------------------------------------------------------------- */

static struct sim_peer *of(const struct rw_transport *t)
{
    return (struct sim_peer *)(uintptr_t)t;
}

static void read_start(struct rw_transport *t)
{
    of(t)->reading = true;
}

static void read_stop(struct rw_transport *t)
{
    of(t)->reading = false;
}

/* Moves what the window allows; returns how much. */
static size_t take(struct sim_peer *p, const char *bytes, size_t len)
{
    size_t n = RW_MIN(len, p->window);
    p->window -= p->window == SIZE_MAX ? 0 : n;
    p->lost = p->lost || (p->left && n > 0);
    rw_buf_append(&p->seen, bytes, n);
    rw_assert(!p->seen.failed);
    return n;
}

static long try_write(struct rw_transport *t, const char *bytes, size_t len)
{
    return (long)take(of(t), bytes, len);
}

static void begin_write(struct rw_transport *t, const char *bytes, size_t len)
{
    struct sim_peer *p = of(t);
    rw_assert(p->flight == NULL && len > 0);
    p->flight = bytes;
    p->flight_len = len;
    p->taken = 0;
}

static size_t write_pending(const struct rw_transport *t)
{
    return of(t)->flight != NULL ? of(t)->flight_len - of(t)->taken : 0;
}

static void begin_shutdown(struct rw_transport *t)
{
    of(t)->server_ended = true;
}

static void begin_close(struct rw_transport *t)
{
    rw_assert(!of(t)->closing);
    of(t)->closing = true;
}

static void quick_ack(struct rw_transport *t)
{
    (void)t;
}

static bool peer_lost(const struct rw_transport *t)
{
    return of(t)->lost;
}

static uint64_t address(const struct rw_transport *t)
{
    return of(t)->address;
}

static const struct rw_transport_ops OPS = {read_start,    read_stop,      try_write,   begin_write,
                                            write_pending, begin_shutdown, begin_close, quick_ack,
                                            peer_lost,     address};

/* ---- handlers -------------------------------------------------------------------------------- */

static rw_status on_head(void *ctx, struct rw_exchange *ex, uint64_t *body_max,
                         struct rw_error *err)
{
    (void)ctx;
    *body_max = BODY_MAX;
    struct rw_str target = ex->in->request.target;
    ex->client = rw_hash64(target.ptr, target.len, 0); /* of another target: somebody else */
    ex->patient = rw_str_is(target, "/patient");
    return rw_str_is(ex->in->request.target, "/no") ? rw_fail(err, RW_NOT_FOUND, "no") : RW_OK;
}

static void on_gone(void *work)
{
    struct sim *sim = work;
    sim->gone++;
    sim->working = NULL;
}

static enum rw_pull pull(void *ctx, struct rw_buf *out)
{
    struct sim *sim = ctx;
    static const char TEXT[PIECE] = {0};
    if (sim->pieces_left == 0) {
        return sim->stream_ends ? RW_PULL_END : RW_PULL_WAIT;
    }
    sim->pieces_left--;
    rw_buf_append(out, TEXT, sizeof TEXT);
    return RW_PULL_MORE;
}

static void heartbeat(void *ctx, struct rw_buf *out)
{
    (void)ctx;
    rw_buf_append_str(out, RW_STR(":heartbeat\n"));
}

static void lose(void *ctx, struct rw_buf *out, const struct rw_error *err)
{
    (void)ctx;
    rw_buf_printf(out, ":lost, %s\n", rw_status_code(err->status));
}

static void on_request(void *ctx, struct rw_exchange *ex)
{
    struct sim *sim = ctx;
    static char large[LARGE_REPLY];
    sim->requests++;
    if (rw_str_is(ex->in->request.target, "/work") ||
        rw_str_is(ex->in->request.target, "/stream")) {
        sim->working = ex;
        ex->work = sim;
        ex->gone = on_gone;
    }
    if (rw_str_is(ex->in->request.target, "/stream")) {
        struct rw_stream_source source = {
            .pull = pull, .heartbeat = heartbeat, .lose = lose, .ctx = sim};
        rw_exchange_stream(ex, "text/event-stream", &source, NULL);
    } else if (rw_str_is(ex->in->request.target, "/large")) {
        memset(large, 'x', sizeof large);
        rw_exchange_reply(ex, 200, "text/plain", (struct rw_str){large, sizeof large}, NULL);
    } else if (!rw_str_is(ex->in->request.target, "/work")) {
        rw_exchange_reply(ex, 200, "text/plain", RW_STR("hello\n"), NULL);
    }
}

static void on_finished(void *ctx, const struct rw_exchange *ex, bool was_lost)
{
    struct sim *sim = ctx;
    sim->finished++;
    sim->lost += was_lost;
    if (sim->working == ex) {
        sim->working = NULL;
    }
}

static void on_closed(void *ctx, struct rw_connection *c)
{
    (void)ctx;
    of(c->transport)->closed = true;
}

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t now(void *ctx)
{
    return ((struct sim *)ctx)->now_ns;
}

void sim_init(struct sim *sim, const struct rw_handlers *handlers)
{
    *sim = (struct sim){.now_ns = 1};
    sim->clock = (struct rw_clock){now, now, sim};
    sim->handlers = (struct rw_handlers){on_head, on_request, on_finished, on_closed, sim};
    if (handlers != NULL) {
        sim->handlers = *handlers;
        sim->handlers.closed = on_closed;
    }
    rw_turns_init(&sim->turns, &sim->clock);
    rw_connections_init(&sim->all, &sim->clock, &sim->turns, &sim->handlers, 32 * 1024);
    rw_shares_init(&sim->all.bodies, SIM_BODIES_BYTES);
    rw_deadlines_set(&sim->all.deadlines, RW_DEADLINE_IDLE, 75000);
    rw_deadlines_set(&sim->all.deadlines, RW_DEADLINE_HEADER, 10000);
    rw_deadlines_set(&sim->all.deadlines, RW_DEADLINE_BODY, 30000);
    rw_deadlines_set(&sim->all.deadlines, RW_DEADLINE_WRITE, 30000);
}

struct sim_peer *sim_connect(struct sim *sim)
{
    rw_assert(sim->n_peers < SIM_PEERS_MAX);
    struct sim_peer *p = &sim->peer[sim->n_peers++];
    *p = (struct sim_peer){.transport = {.ops = &OPS}, .sim = sim, .window = SIZE_MAX};
    rw_buf_init(&p->seen, SEEN_MAX);
    rw_connection_open(&p->connection, &sim->all, &p->transport);
    return p;
}

/* Events the server is owed: a write the window now allows, the end of a close. */
static void settle(struct sim_peer *p)
{
    while (rw_turns_run(&p->sim->turns)) {
    }
    while (p->flight != NULL && !p->closing) {
        p->taken += take(p, p->flight + p->taken, p->flight_len - p->taken);
        if (p->taken < p->flight_len) {
            break;
        }
        p->flight = NULL;
        rw_connection_on_written(&p->connection, true);
    }
    if (p->closing && !p->closed) {
        if (p->flight != NULL) {
            p->flight = NULL;
            rw_connection_on_written(&p->connection, false);
        }
        rw_connection_on_closed(&p->connection);
    }
}

/* In a block of its own, so that a sanitizer sees a byte read too many. */
static void deliver(struct sim_peer *p, const char *bytes, size_t len)
{
    if (p->closing || !p->reading) {
        return; /* a socket would keep or refuse them */
    }
    char *copy = malloc(len);
    rw_assert(copy != NULL);
    memcpy(copy, bytes, len);
    rw_connection_on_read(&p->connection, copy, len);
    free(copy);
    settle(p);
}

void sim_send(struct sim_peer *peer, const char *text)
{
    deliver(peer, text, strlen(text));
}

void sim_send_part(struct sim_peer *peer, const char *bytes, size_t len)
{
    deliver(peer, bytes, len);
}

void sim_send_bytes(struct sim_peer *peer, size_t n)
{
    static const char ZEROS[4096] = {0};
    while (n > 0) {
        size_t part = n < sizeof ZEROS ? n : sizeof ZEROS;
        deliver(peer, ZEROS, part);
        n -= part;
    }
}

void sim_eof(struct sim_peer *peer)
{
    if (!peer->closing && peer->reading) {
        rw_connection_on_eof(&peer->connection);
        settle(peer);
    }
}

void sim_settle(struct sim *sim)
{
    while (rw_turns_run(&sim->turns)) {
    }
    for (size_t i = 0; i < sim->n_peers; i++) {
        settle(&sim->peer[i]);
    }
}

void sim_run(struct sim *sim, uint64_t ms)
{
    for (uint64_t t = 0; t < ms; t += SIM_TICK_MS) {
        sim->now_ns += (uint64_t)SIM_TICK_MS * RW_NS_PER_MS;
        rw_connections_tick(&sim->all);
        for (size_t i = 0; i < sim->n_peers; i++) {
            settle(&sim->peer[i]);
        }
    }
}

void sim_reply(struct sim *sim)
{
    rw_assert(sim->working != NULL);
    struct sim_peer *p = of(sim->working->connection->transport);
    struct rw_exchange *ex = sim->working;
    sim->working = NULL;
    rw_exchange_reply(ex, 200, "text/plain", RW_STR("done\n"), NULL);
    settle(p);
}

bool sim_saw(const struct sim_peer *peer, const char *text)
{
    struct rw_str seen = rw_buf_str(&peer->seen);
    return rw_str_find(seen, rw_str_from(text), 0) < seen.len;
}

void sim_fini(struct sim *sim)
{
    rw_connections_close_all(&sim->all);
    sim_run(sim, SIM_TICK_MS);
    rw_assert(sim->all.open == 0 && sim->all.bodies.held == 0 && sim->all.first == NULL);
    for (size_t i = 0; i < sim->n_peers; i++) {
        rw_assert(sim->peer[i].closed);
        rw_buf_fini(&sim->peer[i].seen);
    }
}
