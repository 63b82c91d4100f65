#include "server/http/chunked.h"

#include "core/base/util.h"
#include "server/http/http_chars.h"

static const char BAD_SIZE[] = "a chunk size is not a hexadecimal number of 64 bits";
static const char BAD_EXTENSION[] = "a chunk extension is malformed";
static const char BAD_LINE[] = "a line of the chunked body does not end in CRLF";
static const char BAD_DATA[] = "the data of a chunk do not end in CRLF";
static const char BAD_TRAILER[] = "a trailer is not \"name: value\"";

/* What follows a whole size, name or value: the end of the line, or another extension. */
static int after_extension(unsigned char c, enum rw_chunked_state blank)
{
    switch (c) {
    case '\r':
        return RW_CHUNKED_SIZE_LF;
    case ';':
        return RW_CHUNKED_EXT_SEMICOLON;
    case ' ':
    case '\t':
        return (int)blank;
    default:
        return -1;
    }
}

static int on_size(struct rw_chunked *s, unsigned char c)
{
    int digit = rw_http_hex(c);
    if (digit >= 0) {
        if (s->left > UINT64_MAX >> 4) {
            return -1;
        }
        s->left = s->left << 4 | (uint64_t)digit;
        s->any_digit = true;
        return RW_CHUNKED_SIZE;
    }
    return s->any_digit ? after_extension(c, RW_CHUNKED_EXT_BLANK) : -1;
}

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), section 7.1.1.
 * Blanks before the end of the line are not in it. */
static int on_extension(const struct rw_chunked *s, unsigned char c)
{
    bool blank = rw_http_is_blank(c);
    switch (s->state) {
    case RW_CHUNKED_EXT_BLANK:
    case RW_CHUNKED_EXT_CLOSED:
        return c == '\r' && s->state == RW_CHUNKED_EXT_BLANK
                   ? -1
                   : after_extension(c, RW_CHUNKED_EXT_BLANK);
    case RW_CHUNKED_EXT_SEMICOLON:
        return blank ? s->state : rw_http_is_token(c) ? RW_CHUNKED_EXT_NAME : -1;
    case RW_CHUNKED_EXT_NAME:
        if (rw_http_is_token(c)) {
            return RW_CHUNKED_EXT_NAME;
        }
        return c == '=' ? RW_CHUNKED_EXT_EQUALS : after_extension(c, RW_CHUNKED_EXT_NAME_BLANK);
    case RW_CHUNKED_EXT_NAME_BLANK:
        if (c == '\r') {
            return -1;
        }
        return c == '=' ? RW_CHUNKED_EXT_EQUALS : after_extension(c, RW_CHUNKED_EXT_NAME_BLANK);
    case RW_CHUNKED_EXT_EQUALS:
        if (blank) {
            return s->state;
        }
        return c == '"' ? RW_CHUNKED_EXT_QUOTED : rw_http_is_token(c) ? RW_CHUNKED_EXT_TOKEN : -1;
    case RW_CHUNKED_EXT_TOKEN:
        return rw_http_is_token(c) ? RW_CHUNKED_EXT_TOKEN
                                   : after_extension(c, RW_CHUNKED_EXT_BLANK);
    case RW_CHUNKED_EXT_QUOTED:
        return c == '"'             ? RW_CHUNKED_EXT_CLOSED
               : c == '\\'          ? RW_CHUNKED_EXT_ESCAPED
               : rw_http_is_text(c) ? RW_CHUNKED_EXT_QUOTED
                                    : -1;
    default: /* RW_CHUNKED_EXT_ESCAPED */
        return rw_http_is_text(c) ? RW_CHUNKED_EXT_QUOTED : -1;
    }
}

