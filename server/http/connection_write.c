/* The writing half of a connection: flushing, and pulling a stream while little waits. */
#include <stdio.h>
#include <string.h>

#include "server/http/connection.h"
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

/* One pull, framed as a chunk (HTTP/1.0: as bytes until the close). The size is written after the
 * fact into eight digits left free for it. */
static enum rw_pull pull_once(struct rw_connection *c)
{
    static const char SPACE[] = "00000000\r\n";
    enum {
        SPACE_LEN = sizeof SPACE - 1
    };
    bool chunked = c->in.request.minor == 1;
    size_t begin = c->out.len;
    if (chunked) {
        rw_buf_append(&c->out, SPACE, SPACE_LEN);
    }
    enum rw_pull result = c->ex.source.pull(c->ex.source.ctx, &c->out);
    if (chunked && !c->out.failed) {
        size_t bytes = c->out.len - begin - SPACE_LEN;
        c->ex.reply_bytes += bytes;
        if (bytes == 0) {
            c->out.len = begin; /* an empty chunk would end the reply */
        } else {
            char digits[24];
            snprintf(digits, sizeof digits, "%08zx", bytes);
            memcpy(c->out.ptr + begin, digits, 8);
            rw_buf_append(&c->out, "\r\n", 2);
        }
        if (result == RW_PULL_END) {
            rw_buf_append(&c->out, "0\r\n\r\n", 5);
        }
    }
    return result;
}

/* Pulls while little is waiting; true when there may be more to pull after a flush. */
static bool pull(struct rw_connection *c)
{
    while (c->ex.streaming && !c->source_ended && pending(c) < RW_OUT_SOFT_BYTES) {
        enum rw_pull result = pull_once(c);
        if (result == RW_PULL_END) {
            c->source_ended = true;
            c->ex.work = NULL; /* the source has seen its end */
        }
        if (result != RW_PULL_MORE || c->out.failed) {
            return false;
        }
    }
    return c->ex.streaming && !c->source_ended;
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
    } else if (c->ex.streaming && c->ex.source.heartbeat != NULL) {
        rw_connection_arm(c, RW_DEADLINE_HEARTBEAT);
    } else {
        rw_deadline_disarm(&c->deadline);
    }
}

void rw_connection_pump(struct rw_connection *c)
{
    if (c->pumping || c->state == RW_CONNECTION_CLOSED) {
        return;
    }
    c->pumping = true;
    bool more = true;
    while (more) {
        more = pull(c);
        if (!flush(c)) {
            c->pumping = false;
            return;
        }
        more = more && pending(c) < RW_OUT_SOFT_BYTES;
    }
    c->pumping = false;
    if (c->state != RW_CONNECTION_REPLYING) {
        return; /* an interim reply went out */
    }
    if (pending(c) == 0 && !c->writing && (!c->ex.streaming || c->source_ended)) {
        rw_connection_reply_done(c);
    } else {
        rw_connection_arm_reply(c);
    }
}
