#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/text/jinja_parts.h"

enum {
    TOKENS_FIRST = 256,
};

struct lexer {
    struct rw_str text; /* line ends are \n */
    size_t at;
    uint32_t line;
    bool line_starts; /* what was taken last ended in a line feed, or nothing was taken yet */
    struct rw_arena *arena;
    struct rw_jinja_tokens *out;
    struct rw_error *err;
};

rw_status rw_jinja_refuse(struct rw_error *err, uint32_t line, const char *format, ...)
{
    char words[RW_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    rw_fail(err, RW_MODEL_UNSUPPORTED, "chat template, line %u: %.300s", line, words);
    rw_error_param(err, "chat_template");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status no_memory(struct lexer *x)
{
    return rw_fail(x->err, RW_NO_MEMORY, "no memory for the chat template");
}

static rw_status push(struct lexer *x, enum rw_jinja_token_type type, struct rw_str text)
{
    struct rw_jinja_tokens *out = x->out;
    if (out->n == out->size) {
        size_t size = out->size == 0 ? TOKENS_FIRST : 2 * out->size;
        struct rw_jinja_token *more = rw_arena_array(x->arena, size, sizeof *more);
        if (more == NULL) {
            return no_memory(x);
        }
        if (out->n > 0) {
            memcpy(more, out->items, out->n * sizeof *more);
        }
        out->items = more;
        out->size = size;
    }
    out->items[out->n++] = (struct rw_jinja_token){type, x->line, text};
    return RW_OK;
}

static bool is_space(char c)
{
    return c != '\0' && strchr(" \t\n\r\v\f", c) != NULL;
}

/* Moves on, counting lines. */
static void advance(struct lexer *x, size_t to)
{
    for (; x->at < to; x->at++) {
        x->line += x->text.ptr[x->at] == '\n';
    }
}

static char peek(const struct lexer *x, size_t ahead)
{
    return x->at + ahead < x->text.len ? x->text.ptr[x->at + ahead] : '\0';
}

static void skip_space(struct lexer *x)
{
    size_t to = x->at;
    while (to < x->text.len && is_space(x->text.ptr[to])) {
        to++;
    }
    advance(x, to);
}

/* ---- literals -------------------------------------------------------------------------------- */

static size_t put_code(char *to, uint32_t code)
{
    return rw_utf8_encode(code, to);
}

/* \n \t \xhh \uhhhh and the like; another character keeps its backslash, as in Python. */
static size_t put_escape(struct rw_str raw, size_t *at, char *to)
{
    static const char FROM[] = "nrtabfv\\'\"";
    static const char TO[] = "\n\r\t\a\b\f\v\\'\"";
    char c = raw.ptr[*at];
    const char *found = c != '\0' ? strchr(FROM, c) : NULL;
    if (found != NULL) {
        to[0] = TO[found - FROM];
        *at += 1;
        return 1;
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t code = 0;
    size_t i = 0;
    for (; i < digits && *at + 1 + i < raw.len; i++) {
        char d = raw.ptr[*at + 1 + i];
        char lower = (char)(d | 0x20);
        int value = d >= '0' && d <= '9'           ? d - '0'
                    : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                   : -1;
        if (value < 0) {
            break;
        }
        code = code * 16 + (uint32_t)value;
    }
    if (digits > 0 && i == digits && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF)) {
        *at += 1 + digits;
        return put_code(to, code);
    }
    if (c == '\n') { /* a line that goes on */
        *at += 1;
        return 0;
    }
    to[0] = '\\';
    return 1;
}

static rw_status take_string(struct lexer *x)
{
    char quote = peek(x, 0);
    size_t end = x->at + 1;
    while (end < x->text.len && x->text.ptr[end] != quote) {
        end += x->text.ptr[end] == '\\' && end + 1 < x->text.len ? 2 : 1;
    }
    if (end >= x->text.len) {
        return rw_jinja_refuse(x->err, x->line, "a text without its closing quote");
    }
    struct rw_str raw = rw_str_slice(x->text, x->at + 1, end);
    char *to = rw_arena_array(x->arena, 2 * raw.len + 4, 1); /* \xhh becomes two bytes at most */
    if (to == NULL) {
        return no_memory(x);
    }
    size_t n = 0;
    for (size_t i = 0; i < raw.len;) {
        if (raw.ptr[i] == '\\' && i + 1 < raw.len) {
            i++;
            n += put_escape(raw, &i, to + n);
        } else {
            to[n++] = raw.ptr[i++];
        }
    }
    rw_status status = push(x, RW_JINJA_STRING, (struct rw_str){to, n});
    advance(x, end + 1);
    return status;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static rw_status take_number(struct lexer *x)
{
    size_t end = x->at;
    bool real = false;
    while (end < x->text.len && (is_digit(x->text.ptr[end]) || x->text.ptr[end] == '_')) {
        end++;
    }
    if (end + 1 < x->text.len && x->text.ptr[end] == '.' && is_digit(x->text.ptr[end + 1])) {
        real = true;
        for (end++; end < x->text.len && is_digit(x->text.ptr[end]); end++) {
        }
    }
    if (end < x->text.len && (x->text.ptr[end] | 0x20) == 'e') {
        size_t exponent = end + 1;
        exponent += exponent < x->text.len && strchr("+-", x->text.ptr[exponent]) != NULL &&
                    x->text.ptr[exponent] != '\0';
        if (exponent < x->text.len && is_digit(x->text.ptr[exponent])) {
            real = true;
            for (end = exponent; end < x->text.len && is_digit(x->text.ptr[end]); end++) {
            }
        }
    }
    rw_status status =
        push(x, real ? RW_JINJA_REAL : RW_JINJA_INTEGER, rw_str_slice(x->text, x->at, end));
    advance(x, end);
    return status;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static rw_status take_word(struct lexer *x)
{
    size_t end = x->at;
    while (end < x->text.len && (is_word(x->text.ptr[end]) || is_digit(x->text.ptr[end]))) {
        end++;
    }
    rw_status status = push(x, RW_JINJA_WORD, rw_str_slice(x->text, x->at, end));
    advance(x, end);
    return status;
}

static rw_status take_operator(struct lexer *x, int *brackets)
{
    static const char *const LONG[] = {"==", "!=", "<=", ">=", "//", "**"};
    struct rw_str rest = rw_str_slice(x->text, x->at, x->text.len);
    size_t len = 1;
    for (size_t i = 0; i < sizeof LONG / sizeof *LONG; i++) {
        if (rw_str_starts(rest, rw_str_from(LONG[i]))) {
            len = 2;
        }
    }
    char c = peek(x, 0);
    if (len == 1 && strchr("+-*/%~<>=.,:|()[]{}", c) == NULL) {
        return rw_jinja_refuse(x->err, x->line, "an unexpected character '%c'", c);
    }
    *brackets += strchr("([{", c) != NULL ? 1 : strchr(")]}", c) != NULL ? -1 : 0;
    rw_status status = push(x, RW_JINJA_OPERATOR, rw_str_slice(rest, 0, len));
    advance(x, x->at + len);
    return status;
}

/* ---- tags ------------------------------------------------------------------------------------ */

/* The end of a tag at `at`: how long it is with its sign and the white space it takes, or 0. */
static size_t end_of_tag(const struct lexer *x, size_t at, const char *close, bool block)
{
    char sign = at < x->text.len ? x->text.ptr[at] : '\0';
    bool signed_end = sign == '-' || (sign == '+' && block);
    struct rw_str rest = rw_str_slice(x->text, at + signed_end, x->text.len);
    if (!rw_str_starts(rest, rw_str_from(close))) {
        return 0;
    }
    size_t end = at + signed_end + strlen(close);
    if (signed_end && sign == '-') {
        while (end < x->text.len && is_space(x->text.ptr[end])) {
            end++;
        }
    } else if (block && !signed_end && end < x->text.len && x->text.ptr[end] == '\n') {
        end++;
    }
    return end - at;
}

static void finish_tag(struct lexer *x, size_t len)
{
    advance(x, x->at + len);
    x->line_starts = x->at > 0 && x->text.ptr[x->at - 1] == '\n';
}

/* What stands between {{ and }}, or {% and %}. */
static rw_status take_inside(struct lexer *x, bool block)
{
    uint32_t line = x->line;
    int brackets = 0;
    rw_status status = push(x, block ? RW_JINJA_BEGIN : RW_JINJA_OPEN, RW_STR(""));
    while (status == RW_OK) {
        skip_space(x);
        if (x->at == x->text.len) {
            return rw_jinja_refuse(x->err, line, "a tag that is not closed");
        }
        size_t end = brackets > 0 ? 0 : end_of_tag(x, x->at, block ? "%}" : "}}", block);
        if (end > 0) {
            status = push(x, block ? RW_JINJA_FINISH : RW_JINJA_CLOSE, RW_STR(""));
            finish_tag(x, end);
            return status;
        }
        char c = peek(x, 0);
        status = c == '\'' || c == '"' ? take_string(x)
                 : is_digit(c)         ? take_number(x)
                 : is_word(c)          ? take_word(x)
                                       : take_operator(x, &brackets);
    }
    return status;
}

static rw_status skip_comment(struct lexer *x)
{
    for (size_t at = x->at; at < x->text.len; at++) {
        size_t end = end_of_tag(x, at, "#}", true);
        if (end > 0) {
            advance(x, at);
            finish_tag(x, end);
            return RW_OK;
        }
    }
    return rw_jinja_refuse(x->err, x->line, "a comment that is not closed");
}

/* Data before a tag: "-" takes its white space, a block or comment what stands before it on its
 * line (lstrip_blocks), unless "+" says not to. */
static struct rw_str trim_before(const struct lexer *x, struct rw_str data, char sign, bool block)
{
    if (sign == '-') {
        while (data.len > 0 && is_space(data.ptr[data.len - 1])) {
            data.len--;
        }
        return data;
    }
    if (!block || sign == '+') {
        return data;
    }
    size_t begin = data.len;
    while (begin > 0 && data.ptr[begin - 1] != '\n') {
        begin--;
    }
    if (begin == 0 && !x->line_starts) {
        return data;
    }
    for (size_t i = begin; i < data.len; i++) {
        if (!is_space(data.ptr[i])) {
            return data;
        }
    }
    return rw_str_slice(data, 0, begin);
}

/* {% raw %} at x->at: its length with the end of the tag, or 0. */
static size_t word_tag(const struct lexer *x, size_t at, const char *word, bool trims)
{
    size_t i = at + 2;
    i += i < x->text.len && (x->text.ptr[i] == '-' || x->text.ptr[i] == '+');
    while (i < x->text.len && is_space(x->text.ptr[i])) {
        i++;
    }
    if (!rw_str_starts(rw_str_slice(x->text, i, x->text.len), rw_str_from(word))) {
        return 0;
    }
    i += strlen(word);
    while (i < x->text.len && is_space(x->text.ptr[i])) {
        i++;
    }
    size_t end = end_of_tag(x, i, "%}", true);
    if (end > 0 && !trims && x->text.ptr[i] == '%' && end == 3) {
        end = 2; /* raw keeps its first line feed */
    }
    return end > 0 ? i + end - at : 0;
}

static rw_status take_raw(struct lexer *x, size_t len)
{
    uint32_t line = x->line;
    advance(x, x->at + len);
    for (size_t at = x->at; at + 1 < x->text.len; at++) {
        size_t end = x->text.ptr[at] == '{' && x->text.ptr[at + 1] == '%'
                         ? word_tag(x, at, "endraw", true)
                         : 0;
        if (end > 0) {
            char sign = at + 2 < x->text.len ? x->text.ptr[at + 2] : '\0';
            x->line_starts = false;
            struct rw_str data = trim_before(x, rw_str_slice(x->text, x->at, at), sign, true);
            rw_status status = data.len > 0 ? push(x, RW_JINJA_DATA, data) : RW_OK;
            advance(x, at);
            finish_tag(x, end);
            return status;
        }
    }
    return rw_jinja_refuse(x->err, line, "raw without endraw");
}

/* Data up to the next tag, and the tag. */
static rw_status take_next(struct lexer *x)
{
    size_t open = x->at;
    while (open + 1 < x->text.len &&
           !(x->text.ptr[open] == '{' && strchr("{%#", x->text.ptr[open + 1]) != NULL &&
             x->text.ptr[open + 1] != '\0')) {
        open++;
    }
    bool none = open + 1 >= x->text.len;
    struct rw_str data = rw_str_slice(x->text, x->at, none ? x->text.len : open);
    char kind = none ? '\0' : x->text.ptr[open + 1];
    char sign = open + 2 < x->text.len ? x->text.ptr[open + 2] : '\0';
    struct rw_str kept = none ? data : trim_before(x, data, sign, kind != '{');
    rw_status status = kept.len > 0 ? push(x, RW_JINJA_DATA, kept) : RW_OK;
    if (none || status != RW_OK) {
        advance(x, x->text.len);
        return status;
    }
    advance(x, open);
    size_t raw = kind == '%' ? word_tag(x, x->at, "raw", false) : 0;
    if (raw > 0) {
        return take_raw(x, raw);
    }
    advance(x, open + 2);
    if (kind == '#') {
        return skip_comment(x);
    }
    if (sign == '-' || sign == '+') {
        advance(x, open + 3);
    }
    return take_inside(x, kind == '%');
}

/* \r\n and \r are \n; one at the very end is not part of the template. */
static struct rw_str normalise(struct rw_str source, struct rw_arena *arena)
{
    char *to = rw_arena_array(arena, source.len + 1, 1);
    size_t n = 0;
    for (size_t i = 0; to != NULL && i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\r') {
            i += i + 1 < source.len && source.ptr[i + 1] == '\n';
            c = '\n';
        }
        to[n++] = c;
    }
    n -= n > 0 && to[n - 1] == '\n';
    return (struct rw_str){to, n};
}

rw_status rw_jinja_lex(struct rw_str source, struct rw_arena *arena, struct rw_jinja_tokens *out,
                       struct rw_error *err)
{
    *out = (struct rw_jinja_tokens){0};
    struct lexer x = {.line = 1, .line_starts = true, .arena = arena, .out = out, .err = err};
    if (source.len > RW_JINJA_TEMPLATE_MAX) {
        return rw_jinja_refuse(err, 1, "%zu bytes; the limit is %d", source.len,
                               RW_JINJA_TEMPLATE_MAX);
    }
    x.text = normalise(source, arena);
    rw_status status = x.text.ptr != NULL ? RW_OK : no_memory(&x);
    while (status == RW_OK && x.at < x.text.len) {
        status = take_next(&x);
    }
    return status == RW_OK ? push(&x, RW_JINJA_END, RW_STR("")) : status;
}
