/* Signs, words and what is above ASCII, as lexemes. */
#include "core/answer/lexeme_parts.h"
#include "core/answer/lexeme_table.h"
#include "core/base/utf8.h"

enum {
    HYPHEN_LETTERS = 3, /* "x-axis" is a word, "x-y" a difference */
};

struct rw_lexeme *rw_lexer_emit(struct rw_lexer *l, enum rw_lexeme_kind kind, int sign,
                                size_t bytes)
{
    struct rw_lexemes *out = l->out;
    size_t end = RW_MIN(l->at + bytes, l->text.len);
    if (out->n == RW_LEXEMES_MAX) {
        l->failed = true;
        l->at = l->text.len;
        return &out->at[RW_LEXEMES_MAX];
    }
    struct rw_lexeme *x = &out->at[out->n++];
    *x = (struct rw_lexeme){.kind = (uint8_t)kind,
                            .sign = (uint8_t)sign,
                            .begin = (uint32_t)l->at,
                            .end = (uint32_t)end};
    x->flags = (uint16_t)((l->spaced ? RW_LEXEME_SPACED : 0) | (l->texts > 0 ? RW_LEXEME_TEXT : 0) |
                          (l->math || l->dollar ? RW_LEXEME_MATH : 0));
    x->name = rw_str_slice(l->text, x->begin, x->end);
    l->at = end;
    l->spaced = false;
    l->argument = false;
    return x;
}

