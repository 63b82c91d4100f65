/* Classes of bytes in HTTP (RFC 9110 section 5.6, RFC 5234), whatever the locale. Pure. */
#ifndef RW_SERVER_HTTP_HTTP_CHARS_H
#define RW_SERVER_HTTP_HTTP_CHARS_H

#include <stdbool.h>
#include <string.h>

#include "core/base/str.h"

static inline bool rw_http_is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* tchar */
static inline bool rw_http_is_token(unsigned char c)
{
    return rw_http_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Inside a field value or a quoted string: HTAB, SP, VCHAR, obs-text. */
static inline bool rw_http_is_text(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7F);
}

/* OWS and BWS */
static inline bool rw_http_is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

/* Value of HEXDIG, either case; -1 = none. */
static inline int rw_http_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without OWS at both ends (section 5.5). */
static inline struct rw_str rw_http_trim(struct rw_str s)
{
    while (s.len > 0 && rw_http_is_blank((unsigned char)s.ptr[0])) {
        s = rw_str_slice(s, 1, s.len);
    }
    while (s.len > 0 && rw_http_is_blank((unsigned char)s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

static inline bool rw_http_all_token(struct rw_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!rw_http_is_token((unsigned char)s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

#endif
