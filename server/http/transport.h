/* A byte stream to one peer, as a table: TCP in production (tcp.c), TLS over it (tls.c), memory in
 * tests and fuzzing.
 *
 * Calls go down from the receiver, events come up to it: a connection, or a transport over this
 * one. No event is delivered from inside a call, except that try_write reports its result directly.
 * All on the loop thread. */
#ifndef RW_SERVER_HTTP_TRANSPORT_H
#define RW_SERVER_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a connection by the listener that took it. */
enum {
    RW_VIA_NETWORK = 1, /* other machines reach it */
    RW_VIA_UNIX = 2,    /* a socket in the file system: no browser */
    RW_VIA_METRICS = 4, /* probes and /metrics only, without a key */
    RW_VIA_TLS = 8,
};

/* What a transport tells its receiver. */
struct rw_transport_events {
    void (*read)(void *receiver, const char *bytes, size_t len);
    void (*eof)(void *receiver);
    void (*lost)(void *receiver);
    void (*written)(void *receiver, bool good); /* the end of a write */
    void (*closed)(void *receiver);             /* after close; the last one */
};

struct rw_transport {
    const struct rw_transport_ops *ops;
    unsigned via; /* set of RW_VIA_ */
    const struct rw_transport_events *events;
    void *receiver; /* of the events; set by whoever uses the transport */
};

struct rw_transport_ops {
    void (*read_start)(struct rw_transport *t);
    void (*read_stop)(struct rw_transport *t);
    /* Bytes the system took at once, 0 when it would block, negative when the peer is lost. Only
     * while no write is under way. What was not taken is given to `write` next, or never. */
    long (*try_write)(struct rw_transport *t, const char *bytes, size_t len);
    /* One at a time; bytes are borrowed until on_written. */
    void (*write)(struct rw_transport *t, const char *bytes, size_t len);
    /* Bytes of that write the system has not taken yet. */
    size_t (*write_pending)(const struct rw_transport *t);
    /* No more bytes from us (FIN). */
    void (*shutdown)(struct rw_transport *t);
    /* Ends with on_closed, once; the transport may be freed there. */
    void (*close)(struct rw_transport *t);
    /* Acknowledge at once: a client that sends head and body apart waits for it (Nagle). */
    void (*quick_ack)(struct rw_transport *t);
    /* The peer has reset a connection whose reading side was at its end. */
    bool (*peer_lost)(const struct rw_transport *t);
    /* A number for the peer's address, its port left out: a trainer opens a connection per sample.
     */
    uint64_t (*peer)(const struct rw_transport *t);
};

#endif
