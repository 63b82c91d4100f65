#include "server/http/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/util.h"

enum {
    READ_BYTES = 64 * 1024,
    IPV6_SITE_BYTES = 8, /* one customer has all addresses behind them (RFC 6177) */
};

/* One buffer for all reads of the loop: bytes are used before the callback returns. */
static char read_bytes[READ_BYTES];

static struct rw_tcp *from_transport(const struct rw_transport *t)
{
    return RW_CONTAINER_OF(t, struct rw_tcp, transport);
}

static uv_stream_t *stream(struct rw_tcp *tcp)
{
    return &tcp->stream;
}

static int descriptor(const struct rw_tcp *tcp)
{
    uv_os_fd_t fd = -1;
    return uv_fileno(&tcp->handle, &fd) == 0 ? fd : -1;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_bytes, READ_BYTES);
}

static void on_read(uv_stream_t *from, ssize_t n, const uv_buf_t *buf)
{
    struct rw_tcp *tcp = from->data;
    const struct rw_transport *t = &tcp->transport;
    if (n > 0) {
        t->events->read(t->receiver, buf->base, (size_t)n);
    } else if (n == UV_EOF) {
        t->events->eof(t->receiver);
    } else if (n < 0) {
        t->events->lost(t->receiver);
    }
}

static void tcp_read_start(struct rw_transport *t)
{
    struct rw_tcp *tcp = from_transport(t);
    if (!uv_is_closing(&tcp->handle)) {
        uv_read_start(stream(tcp), on_alloc, on_read);
    }
}

static void tcp_read_stop(struct rw_transport *t)
{
    uv_read_stop(stream(from_transport(t)));
}

static long tcp_try_write(struct rw_transport *t, const char *bytes, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    int n = uv_try_write(stream(from_transport(t)), &buf, 1);
    return n == UV_EAGAIN ? 0 : n;
}

static void on_written(uv_write_t *request, int status)
{
    struct rw_tcp *tcp = request->data;
    tcp->transport.events->written(tcp->transport.receiver, status == 0);
}

static void tcp_write(struct rw_transport *t, const char *bytes, size_t len)
{
    struct rw_tcp *tcp = from_transport(t);
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    tcp->request.data = tcp;
    /* libuv reports failures of a stream that is open through the callback. */
    int rc = uv_write(&tcp->request, stream(tcp), &buf, 1, on_written);
    rw_assert(rc == 0);
}

static size_t tcp_write_pending(const struct rw_transport *t)
{
    return uv_stream_get_write_queue_size(stream(from_transport(t)));
}

static void tcp_shutdown(struct rw_transport *t)
{
    int fd = descriptor(from_transport(t));
    if (fd >= 0) {
        shutdown(fd, SHUT_WR); /* nothing is queued in user space: the reply is with the kernel */
    }
}

static void on_close(uv_handle_t *handle)
{
    struct rw_tcp *tcp = handle->data;
    tcp->transport.events->closed(tcp->transport.receiver);
}

static void tcp_close(struct rw_transport *t)
{
    uv_close(&from_transport(t)->handle, on_close);
}

static void tcp_quick_ack(struct rw_transport *t)
{
    int fd = descriptor(from_transport(t));
    int on = 1;
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    }
}

/* A Unix socket hangs up when the peer closed both sides, or is gone. */
static bool unix_peer_lost(int fd)
{
    struct pollfd poll_fd = {.fd = fd};
    return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR)) != 0;
}

static bool tcp_peer_lost(const struct rw_transport *t)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    int fd = descriptor(from_transport(t));
    if (fd >= 0 && (t->via & RW_VIA_UNIX) != 0) {
        return unix_peer_lost(fd);
    }
    return fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
           info.tcpi_state == TCP_CLOSE;
}

static uint64_t tcp_peer(const struct rw_transport *t)
{
    return from_transport(t)->peer;
}

const struct rw_transport_ops RW_TCP_OPS = {
    tcp_read_start, tcp_read_stop, tcp_try_write, tcp_write,     tcp_write_pending,
    tcp_shutdown,   tcp_close,     tcp_quick_ack, tcp_peer_lost, tcp_peer,
};

static void look_at_peer(struct rw_tcp *tcp)
{
    struct sockaddr_storage peer;
    int len = sizeof peer;
    if (uv_tcp_getpeername(&tcp->tcp, (struct sockaddr *)&peer, &len) != 0) {
        return;
    }
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
        tcp->peer = rw_hash64(&v4->sin_addr, sizeof v4->sin_addr, 4);
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;
        tcp->peer = rw_hash64(&v6->sin6_addr, IPV6_SITE_BYTES, 6);
    }
}

int rw_tcp_init(struct rw_tcp *tcp, uv_loop_t *loop, unsigned via)
{
    tcp->transport = (struct rw_transport){.ops = &RW_TCP_OPS, .via = via};
    return (via & RW_VIA_UNIX) != 0 ? uv_pipe_init(loop, &tcp->pipe, 0)
                                    : uv_tcp_init(loop, &tcp->tcp);
}

void rw_tcp_accepted(struct rw_tcp *tcp)
{
    bool local = (tcp->transport.via & RW_VIA_UNIX) != 0;
    tcp->handle.data = tcp;
    tcp->peer = 0;
    if (!local) {
        look_at_peer(tcp);
        uv_tcp_nodelay(&tcp->tcp, 1);
    }
}
