#include "proto/guard.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"

enum {
    ESCAPE_BYTES = 6, /* \uXXXX */
    HIDDEN_FIRST = 8, /* records in the first block of the report */
};

/* One open array or object. */
struct level {
    bool is_object;
    uint32_t names; /* members so far */
};

struct scan {
    unsigned char *begin;
    unsigned char *at;
    unsigned char *end;
    const struct rw_guard_options *options;
    struct rw_arena *arena;
    struct rw_guard_report *report;
    size_t hidden_room;
    struct rw_error *err;
    unsigned depth;
    struct level level[RW_JSON_BODY_DEPTH_MAX];
    uint64_t name_hash[RW_JSON_BODY_DEPTH_MAX][RW_GUARD_NAMES_MAX];
};

static rw_status fail_expected(struct scan *s, const char *expected)
{
    size_t byte = (size_t)(s->at - s->begin);
    if (s->at == s->end) {
        return rw_fail(s->err, RW_INVALID_JSON, "the body ends at byte %zu, where %s is expected",
                       byte, expected);
    }
    unsigned char c = *s->at;
    if (c > 0x20 && c < 0x7F) {
        rw_fail(s->err, RW_INVALID_JSON, "unexpected '%c' at byte %zu, where %s is expected", c,
                byte, expected);
    } else {
        rw_fail(s->err, RW_INVALID_JSON, "unexpected byte 0x%02X at byte %zu, where %s is expected",
                c, byte, expected);
    }
    if (c == 'N' || c == 'I') {
        rw_error_hint(s->err, "NaN and Infinity are not JSON; send null or leave the field out");
    } else if (c == '\'') {
        rw_error_hint(s->err, "JSON strings take double quotes");
    } else if (c == 0xEF || c == 0xFE || c == 0xFF) {
        rw_error_hint(s->err, "send UTF-8 without a byte-order mark");
    }
    return RW_INVALID_JSON;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
}

/* ---- strings --------------------------------------------------------------------------------- */

/* Advances over bytes that need no look: printable ASCII but '"' and '\\'. Eight at a time, by the
 * usual carry trick; a false alarm of the trick only ends the fast loop early. */
