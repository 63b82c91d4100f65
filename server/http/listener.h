/* Listening sockets: bound at start, accepting until told to stop. Loop thread only. */
#ifndef RW_SERVER_HTTP_LISTENER_H
#define RW_SERVER_HTTP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "core/base/status.h"
#include "server/http/connection.h"

enum {
    RW_LISTENERS_MAX = 16,
    RW_LISTEN_BACKLOG = 4096, /* trainers open a connection for every sample, thousands at once */
};

struct rw_listener {
    uv_tcp_t handle;
    struct rw_listeners *all;
    char url[128]; /* "http://127.0.0.1:7392" */
    unsigned via;  /* RW_VIA_ of its connections */
    bool open;
    uv_tcp_t reject; /* takes a connection there is no memory for */
    bool rejecting;  /* until it is closed */
    bool stalled;    /* another one waits for it */
};

struct rw_listeners {
    struct rw_listener listener[RW_LISTENERS_MAX];
    size_t n;
    struct rw_connections *connections;
    uint64_t connections_max;
    uint64_t accepted;
    uint64_t refused; /* over connections_max, or no memory */
};

/* True for 127.0.0.0/8, ::1 and "localhost". */
bool rw_listener_is_loopback(const char *host);
/* Binds and listens; CONFIG or IO with the address in the message. host must be numeric or
 * "localhost": a name that moves is a trap for whoever reads the configuration. */
rw_status rw_listeners_open(struct rw_listeners *all, uv_loop_t *loop, const char *host,
                            uint16_t port, struct rw_error *err);
void rw_listeners_close(struct rw_listeners *all);
/* handlers->closed of connections that a listener made. */
void rw_listener_free_connection(struct rw_connection *c);
/* Soft limit of open files up to the hard one; what it is now. */
uint64_t rw_listener_raise_files(void);

#endif
