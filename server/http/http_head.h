/* The head of a request, to the letter of RFC 9112: request line, fields, and what they say about
 * the body and the connection. Pure: works on the whole head, whose lines http_in.c has checked for
 * their ends and for control bytes. */
#ifndef RW_SERVER_HTTP_HTTP_HEAD_H
#define RW_SERVER_HTTP_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_TARGET_BYTES_MAX = 8192, /* request target */
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
    RW_HEADER_PREFLIGHT_METHOD, /* Access-Control-Request-Method */
    RW_HEADER_IF_NONE_MATCH,
    RW_HEADER_CONNECTION,
    RW_HEADER_OTHER,
    RW_HEADER_COUNT = RW_HEADER_OTHER,
};

struct rw_request_head {
    struct rw_str method; /* slices of the head */
    struct rw_str target; /* origin form with its query, "*", or authority form of CONNECT */
    struct rw_str header[RW_HEADER_COUNT]; /* the first of a name; ptr NULL = absent. HOST is the
                                              target's authority where the target has one */
    uint8_t minor;                         /* 0 or 1; higher ones are spoken to as 1 */
    bool keep_alive;
    bool chunked;
    bool has_length;
    uint64_t content_length;
};

/* The first line alone, so that what is no HTTP is told so at once. `line` without its CRLF. */
rw_status rw_http_head_check_line(struct rw_str line, struct rw_error *err);
/* A later line: token ":" anything. White space before the colon is a way to smuggle (section 5.1).
 */
bool rw_http_head_is_field(struct rw_str line);
/* `head`: all lines, ending in an empty one. Slices of *out live as long as the head. */
rw_status rw_http_head_parse(struct rw_str head, struct rw_request_head *out, struct rw_error *err);

#endif
