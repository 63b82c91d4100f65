/* TCP through libuv, as a transport. Loop thread only. */
#ifndef RW_SERVER_HTTP_TCP_H
#define RW_SERVER_HTTP_TCP_H

#include <stdbool.h>

#include <uv.h>

#include "server/http/transport.h"

struct rw_tcp {
    struct rw_transport transport;
    uv_tcp_t handle;
    uv_write_t request;
    bool loopback; /* the peer is on this machine */
    uint64_t peer; /* a number for its address */
};

/* After uv_accept. */
void rw_tcp_accepted(struct rw_tcp *tcp, unsigned via);

extern const struct rw_transport_ops RW_TCP_OPS;

#endif