static int on_trailer(const struct rw_chunked *s, unsigned char c)
{
    switch (s->state) {
    case RW_CHUNKED_TRAILER:
        return c == '\r' ? RW_CHUNKED_END_LF : rw_http_is_token(c) ? RW_CHUNKED_TRAILER_NAME : -1;
    case RW_CHUNKED_TRAILER_NAME:
        return rw_http_is_token(c) ? RW_CHUNKED_TRAILER_NAME
               : c == ':'          ? RW_CHUNKED_TRAILER_VALUE
                                   : -1;
    default: /* RW_CHUNKED_TRAILER_VALUE */
        return c == '\r'            ? RW_CHUNKED_TRAILER_LF
               : rw_http_is_text(c) ? RW_CHUNKED_TRAILER_VALUE
                                    : -1;
    }
}

static int on_line_feed(struct rw_chunked *s, unsigned char c)
{
    if (c != '\n') {
        return -1;
    }
    switch (s->state) {
    case RW_CHUNKED_SIZE_LF:
        return s->left > 0 ? RW_CHUNKED_DATA : RW_CHUNKED_TRAILER;
    case RW_CHUNKED_DATA_LF:
        s->left = 0;
        s->any_digit = false;
        return RW_CHUNKED_SIZE;
    case RW_CHUNKED_TRAILER_LF:
        return RW_CHUNKED_TRAILER;
    default: /* RW_CHUNKED_END_LF */
        return RW_CHUNKED_END;
    }
}

/* The state after a byte of framing, or -1. */
static int step(struct rw_chunked *s, unsigned char c)
{
    switch (s->state) {
    case RW_CHUNKED_SIZE:
        return on_size(s, c);
    case RW_CHUNKED_DATA_CR:
        return c == '\r' ? RW_CHUNKED_DATA_LF : -1;
    case RW_CHUNKED_SIZE_LF:
    case RW_CHUNKED_DATA_LF:
    case RW_CHUNKED_TRAILER_LF:
    case RW_CHUNKED_END_LF:
        return on_line_feed(s, c);
    case RW_CHUNKED_TRAILER:
    case RW_CHUNKED_TRAILER_NAME:
    case RW_CHUNKED_TRAILER_VALUE:
        return on_trailer(s, c);
    default:
        return on_extension(s, c);
    }
}

static const char *fault_of(unsigned state)
{
    switch (state) {
    case RW_CHUNKED_SIZE:
        return BAD_SIZE;
    case RW_CHUNKED_DATA_CR:
    case RW_CHUNKED_DATA_LF:
        return BAD_DATA;
    case RW_CHUNKED_SIZE_LF:
    case RW_CHUNKED_TRAILER_LF:
    case RW_CHUNKED_END_LF:
        return BAD_LINE;
    case RW_CHUNKED_TRAILER:
    case RW_CHUNKED_TRAILER_NAME:
    case RW_CHUNKED_TRAILER_VALUE:
        return BAD_TRAILER;
    default:
        return BAD_EXTENSION;
    }
}

size_t rw_chunked_feed(struct rw_chunked *c, const char *bytes, size_t len, struct rw_str *data)
{
    *data = (struct rw_str){NULL, 0};
    size_t i = 0;
    while (i < len && c->state != RW_CHUNKED_END) {
        if (c->state == RW_CHUNKED_DATA) {
            size_t n = (size_t)(RW_MIN(c->left, (uint64_t)(len - i)));
            *data = (struct rw_str){bytes + i, n};
            c->left -= n;
            c->framing_bytes = 0;
            c->state = c->left > 0 ? RW_CHUNKED_DATA : RW_CHUNKED_DATA_CR;
            return i + n;
        }
        int next = step(c, (unsigned char)bytes[i]);
        i++;
        c->framing_bytes++;
        if (next < 0) {
            c->fault = fault_of(c->state);
            return i;
        }
        if (c->framing_bytes > RW_FRAMING_BYTES_MAX) {
            c->fault = "chunk extensions or trailers are too long";
            return i;
        }
        c->state = (uint8_t)next;
    }
    return i;
}
