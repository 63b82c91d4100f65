#include "server/http/authority.h"

#include <arpa/inet.h>
#include <strings.h>

#include "server/http/http_chars.h"

/* unreserved / sub-delims (RFC 3986 sections 2.2, 2.3). */
static bool is_name_char(unsigned char c)
{
    return rw_http_is_alnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=", c) != NULL);
}

static bool is_reg_name(struct rw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '%') {
            if (s.len - i < 3 || rw_http_hex((unsigned char)s.ptr[i + 1]) < 0 ||
                rw_http_hex((unsigned char)s.ptr[i + 2]) < 0) {
                return false;
            }
            i += 2;
        } else if (!is_name_char(c)) {
            return false;
        }
    }
    return s.len > 0;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_future(struct rw_str s)
{
    size_t dot = rw_str_find(s, RW_STR("."), 0);
    if (s.len < 4 || (s.ptr[0] != 'v' && s.ptr[0] != 'V') || dot < 2 || dot + 1 >= s.len) {
        return false;
    }
    for (size_t i = 1; i < dot; i++) {
        if (rw_http_hex((unsigned char)s.ptr[i]) < 0) {
            return false;
        }
    }
    for (size_t i = dot + 1; i < s.len; i++) {
        if (s.ptr[i] != ':' && !is_name_char((unsigned char)s.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* inet_pton takes the text forms of RFC 4291 and nothing else: no zone, no leading zeros. */
static bool to_address(int family, struct rw_str s, unsigned char out[16])
{
    char text[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, '\0', s.len) != NULL) {
        return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, out) == 1;
}

static bool parse_literal(struct rw_str inside, struct rw_authority *out)
{
    out->host = inside;
    if (to_address(AF_INET6, inside, out->ip)) {
        out->kind = RW_HOST_IPV6;
        return true;
    }
    out->kind = RW_HOST_FUTURE;
    return is_future(inside);
}

bool rw_authority_parse(struct rw_str text, struct rw_authority *out)
{
    *out = (struct rw_authority){.kind = RW_HOST_NAME};
    size_t end;
    bool valid;
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = rw_str_find(text, RW_STR("]"), 1);
        if (close == text.len) {
            return false;
        }
        end = close + 1;
        valid = parse_literal(rw_str_slice(text, 1, close), out);
    } else {
        end = rw_str_find(text, RW_STR(":"), 0);
        out->host = rw_str_slice(text, 0, end);
        valid = is_reg_name(out->host);
        out->kind = to_address(AF_INET, out->host, out->ip) ? RW_HOST_IPV4 : RW_HOST_NAME;
    }
    if (!valid || out->host.len > RW_HOST_BYTES_MAX || (end < text.len && text.ptr[end] != ':')) {
        return false;
    }
    out->port = rw_str_slice(text, end < text.len ? end + 1 : end, text.len);
    for (size_t i = 0; i < out->port.len; i++) {
        if (out->port.ptr[i] < '0' || out->port.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

bool rw_authority_is_loopback(const struct rw_authority *a)
{
    static const unsigned char ONE[16] = {[15] = 1};
    static const unsigned char MAPPED[13] = {[10] = 0xFF, [11] = 0xFF, [12] = 127};
    switch (a->kind) {
    case RW_HOST_IPV4:
        return a->ip[0] == 127;
    case RW_HOST_IPV6:
        return memcmp(a->ip, ONE, sizeof ONE) == 0 || memcmp(a->ip, MAPPED, sizeof MAPPED) == 0;
    case RW_HOST_NAME:
        return (a->host.len == 9 || (a->host.len == 10 && a->host.ptr[9] == '.')) &&
               strncasecmp(a->host.ptr, "localhost", 9) == 0;
    default:
        return false;
    }
}
