/* POST /v1/rewards: from the bytes of a body to one plain struct. No sockets, no models.
 *
 * The body passes the JSON guard (strict RFC 8259, UTF-8, depth, duplicate keys) before cJSON sees
 * it. U+0000 and lone surrogates in strings become U+FFFD, one code point for one, and are counted:
 * text can be neither hidden from the scorer nor cut off by a NUL. Unknown fields are errors with a
 * "did you mean". All memory comes from the request's arena; strings live as long as it does. */
#ifndef RW_PROTO_REQUEST_PARSE_H
#define RW_PROTO_REQUEST_PARSE_H

#include "proto/request.h"

/* `body` is rewritten in place. */
rw_status rw_request_parse(char *body, size_t len, const struct rw_limits *limits,
                           struct rw_arena *arena, struct rw_request *out, struct rw_error *err);

#endif
