/* TLS as a transport over another one: whoever uses it does not know. OpenSSL behind buffers in
 * memory; certificate and key are read again when told to, for connections that come later.
 *
 *   HANDSHAKE --> OPEN --> ENDED (the peer will say no more)
 *       '----------'----> BROKEN (bytes that are no TLS, alerts, too late: the peer is lost)
 *
 * Bounded: one handshake step or one read of the transport below at a time, each as a turn of the
 * loop while the handshake lasts, a deadline for the handshake, RW_TLS_OUT_BYTES_MAX of cipher text
 * that waits. TLS 1.2 with forward secrecy and TLS 1.3; no renegotiation, no compression, no early
 * data, no session cache. Whoever speaks HTTP to it in the clear is told so with a 400.
 *
 * Built without OpenSSL (meson option tls), rw_tls_new says CONFIG. Loop thread only. */
#ifndef RW_SERVER_HTTP_TLS_H
#define RW_SERVER_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "server/base/turns.h"
#include "server/http/transport.h"

enum {
    RW_TLS_OUT_BYTES_MAX = 64 * 1024, /* cipher text that waits for the transport below */
};

/* For the metrics. */
struct rw_tls_stats {
    uint64_t done;     /* handshakes */
    uint64_t failed;   /* the peer's bytes or alerts ended them */
    uint64_t late;     /* not done within the time for a request head */
    uint64_t plain;    /* HTTP in the clear */
    int64_t not_after; /* of the certificate in use, seconds since 1970 */
};

/* All connections of a loop: the key, the deadlines. */
struct rw_tls;

/* CONFIG with the file's name when the two do not fit. */
rw_status rw_tls_new(const char *cert_file, const char *key_file, struct rw_turns *turns,
                     const struct rw_clock *clock, uint64_t handshake_ms, struct rw_tls **out,
                     struct rw_error *err);
/* When no transport of it is left. NULL is fine. */
void rw_tls_free(struct rw_tls *tls);
/* Reads both files again; a failure leaves what was there. */
rw_status rw_tls_reload(struct rw_tls *tls, struct rw_error *err);
/* The files are not as they were when last read. */
bool rw_tls_changed(const struct rw_tls *tls);
/* Call every 100 ms or so: ends handshakes that are late. */
void rw_tls_tick(struct rw_tls *tls);
const struct rw_tls_stats *rw_tls_stats(const struct rw_tls *tls);

/* NULL without memory; `below` is the caller's as before. Frees itself behind its closed event. */
struct rw_transport *rw_tls_over(struct rw_tls *tls, struct rw_transport *below);

/* For the health check, which asks itself and so checks no name: sends `request`, reads up to
 * `size` bytes of the reply. Blocks. Returns how many came; 0 also when it is no TLS. */
size_t rw_tls_ask(int fd, const char *request, char *reply, size_t size);

#endif
