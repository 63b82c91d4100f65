/* What may stand in a Host field: `uri-host [":" port]` of RFC 9110 section 7.2, with the grammar
 * of RFC 3986 section 3.2.2. Pure; the text is hostile.
 *
 * An IP literal is an address, a reg-name is a name: "127.evil.com" is a name although it begins
 * like an address, and whoever owns its zone decides where it leads. */
#ifndef RW_SERVER_HTTP_AUTHORITY_H
#define RW_SERVER_HTTP_AUTHORITY_H

#include <stdbool.h>

#include "core/base/str.h"

enum {
    RW_HOST_BYTES_MAX = 255, /* of a name; the longest in DNS has 253 */
};

enum rw_host_kind {
    RW_HOST_NAME,
    RW_HOST_IPV4,
    RW_HOST_IPV6,
    RW_HOST_FUTURE, /* IPvFuture: valid, and nobody's address today */
};

struct rw_authority {
    enum rw_host_kind kind;
    struct rw_str host;   /* brackets left out; slice of the text */
    struct rw_str port;   /* digits; empty when absent */
    unsigned char ip[16]; /* of an address, network order; IPv4 in the first four */
};

/* False when it is not one; an empty host is none (RFC 9110 section 4.2.1). No userinfo. */
bool rw_authority_parse(struct rw_str text, struct rw_authority *out);
/* localhost (also with a final dot), 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104. */
bool rw_authority_is_loopback(const struct rw_authority *authority);

#endif
