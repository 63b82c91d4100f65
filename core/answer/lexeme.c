#include "core/answer/lexeme.h"

#include "core/answer/lexeme_parts.h"
#include "core/answer/lexeme_table.h"
#include "core/base/assert.h"
#include "core/base/scan.h"
#include "core/base/utf8.h"
#include "core/base/util.h"

enum {
    FORMULA_MAX = 300, /* bytes between two dollar signs that are looked at */
};

static void skip_space(struct rw_lexer *l)
{
    while (rw_scan_space(rw_lexer_peek(l, 0))) {
        l->at++;
    }
}

/* ---- braces ---------------------------------------------------------------------------------- */

static void push(struct rw_lexer *l, enum brace kind)
{
    if (l->n_braces == RW_LEXEME_BRACES_MAX) {
        l->failed = true;
        l->at = l->text.len;
        return;
    }
    l->brace[l->n_braces++] = (uint8_t)kind;
    l->texts += kind == BRACE_TEXT;
    l->brackets += kind == BRACE_SET;
}

static void open_brace(struct rw_lexer *l)
{
    bool argument = l->argument;
    struct rw_lexeme *x = rw_lexer_emit(l, RW_LEXEME_SIGN, '{', 1);
    x->flags |= argument ? RW_LEXEME_BRACE : 0;
    push(l, argument ? BRACE_GROUP : BRACE_SET);
}

static void close_brace(struct rw_lexer *l)
{
    enum brace kind = BRACE_SET;
    if (l->n_braces > 0) {
        kind = (enum brace)l->brace[--l->n_braces];
        l->texts -= kind == BRACE_TEXT;
        l->brackets -= kind == BRACE_SET && l->brackets > 0;
    }
    if (kind == BRACE_TEXT || kind == BRACE_FONT) {
        rw_lexer_skip(l, 1);
        l->spaced = l->spaced || kind == BRACE_TEXT;
        return;
    }
    struct rw_lexeme *x = rw_lexer_emit(l, RW_LEXEME_SIGN, '}', 1);
    x->flags |= kind == BRACE_GROUP ? RW_LEXEME_BRACE : 0;
    l->argument = kind == BRACE_GROUP; /* of \frac{}{} the second */
}

/* ---- commands -------------------------------------------------------------------------------- */

/* The content of the group that begins here, or one character. */
static struct rw_str argument(struct rw_lexer *l)
{
    skip_space(l);
    if (rw_lexer_peek(l, 0) != '{') {
        size_t begin = l->at;
        rw_lexer_skip(l, 1);
        return rw_str_slice(l->text, begin, l->at);
    }
    size_t begin = l->at + 1;
    while (l->at < l->text.len && rw_lexer_peek(l, 0) != '}') {
        l->at++;
    }
    struct rw_str s = rw_str_slice(l->text, RW_MIN(begin, l->at), l->at);
    rw_lexer_skip(l, 1);
    return rw_str_trim(s);
}

/* \begin{array}{cc}: the columns say nothing. */
static void environment(struct rw_lexer *l, enum rw_lexeme_command which)
{
    size_t begin = l->at;
    rw_lexer_skip(l, which == RW_COMMAND_BEGIN ? 6 : 4);
    struct rw_str name = argument(l);
    if (which == RW_COMMAND_BEGIN && rw_str_is(name, "array") && rw_lexer_peek(l, 0) == '{') {
        argument(l);
    }
    size_t end = l->at;
    l->at = begin;
    rw_lexer_emit(l, RW_LEXEME_COMMAND, which, end - begin)->name = name;
    l->environments += which == RW_COMMAND_BEGIN;
    l->brackets += which == RW_COMMAND_BEGIN;
    l->brackets -= which == RW_COMMAND_END && l->brackets > 0;
}

