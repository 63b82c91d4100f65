#include "core/base/utf8.h"

#include "core/base/assert.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Table 3-7 of the Unicode standard: the second byte carries the extra restrictions. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xC2 && c <= 0xDF) {
        return left >= 2 && is_tail(p[1]) ? 2 : 0;
    }
    if (c >= 0xE0 && c <= 0xEF) {
        unsigned char low = c == 0xE0 ? 0xA0 : 0x80;
        unsigned char high = c == 0xED ? 0x9F : 0xBF;
        return left >= 3 && p[1] >= low && p[1] <= high && is_tail(p[2]) ? 3 : 0;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        unsigned char low = c == 0xF0 ? 0x90 : 0x80;
        unsigned char high = c == 0xF4 ? 0x8F : 0xBF;
        return left >= 4 && p[1] >= low && p[1] <= high && is_tail(p[2]) && is_tail(p[3]) ? 4 : 0;
    }
    return 0;
}

size_t rw_utf8_check(struct rw_str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t at = 0;
    while (at < text.len) {
        size_t n = sequence_length(p + at, text.len - at);
        if (n == 0) {
            return at;
        }
        at += n;
    }
    return at;
}

int32_t rw_utf8_decode(struct rw_str text, size_t at, size_t *advance)
{
    rw_assert(at < text.len);
    const unsigned char *p = (const unsigned char *)text.ptr + at;
    size_t n = sequence_length(p, text.len - at);
    *advance = n > 0 ? n : 1;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        return (p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    case 3:
        return (p[0] & 0x0F) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    case 4:
        return (p[0] & 0x07) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
    default:
        return -1;
    }
}

size_t rw_utf8_encode(uint32_t code, char out[RW_UTF8_MAX_BYTES])
{
    rw_assert(code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF));
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

size_t rw_utf8_count(struct rw_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += !is_tail((unsigned char)text.ptr[i]);
    }
    return count;
}
