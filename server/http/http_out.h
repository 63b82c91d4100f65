/* The head of a response. Pure but for the Date, which is read once a second. */
#ifndef RW_SERVER_HTTP_HTTP_OUT_H
#define RW_SERVER_HTTP_HTTP_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"

enum rw_framing {
    RW_FRAMING_LENGTH,  /* Content-Length */
    RW_FRAMING_CHUNKED, /* HTTP/1.1 streams */
    RW_FRAMING_EMPTY,   /* 204, 304: no body, no Content-Length (RFC 9110 section 8.6) */
    RW_FRAMING_CLOSE,   /* HTTP/1.0 streams: until the connection ends */
};

struct rw_http_head {
    int status;
    const char *content_type; /* NULL = none */
    enum rw_framing framing;
    uint64_t content_length;
    bool close;                 /* Connection: close */
    bool old_keep_alive;        /* HTTP/1.0 client that asked for keep-alive */
    const char *request_id;     /* NULL or "" = none */
    struct rw_str allow_origin; /* of the page that may read this; empty = none */
    const char *extra;          /* lines ending in CRLF; NULL = none */
};

void rw_http_out_head(struct rw_buf *out, const struct rw_http_head *head);

#endif
