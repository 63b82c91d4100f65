#include "server/http/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/util.h"

#define UNIX RW_STR("unix:")

struct client {
    struct rw_connection connection;
    struct rw_tcp tcp;
};

/* What a connection that does nothing may cost, the allocator's own 16 bytes included. */
_Static_assert(sizeof(struct client) + 16 <= 1024, "an idle connection is too large");

static void on_refused_close(uv_handle_t *handle)
{
    rw_free(handle->data);
}

/* Accepting and closing at once empties the backlog; leaving it full would stall everyone. */
static void refuse(struct rw_listeners *all, struct client *client)
{
    all->refused++;
    client->tcp.handle.data = client;
    uv_close(&client->tcp.handle, on_refused_close);
}

static void on_connection(uv_stream_t *server, int status);

static void on_rejected(uv_handle_t *handle)
{
    struct rw_listener *l = handle->data;
    l->rejecting = false;
    if (l->stalled && l->open) {
        l->stalled = false;
        on_connection(&l->stream, 0);
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
    if (rw_tcp_init(&l->reject, l->handle.loop, l->via) != 0) {
        return;
    }
    l->rejecting = true;
    l->reject.handle.data = l;
    uv_accept(&l->stream, &l->reject.stream);
    uv_close(&l->reject.handle, on_rejected);
}

/* Said once, until there is room again: a crowd must not fill the log. */
static void log_full(struct rw_listeners *all, const char *reason)
{
    if (!all->full_logged) {
        all->full_logged = true;
        rw_log(RW_LOG_ERROR, "connections_full",
               "reason=\"%s\" connections=%llu limit=%llu hint=\"raise the limit of open files "
               "(ulimit -n) and --connections-max\"",
               reason, (unsigned long long)all->connections->open,
               (unsigned long long)all->connections_max);
    }
}

static bool has_room(struct rw_listeners *all, const struct rw_listener *l)
{
    uint64_t open = all->connections->open;
    bool probes = (l->via & RW_VIA_METRICS) != 0; /* a full house still tells how it is */
    if (open < all->connections_max + (probes ? RW_EXTRA_CONNECTIONS_MAX : 0)) {
        all->full_logged =
            all->full_logged && open + RW_EXTRA_CONNECTIONS_MAX >= all->connections_max;
        return true;
    }
    log_full(all, "the limit of connections");
    return false;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct rw_listener *listener = server->data;
    struct rw_listeners *all = listener->all;
    struct client *client = status == 0 ? rw_alloc(sizeof *client) : NULL;
    if (client == NULL) {
        all->refused++;
        log_full(all, status != 0 ? uv_strerror(status) : "no memory");
        if (status == 0) {
            reject(listener);
        }
        return;
    }
    if (rw_tcp_init(&client->tcp, server->loop, listener->via) != 0) {
        rw_free(client);
        reject(listener);
        return;
    }
    if (uv_accept(server, &client->tcp.stream) != 0 || !has_room(all, listener)) {
        refuse(all, client);
        return;
    }
    struct rw_transport *transport = &client->tcp.transport;
    rw_tcp_accepted(&client->tcp);
    if ((listener->via & RW_VIA_TLS) != 0) {
        transport = rw_tls_over(all->tls, transport);
    }
    if (transport == NULL) {
        refuse(all, client);
        return;
    }
    all->accepted++;
    rw_connection_open(&client->connection, all->connections, transport);
}

void rw_listener_free_connection(struct rw_connection *c)
{
    rw_free(c); /* first member of its client */
}

bool rw_listener_is_loopback(const char *host)
{
    return rw_str_starts(rw_str_from(host), UNIX) || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
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

/* Fails with what bind found: libuv keeps "address in use" for later. */
static int describe(struct rw_listener *l, const char *host)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    uint16_t port = 0;
    int rc = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&name, &len);
    if (rc != 0) {
        return rc;
    }
    port = name.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&name)->sin_port)
                                     : ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    bool v6 = strchr(host, ':') != NULL;
    snprintf(l->url, sizeof l->url, "http%s://%s%s%s:%u", (l->via & RW_VIA_TLS) != 0 ? "s" : "",
             v6 ? "[" : "", host, v6 ? "]" : "", port);
    return 0;
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

