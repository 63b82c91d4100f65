/* tls.h in a build without OpenSSL: nobody gets an instance, so nothing else is ever called. */
#include "core/base/assert.h"
#include "server/http/tls.h"

rw_status rw_tls_new(const char *cert_file, const char *key_file, struct rw_turns *turns,
                     const struct rw_clock *clock, uint64_t handshake_ms, struct rw_tls **out,
                     struct rw_error *err)
{
    (void)cert_file;
    (void)key_file;
    (void)turns;
    (void)clock;
    (void)handshake_ms;
    *out = NULL;
    rw_fail(err, RW_CONFIG, "--tls-cert: this rewardd was built without TLS");
    rw_error_hint(err, "build it with -Dtls=enabled, or let the balancer speak TLS");
    return RW_CONFIG;
}

void rw_tls_free(struct rw_tls *tls)
{
    rw_assert(tls == NULL);
}

rw_status rw_tls_reload(struct rw_tls *tls, struct rw_error *err)
{
    rw_assert(tls == NULL);
    return rw_fail(err, RW_CONFIG, "no TLS");
}

bool rw_tls_changed(const struct rw_tls *tls)
{
    rw_assert(tls == NULL);
    return false;
}

void rw_tls_tick(struct rw_tls *tls)
{
    rw_assert(tls == NULL);
}

const struct rw_tls_stats *rw_tls_stats(const struct rw_tls *tls)
{
    static const struct rw_tls_stats NONE = {0};
    rw_assert(tls == NULL);
    return &NONE;
}

struct rw_transport *rw_tls_over(struct rw_tls *tls, struct rw_transport *below)
{
    (void)below;
    rw_assert(tls == NULL);
    return NULL;
}

size_t rw_tls_ask(int fd, const char *request, char *reply, size_t size)
{
    (void)fd;
    (void)request;
    (void)reply;
    (void)size;
    return 0;
}
