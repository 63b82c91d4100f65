/* One HTTP/1.1 request from bytes: llhttp, behind a guard of our own.
 *
 * llhttp is a tokenizer. Version 8.1 takes folded header lines, a bare CR as the end of a header,
 * requests without Host, and any amount of anything. We stand behind balancers, where two readers
 * of the same bytes must agree, so the guard sees every byte of framing first:
 *   - lines end in CRLF, only in CRLF; no control bytes; no folded lines; bounded bytes and lines;
 *   - HTTP/1.0 or 1.1; exactly one valid Host in 1.1; Transfer-Encoding is exactly "chunked", never
 *     in 1.0, never beside Content-Length; one Content-Length;
 *   - chunk extensions and trailers are bounded, hold the same line rules, and are not used.
 *
 * No sockets, no clock, no policy: the owner feeds bytes and looks at the state. Not thread-safe.
 */
#ifndef RW_SERVER_HTTP_HTTP_IN_H
#define RW_SERVER_HTTP_HTTP_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llhttp.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_HEADERS_MAX = 100,          /* header lines of one request */
    RW_TARGET_BYTES_MAX = 8192,    /* request target */
    RW_FRAMING_BYTES_MAX = 4096,   /* chunk extensions or trailers between two pieces of body */
    RW_LEADING_EMPTY_LINES_MAX = 4 /* before a request line, RFC 9112 section 2.2 */
};

/* The header fields somebody here reads; all others are checked and dropped. */
enum rw_header {
    RW_HEADER_HOST,
    RW_HEADER_CONTENT_LENGTH,
    RW_HEADER_TRANSFER_ENCODING,
    RW_HEADER_CONTENT_TYPE,
    RW_HEADER_CONTENT_ENCODING,
    RW_HEADER_AUTHORIZATION,
    RW_HEADER_EXPECT,
    RW_HEADER_ORIGIN,
    RW_HEADER_ACCEPT,
    RW_HEADER_X_REQUEST_ID,
    RW_HEADER_LAST_EVENT_ID,
    RW_HEADER_TRACEPARENT,
    RW_HEADER_OTHER,
    RW_HEADER_COUNT = RW_HEADER_OTHER,
};

/*   HEAD --> HEAD_DONE --> BODY --> DONE     HEAD_DONE is where the owner decides: it may refuse
 *     |          |          |        ^       before a byte of the body is taken. The next request
 *     v          '----------|--------'       begins with a reader that was reset.
 *    BAD <------------------'                */
enum rw_http_in_state {
    RW_HTTP_IN_HEAD,
    RW_HTTP_IN_HEAD_DONE,
    RW_HTTP_IN_BODY,
    RW_HTTP_IN_DONE,
    RW_HTTP_IN_BAD,
};

struct rw_http_in {
    enum rw_http_in_state state;
    struct rw_buf head;   /* the whole request head */
    size_t line_begin;    /* of the line being received, in head */
    size_t checked;       /* bytes of head that passed the guard */
    unsigned lines;       /* complete ones */
    unsigned empty_lines; /* skipped before the request line */
    llhttp_t parser;
    struct rw_str method;                  /* slices of head, valid from HEAD_DONE until reset */
    struct rw_str target;                  /* origin form, query included */
    struct rw_str header[RW_HEADER_COUNT]; /* ptr NULL = absent */
    enum rw_header field;                  /* being received */
    uint8_t http_minor;
    bool keep_alive;
    bool chunked;
    bool has_length;
    uint64_t content_length;
    struct rw_buf *body; /* the owner's; NULL = body bytes are dropped */
    uint64_t body_bytes; /* received, decoded */
    uint64_t body_bytes_max;
    /* framing of a chunked body */
    const char *span_end; /* end of the last body span in the bytes being executed */
    size_t framing_bytes; /* since the last body byte */
    char framing_last;
    char framing_before;
    struct rw_error *error; /* the owner's; filled when BAD */
};

void rw_http_in_init(struct rw_http_in *in, size_t head_bytes_max, struct rw_error *error);
void rw_http_in_fini(struct rw_http_in *in);
/* Ready for the next request on the same connection; releases what the last one held. */
void rw_http_in_reset(struct rw_http_in *in);

/* Takes bytes until the state changes or they end; returns how many it took. After HEAD_DONE the
 * owner sets `body` and `body_bytes_max` and calls rw_http_in_accept_body. */
size_t rw_http_in_feed(struct rw_http_in *in, const char *bytes, size_t len);
void rw_http_in_accept_body(struct rw_http_in *in, struct rw_buf *body, uint64_t bytes_max);

/* A request has begun: EOF now is an error, and the header timeout runs. */
static inline bool rw_http_in_begun(const struct rw_http_in *in)
{
    return in->state != RW_HTTP_IN_HEAD || in->head.len > 0;
}

#endif
