#include "core/io/json.h"

#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"

enum {
    NODES_FIRST = 4,       /* nodes in the first slab; slabs double */
    NODES_MOST = 1024,     /* nodes in a slab at most */
    KEYS_COMPARED = 8,     /* members up to which duplicate keys are found by comparing all */
    NUMBER_ON_STACK = 64,  /* bytes of a literal that need no allocation */
    EXACT_DIGITS = 15,     /* decimal digits that a double always holds exactly */
    ESCAPE_HEX_DIGITS = 4, /* of \uXXXX */
    SLOTS_PER_KEY = 2,     /* key table, before rounding up to a power of two */
};

struct parser {
    struct rw_arena *arena;
    struct rw_error *err;
    struct rw_str text;
    size_t at; /* next byte to read */
    struct rw_json *slab;
    size_t slab_left;
    size_t slab_size;
    size_t asked_bytes; /* of the arena, last: tells its cap from a refusal by the system */
    uint64_t hash_seed; /* keys are hostile: a fixed seed could be flooded */
    int depth;
};

static rw_status parse_value(struct parser *p, struct rw_json *value);

/* The message names line and column, as an editor counts them (bytes, from 1). */
static rw_status fail_at(const struct parser *p, size_t at, rw_status status, const char *what)
{
    size_t line = 1;
    size_t line_begin = 0;
    for (size_t i = 0; i < at && i < p->text.len; i++) {
        if (p->text.ptr[i] == '\n') {
            line++;
            line_begin = i + 1;
        }
    }
    return rw_fail(p->err, status, "JSON line %zu column %zu: %s", line, at - line_begin + 1, what);
}

static rw_status fail_syntax(const struct parser *p, const char *what)
{
    return fail_at(p, p->at, RW_INVALID_JSON, what);
}

static void *take_memory(struct parser *p, size_t bytes)
{
    p->asked_bytes = bytes;
    return rw_arena_alloc(p->arena, bytes);
}

/* After take_memory gave NULL. */
static rw_status fail_memory(const struct parser *p)
{
    if (p->asked_bytes > p->arena->max_bytes - p->arena->used_bytes) {
        return rw_fail(p->err, RW_LIMIT_EXCEEDED, "JSON needs over %zu bytes of memory",
                       p->arena->max_bytes);
    }
    return rw_fail(p->err, RW_NO_MEMORY, "no memory to parse JSON");
}

/* Slabs, because a tokenizer.json has half a million nodes. NULL: the arena refused. */
static struct rw_json *new_node(struct parser *p)
{
    if (p->slab_left == 0) {
        size_t count = p->slab_size == 0 ? NODES_FIRST : 2 * p->slab_size;
        count = count > NODES_MOST ? NODES_MOST : count;
        p->slab = take_memory(p, count * sizeof *p->slab);
        if (p->slab == NULL) {
            return NULL;
        }
        p->slab_size = count;
        p->slab_left = count;
    }
    p->slab_left--;
    return p->slab++;
}

