/* A TCP or Unix stream through libuv, as a transport. Loop thread only. */
#ifndef RW_SERVER_HTTP_TCP_H
#define RW_SERVER_HTTP_TCP_H

#include <stdbool.h>

#include <uv.h>

#include "server/http/transport.h"

struct rw_tcp {
    struct rw_transport transport;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe; /* RW_VIA_UNIX */
    };
    uv_write_t request;
    uint64_t peer; /* a number for its address */
};

/* Before uv_accept; 0 or an error of libuv. */
int rw_tcp_init(struct rw_tcp *tcp, uv_loop_t *loop, unsigned via);
/* After uv_accept. */
void rw_tcp_accepted(struct rw_tcp *tcp);

extern const struct rw_transport_ops RW_TCP_OPS;

#endif
