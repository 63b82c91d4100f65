#include "server/http/listener.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "server/http/tcp.h"

struct client {
    struct rw_connection connection;
    struct rw_tcp tcp;
};

static void on_refused_close(uv_handle_t *handle)
{
    rw_free(handle->data);
}

/* Accepting and closing at once empties the backlog; leaving it full would stall everyone. */
static void refuse(struct rw_listeners *all, struct client *client)
{
    all->refused++;
    client->tcp.handle.data = client;
    uv_close((uv_handle_t *)&client->tcp.handle, on_refused_close);
}

static void on_connection(uv_stream_t *server, int status);

static void on_rejected(uv_handle_t *handle)
{
    struct rw_listener *l = handle->data;
    l->rejecting = false;
    if (l->stalled && l->open) {
        l->stalled = false;
        on_connection((uv_stream_t *)&l->handle, 0);
    }
}

/* No memory for a client. It must be accepted all the same: libuv tells of no other connection
 * before this one is taken. The listener's own handle takes one at a time. */
static void reject(struct rw_listener *l)
{
    if (l->rejecting) {
        l->stalled = true; /* until that handle is free again */
        return;
    }
    if (uv_tcp_init(l->handle.loop, &l->reject) != 0) {
        return;
    }
    l->rejecting = true;
    l->reject.data = l;
    uv_accept((uv_stream_t *)&l->handle, (uv_stream_t *)&l->reject);
    uv_close((uv_handle_t *)&l->reject, on_rejected);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct rw_listener *listener = server->data;
    struct rw_listeners *all = listener->all;
    struct client *client = status == 0 ? rw_alloc(sizeof *client) : NULL;
    if (client == NULL) {
        all->refused++;
        rw_log(RW_LOG_WARN, "accept_failed", "reason=\"%s\"",
               status != 0 ? uv_strerror(status) : "no memory");
        if (status == 0) {
            reject(listener);
        }
        return;
    }
    if (uv_tcp_init(server->loop, &client->tcp.handle) != 0) {
        rw_free(client);
        reject(listener);
        return;
    }
    if (uv_accept(server, (uv_stream_t *)&client->tcp.handle) != 0 ||
        all->connections->open >= all->connections_max) {
        refuse(all, client);
        return;
    }
    all->accepted++;
    rw_tcp_accepted(&client->tcp, listener->via);
    rw_connection_open(&client->connection, all->connections, &client->tcp.transport);
}

void rw_listener_free_connection(struct rw_connection *c)
{
    rw_free(c); /* first member of its client */
}

bool rw_listener_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static rw_status resolve(const char *host, uint16_t port, struct sockaddr_storage *out,
                         struct rw_error *err)
{
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (uv_ip4_addr(numeric, port, (struct sockaddr_in *)out) == 0 ||
        uv_ip6_addr(numeric, port, (struct sockaddr_in6 *)out) == 0) {
        return RW_OK;
    }
    rw_fail(err, RW_CONFIG, "listen: \"%s\" is not a numeric address", host);
    rw_error_hint(err, "for instance 127.0.0.1:7392, 0.0.0.0:7392 or [::]:7392");
    return RW_CONFIG;
}

static void describe(struct rw_listener *l, const char *host)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    uint16_t port = 0;
    if (uv_tcp_getsockname(&l->handle, (struct sockaddr *)&name, &len) == 0) {
        port = name.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&name)->sin_port)
                                         : ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    }
    bool v6 = strchr(host, ':') != NULL;
    snprintf(l->url, sizeof l->url, "http://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static const char *listen_hint(int rc)
{
    switch (rc) {
    case UV_EADDRINUSE:
        return "is another rewardd running? --listen chooses another port";
    case UV_EACCES:
        return "ports under 1024 need a privilege (CAP_NET_BIND_SERVICE); --listen chooses another";
    case UV_EADDRNOTAVAIL:
        return "no interface of this machine has that address; 0.0.0.0 and [::] take all of them";
    default:
        return "--listen chooses another address";
    }
}

rw_status rw_listeners_open(struct rw_listeners *all, uv_loop_t *loop, const char *host,
                            uint16_t port, struct rw_error *err)
{
    if (all->n == RW_LISTENERS_MAX) {
        return rw_fail(err, RW_CONFIG, "listen: at most %d addresses", RW_LISTENERS_MAX);
    }
    struct sockaddr_storage address;
    rw_status status = resolve(host, port, &address, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_listener *l = &all->listener[all->n];
    l->all = all;
    l->via = rw_listener_is_loopback(host) ? 0 : RW_VIA_NETWORK;
    int rc = uv_tcp_init(loop, &l->handle);
    if (rc != 0) {
        return rw_fail(err, RW_IO, "listen %s:%u: %s", host, port, uv_strerror(rc));
    }
    l->handle.data = l;
    l->open = true;
    all->n++;
    rc = uv_tcp_bind(&l->handle, (const struct sockaddr *)&address, 0);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&l->handle, RW_LISTEN_BACKLOG, on_connection);
    }
    if (rc != 0) {
        rw_fail(err, RW_IO, "listen %s:%u: %s", host, port, uv_strerror(rc));
        rw_error_hint(err, "%s", listen_hint(rc));
        return RW_IO;
    }
    describe(l, host);
    return RW_OK;
}

void rw_listeners_close(struct rw_listeners *all)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->listener[i].open) {
            all->listener[i].open = false;
            uv_close((uv_handle_t *)&all->listener[i].handle, NULL);
        }
    }
}

uint64_t rw_listener_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}
