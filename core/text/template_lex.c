/* Text and tags of a template, as Jinja's lexer cuts them with trim_blocks and lstrip_blocks. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/template_parts.h"

enum {
    BRACKETS_MAX = 128, /* open at once in one tag */
    TOKENS_FIRST = 256,
};

struct lexer {
    struct rw_str text;
    size_t at;
    unsigned line;
    bool line_start; /* the last thing consumed ended a line, or nothing was consumed yet */
    struct rw_arena *arena;
    struct rw_error *err;
    struct rw_ttoken *tokens;
    size_t n;
    size_t size;
    char open[BRACKETS_MAX];
    size_t n_open;
};

rw_status rw_template_refuse(struct rw_error *err, unsigned line, const char *format, ...)
{
    char text[RW_ERROR_MESSAGE_MAX - 48];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rw_fail(err, RW_MODEL_UNSUPPORTED, "the chat template, line %u: %s", line, text);
    rw_error_param(err, "chat_template");
    rw_error_hint(err, "core/text/template.h lists what is rendered; a layout in rewardd.json "
                       "(core/MODEL.md section 4) replaces the template");
    return RW_MODEL_UNSUPPORTED;
}

static rw_status no_memory(struct lexer *x)
{
    return rw_fail_memory(x->err, "the chat template");
}

static struct rw_ttoken *push(struct lexer *x, enum rw_ttoken_type type, struct rw_str text)
{
    if (x->n == x->size) {
        size_t size = x->size == 0 ? TOKENS_FIRST : 2 * x->size;
        struct rw_ttoken *more = rw_arena_array(x->arena, size, sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        if (x->n > 0) {
            memcpy(more, x->tokens, x->n * sizeof *more);
        }
        x->tokens = more;
        x->size = size;
    }
    x->tokens[x->n] = (struct rw_ttoken){.type = type, .line = x->line, .text = text};
    return &x->tokens[x->n++];
}

static void consume(struct lexer *x, size_t to)
{
    for (size_t i = x->at; i < to; i++) {
        x->line += x->text.ptr[i] == '\n';
    }
    if (to > x->at) {
        x->line_start = x->text.ptr[to - 1] == '\n';
    }
    x->at = to;
}

static bool looking_at(const struct lexer *x, size_t at, const char *what)
{
    size_t len = strlen(what);
    return x->text.len - at >= len && memcmp(x->text.ptr + at, what, len) == 0;
}

static size_t skip_space(const struct lexer *x, size_t at)
{
    size_t advance;
    while (at < x->text.len && rw_tstr_is_space(rw_utf8_decode(x->text, at, &advance))) {
        at += advance;
    }
    return at;
}

/* The end of a tag at `at`: "-%}" and white space, "+%}", or "%}" and one line break. 0 = none. */
static size_t tag_end(const struct lexer *x, size_t at, const char *close, bool trims)
{
    char minus[4];
    char plus[4];
    snprintf(minus, sizeof minus, "-%s", close);
    snprintf(plus, sizeof plus, "+%s", close);
    if (looking_at(x, at, minus)) {
        return skip_space(x, at + 3);
    }
    if (trims && looking_at(x, at, plus)) {
        return at + 3;
    }
    if (!looking_at(x, at, close)) {
        return 0;
    }
    at += 2;
    return at + (trims && at < x->text.len && x->text.ptr[at] == '\n');
}

/* Text before a tag: cut on the right as the tag's sign and lstrip_blocks say. */
static rw_status push_data(struct lexer *x, size_t begin, size_t end, char sign, bool is_print)
{
    struct rw_tstr text = {.ptr = x->text.ptr + begin, .len = end - begin};
    size_t from;
    size_t to = text.len;
    if (sign == '-') {
        rw_tstr_strip(&text, NULL, false, true, &from, &to);
    } else if (sign != '+' && !is_print) {
        size_t line = text.len;
        while (line > 0 && text.ptr[line - 1] != '\n') {
            line--;
        }
        if ((line > 0 || x->line_start) && skip_space(x, begin + line) >= end) {
            to = line;
        }
    }
    if (to > 0 && push(x, RW_TTOKEN_DATA, (struct rw_str){text.ptr, to}) == NULL) {
        return no_memory(x);
    }
    return RW_OK;
}

/* ---- inside a tag ---------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* One escape of a string at `at` (behind the backslash); writes UTF-8, returns bytes read, 0 = bad.
 */
static size_t unescape(struct rw_str s, size_t at, char *to, size_t *n)
{
    static const char FROM[] = "ntr\\'\"abfv";
    static const char CODE[] = "\n\t\r\\'\"\a\b\f\v";
    char c = s.ptr[at];
    const char *found = c != '\0' ? strchr(FROM, c) : NULL;
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t code = 0;
    size_t used = 1;
    if (found != NULL) {
        to[(*n)++] = CODE[found - FROM];
        return 1;
    }
    if (c == '\n') {
        return 1; /* the line goes on */
    }
    if (c >= '0' && c <= '7') {
        for (used = 0;
             used < 3 && at + used < s.len && s.ptr[at + used] >= '0' && s.ptr[at + used] <= '7';
             used++) {
            code = code * 8 + (uint32_t)(s.ptr[at + used] - '0');
        }
    } else if (digits > 0) {
        for (used = 1; used <= digits; used++) {
            int digit = at + used < s.len ? hex_digit(s.ptr[at + used]) : -1;
            if (digit < 0) {
                return 0;
            }
            code = code * 16 + (uint32_t)digit;
        }
    } else if (c == 'N') {
        return 0;
    } else { /* an unknown escape stays as it is */
        to[(*n)++] = '\\';
        return (size_t)-1;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        return 0;
    }
    *n += rw_utf8_encode(code, to + *n);
    return used;
}

static rw_status lex_string(struct lexer *x)
{
    char quote = x->text.ptr[x->at];
    size_t end = x->at + 1;
    while (end < x->text.len && x->text.ptr[end] != quote) {
        end += x->text.ptr[end] == '\\' ? 2 : 1;
    }
    if (end >= x->text.len) {
        return rw_template_refuse(x->err, x->line, "a string has no end");
    }
    struct rw_str raw = rw_str_slice(x->text, x->at + 1, end);
    char *to = rw_arena_alloc(x->arena, raw.len + 1);
    if (to == NULL) {
        return no_memory(x);
    }
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] != '\\') {
            to[n++] = raw.ptr[i];
            continue;
        }
        size_t used = unescape(raw, i + 1, to, &n);
        if (used == 0) {
            return rw_template_refuse(x->err, x->line, "an escape in a string is not known");
        }
        i += used == (size_t)-1 ? 0 : used;
    }
    if (push(x, RW_TTOKEN_STRING, (struct rw_str){to, n}) == NULL) {
        return no_memory(x);
    }
    consume(x, end + 1);
    return RW_OK;
}