/* \mathbb{R} is another letter than R. */
static void alphabet(struct rw_lexer *l, size_t name_len)
{
    static const char LETTERS[] = "~A~B~C~D~E~F~G~H~I~J~K~L~M~N~O~P~Q~R~S~T~U~V~W~X~Y~Z";
    size_t begin = l->at;
    rw_lexer_skip(l, 1 + name_len);
    struct rw_str s = argument(l);
    size_t end = l->at;
    l->at = begin;
    bool capital = s.len == 1 && s.ptr[0] >= 'A' && s.ptr[0] <= 'Z';
    struct rw_lexeme *x =
        rw_lexer_emit(l, capital ? RW_LEXEME_LETTER : RW_LEXEME_UNKNOWN, 0, end - begin);
    if (capital) {
        x->name = (struct rw_str){LETTERS + 2 * (s.ptr[0] - 'A'), 2};
    }
}

/* Its group holds words, or is as if it were not there. Without a group it says nothing. */
static void wrapper(struct rw_lexer *l, enum brace kind, size_t bytes)
{
    rw_lexer_skip(l, bytes);
    skip_space(l);
    if (rw_lexer_peek(l, 0) == '{') {
        rw_lexer_skip(l, 1);
        l->spaced = l->spaced || kind == BRACE_TEXT;
        push(l, kind);
    }
}

/* "\right." closes nothing. */
static void size_of_bracket(struct rw_lexer *l, size_t bytes)
{
    rw_lexer_skip(l, bytes);
    if (rw_lexer_peek(l, 0) == '.') {
        rw_lexer_skip(l, 1);
    }
}

/* "\\lfloor" is a function and the bracket that "\\rfloor" closes. */
static void call(struct rw_lexer *l, const char *name, size_t bytes)
{
    rw_lexer_emit(l, RW_LEXEME_COMMAND, RW_COMMAND_FUNCTION, bytes)->name = rw_str_from(name);
    rw_lexer_sign(l, '(', 0);
}

void rw_lexer_command(struct rw_lexer *l, struct rw_str name, size_t bytes)
{
    const struct rw_lexeme_entry *entry = rw_lexeme_command(name);
    if (entry == NULL && rw_str_starts(name, RW_STR("quad"))) { /* "\quadx" */
        rw_lexer_skip(l, 5);
        l->spaced = true;
        return;
    }
    switch (entry != NULL ? entry->action : RW_ACTION_NONE) {
    case RW_ACTION_DROP:
        size_of_bracket(l, bytes);
        return;
    case RW_ACTION_SPACE:
        rw_lexer_skip(l, bytes);
        l->spaced = true;
        return;
    case RW_ACTION_TEXT:
        wrapper(l, BRACE_TEXT, bytes);
        return;
    case RW_ACTION_FONT:
        wrapper(l, BRACE_FONT, bytes);
        return;
    case RW_ACTION_SIGN:
        rw_lexer_sign(l, entry->value, bytes);
        return;
    case RW_ACTION_LETTER:
        rw_lexer_emit(l, RW_LEXEME_LETTER, 0, bytes)->name = rw_str_from(entry->name);
        return;
    case RW_ACTION_WORD:
        rw_lexer_emit(l, RW_LEXEME_WORD, 0, bytes)->name = rw_str_from(entry->name);
        return;
    case RW_ACTION_CALL:
        call(l, entry->name, bytes);
        return;
    case RW_ACTION_SKIP:
        rw_lexer_skip(l, bytes);
        argument(l);
        l->argument = true;
        return;
    case RW_ACTION_ALPHABET:
        alphabet(l, name.len);
        return;
    case RW_ACTION_COMMAND:
        if (entry->value == RW_COMMAND_BEGIN || entry->value == RW_COMMAND_END) {
            environment(l, (enum rw_lexeme_command)entry->value);
            return;
        }
        rw_lexer_emit(l, RW_LEXEME_COMMAND, entry->value, bytes)->name = rw_str_from(entry->name);
        l->argument = true;
        return;
    default:
        rw_lexer_emit(l, RW_LEXEME_UNKNOWN, 0, bytes);
        l->argument = true;
    }
}

