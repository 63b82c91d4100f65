/* One request and its reply, as a handler sees it: the face of the module whose inside is
 * connection_parts.h. The connection owns the exchange; a handler that
 * answers later keeps a pointer until it has replied or until its `gone` was called, whichever is
 * first. Loop thread only. */
#ifndef RW_SERVER_HTTP_EXCHANGE_H
#define RW_SERVER_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "server/http/http_in.h"

enum {
    RW_REQUEST_ID_MAX = 64,                 /* bytes, NUL included */
    RW_REPLY_BYTES_MAX = 256 * 1024 * 1024, /* in memory at once; beyond: cut off */
};

struct rw_connection;
struct rw_exchange;
struct rw_route;

enum rw_pull {
    RW_PULL_MORE, /* wrote something, has more now */
    RW_PULL_WAIT, /* nothing more now; rw_exchange_wake comes later */
    RW_PULL_END,  /* that was all */
};

/* A reply that is made while the socket takes it: called only while little waits to be written, so
 * a slow reader costs a bounded buffer. Writes about 16 kB at most per call. */
struct rw_stream_source {
    enum rw_pull (*pull)(void *ctx, struct rw_buf *out);
    void (*heartbeat)(void *ctx, struct rw_buf *out); /* NULL = none */
    /* The reply cannot go on: says so in its own words, as the last of it. NULL = it has none, and
     * the reply is cut. */
    void (*lose)(void *ctx, struct rw_buf *out, const struct rw_error *err);
    void *ctx;
};

/* What became of it, for the access log and the key's account: written by whoever answers. */
struct rw_exchange_tally {
    uint64_t traces;
    uint64_t failed; /* of them */
    uint64_t tokens; /* that entered a forward pass */
    char run[64];    /* id, cut */
    size_t run_len;
    rw_status error; /* of the reply as a whole; RW_OK = none */
    char param[RW_ERROR_PARAM_MAX];
};

struct rw_exchange {
    struct rw_connection *connection;
    const struct rw_route *route; /* NULL until the head was routed, and for errors before that */
    const struct rw_http_in *in;  /* head of the request */
    struct rw_buf body;           /* whole body; a handler may take its memory */
    uint64_t body_charge;         /* bytes of it in the account of all bodies */
    uint64_t client;              /* whose they are: key or address; set with the route */
    bool patient;                 /* waits for room where others are told to come back */
    char request_id[RW_REQUEST_ID_MAX];
    void *account; /* of the key (server/auth.h); NULL = none */
    bool entered;  /* the account counts this request as being worked on */
    struct rw_exchange_tally tally;
    /* The body of an error in the route's own form, and its status by that form's habit. NULL:
     * ours.
     */
    void (*write_error)(const struct rw_error *error, int http_status, const char *request_id,
                        struct rw_buf *out);
    unsigned retry_after_s; /* of a refusal; 0 = the usual second */
    const char *allow;      /* methods of the route, for 405 */
    uint64_t start_ns;      /* first byte */
    uint64_t reply_bytes;
    int status; /* of the reply; 0 = none yet */
    bool is_head;
    bool streaming;
    bool cors;        /* the page that asks is of an allowed origin, and may read the reply */
    bool close_after; /* the reply says Connection: close */
    struct rw_stream_source source;
    /* Work that goes on behind the reply. `gone`: the client is lost; forget the exchange. */
    void *work;
    void (*gone)(void *work);
};

/* Extra header lines, each ending in CRLF; NULL = none. The exchange is over when these return: the
 * handler must not use it again. */
void rw_exchange_reply(struct rw_exchange *ex, int status, const char *content_type,
                       struct rw_str body, const char *extra_headers);
/* 204: the head is all. */
void rw_exchange_reply_empty(struct rw_exchange *ex, const char *extra_headers);
/* 304: what the client has is what we have (RFC 9110, section 15.4.5). */
void rw_exchange_reply_unchanged(struct rw_exchange *ex, const char *extra_headers);
/* The same with a body that was written into a buffer: an error when memory ran out on the way, so
 * that half a document is never sent as a whole one. */
void rw_exchange_reply_buf(struct rw_exchange *ex, int status, const char *content_type,
                           const struct rw_buf *body, const char *extra_headers);
void rw_exchange_fail(struct rw_exchange *ex, const struct rw_error *error);
/* The same with another HTTP status than the error table's (dialects have their own habits). */
void rw_exchange_fail_as(struct rw_exchange *ex, const struct rw_error *error, int status,
                         const char *extra_headers);
/* Starts a streamed reply; the source is pulled from now on, also inside this call. */
void rw_exchange_stream(struct rw_exchange *ex, const char *content_type,
                        const struct rw_stream_source *source, const char *extra_headers);
/* The source has something again. */
void rw_exchange_wake(struct rw_exchange *ex);
/* Ends an exchange from outside, whatever it does: its work hears that the client is gone, and the
 * client hears `error`: as a reply, as the last event of a stream that has begun (no status is left
 * to say it), or by a cut connection when the source has no words for it. The connection closes. */
void rw_exchange_abort(struct rw_exchange *ex, const struct rw_error *error);

struct rw_str rw_exchange_header(const struct rw_exchange *ex, enum rw_header header);
/* Set of RW_VIA_: the listener it came by. */
unsigned rw_exchange_via(const struct rw_exchange *ex);
/* The address that asks, as a number. */
uint64_t rw_exchange_peer(const struct rw_exchange *ex);

#endif