static bool is_digit(const struct lexer *x, size_t at)
{
    return at < x->text.len && x->text.ptr[at] >= '0' && x->text.ptr[at] <= '9';
}

static size_t skip_digits(const struct lexer *x, size_t at)
{
    while (is_digit(x, at) || (at < x->text.len && x->text.ptr[at] == '_' && is_digit(x, at + 1))) {
        at++;
    }
    return at;
}

static rw_status lex_number(struct lexer *x)
{
    size_t end = skip_digits(x, x->at);
    bool real = false;
    bool after_dot = x->at > 0 && x->text.ptr[x->at - 1] == '.';
    if (!after_dot && end < x->text.len && x->text.ptr[end] == '.' && is_digit(x, end + 1)) {
        end = skip_digits(x, end + 1);
        real = true;
    }
    if (!after_dot && end < x->text.len && (x->text.ptr[end] | 32) == 'e') {
        size_t exponent = end + 1;
        exponent += exponent < x->text.len && strchr("+-", x->text.ptr[exponent]) != NULL;
        if (is_digit(x, exponent)) {
            end = skip_digits(x, exponent);
            real = true;
        }
    }
    char digits[64];
    size_t n = 0;
    for (size_t i = x->at; i < end && n < sizeof digits - 1; i++) {
        if (x->text.ptr[i] != '_') {
            digits[n++] = x->text.ptr[i];
        }
    }
    digits[n] = '\0';
    bool octal = !real && digits[0] == '0' &&
                 (n > 1 || (end < x->text.len && strchr("xXoObB", x->text.ptr[end]) != NULL));
    if (n > 18 || octal) {
        return rw_template_refuse(x->err, x->line, "a number of a form that is not known");
    }
    struct rw_ttoken *token =
        push(x, real ? RW_TTOKEN_FLOAT : RW_TTOKEN_INT, rw_str_slice(x->text, x->at, end));
    if (token == NULL) {
        return no_memory(x);
    }
    token->number = real ? 0 : (int64_t)strtoll(digits, NULL, 10);
    token->real = real ? strtod(digits, NULL) : 0;
    consume(x, end);
    return RW_OK;
}

