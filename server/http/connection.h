/* One client connection: requests in, replies out, in order, one at a time.
 *
 *         first byte           head ok            body complete          reply begins
 *   IDLE ------------> HEAD ------------> BODY -----------------> WORKING ------> REPLYING
 *    ^                  |  |              |                         ^              ^  |  |
 *    |                  |  '--------------+---- there is no body ---'              |  |  |
 *    |                  '-----------------'------------- refused ------------------'  |  |
 *    '---------------- all bytes are with the kernel, kept alive --------------------'  |
 *                                                                                       |
 *   CLOSED <--- EOF, timeout --- LINGER <--- refused while the client still sent --------'
 *
 *   Any state goes to CLOSED when the peer is lost, a timeout ends it, or nothing is kept alive.
 *   IDLE goes to LINGER when there is no memory for a request: a fixed reply says so.
 *
 * Bytes of the next requests wait in a bounded buffer while a reply is made; beyond it reading
 * stops. LINGER discards what a refused client still sends, because closing a socket with unread
 * bytes resets it and may destroy the reply on its way.
 *
 * A client that ends its side (FIN) may still wait for the answer, or may be gone: both look the
 * same. We go on, and send something that says nothing, at once and every 15 s: `100 Continue`,
 * which every HTTP/1.1 client skips, or the heartbeat of a stream that has begun. A peer that is
 * gone answers it with a reset, and its work is cancelled at the next look.
 *
 * Knows transports and handlers as tables; no libuv. Loop thread only. */
#ifndef RW_SERVER_HTTP_CONNECTION_H
#define RW_SERVER_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "server/base/shares.h"
#include "server/base/turns.h"
#include "server/http/deadline.h"
#include "server/http/exchange.h"
#include "server/http/http_in.h"
#include "server/http/transport.h"

enum {
    RW_AHEAD_BYTES_MAX = 64 * 1024, /* of requests behind the one being answered */
    RW_OUT_SOFT_BYTES = 64 * 1024,  /* a stream is not pulled while more than this waits */
    /* Pulled of a stream before others get their turn: a fast reader of a large reply would have
     * the loop for itself until the last byte. About 2 ms of writing numbers. */
    RW_PUMP_BYTES = 256 * 1024,
    /* Read of all bodies together in a round; beyond it those that still send wait for their turn.
     * libuv would read 2 MB of each of a hundred uploads before it looks at a probe. */
    RW_ROUND_BYTES = 1024 * 1024,
    RW_READ_BYTES = 64 * 1024,          /* at once, about: the transport's buffer */
    RW_BODY_PROGRESS_BYTES = 64 * 1024, /* of a body that earn another body timeout */
};

enum rw_connection_state {
    RW_CONNECTION_IDLE,
    RW_CONNECTION_HEAD,
    RW_CONNECTION_BODY,
    RW_CONNECTION_WORKING,
    RW_CONNECTION_REPLYING,
    RW_CONNECTION_LINGER,
    RW_CONNECTION_CLOSED,
};

/* What the connection asks of the rest of the server. */
struct rw_handlers {
    /* Decides on a complete head: sets ex->route and *body_max, or refuses with an error. */
    rw_status (*head)(void *ctx, struct rw_exchange *ex, uint64_t *body_max, struct rw_error *err);
    /* The body is complete: reply now, or set ex->work and ex->gone and reply later. */
    void (*request)(void *ctx, struct rw_exchange *ex);
    /* The exchange ended: reply handed over (lost = false), or the client was lost before. */
    void (*finished)(void *ctx, const struct rw_exchange *ex, bool lost);
    /* The last use of a connection; its transport is closed. */
    void (*closed)(void *ctx, struct rw_connection *c);
    void *ctx;
};

/* Shared by all connections of a loop. */
struct rw_connections {
    const struct rw_clock *clock;
    struct rw_turns *turns;
    const struct rw_handlers *handlers;
    struct rw_deadlines deadlines;
    size_t head_bytes_max;
    struct rw_error error;       /* of the request being refused; used within one call */
    bool draining;               /* replies say Connection: close */
    bool closing;                /* idle connections are closed as well */
    struct rw_connection *first; /* all open ones */
    uint64_t open;
    uint64_t timeouts[RW_DEADLINE_KINDS]; /* for the metrics */
    struct rw_shares bodies;              /* bytes that have come, against --bodies-memory */
    uint64_t starving;                    /* connections that wait for room in it */
    uint64_t round;                       /* of the turns, in which */
    uint64_t round_bytes;                 /* were read */
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* One request and its reply. A connection that is silent has none, so that it costs little: it is
 * made with the first byte, and gone with the reply. */
struct rw_talk {
    struct rw_http_in in;
    struct rw_exchange ex;
};

struct rw_connection {
    struct rw_connections *all;
    struct rw_connection *prev;
    struct rw_connection *next;
    struct rw_transport *transport;
    struct rw_turn turn; /* reading or writing goes on */
    enum rw_connection_state state;
    bool reading;
    bool paused;     /* reading stopped until its turn, for others' sake */
    bool starved;    /* reading stopped until there is room for its body */
    bool peer_ended; /* EOF */
    bool writing;    /* a write is under way, from `flight` */
    bool pumping;    /* inside pull: wakes are no news */
    bool parsing;    /* inside the loop over received bytes */
    bool source_ended;
    struct rw_deadline deadline;
    uint64_t progress;    /* body bytes received, or bytes taken by the peer, when it was armed */
    uint64_t written;     /* bytes of finished writes */
    uint64_t probed_ns;   /* when a client that ended its side was last sent something; 0: never */
    struct rw_talk *talk; /* NULL in IDLE and LINGER */
    struct rw_buf ahead;
    struct rw_buf out;    /* to be written */
    struct rw_buf flight; /* being written */
};

void rw_connections_init(struct rw_connections *all, const struct rw_clock *clock,
                         struct rw_turns *turns, const struct rw_handlers *handlers,
                         size_t head_bytes_max);
/* Call every 100 ms or so. */
void rw_connections_tick(struct rw_connections *all);
/* Closes the idle ones, and from now on every one that becomes idle. */
void rw_connections_close_idle(struct rw_connections *all);
/* Closes all, whatever they do. */
void rw_connections_close_all(struct rw_connections *all);
/* Ends all exchanges with an error, and all connections. */
void rw_connections_abort_all(struct rw_connections *all, const struct rw_error *error);

/* The connection is the caller's memory until handlers->closed. */
void rw_connection_open(struct rw_connection *c, struct rw_connections *all,
                        struct rw_transport *transport);
void rw_connection_close(struct rw_connection *c);

/* Events of the transport. */
void rw_connection_on_read(struct rw_connection *c, const char *bytes, size_t len);
void rw_connection_on_eof(struct rw_connection *c);
void rw_connection_on_written(struct rw_connection *c, bool good);
void rw_connection_on_closed(struct rw_connection *c);

#endif