static void skip_space(struct parser *p)
{
    const char *text = p->text.ptr;
    size_t at = p->at;
    while (at < p->text.len &&
           (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
        at++;
    }
    p->at = at;
}

/* The byte at the cursor, or -1 at the end. */
static int peek(const struct parser *p)
{
    return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static bool take(struct parser *p, char c)
{
    if (peek(p) != (unsigned char)c) {
        return false;
    }
    p->at++;
    return true;
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at `at`, or -1. */
static long hex4(struct rw_str raw, size_t at)
{
    long code = 0;
    if (raw.len - at < ESCAPE_HEX_DIGITS) {
        return -1;
    }
    for (size_t i = 0; i < ESCAPE_HEX_DIGITS; i++) {
        int digit = hex_value((unsigned char)raw.ptr[at + i]);
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

/* The scalar value of the \u escape whose digits start at *at (moved behind them), -1 when it has
 * none: bad digits, a lone surrogate, U+0000. */
static long unicode_escape(struct rw_str raw, size_t *at)
{
    long code = hex4(raw, *at);
    *at += ESCAPE_HEX_DIGITS;
    if (code <= 0 || (code >= 0xDC00 && code <= 0xDFFF)) {
        return -1;
    }
    if (code < 0xD800 || code > 0xDFFF) {
        return code;
    }
    if (raw.len - *at < 2 || raw.ptr[*at] != '\\' || raw.ptr[*at + 1] != 'u') {
        return -1;
    }
    long low = hex4(raw, *at + 2);
    *at += 2 + ESCAPE_HEX_DIGITS;
    if (low < 0xDC00 || low > 0xDFFF) {
        return -1;
    }
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

/* '\0' when `c` is no one-letter escape. */
static char simple_escape(char c)
{
    static const char LETTER[] = "\"\\/bfnrt";
    static const char MEANING[] = "\"\\/\b\f\n\r\t";
    const char *hit = c != '\0' ? strchr(LETTER, c) : NULL;
    return hit != NULL ? MEANING[hit - LETTER] : '\0';
}

/* Decoding never grows: the shortest escape of a character is longer than its UTF-8. */
static rw_status decode_escapes(struct parser *p, struct rw_str raw, struct rw_str *out)
{
    char *to = take_memory(p, raw.len);
    if (to == NULL) {
        return fail_memory(p);
    }
    size_t begin = (size_t)(raw.ptr - p->text.ptr);
    size_t used = 0;
    size_t at = 0;
    while (at < raw.len) {
        size_t escape = at;
        if (raw.ptr[at] != '\\') {
            to[used++] = raw.ptr[at++];
            continue;
        }
        char c = raw.ptr[at + 1]; /* exists: the scan stopped at an unescaped quote */
        at += 2;
        if (c == 'u') {
            long code = unicode_escape(raw, &at);
            if (code < 0) {
                return fail_at(p, begin + escape, RW_INVALID_JSON,
                               "\\u escape is malformed, U+0000 or a lone surrogate");
            }
            used += rw_utf8_encode((uint32_t)code, to + used);
        } else if (simple_escape(c) != '\0') {
            to[used++] = simple_escape(c);
        } else {
            return fail_at(p, begin + escape, RW_INVALID_JSON, "unknown escape");
        }
    }
    *out = (struct rw_str){to, used};
    return RW_OK;
}

/* Cursor behind the opening quote. */
static rw_status parse_string(struct parser *p, struct rw_str *out)
{
    size_t begin = p->at;
    unsigned char high = 0;
    bool escapes = false;
    for (;; p->at++) {
        if (p->at == p->text.len) {
            return fail_syntax(p, "string has no end");
        }
        unsigned char c = (unsigned char)p->text.ptr[p->at];
        if (c == '"') {
            break;
        }
        if (c < 0x20) {
            return fail_syntax(p, "control character in a string");
        }
        if (c == '\\') {
            escapes = true;
            p->at++;
            if (p->at == p->text.len) {
                return fail_syntax(p, "string has no end");
            }
            c = (unsigned char)p->text.ptr[p->at];
        }
        high |= c;
    }
    struct rw_str raw = rw_str_slice(p->text, begin, p->at);
    p->at++;
    if (high >= 0x80) {
        size_t valid = rw_utf8_check(raw);
        if (valid < raw.len) {
            return fail_at(p, begin + valid, RW_INVALID_UTF8, "string is not valid UTF-8");
        }
    }
    if (escapes) {
        return decode_escapes(p, raw, out);
    }
    *out = raw;
    return RW_OK;
}

static size_t skip_digits(struct parser *p)
{
    size_t begin = p->at;
    while (p->at < p->text.len && p->text.ptr[p->at] >= '0' && p->text.ptr[p->at] <= '9') {
        p->at++;
    }
    return p->at - begin;
}

/* RFC 8259 section 6. *integer: no fraction, no exponent. False: not a number. */
static bool scan_number(struct parser *p, bool *integer)
{
    *integer = true;
    take(p, '-');
    if (!take(p, '0') && skip_digits(p) == 0) {
        return false;
    }
    if (take(p, '.')) {
        *integer = false;
        if (skip_digits(p) == 0) {
            return false;
        }
    }
    if (take(p, 'e') || take(p, 'E')) {
        *integer = false;
        if (!take(p, '+')) {
            take(p, '-');
        }
        return skip_digits(p) > 0;
    }
    return true;
}

static double small_integer(struct rw_str literal)
{
    bool negative = literal.ptr[0] == '-';
    double value = 0;
    for (size_t i = negative; i < literal.len; i++) {
        value = value * 10 + (literal.ptr[i] - '0');
    }
    return negative ? -value : value;
}

/* strtod wants a terminator, which the text need not have. The process never leaves the C locale.
 */
static rw_status convert(struct parser *p, struct rw_str literal, double *number)
{
    char small[NUMBER_ON_STACK];
    char *copy = literal.len < sizeof small ? small : take_memory(p, literal.len + 1);
    if (copy == NULL) {
        return fail_memory(p);
    }
    memcpy(copy, literal.ptr, literal.len);
    copy[literal.len] = '\0';
    *number = strtod(copy, NULL);
    return RW_OK;
}

static rw_status parse_number(struct parser *p, struct rw_json *value)
{
    size_t begin = p->at;
    bool integer;
    if (!scan_number(p, &integer)) {
        return fail_syntax(p, p->at == begin ? "expected a value" : "malformed number");
    }
    value->type = RW_JSON_NUMBER;
    value->text = rw_str_slice(p->text, begin, p->at);
    if (integer && value->text.len <= EXACT_DIGITS) {
        value->number = small_integer(value->text);
        return RW_OK;
    }
    rw_status status = convert(p, value->text, &value->number);
    if (status == RW_OK && !isfinite(value->number)) {
        status = fail_at(p, begin, RW_INVALID_JSON, "number is too large");
    }
    return status;
}

static rw_status parse_word(struct parser *p, struct rw_json *value, struct rw_str word,
                            enum rw_json_type type)
{
    if (!rw_str_starts(rw_str_slice(p->text, p->at, p->text.len), word)) {
        return fail_syntax(p, "expected a value");
    }
    p->at += word.len;
    value->type = type;
    return RW_OK;
}

/* Adds a zeroed child behind *last; NULL: no memory. */
static struct rw_json *append_child(struct parser *p, struct rw_json *parent, struct rw_json **last)
{
    struct rw_json *item = new_node(p);
    if (item == NULL) {
        return NULL;
    }
    if (*last == NULL) {
        parent->child = item;
    } else {
        (*last)->next = item;
    }
    *last = item;
    parent->count++;
    return item;
}

/* Cursor behind the bracket. */
static rw_status parse_array(struct parser *p, struct rw_json *array)
{
    array->type = RW_JSON_ARRAY;
    skip_space(p);
    if (take(p, ']')) {
        return RW_OK;
    }
    struct rw_json *last = NULL;
    do {
        struct rw_json *item = append_child(p, array, &last);
        if (item == NULL) {
            return fail_memory(p);
        }
        rw_status status = parse_value(p, item);
        if (status != RW_OK) {
            return status;
        }
        skip_space(p);
    } while (take(p, ','));
    return take(p, ']') ? RW_OK : fail_syntax(p, "expected ',' or ']'");
}

static const struct rw_json *duplicate_by_comparing(const struct rw_json *object)
{
    RW_JSON_EACH (a, object) {
        for (const struct rw_json *b = a->next; b != NULL; b = b->next) {
            if (rw_str_equal(a->key, b->key)) {
                return b;
            }
        }
    }
    return NULL;
}

/* Open addressing over `slots` (a power of two) zeroed entries. */
static const struct rw_json *duplicate_by_hashing(const struct rw_json *object,
                                                  const struct rw_json **table, size_t slots,
                                                  uint64_t seed)
{
    RW_JSON_EACH (member, object) {
        size_t slot = (size_t)rw_hash64(member->key.ptr, member->key.len, seed) & (slots - 1);
        while (table[slot] != NULL) {
            if (rw_str_equal(table[slot]->key, member->key)) {
                return member;
            }
            slot = (slot + 1) & (slots - 1);
        }
        table[slot] = member;
    }
    return NULL;
}

static rw_status check_keys(struct parser *p, const struct rw_json *object)
{
    const struct rw_json *twice;
    if (object->count <= KEYS_COMPARED) {
        twice = duplicate_by_comparing(object);
    } else {
        size_t slots = 1;
        while (slots < SLOTS_PER_KEY * object->count) {
            slots *= 2;
        }
        const struct rw_json **table = rw_alloc_zero(slots, sizeof *table);
        if (table == NULL) {
            return rw_fail(p->err, RW_NO_MEMORY, "no memory to parse JSON");
        }
        twice = duplicate_by_hashing(object, table, slots, p->hash_seed);
        rw_free(table);
    }
    if (twice == NULL) {
        return RW_OK;
    }
    return rw_fail(p->err, RW_INVALID_JSON, "JSON object has the key \"%.*s\" twice",
                   twice->key.len < 100 ? (int)twice->key.len : 100, twice->key.ptr);
}

static rw_status parse_member(struct parser *p, struct rw_json *member)
{
    skip_space(p);
    if (!take(p, '"')) {
        return fail_syntax(p, "expected a member name");
    }
    rw_status status = parse_string(p, &member->key);
    if (status != RW_OK) {
        return status;
    }
    skip_space(p);
    return take(p, ':') ? parse_value(p, member) : fail_syntax(p, "expected ':'");
}

/* Cursor behind the brace. */
static rw_status parse_object(struct parser *p, struct rw_json *object)
{
    object->type = RW_JSON_OBJECT;
    skip_space(p);
    if (take(p, '}')) {
        return RW_OK;
    }
    struct rw_json *last = NULL;
    do {
        struct rw_json *member = append_child(p, object, &last);
        if (member == NULL) {
            return fail_memory(p);
        }
        rw_status status = parse_member(p, member);
        if (status != RW_OK) {
            return status;
        }
        skip_space(p);
    } while (take(p, ','));
    return take(p, '}') ? check_keys(p, object) : fail_syntax(p, "expected ',' or '}'");
}

static rw_status parse_nested(struct parser *p, struct rw_json *value, char open)
{
    if (p->depth == RW_JSON_DEPTH_MAX) {
        return fail_at(p, p->at, RW_LIMIT_EXCEEDED, "nested too deeply");
    }
    p->at++;
    p->depth++;
    rw_status status = open == '{' ? parse_object(p, value) : parse_array(p, value);
    p->depth--;
    return status;
}

static rw_status parse_value(struct parser *p, struct rw_json *value)
{
    skip_space(p);
    int c = peek(p);
    switch (c) {
    case '{':
    case '[':
        return parse_nested(p, value, (char)c);
    case '"':
        p->at++;
        value->type = RW_JSON_STRING;
        return parse_string(p, &value->text);
    case 't':
        return parse_word(p, value, RW_STR("true"), RW_JSON_TRUE);
    case 'f':
        return parse_word(p, value, RW_STR("false"), RW_JSON_FALSE);
    case 'n':
        return parse_word(p, value, RW_STR("null"), RW_JSON_NULL);
    case -1:
        return fail_syntax(p, "ends where a value was expected");
    default:
        return parse_number(p, value);
    }
}

rw_status rw_json_parse(struct rw_arena *arena, struct rw_str text, const struct rw_json **root,
                        struct rw_error *err)
{
    struct parser p = {.arena = arena, .err = err, .text = text};
    *root = NULL;
    if (getrandom(&p.hash_seed, sizeof p.hash_seed, GRND_NONBLOCK) != sizeof p.hash_seed) {
        p.hash_seed = (uintptr_t)&p; /* early boot only; the stack is placed at random */
    }
    struct rw_json *value = new_node(&p);
    if (value == NULL) {
        return fail_memory(&p);
    }
    rw_status status = parse_value(&p, value);
    if (status != RW_OK) {
        return status;
    }
    skip_space(&p);
    if (p.at != text.len) {
        return fail_syntax(&p, "bytes behind the value");
    }
    *root = value;
    return RW_OK;
}

const struct rw_json *rw_json_get(const struct rw_json *object, const char *key)
{
    if (object == NULL || object->type != RW_JSON_OBJECT) {
        return NULL;
    }
    struct rw_str wanted = rw_str_from(key);
    RW_JSON_EACH (member, object) {
        if (rw_str_equal(member->key, wanted)) {
            return member;
        }
    }
    return NULL;
}

bool rw_json_is_string(const struct rw_json *value, const char *text)
{
    return value != NULL && value->type == RW_JSON_STRING && rw_str_is(value->text, text);
}

bool rw_json_u64(const struct rw_json *value, uint64_t *out)
{
    unsigned long long number;
    if (value == NULL || value->type != RW_JSON_NUMBER || !rw_str_to_u64(value->text, &number)) {
        return false;
    }
    *out = number;
    return true;
}

bool rw_json_i64(const struct rw_json *value, int64_t *out)
{
    if (value == NULL || value->type != RW_JSON_NUMBER) {
        return false;
    }
    bool negative = value->text.ptr[0] == '-';
    unsigned long long magnitude;
    if (!rw_str_to_u64(rw_str_slice(value->text, negative, value->text.len), &magnitude) ||
        magnitude > (unsigned long long)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

rw_status rw_json_parse_file(struct rw_arena *arena, struct rw_str text, const char *name,
                             const struct rw_json **out, struct rw_error *err)
{
    rw_status status = rw_json_parse(arena, text, out, err);
    if (status != RW_OK) {
        rw_error_prefix(err, "%s", name);
    }
    if (status != RW_INVALID_JSON && status != RW_INVALID_UTF8) {
        return status;
    }
    if (err != NULL) {
        err->status = RW_MODEL_CORRUPT;
    }
    return RW_MODEL_CORRUPT;
}
