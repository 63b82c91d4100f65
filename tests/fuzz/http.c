/* HTTP bytes through the real connection code over a transport in memory. The first byte chooses
 * how the others are cut; the requests seen and the statuses answered must not depend on it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "server/http/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SEEN_MAX = 64,
    BODY_MAX = 4096,
    WRITE_AT_ONCE = 100, /* bytes the peer takes before it makes us wait */
};

struct peer {
    struct rw_transport transport;
    struct rw_turns turns;
    struct rw_connections all;
    struct rw_connection connection;
    const char *flight;
    size_t flight_len;
    uint64_t now_ns;
    bool closed;
    bool gone;
    int pulls;
    size_t n_seen;
    uint64_t seen[SEEN_MAX]; /* status and body length of every exchange */
};

static struct peer *of(const struct rw_transport *t)
{
    return (struct peer *)(uintptr_t)t; /* first member */
}

static void nothing(struct rw_transport *t)
{
    (void)t;
}

static long try_write(struct rw_transport *t, const char *bytes, size_t len)
{
    (void)t;
    (void)bytes;
    return (long)(RW_MIN(len, WRITE_AT_ONCE));
}

static void begin_write(struct rw_transport *t, const char *bytes, size_t len)
{
    rw_assert(of(t)->flight == NULL && len > 0);
    of(t)->flight = bytes;
    of(t)->flight_len = len;
}

static size_t write_pending(const struct rw_transport *t)
{
    return of(t)->flight != NULL ? of(t)->flight_len : 0;
}

static void begin_close(struct rw_transport *t)
{
    rw_assert(!of(t)->closed);
    of(t)->closed = true;
}

static bool no(const struct rw_transport *t)
{
    (void)t;
    return false;
}

static uint64_t nobody(const struct rw_transport *t)
{
    (void)t;
    return 0;
}

static const struct rw_transport_ops OPS = {
    nothing, nothing,     try_write, begin_write, write_pending,
    nothing, begin_close, nothing,   no,          nobody};

static uint64_t now(void *ctx)
{
    return ((struct peer *)ctx)->now_ns;
}

static rw_status on_head(void *ctx, struct rw_exchange *ex, uint64_t *body_max,
                         struct rw_error *err)
{
    (void)ctx;
    *body_max = BODY_MAX;
    rw_assert(ex->in->request.target.len > 0 && ex->in->request.method.len > 0);
    return rw_str_is(ex->in->request.target, "/no") ? rw_fail(err, RW_NOT_FOUND, "no") : RW_OK;
}

static enum rw_pull pull(void *ctx, struct rw_buf *out)
{
    struct peer *p = ctx;
    rw_buf_append(out, "piece", 5);
    return ++p->pulls % 3 == 0 ? RW_PULL_END : RW_PULL_MORE;
}

static void on_request(void *ctx, struct rw_exchange *ex)
{
    rw_assert(ex->body.len == ex->in->body_bytes && ex->body.len <= BODY_MAX);
    if (rw_str_is(ex->in->request.target, "/s")) {
        struct rw_stream_source source = {.pull = pull, .ctx = ctx};
        ((struct peer *)ctx)->pulls = 0;
        rw_exchange_stream(ex, "text/plain", &source, NULL);
    } else {
        rw_exchange_reply(ex, 200, "text/plain", rw_buf_str(&ex->body), NULL);
    }
}

static void on_finished(void *ctx, const struct rw_exchange *ex, bool lost)
{
    struct peer *p = ctx;
    if (!lost && p->n_seen < SEEN_MAX) {
        uint64_t bytes = ex->status == 200 ? ex->in->body_bytes : 0;
        p->seen[p->n_seen++] = (uint64_t)ex->status << 32 | bytes;
    }
}

static void on_closed(void *ctx, struct rw_connection *c)
{
    (void)c;
    ((struct peer *)ctx)->gone = true;
}

/* The events the peer owes us, until there are none. */
static void settle(struct peer *p)
{
    while (rw_turns_run(&p->turns)) {
    }
    while (p->flight != NULL) {
        p->flight = NULL;
        rw_connection_on_written(&p->connection, !p->closed);
    }
}

static void run(struct peer *p, const char *bytes, size_t size, size_t piece)
{
    *p = (struct peer){.transport = {.ops = &OPS}};
    struct rw_clock clock = {now, now, p};
    struct rw_handlers handlers = {on_head, on_request, on_finished, on_closed, p};
    rw_turns_init(&p->turns, &clock);
    rw_connections_init(&p->all, &clock, &p->turns, &handlers, 4096);
    rw_connection_open(&p->connection, &p->all, &p->transport);
    for (size_t at = 0; at < size && !p->closed;) {
        size_t n = size - at < piece ? size - at : piece;
        char *copy = malloc(n); /* exact: the sanitizer sees one byte too many */
        rw_assert(copy != NULL);
        memcpy(copy, bytes + at, n);
        rw_connection_on_read(&p->connection, copy, n);
        free(copy);
        at += n;
        settle(p);
    }
    if (!p->closed) {
        rw_connection_on_eof(&p->connection);
        settle(p);
    }
    p->now_ns = UINT64_C(1000000000000);
    rw_connections_tick(&p->all);
    settle(p);
    rw_connection_close(&p->connection);
    settle(p);
    rw_connection_on_closed(&p->connection);
    rw_assert(p->gone && p->all.open == 0 && p->all.bodies.held == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peer whole;
    static struct peer cut;
    if (size < 1 || size > 32 * 1024) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    run(&whole, bytes, size - 1, 60 * 1024);
    run(&cut, bytes, size - 1, (size_t)data[0] % 17 + 1);
    rw_assert(whole.n_seen == cut.n_seen);
    for (size_t i = 0; i < whole.n_seen; i++) {
        rw_assert(whole.seen[i] == cut.seen[i]);
    }
    return 0;
}
