/* `rewardd --healthcheck`: is the daemon at the first --listen address ready? For images that hold
 * no curl. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "server/http/tls.h"
#include "server/lifecycle.h"

enum {
    WAIT_SECONDS = 5,
    STATUS_BYTES = 13, /* "HTTP/1.1 200 " */
};

static const char ASK[] = "GET /readyz HTTP/1.0\r\n\r\n";

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_to(const char *host, uint16_t port)
{
    struct sockaddr_storage address;
    if (strncmp(host, "unix:", 5) == 0) {
        return connect_unix(host + 5);
    }
    bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "localhost") == 0;
    bool any6 = strcmp(host, "::") == 0;
    const char *target = any ? "127.0.0.1" : any6 ? "::1" : host;
    socklen_t len = sizeof(struct sockaddr_in);
    if (uv_ip4_addr(target, port, (struct sockaddr_in *)&address) != 0) {
        len = sizeof(struct sockaddr_in6);
        if (uv_ip6_addr(target, port, (struct sockaddr_in6 *)&address) != 0) {
            return -1;
        }
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = WAIT_SECONDS};
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
                    connect(fd, (const struct sockaddr *)&address, len) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static size_t ask(int fd, char reply[STATUS_BYTES])
{
    size_t have = 0;
    ssize_t n = write(fd, ASK, sizeof ASK - 1) == (ssize_t)(sizeof ASK - 1) ? 1 : 0;
    while (n > 0 && have < STATUS_BYTES) {
        n = read(fd, reply + have, STATUS_BYTES - have);
        have += n > 0 ? (size_t)n : 0;
    }
    return have;
}

int rw_lifecycle_healthcheck(const struct rw_options *options)
{
    struct rw_arena arena;
    const char *host = "";
    uint16_t port = 0;
    struct rw_error err = {0};
    rw_arena_init(&arena, 4096 * 16);
    int fd = -1;
    if (rw_options_address(options->listen.items[0], &arena, &host, &port, &err) == RW_OK) {
        fd = connect_to(host, port);
    }
    bool unix_socket = strncmp(host, "unix:", 5) == 0;
    rw_arena_fini(&arena);
    if (fd < 0) {
        fprintf(stderr, "rewardd: cannot connect to %s\n", options->listen.items[0]);
        return 1;
    }
    char reply[STATUS_BYTES] = "";
    bool tls = options->tls_cert != NULL && !unix_socket;
    size_t have = tls ? rw_tls_ask(fd, ASK, reply, sizeof reply) : ask(fd, reply);
    close(fd);
    bool ready = have == sizeof reply && memcmp(reply + 8, " 200 ", 5) == 0;
    fprintf(ready ? stdout : stderr, ready ? "ready\n" : "rewardd: not ready\n");
    return ready ? 0 : 1;
}