static rw_status refused(const struct rw_listener *l, int rc, struct rw_error *err)
{
    rw_fail(err, RW_IO, "listen %s: %s", l->url, uv_strerror(rc));
    rw_error_hint(err, "%s", listen_hint(rc));
    return RW_IO;
}

/* A socket file that nobody listens at is what a killed daemon left. */
static void remove_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat at;
    if (strlen(path) >= sizeof address.sun_path || lstat(path, &at) != 0 || !S_ISSOCK(at.st_mode)) {
        return;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
        errno == ECONNREFUSED) {
        unlink(path);
    }
    close(fd);
}

static rw_status bind_unix(struct rw_listener *l, uv_loop_t *loop, const char *path,
                           struct rw_error *err)
{
    if (path[0] == '\0' || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return rw_fail(err, RW_CONFIG, "listen: the path of a Unix socket has 1 to %zu bytes",
                       sizeof((struct sockaddr_un *)0)->sun_path - 1);
    }
    snprintf(l->url, sizeof l->url, "unix:%s", path);
    l->via |= RW_VIA_UNIX;
    remove_stale(path);
    int rc = uv_pipe_init(loop, &l->pipe, 0);
    l->open = rc == 0;
    if (rc == 0) {
        rc = uv_pipe_bind(&l->pipe, path);
    }
    return rc == 0 ? RW_OK : refused(l, rc, err);
}

static rw_status bind_tcp(struct rw_listener *l, uv_loop_t *loop, const char *host, uint16_t port,
                          struct rw_error *err)
{
    struct sockaddr_storage address;
    rw_status status = resolve(host, port, &address, err);
    if (status != RW_OK) {
        return status;
    }
    snprintf(l->url, sizeof l->url, "%s:%u", host, port);
    l->via |= rw_listener_is_loopback(host) ? 0 : RW_VIA_NETWORK;
    l->via |= l->all->tls != NULL ? RW_VIA_TLS : 0;
    int rc = uv_tcp_init(loop, &l->tcp);
    l->open = rc == 0;
    if (rc == 0) {
        rc = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&address, 0);
    }
    if (rc == 0) {
        rc = describe(l, host);
    }
    return rc == 0 ? RW_OK : refused(l, rc, err);
}

rw_status rw_listeners_open(struct rw_listeners *all, uv_loop_t *loop, const char *host,
                            uint16_t port, unsigned via, struct rw_error *err)
{
    if (all->n == RW_LISTENERS_MAX) {
        return rw_fail(err, RW_CONFIG, "listen: at most %d addresses", RW_LISTENERS_MAX);
    }
    struct rw_listener *l = &all->listener[all->n++];
    l->all = all;
    l->via = via;
    struct rw_str text = rw_str_from(host);
    rw_status status = rw_str_starts(text, UNIX) ? bind_unix(l, loop, host + UNIX.len, err)
                                                 : bind_tcp(l, loop, host, port, err);
    l->handle.data = l;
    return status;
}

rw_status rw_listeners_begin(struct rw_listeners *all, unsigned via, struct rw_error *err)
{
    for (size_t i = 0; i < all->n; i++) {
        struct rw_listener *l = &all->listener[i];
        if ((l->via & RW_VIA_METRICS) != via || l->listening || !l->open) {
            continue;
        }
        int rc = uv_listen(&l->stream, RW_LISTEN_BACKLOG, on_connection);
        if (rc != 0) {
            return refused(l, rc, err);
        }
        l->listening = true;
    }
    return RW_OK;
}

void rw_listeners_close(struct rw_listeners *all)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->listener[i].open) {
            all->listener[i].open = false;
            uv_close(&all->listener[i].handle, NULL);
        }
    }
}

uint64_t rw_listener_connections_max(uint64_t wanted)
{
    enum {
        KEPT_BACK = 64 /* epoll, signals, models, the runs database, /proc */
    };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    uint64_t files = limit.rlim_cur;
    uint64_t fit = files > 4 * KEPT_BACK ? files - KEPT_BACK - RW_EXTRA_CONNECTIONS_MAX : files / 2;
    return RW_MIN(wanted, RW_MAX(fit, UINT64_C(1)));
}
