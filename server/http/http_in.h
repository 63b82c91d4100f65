/* One HTTP/1.1 request from bytes, to the letter of RFC 9110 and RFC 9112.
 *
 * We stand behind balancers, where two readers of the same bytes must agree; what is not surely
 * one request is none. Each part of the grammar is in one place:
 *   here         lines end in CRLF, only in CRLF; no control bytes; no folded lines; bounded bytes
 *                and lines; a fault is told at the first byte that shows it
 *   http_head    request line, fields, where the body ends
 *   authority    what may stand in Host
 *   chunked      sizes, extensions, data and trailers of a chunked body
 * The verdict depends on the bytes alone, however they are cut (tests/fuzz/http.c holds that).
 *
 * No sockets, no clock, no policy: the owner feeds bytes and looks at the state. Not thread-safe.
 */
#ifndef RW_SERVER_HTTP_HTTP_IN_H
#define RW_SERVER_HTTP_HTTP_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "server/http/chunked.h"
#include "server/http/http_head.h"

enum {
    RW_HEADERS_MAX = 100,          /* header lines of one request */
    RW_LEADING_EMPTY_LINES_MAX = 4 /* before a request line, RFC 9112 section 2.2 */
};

/*   HEAD --> HEAD_DONE --> BODY --> DONE     HEAD_DONE is where the owner decides: it may refuse
 *     |          |          |        ^       before a byte of the body is taken. The next request
 *     v          '----------|--------'       begins with a new reader.
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
    struct rw_buf head;             /* the whole request head */
    size_t line_begin;              /* of the line being received, in head */
    size_t checked;                 /* bytes of head that passed the guard */
    unsigned lines;                 /* complete ones */
    unsigned empty_lines;           /* skipped before the request line */
    struct rw_request_head request; /* slices of head, valid from HEAD_DONE on */
    struct rw_chunked chunked;      /* framing of a chunked body */
    struct rw_buf *body;            /* the owner's; NULL = body bytes are dropped */
    uint64_t body_bytes;            /* received, decoded */
    uint64_t body_bytes_max;
    struct rw_error *error; /* the owner's; filled when BAD */
};

void rw_http_in_init(struct rw_http_in *in, size_t head_bytes_max, struct rw_error *error);
void rw_http_in_fini(struct rw_http_in *in);

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