static void skip_plain(struct scan *s)
{
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t highs = 0x8080808080808080ULL;
    while (s->end - s->at >= 8) {
        uint64_t w;
        memcpy(&w, s->at, 8);
        uint64_t quote = w ^ (ones * '"');
        uint64_t slash = w ^ (ones * '\\');
        uint64_t stop = (w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & highs;
        if (stop != 0) {
            break;
        }
        s->at += 8;
    }
    while (s->at < s->end && *s->at >= 0x20 && *s->at < 0x80 && *s->at != '"' && *s->at != '\\') {
        s->at++;
    }
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the \uXXXX at p, or -1. */
static int32_t code_unit(const unsigned char *p, const unsigned char *end)
{
    if (end - p < ESCAPE_BYTES || p[0] != '\\' || p[1] != 'u') {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 2; i < ESCAPE_BYTES; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

static rw_status replace_escape(struct scan *s, uint32_t *replaced)
{
    memcpy(s->at, "\\ufffd", ESCAPE_BYTES);
    s->at += ESCAPE_BYTES;
    (*replaced)++;
    return RW_OK;
}

static rw_status scan_escape(struct scan *s, uint32_t *replaced)
{
    if (s->end - s->at < 2 || s->at[1] != 'u') {
        if (s->end - s->at < 2 || memchr("\"\\/bfnrt", s->at[1], 8) == NULL) {
            return fail_expected(s, "a valid escape sequence");
        }
        s->at += 2;
        return RW_OK;
    }
    int32_t unit = code_unit(s->at, s->end);
    if (unit < 0) {
        return fail_expected(s, "\\u with four hexadecimal digits");
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        int32_t low = code_unit(s->at + ESCAPE_BYTES, s->end);
        if (low < 0xDC00 || low > 0xDFFF) {
            return replace_escape(s, replaced);
        }
        s->at += ESCAPE_BYTES;
    } else if (unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        return replace_escape(s, replaced);
    }
    s->at += ESCAPE_BYTES;
    return RW_OK;
}

static rw_status scan_multibyte(struct scan *s)
{
    struct rw_str rest = {(const char *)s->at, (size_t)(s->end - s->at)};
    size_t advance;
    if (rw_utf8_decode(rest, 0, &advance) < 0) {
        return rw_fail(s->err, RW_INVALID_UTF8, "byte 0x%02X at byte %zu is not valid UTF-8",
                       *s->at, (size_t)(s->at - s->begin));
    }
    s->at += advance;
    return RW_OK;
}

/* Doubling in an arena wastes at most what is used; a record (8 bytes) needs a string of 8. */
static rw_status record_hidden(struct scan *s, uint32_t string, uint32_t count)
{
    struct rw_guard_report *report = s->report;
    if (report->n_hidden == s->hidden_room) {
        size_t room = s->hidden_room > 0 ? 2 * s->hidden_room : HIDDEN_FIRST;
        struct rw_guard_hidden *grown = rw_arena_array(s->arena, room, sizeof *grown);
        if (grown == NULL) {
            return rw_fail(s->err, RW_NO_MEMORY, "no memory to report hidden text");
        }
        if (report->n_hidden > 0) {
            memcpy(grown, report->hidden, report->n_hidden * sizeof *grown);
        }
        report->hidden = grown;
        s->hidden_room = room;
    }
    report->hidden[report->n_hidden++] = (struct rw_guard_hidden){string, count};
    report->hidden_texts += count;
    return RW_OK;
}

/* At the opening quote; leaves `at` behind the closing one. */
static rw_status scan_string(struct scan *s, bool *escaped)
{
    uint32_t replaced = 0;
    *escaped = false;
    s->at++;
    for (;;) {
        skip_plain(s);
        if (s->at == s->end) {
            return fail_expected(s, "the end of a string");
        }
        rw_status status = RW_OK;
        if (*s->at == '"') {
            break;
        }
        if (*s->at == '\\') {
            *escaped = true;
            status = scan_escape(s, &replaced);
        } else if (*s->at >= 0x80) {
            status = scan_multibyte(s);
        } else {
            return fail_expected(s, "text (control characters are written as escapes)");
        }
        if (status != RW_OK) {
            return status;
        }
    }
    s->at++;
    uint32_t string = (uint32_t)s->report->strings++;
    return replaced == 0 ? RW_OK : record_hidden(s, string, replaced);
}

/* ---- names ----------------------------------------------------------------------------------- */

static size_t append_unit(const unsigned char *p, const unsigned char *end, char *to, size_t *used)
{
    static const char FROM[] = "bfnrt";
    static const char TO[] = "\b\f\n\r\t";
    if (p[1] != 'u') {
        const char *hit = strchr(FROM, p[1]);
        *to = hit != NULL ? TO[hit - FROM] : (char)p[1];
        *used = 1;
        return 2;
    }
    uint32_t code = (uint32_t)code_unit(p, end);
    size_t advance = ESCAPE_BYTES;
    if (code >= 0xD800 && code <= 0xDBFF) { /* a pair: lone ones are gone by now */
        uint32_t low = (uint32_t)code_unit(p + ESCAPE_BYTES, end);
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        advance += ESCAPE_BYTES;
    }
    *used = rw_utf8_encode(code, to);
    return advance;
}

/* Escapes never decode to more bytes than they take, so that in-order copying fits raw.len. */
static struct rw_str unescape(struct rw_arena *arena, struct rw_str raw)
{
    char *to = rw_arena_alloc(arena, raw.len + RW_UTF8_MAX_BYTES);
    if (to == NULL) {
        return (struct rw_str){NULL, 0};
    }
    const unsigned char *p = (const unsigned char *)raw.ptr;
    const unsigned char *end = p + raw.len;
    size_t len = 0;
    while (p < end) {
        if (*p != '\\') {
            to[len++] = (char)*p++;
            continue;
        }
        size_t used;
        p += append_unit(p, end, to + len, &used);
        len += used;
    }
    return (struct rw_str){to, len};
}

/* Names are compared by their 64-bit hash: a collision would refuse the body of whoever built it,
 * and nobody else's. */
static rw_status check_name(struct scan *s, struct rw_str raw, bool escaped)
{
    struct level *level = &s->level[s->depth - 1];
    uint64_t *hashes = s->name_hash[s->depth - 1];
    if (level->names == RW_GUARD_NAMES_MAX) {
        return rw_fail(s->err, RW_LIMIT_EXCEEDED, "an object has more than %d members",
                       RW_GUARD_NAMES_MAX);
    }
    struct rw_str name = escaped ? unescape(s->arena, raw) : raw;
    if (name.ptr == NULL) {
        return rw_fail_memory(s->err, "the name of a member");
    }
    uint64_t hash = rw_hash64(name.ptr, name.len, 0);
    for (uint32_t i = 0; i < level->names; i++) {
        if (hashes[i] == hash && !s->options->allow_duplicate_names) {
            rw_fail(s->err, RW_INVALID_REQUEST, "the field \"%.64s\" is given twice",
                    rw_arena_copy(s->arena, name).ptr);
            rw_error_param(s->err, "%.64s", rw_arena_copy(s->arena, name).ptr);
            return RW_INVALID_REQUEST;
        }
    }
    hashes[level->names++] = hash;
    return RW_OK;
}

/* A name and its colon; leaves `at` before the value. */
static rw_status scan_name(struct scan *s)
{
    skip_space(s);
    if (s->at == s->end || *s->at != '"') {
        return fail_expected(s, "a field name in double quotes");
    }
    unsigned char *raw = s->at + 1;
    bool escaped;
    rw_status status = scan_string(s, &escaped);
    if (status != RW_OK) {
        return status;
    }
    struct rw_str name = {(const char *)raw, (size_t)(s->at - raw) - 1};
    status = check_name(s, name, escaped);
    if (status != RW_OK) {
        return status;
    }
    skip_space(s);
    if (s->at == s->end || *s->at != ':') {
        return fail_expected(s, "':'");
    }
    s->at++;
    return RW_OK;
}

/* ---- numbers and literals -------------------------------------------------------------------- */

static bool skip_digits(struct scan *s)
{
    unsigned char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
    return s->at > from;
}

static bool is_number_start(const struct scan *s)
{
    return s->at < s->end && (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'));
}

/* number = [ minus ] int [ frac ] [ exp ], RFC 8259 section 6. */
static rw_status scan_number(struct scan *s)
{
    unsigned char *from = s->at;
    if (*s->at == '-') {
        s->at++;
    }
    if (s->at < s->end && *s->at == '0') {
        s->at++;
    } else if (!skip_digits(s)) {
        return fail_expected(s, "a digit");
    }
    if (s->at < s->end && *s->at == '.') {
        s->report->fractions = true;
        s->at++;
        if (!skip_digits(s)) {
            return fail_expected(s, "a digit after the decimal point");
        }
    }
    if (s->at < s->end && (*s->at | 0x20) == 'e') {
        s->report->fractions = true;
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-')) {
            s->at++;
        }
        if (!skip_digits(s)) {
            return fail_expected(s, "a digit of the exponent");
        }
    }
    size_t len = (size_t)(s->at - from);
    if (len > s->report->number_bytes_max) {
        s->report->number_bytes_max = len;
    }
    return RW_OK;
}

static rw_status scan_literal(struct scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) {
        return fail_expected(s, "a JSON value");
    }
    s->at += len;
    return RW_OK;
}

/* ---- structure ------------------------------------------------------------------------------- */

static rw_status open_level(struct scan *s, bool is_object)
{
    if (s->depth == s->options->depth_max) {
        return rw_fail(s->err, RW_LIMIT_EXCEEDED,
                       "arrays and objects are nested deeper than %u levels at byte %zu",
                       s->options->depth_max, (size_t)(s->at - s->begin));
    }
    s->level[s->depth++] = (struct level){.is_object = is_object};
    s->at++;
    return RW_OK;
}

/* After an opening bracket. *is_open tells whether a value follows. */
static rw_status enter(struct scan *s, bool is_object, bool *is_open)
{
    rw_status status = open_level(s, is_object);
    if (status != RW_OK) {
        return status;
    }
    skip_space(s);
    *is_open = s->at == s->end || *s->at != (is_object ? '}' : ']');
    if (!*is_open) {
        s->at++;
        s->depth--;
        return RW_OK;
    }
    return is_object ? scan_name(s) : RW_OK;
}

/* One value, or the opening of one that has members. */
static rw_status scan_value(struct scan *s, bool *is_open)
{
    *is_open = false;
    skip_space(s);
    bool escaped;
    switch (s->at < s->end ? *s->at : '\0') {
    case '{':
        return enter(s, true, is_open);
    case '[':
        return enter(s, false, is_open);
    case '"':
        return scan_string(s, &escaped);
    case 't':
        return scan_literal(s, "true", 4);
    case 'f':
        return scan_literal(s, "false", 5);
    case 'n':
        return scan_literal(s, "null", 4);
    default:
        return is_number_start(s) ? scan_number(s) : fail_expected(s, "a JSON value");
    }
}

/* After a value: closes what ends here, steps over one comma. *more tells whether a value
 * follows. */
static rw_status scan_after(struct scan *s, bool *more)
{
    while (s->depth > 0) {
        bool is_object = s->level[s->depth - 1].is_object;
        skip_space(s);
        if (s->at < s->end && *s->at == ',') {
            s->at++;
            *more = true;
            return is_object ? scan_name(s) : RW_OK;
        }
        if (s->at == s->end || *s->at != (is_object ? '}' : ']')) {
            return fail_expected(s, is_object ? "',' or '}'" : "',' or ']'");
        }
        s->at++;
        s->depth--;
    }
    *more = false;
    skip_space(s);
    return s->at == s->end ? RW_OK : fail_expected(s, "the end of the body");
}

rw_status rw_guard_check(char *body, size_t len, const struct rw_guard_options *options,
                         struct rw_arena *arena, struct rw_guard_report *out, struct rw_error *err)
{
    rw_assert(options->depth_max >= 1 && options->depth_max <= RW_JSON_BODY_DEPTH_MAX);
    rw_assert(len < UINT32_MAX);
    *out = (struct rw_guard_report){0};
    struct scan s; /* not zeroed: the hashes are 16 KiB, and each is written before it is read */
    s.begin = s.at = (unsigned char *)body;
    s.end = s.begin + len;
    s.options = options;
    s.arena = arena;
    s.report = out;
    s.hidden_room = 0;
    s.err = err;
    s.depth = 0;
    bool more = true;
    while (more) {
        bool is_open;
        rw_status status = scan_value(&s, &is_open);
        if (status == RW_OK && !is_open) {
            status = scan_after(&s, &more);
        }
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}
