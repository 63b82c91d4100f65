/* Listening sockets: bound at start, so that an address in use is told at once; accepting from
 * rw_listeners_begin until told to stop. Between the two a client is refused by the kernel, which
 * every balancer takes for "not this one" and goes on to the next, while a 503 would be an answer.
 *
 * When no descriptor is left, one held in reserve is given up for a moment, to take a connection
 * and close it: its client is told, instead of waiting in the backlog for ever. Loop thread only.
 */
#ifndef RW_SERVER_HTTP_LISTENER_H
#define RW_SERVER_HTTP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "core/base/status.h"
#include "server/http/connection.h"
#include "server/http/tcp.h"
#include "server/http/tls.h"

enum {
    RW_LISTENERS_MAX = 16,
    RW_EXTRA_CONNECTIONS_MAX = 64, /* connections of --metrics-listen beyond --connections-max */
    RW_LISTEN_BACKLOG = 4096, /* trainers open a connection for every sample, thousands at once */
};

enum {
    RW_UNIX_PATH_MAX = 108, /* bytes of sun_path, NUL included */
};

struct rw_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe; /* RW_VIA_UNIX */
    };
    struct rw_listeners *all;
    char url[128]; /* "https://127.0.0.1:7392", "unix:/run/rewardd.sock" */
    unsigned via;  /* RW_VIA_ of its connections */
    bool open;
    bool listening;
    struct rw_tcp reject; /* takes a connection there is no memory for */
    bool rejecting;       /* until it is closed */
    bool stalled;         /* another one waits for it */
};

struct rw_listeners {
    struct rw_listener listener[RW_LISTENERS_MAX];
    size_t n;
    struct rw_connections *connections;
    uint64_t connections_max;
    struct rw_tls *tls; /* of all addresses that are not Unix sockets; NULL = in the clear */
    uint64_t accepted;
    bool full_logged; /* that connections_max was met; once until there is room again */
    uint64_t refused; /* over connections_max, or no memory */
};

/* True for 127.0.0.0/8, ::1, "localhost" and Unix sockets. */
bool rw_listener_is_loopback(const char *host);
/* Binds; CONFIG or IO with the address in the message. host must be numeric, "localhost" or
 * "unix:/path": a name that moves is a trap for whoever reads the configuration. `via` has what the
 * address does not tell (RW_VIA_METRICS). A stale socket file is replaced. */
rw_status rw_listeners_open(struct rw_listeners *all, uv_loop_t *loop, const char *host,
                            uint16_t port, unsigned via, struct rw_error *err);
/* Those of `via` (RW_VIA_METRICS or 0) begin to accept; the others stay as they are. */
rw_status rw_listeners_begin(struct rw_listeners *all, unsigned via, struct rw_error *err);
void rw_listeners_close(struct rw_listeners *all);
/* handlers->closed of connections that a listener made. */
void rw_listener_free_connection(struct rw_connection *c);
/* Raises the soft limit of open files to the hard one. At most this many connections fit under it,
 * with descriptors left for models, databases, and RW_EXTRA_CONNECTIONS_MAX. */
uint64_t rw_listener_connections_max(uint64_t wanted);

#endif