/* A backslash before something that is no letter. */
static void escaped(struct rw_lexer *l)
{
    char c = rw_lexer_peek(l, 1);
    switch (c) {
    case '(':
    case '[':
        l->math = true;
        rw_lexer_skip(l, 2);
        return;
    case ')':
    case ']':
        l->math = false;
        rw_lexer_skip(l, 2);
        return;
    case '{':
        rw_lexer_sign(l, RW_SIGN_SET, 2);
        return;
    case '}':
        rw_lexer_sign(l, RW_SIGN_SET_END, 2);
        return;
    case '$':
        rw_lexer_sign(l, RW_SIGN_CURRENCY, 2);
        return;
    case '\\':
        rw_lexer_sign(l, RW_SIGN_ROW, 2);
        return;
    case '%':
    case '&':
    case '|':
        rw_lexer_sign(l, c, 2);
        return;
    case '!':
        rw_lexer_skip(l, 2);
        return;
    default:
        if (c == ',' || c == ';' || c == ':' || rw_scan_space(c)) {
            l->spaced = true;
            rw_lexer_skip(l, 2);
        } else {
            rw_lexer_emit(l, RW_LEXEME_UNKNOWN, 0, 1);
        }
    }
}

static void command(struct rw_lexer *l)
{
    size_t end = l->at + 1;
    while (end < l->text.len && rw_lexer_ascii_letter(l->text.ptr[end])) {
        end++;
    }
    struct rw_str name = rw_str_slice(l->text, l->at + 1, end);
    size_t twice = end + 1;
    while (rw_lexer_peek(l, 1) == '\\' && twice < l->text.len &&
           rw_lexer_ascii_letter(l->text.ptr[twice])) {
        twice++;
    }
    struct rw_str escaped_name =
        rw_str_slice(l->text, RW_MIN(end + 1, l->text.len), RW_MIN(twice, l->text.len));
    if (name.len == 0 && l->environments == 0 && escaped_name.len > 1 &&
        rw_lexeme_command(escaped_name) != NULL) {
        rw_lexer_skip(l, 1); /* "\\\\frac": escaped once more on its way here */
    } else if (name.len == 0) {
        escaped(l);
    } else {
        rw_lexer_command(l, name, 1 + name.len);
    }
}

/* ---- dollars --------------------------------------------------------------------------------- */

/* Between two dollar signs a formula has no word of prose. */
static bool prose(struct rw_str s)
{
    size_t depth = 0; /* of braces: \text{ meters} is no prose */
    for (size_t i = 0; i < s.len;) {
        size_t end = i;
        depth += s.ptr[i] == '{';
        depth -= s.ptr[i] == '}' && depth > 0;
        while (end < s.len && rw_lexer_ascii_letter(s.ptr[end])) {
            end++;
        }
        if (end - i >= 2 && depth == 0 && i > 0 && s.ptr[i - 1] == ' ') {
            return true;
        }
        i = RW_MAX(end, i + 1);
    }
    return false;
}

/* "$5" is money, "$5$" a formula, "$5 and $7" money twice. */
static bool is_money(const struct rw_lexer *l)
{
    size_t i = 1;
    char c = rw_lexer_peek(l, 1);
    if (!rw_scan_digit(c) && c != '.' && c != '-' && c != ' ') {
        return false;
    }
    while (i < FORMULA_MAX && rw_lexer_peek(l, i) != 0 && rw_lexer_peek(l, i) != '$') {
        i += rw_lexer_peek(l, i) == '\\' ? 2 : 1;
    }
    if (rw_lexer_peek(l, i) != '$') {
        size_t digit = c == ' ' || c == '-' ? 2 : 1;
        return rw_scan_digit(rw_lexer_peek(l, digit)) || rw_lexer_peek(l, digit) == '.';
    }
    return rw_scan_digit(rw_lexer_peek(l, i + 1)) ||
           prose(rw_str_slice(l->text, l->at + 1, l->at + i));
}