static rw_status lex_operator(struct lexer *x)
{
    static const char *const TWO[] = {"//", "**", "==", "!=", ">=", "<="};
    char c = x->text.ptr[x->at];
    size_t len = 0;
    for (size_t i = 0; i < RW_COUNT(TWO); i++) {
        len = looking_at(x, x->at, TWO[i]) ? 2 : len;
    }
    if (len == 0 && c != '\0' && strchr("+-/*%~[](){}><=.:|,;", c) != NULL) {
        len = 1;
    }
    if (len == 0) {
        return rw_template_refuse(x->err, x->line, "a character that no expression has");
    }
    if (strchr("([{", c) != NULL) {
        if (x->n_open == BRACKETS_MAX) {
            return rw_template_refuse(x->err, x->line, "too many brackets are open");
        }
        x->open[x->n_open++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (strchr(")]}", c) != NULL) {
        if (x->n_open == 0 || x->open[--x->n_open] != c) {
            return rw_template_refuse(x->err, x->line, "unexpected '%c'", c);
        }
    }
    if (push(x, RW_TTOKEN_OPERATOR, rw_str_slice(x->text, x->at, x->at + len)) == NULL) {
        return no_memory(x);
    }
    consume(x, x->at + len);
    return RW_OK;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static rw_status lex_name(struct lexer *x)
{
    size_t end = x->at;
    while (end < x->text.len && is_name_byte(x->text.ptr[end])) {
        end++;
    }
    if (push(x, RW_TTOKEN_NAME, rw_str_slice(x->text, x->at, end)) == NULL) {
        return no_memory(x);
    }
    consume(x, end);
    return RW_OK;
}

static rw_status lex_tag(struct lexer *x, const char *close, enum rw_ttoken_type end_type)
{
    bool is_tag = end_type == RW_TTOKEN_TAG_END;
    unsigned first_line = x->line;
    x->n_open = 0;
    rw_status status = RW_OK;
    while (status == RW_OK && x->at < x->text.len) {
        size_t end = x->n_open == 0 ? tag_end(x, x->at, close, is_tag) : 0;
        if (end > 0) {
            if (push(x, end_type, (struct rw_str){0}) == NULL) {
                return no_memory(x);
            }
            consume(x, end);
            return RW_OK;
        }
        size_t next = skip_space(x, x->at);
        char c = x->text.ptr[x->at];
        if (next > x->at) {
            consume(x, next);
        } else if (c == '\'' || c == '"') {
            status = lex_string(x);
        } else if (c >= '0' && c <= '9') {
            status = lex_number(x);
        } else {
            status = is_name_byte(c) ? lex_name(x) : lex_operator(x);
        }
    }
    return status != RW_OK ? status : rw_template_refuse(x->err, first_line, "a tag has no end");
}

/* ---- outside --------------------------------------------------------------------------------- */

/* {% raw %} at a tag's begin: the offset behind it, or 0. */
static size_t raw_word(const struct lexer *x, size_t at, const char *word)
{
    at = skip_space(x, at);
    return looking_at(x, at, word) ? skip_space(x, at + strlen(word)) : 0;
}

static rw_status lex_raw(struct lexer *x, size_t at)
{
    size_t begin = tag_end(x, at, "%}", false);
    if (begin == 0) {
        return rw_template_refuse(x->err, x->line, "a raw tag has no end");
    }
    consume(x, begin);
    for (size_t end = begin; end < x->text.len; end++) {
        if (!looking_at(x, end, "{%")) {
            continue;
        }
        char sign = end + 2 < x->text.len ? x->text.ptr[end + 2] : '\0';
        size_t word = raw_word(x, end + 2 + (sign == '-' || sign == '+'), "endraw");
        size_t behind = word > 0 ? tag_end(x, word, "%}", true) : 0;
        if (behind > 0) {
            rw_status status = push_data(x, begin, end, sign, false);
            consume(x, behind);
            return status;
        }
    }
    return rw_template_refuse(x->err, x->line, "a raw block has no end");
}

static rw_status lex_comment(struct lexer *x)
{
    for (size_t at = x->at; at < x->text.len; at++) {
        size_t end = tag_end(x, at, "#}", true);
        if (end > 0) {
            consume(x, end);
            return RW_OK;
        }
    }
    return rw_template_refuse(x->err, x->line, "a comment has no end");
}

static rw_status lex_next(struct lexer *x)
{
    size_t at = x->at;
    while (at < x->text.len &&
           !(x->text.ptr[at] == '{' && at + 1 < x->text.len &&
             strchr("{%#", x->text.ptr[at + 1]) != NULL && x->text.ptr[at + 1] != '\0')) {
        at++;
    }
    if (at == x->text.len) {
        bool pushed = push(x, RW_TTOKEN_DATA, rw_str_slice(x->text, x->at, at)) != NULL;
        consume(x, at);
        return pushed ? RW_OK : no_memory(x);
    }
    char kind = x->text.ptr[at + 1];
    char sign = at + 2 < x->text.len ? x->text.ptr[at + 2] : '\0';
    size_t inside = at + 2 + (sign == '-' || sign == '+');
    rw_status status = push_data(x, x->at, at, sign, kind == '{');
    if (status != RW_OK) {
        return status;
    }
    consume(x, inside);
    size_t raw = kind == '%' ? raw_word(x, inside, "raw") : 0;
    if (raw > 0 && tag_end(x, raw, "%}", false) > 0) {
        return lex_raw(x, raw);
    }
    if (kind == '#') {
        return lex_comment(x);
    }
    if (push(x, kind == '{' ? RW_TTOKEN_PRINT_BEGIN : RW_TTOKEN_TAG_BEGIN, (struct rw_str){0}) ==
        NULL) {
        return no_memory(x);
    }
    return kind == '{' ? lex_tag(x, "}}", RW_TTOKEN_PRINT_END)
                       : lex_tag(x, "%}", RW_TTOKEN_TAG_END);
}

/* \r\n and \r become \n; one line break at the end is not kept. */
static bool normalise(struct lexer *x, struct rw_str text)
{
    char *to = rw_arena_alloc(x->arena, text.len + 1);
    if (to == NULL) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\r') {
            i += i + 1 < text.len && text.ptr[i + 1] == '\n';
            c = '\n';
        }
        to[n++] = c;
    }
    n -= n > 0 && to[n - 1] == '\n';
    x->text = (struct rw_str){to, n};
    return true;
}

rw_status rw_template_lex(struct rw_str text, struct rw_arena *arena, struct rw_ttoken **tokens,
                          struct rw_error *err)
{
    struct lexer x = {.arena = arena, .err = err, .line = 1, .line_start = true};
    if (text.len > RW_TEMPLATE_BYTES_MAX) {
        return rw_template_refuse(err, 1, "over %d bytes", RW_TEMPLATE_BYTES_MAX);
    }
    if (rw_utf8_check(text) < text.len) {
        return rw_template_refuse(err, 1, "not UTF-8");
    }
    if (!normalise(&x, text)) {
        return no_memory(&x);
    }
    rw_status status = RW_OK;
    while (status == RW_OK && x.at < x.text.len) {
        status = lex_next(&x);
    }
    if (status == RW_OK && push(&x, RW_TTOKEN_END, (struct rw_str){0}) == NULL) {
        status = no_memory(&x);
    }
    *tokens = x.tokens;
    return status;
}