void rw_lexer_sign(struct rw_lexer *l, int which, size_t bytes)
{
    if (which == '(' || which == '[' || which == RW_SIGN_SET) {
        l->brackets++;
    } else if (which == ')' || which == ']' || which == RW_SIGN_SET_END) {
        l->brackets -= l->brackets > 0;
    }
    rw_lexer_emit(l, RW_LEXEME_SIGN, which, bytes);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The end of a run of letters, ASCII or of other scripts. */
static size_t letters_end(struct rw_str s, size_t at)
{
    while (at < s.len) {
        size_t bytes = 1;
        if ((unsigned char)s.ptr[at] >= 0x80 &&
            rw_lexeme_character(rw_utf8_decode(s, at, &bytes)).kind != RW_CHARACTER_WORD) {
            break;
        }
        if ((unsigned char)s.ptr[at] < 0x80 && !rw_lexer_ascii_letter(s.ptr[at])) {
            break;
        }
        at += bytes;
    }
    return at;
}

void rw_lexer_word(struct rw_lexer *l)
{
    size_t end = letters_end(l->text, l->at);
    bool math = l->math || l->dollar;
    while (!math && end + 1 < l->text.len && l->text.ptr[end] == '-') {
        size_t more = letters_end(l->text, end + 1);
        if (more == end + 1 || (end - l->at < HYPHEN_LETTERS && more - end - 1 < HYPHEN_LETTERS)) {
            break;
        }
        end = more;
    }
    size_t len = end - l->at;
    bool one = len == 1;
    rw_lexer_emit(l, one ? RW_LEXEME_LETTER : RW_LEXEME_WORD, 0, len);
}

/* ---- signs ----------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    uint8_t sign;
} PAIRS[] = {
    {"...", RW_SIGN_ELLIPSIS}, {"<=", RW_SIGN_LE},    {"=<", RW_SIGN_LE},
    {">=", RW_SIGN_GE},        {"!=", RW_SIGN_NE},    {"==", '='},
    {"=>", RW_SIGN_ARROW},     {"->", RW_SIGN_ARROW}, {":=", '='},
    {"+/-", RW_SIGN_PM},       {"+-", RW_SIGN_PM},    {"~=", RW_SIGN_ABOUT},
};

static bool pair(struct rw_lexer *l)
{
    struct rw_str rest = rw_str_slice(l->text, l->at, l->text.len);
    for (size_t i = 0; i < RW_COUNT(PAIRS); i++) {
        struct rw_str text = rw_str_from(PAIRS[i].text);
        if (rw_str_starts(rest, text)) {
            size_t bytes = text.len;
            while (PAIRS[i].sign == RW_SIGN_ELLIPSIS && rw_lexer_peek(l, bytes) == '.') {
                bytes++;
            }
            rw_lexer_emit(l, RW_LEXEME_SIGN, PAIRS[i].sign, bytes);
            return true;
        }
    }
    return false;
}

/* "2**3" and "2 ** 3" are powers; other pairs of stars make letters bold. */
static void stars(struct rw_lexer *l)
{
    char left = l->at > 0 ? l->text.ptr[l->at - 1] : 0;
    char right = rw_lexer_peek(l, 2);
    bool tight = (rw_scan_word(left) || left == ')' || left == '}') &&
                 (rw_scan_word(right) || right == '(' || right == '{' || right == '-');
    bool wide = l->out->n > 0 && rw_scan_space(left) && rw_scan_space(right);
    if (l->at > 0 && (tight || wide)) {
        rw_lexer_emit(l, RW_LEXEME_SIGN, '^', 2);
        l->argument = true;
    } else {
        rw_lexer_skip(l, 2);
        l->spaced = true;
    }
}

static void prime(struct rw_lexer *l)
{
    const struct rw_lexemes *out = l->out;
    bool behind = out->n > 0 && !l->spaced && out->at[out->n - 1].kind != RW_LEXEME_NUMBER &&
                  (out->at[out->n - 1].kind != RW_LEXEME_SIGN || out->at[out->n - 1].sign == '\'');
    if (behind) {
        rw_lexer_emit(l, RW_LEXEME_SIGN, '\'', 1);
    } else {
        rw_lexer_skip(l, 1);
    }
}

void rw_lexer_other_ascii(struct rw_lexer *l, char c)
{
    if (pair(l)) {
        return;
    }
    if (c == '*' && rw_lexer_peek(l, 1) == '*') {
        stars(l);
    } else if (c == '\'') {
        prime(l);
    } else if (c == '"' || c == '`') {
        rw_lexer_skip(l, 1);
    } else if (c == '~') {
        l->spaced = true;
        rw_lexer_skip(l, 1);
    } else if (c > ' ' && c != '#' && c != '@') {
        rw_lexer_sign(l, c, 1);
        l->argument = c == '^' || c == '_';
    } else {
        rw_lexer_emit(l, RW_LEXEME_UNKNOWN, 0, 1);
    }
}

/* The next character, when it goes on with the run: value '0' to '9', '-', 'n'; 0 when not. */
static char small(struct rw_str s, size_t at, int kind, size_t *bytes)
{
    if (at >= s.len || (unsigned char)s.ptr[at] < 0x80) {
        return 0;
    }
    struct rw_lexeme_character c = rw_lexeme_character(rw_utf8_decode(s, at, bytes));
    return (int)c.kind == kind ? (char)c.value : 0;
}

static void brace(struct rw_lexer *l, char which)
{
    rw_lexer_emit(l, RW_LEXEME_SIGN, which, 0)->flags |= RW_LEXEME_BRACE;
}

/* A run of small digits above or below the line: "^" or "_", and the number, in braces when it has
 * a sign or several digits. The digits are written over the run, which is longer. */
static void small_digits(struct rw_lexer *l, struct rw_lexeme_character c, size_t bytes)
{
    static const char DIGITS[] = "0123456789";
    int kind = (int)c.kind;
    size_t more = 0;
    bool minus = c.value == '-';
    bool group = minus || small(l->text, l->at + bytes, kind, &more) != 0;
    rw_lexer_emit(l, RW_LEXEME_SIGN, kind == RW_CHARACTER_POWER ? '^' : '_', 0);
    if (!group && c.value == 'n') {
        rw_lexer_emit(l, RW_LEXEME_LETTER, 0, bytes)->name = RW_STR("n");
        return;
    }
    if (!group) {
        rw_lexer_emit(l, RW_LEXEME_NUMBER, 0, bytes)->name =
            (struct rw_str){DIGITS + (c.value - '0'), 1};
        return;
    }
    brace(l, '{');
    if (minus) {
        rw_lexer_emit(l, RW_LEXEME_SIGN, '-', bytes);
    }
    char *digits = l->out->bytes + l->at;
    size_t n = 0;
    size_t end = l->at;
    for (char d; (d = small(l->text, end, kind, &more)) >= '0' && d <= '9'; end += more) {
        digits[n++] = d;
    }
    if (n == 0) {
        rw_lexer_emit(l, RW_LEXEME_UNKNOWN, 0, minus ? 0 : bytes); /* "x^-" */
    } else {
        rw_lexer_emit(l, RW_LEXEME_NUMBER, 0, end - l->at)->name = (struct rw_str){digits, n};
    }
    brace(l, '}');
}

void rw_lexer_above_ascii(struct rw_lexer *l)
{
    size_t bytes;
    int32_t code = rw_utf8_decode(l->text, l->at, &bytes);
    struct rw_lexeme_character c = rw_lexeme_character(code);
    switch (c.kind) {
    case RW_CHARACTER_SPACE:
        l->spaced = true;
        rw_lexer_skip(l, bytes);
        return;
    case RW_CHARACTER_QUOTE:
        rw_lexer_skip(l, bytes);
        return;
    case RW_CHARACTER_SIGN:
        rw_lexer_sign(l, c.value, bytes);
        return;
    case RW_CHARACTER_LETTER:
        rw_lexer_emit(l, RW_LEXEME_LETTER, 0, bytes)->name =
            rw_lexeme_letter(code, rw_str_slice(l->text, l->at - bytes, l->at));
        return;
    case RW_CHARACTER_POWER:
    case RW_CHARACTER_INDEX:
        small_digits(l, c, bytes);
        return;
    case RW_CHARACTER_VULGAR:
        rw_lexer_emit(l, RW_LEXEME_COMMAND, RW_COMMAND_VULGAR, bytes)->exponent = c.value;
        return;
    case RW_CHARACTER_ROOT:
        rw_lexer_emit(l, RW_LEXEME_COMMAND, RW_COMMAND_SQRT, bytes)->name = RW_STR("sqrt");
        l->argument = true;
        return;
    case RW_CHARACTER_WORD:
        rw_lexer_word(l);
        return;
    case RW_CHARACTER_COMMAND:
        rw_lexer_command(l, rw_str_from(c.command), bytes);
        return;
    default:
        rw_lexer_emit(l, RW_LEXEME_UNKNOWN, 0, bytes);
    }
}
