/* The writing half of a connection: flushing, and pulling a stream while little waits. */
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "server/http/connection_parts.h"

static size_t pending(const struct rw_connection *c)
{
    return c->out.len + (c->writing ? c->transport->ops->write_pending(c->transport) : 0);
}

uint64_t rw_connection_taken_by_peer(const struct rw_connection *c)
{
    return c->written +
           (c->writing ? c->flight.len - c->transport->ops->write_pending(c->transport) : 0);
}

/* False when the peer is lost; the connection is closed then. */
static bool flush(struct rw_connection *c)
{
    if (c->out.failed) {
        rw_connection_close(c);
        return false;
    }
    if (c->writing || c->out.len == 0) {
        return true;
    }
    long n = c->transport->ops->try_write(c->transport, c->out.ptr, c->out.len);
    if (n < 0) {
        rw_connection_close(c);
        return false;
    }
    c->written += (uint64_t)n;
    c->all->bytes_out += (uint64_t)n;
    if ((size_t)n == c->out.len) {
        rw_buf_clear(&c->out);
        return true;
    }
    rw_buf_consume(&c->out, (size_t)n);
    struct rw_buf empty = c->flight;
    c->flight = c->out;
    c->out = empty;
    c->writing = true;
    c->transport->ops->write(c->transport, c->flight.ptr, c->flight.len);
    return true;
}

static const char CHUNK_HEAD[] = "00000000\r\n"; /* room for the size, which is known later */
enum {
    CHUNK_HEAD_LEN = sizeof CHUNK_HEAD - 1,
    CHUNK_DIGITS = 8,
};

/* What is appended next is a chunk (HTTP/1.0: bytes until the close). Returns where it begins. */
static size_t begin_chunk(struct rw_connection *c)
{
    size_t begin = c->out.len;
    if (c->talk->in.request.minor == 1) {
        rw_buf_append(&c->out, CHUNK_HEAD, CHUNK_HEAD_LEN);
    }
    return begin;
}

static void end_chunk(struct rw_connection *c, size_t begin, bool last)
{
    if (c->talk->in.request.minor != 1 || c->out.failed) {
        return;
    }
    size_t bytes = c->out.len - begin - CHUNK_HEAD_LEN;
    c->talk->ex.reply_bytes += bytes;
    if (bytes == 0) {
        c->out.len = begin; /* an empty chunk would end the reply */
    } else {
        char digits[24];
        snprintf(digits, sizeof digits, "%0*zx", CHUNK_DIGITS, bytes);
        memcpy(c->out.ptr + begin, digits, CHUNK_DIGITS);
        rw_buf_append(&c->out, "\r\n", 2);
    }
    if (last) {
        rw_buf_append(&c->out, "0\r\n\r\n", 5);
    }
}

bool rw_connection_lose(struct rw_connection *c, const struct rw_error *error)
{
    if (c->talk->ex.source.lose == NULL) {
        return false;
    }
    size_t begin = begin_chunk(c);
    c->talk->ex.source.lose(c->talk->ex.source.ctx, &c->out, error);
    end_chunk(c, begin, true);
    c->source_ended = true;
    c->talk->ex.close_after = true;
    return !c->out.failed;
}

/* A piece did not fit into memory. What was said before it stands; the piece is taken back, and
 * where the source has words for it they need less than the buffer already has. */
static void lose_piece(struct rw_connection *c, size_t begin)
{
    struct rw_error err = {0};
    void *work = c->talk->ex.work;
    rw_fail_memory(&err, "the reply");
    c->out.len = begin;
    c->out.failed = false;
    if (!rw_connection_lose(c, &err)) {
        c->out.failed = true; /* flush closes the connection, and its work is told */
        return;
    }
    c->talk->ex.work = NULL;
    if (work != NULL) {
        c->talk->ex.gone(work);
    }
}

/* Pulls while little is waiting; true when there may be more to pull after a flush. */
static bool pull(struct rw_connection *c, size_t *budget)
{
    if (c->out.failed) {
        return false; /* half a head: nothing may follow it, and flush closes the connection */
    }
    while (c->talk->ex.streaming && !c->source_ended && *budget > 0 &&
           pending(c) < RW_OUT_SOFT_BYTES) {
        size_t begin = begin_chunk(c);
        enum rw_pull result =
            c->out.failed ? RW_PULL_MORE : c->talk->ex.source.pull(c->talk->ex.source.ctx, &c->out);
        size_t bytes = c->out.len - begin;
        if (result == RW_PULL_END) {
            c->source_ended = true;
            c->talk->ex.work = NULL; /* the source has seen its end */
        }
        end_chunk(c, begin, result == RW_PULL_END);
        if (c->out.failed && !c->source_ended) {
            lose_piece(c, begin);
        }
        *budget -= RW_MIN(*budget, bytes);
        if (result != RW_PULL_MORE || c->out.failed) {
            return false;
        }
    }
    return c->talk->ex.streaming && !c->source_ended;
}

void rw_connection_arm_reply(struct rw_connection *c)
{
    if (pending(c) > 0) {
        if (c->deadline.kind != RW_DEADLINE_WRITE) {
            c->progress = rw_connection_taken_by_peer(c);
            rw_connection_arm(c, RW_DEADLINE_WRITE);
        }
    } else if (c->peer_ended) {
        rw_connection_arm(c, RW_DEADLINE_PROBE);
    } else if (c->talk->ex.streaming && c->talk->ex.source.heartbeat != NULL) {
        rw_connection_arm(c, RW_DEADLINE_HEARTBEAT);
    } else {
        rw_deadline_disarm(&c->deadline);
    }
}

void rw_connection_pump(struct rw_connection *c)
{
    if (c->pumping || c->talk == NULL || c->state == RW_CONNECTION_CLOSED) {
        return;
    }
    size_t budget = RW_PUMP_BYTES;
    bool more = true;
    c->pumping = true;
    while (more) {
        more = pull(c, &budget);
        if (!flush(c)) {
            c->pumping = false;
            return;
        }
        more = more && budget > 0 && pending(c) < RW_OUT_SOFT_BYTES;
    }
    c->pumping = false;
    if (c->state != RW_CONNECTION_REPLYING) {
        return; /* an interim reply went out */
    }
    if (budget == 0) {
        rw_turns_add(c->all->turns, &c->turn);
    }
    if (pending(c) == 0 && !c->writing && (!c->talk->ex.streaming || c->source_ended)) {
        rw_connection_reply_done(c);
    } else {
        rw_connection_arm_reply(c);
    }
}