static void dollar(struct rw_lexer *l)
{
    const struct rw_lexemes *out = l->out;
    if (l->dollar) {
        l->dollar = false;
        rw_lexer_skip(l, rw_lexer_peek(l, 1) == '$' ? 2 : 1);
        l->spaced = true;
        return;
    }
    if (rw_lexer_peek(l, 1) == '$') {
        l->dollar = true;
        rw_lexer_skip(l, 2);
    } else if (is_money(l)) {
        rw_lexer_sign(l, RW_SIGN_CURRENCY, 1);
    } else {
        bool behind = out->n > 0 && out->at[out->n - 1].kind == RW_LEXEME_NUMBER && !l->spaced;
        bool closes = rw_str_find(l->text, RW_STR("$"), l->at + 1) < l->text.len;
        if (behind && !closes) {
            rw_lexer_sign(l, RW_SIGN_CURRENCY, 1); /* "1,000$" */
            return;
        }
        l->dollar = closes;
        l->spaced = true;
        rw_lexer_skip(l, 1);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A full-width point or comma between full-width digits. */
static bool inside_number(struct rw_str text, size_t at, size_t bytes)
{
    size_t unused;
    int32_t before = at >= 3 ? rw_utf8_decode(text, at - 3, &unused) : 0;
    int32_t after = at + bytes < text.len ? rw_utf8_decode(text, at + bytes, &unused) : 0;
    return before >= 0xFF10 && before <= 0xFF19 && after >= 0xFF10 && after <= 0xFF19;
}

/* Full-width forms and their like become the ASCII characters they stand for; never longer. */
static bool copy(struct rw_str text, struct rw_lexemes *out)
{
    size_t n = 0;
    if (text.len > RW_LEXEME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len;) {
        size_t bytes = 1;
        if ((unsigned char)text.ptr[i] >= 0x80) {
            struct rw_lexeme_character c = rw_lexeme_character(rw_utf8_decode(text, i, &bytes));
            if (c.kind == RW_CHARACTER_ASCII) {
                out->bytes[n++] = (char)c.value;
                bool inner = rw_scan_word((char)c.value) || inside_number(text, i, bytes);
                for (size_t k = 1; k < bytes && !inner; k++) {
                    out->bytes[n++] = ' '; /* so that offsets stay, but for letters and digits */
                }
                i += bytes;
                continue;
            }
        }
        memcpy(out->bytes + n, text.ptr + i, bytes);
        n += bytes;
        i += bytes;
    }
    out->text = (struct rw_str){out->bytes, n};
    return true;
}

static void number(struct rw_lexer *l)
{
    struct rw_lexeme x = {.begin = (uint32_t)l->at};
    rw_lexeme_number_scan(l->text, l->at, l->brackets > 0, &x);
    struct rw_lexeme *e = rw_lexer_emit(l, RW_LEXEME_NUMBER, 0, x.end - x.begin);
    e->flags |= x.flags;
    e->decimals = x.decimals;
    e->repeats = x.repeats;
    e->exponent = x.exponent;
    if (rw_lexer_peek(l, 0) == '.' && rw_scan_digit(rw_lexer_peek(l, 1))) {
        e->kind = RW_LEXEME_UNKNOWN; /* "1.2.3" */
    }
}

static void next(struct rw_lexer *l)
{
    char c = rw_lexer_peek(l, 0);
    if (rw_scan_space(c)) {
        l->spaced = true;
        rw_lexer_skip(l, 1);
    } else if (rw_scan_digit(c) || (c == '.' && rw_scan_digit(rw_lexer_peek(l, 1)))) {
        number(l);
    } else if (rw_lexer_ascii_letter(c)) {
        rw_lexer_word(l);
    } else if (c == '\\') {
        command(l);
    } else if (c == '$') {
        dollar(l);
    } else if (c == '{') {
        open_brace(l);
    } else if (c == '}') {
        close_brace(l);
    } else if ((unsigned char)c >= 0x80) {
        rw_lexer_above_ascii(l);
    } else {
        rw_lexer_other_ascii(l, c);
    }
}

bool rw_lexemes_read(struct rw_str text, bool math, struct rw_lexemes *out)
{
    out->n = 0;
    if (!copy(text, out)) {
        return false;
    }
    struct rw_lexer l = {.out = out, .text = out->text, .math = math};
    while (l.at < l.text.len && !l.failed) {
        size_t before = l.at;
        size_t n = out->n;
        next(&l);
        rw_assert(l.at > before || out->n > n || l.failed);
    }
    out->at[out->n] = (struct rw_lexeme){
        .kind = RW_LEXEME_END, .begin = (uint32_t)l.text.len, .end = (uint32_t)l.text.len};
    return !l.failed;
}
