#include "core/answer/lexeme.h"

#include "core/answer/lexeme_table.h"
#include "core/base/assert.h"
#include "core/base/scan.h"
#include "core/base/utf8.h"
#include "core/base/util.h"

enum {
    FORMULA_MAX = 300,  /* bytes between two dollar signs that are looked at */
    HYPHEN_LETTERS = 3, /* "x-axis" is a word, "x-y" a difference */
};

/* What a closing brace ends. */
enum brace {
    BRACE_GROUP,
    BRACE_SET, /* braces where no argument is due: "{1,234}" */
    BRACE_TEXT,
    BRACE_FONT,
};

struct lexer {
    struct rw_lexemes *out;
    struct rw_str text;
    size_t at;
    uint8_t brace[RW_LEXEME_BRACES_MAX];
    size_t n_braces;
    size_t texts;        /* of the open braces, TEXT ones */
    size_t brackets;     /* open ones in which a comma separates */
    size_t environments; /* begun: "\\\\" ends a row in them */
    bool spaced;
    bool math;
    bool dollar;   /* inside $...$ */
    bool argument; /* a brace that opens now is an argument */
    bool failed;
};

static char peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : 0;
}

static bool ascii_letter(char c)
{
    return rw_scan_letter(c) && (unsigned char)c < 0x80;
}

static struct rw_lexeme *emit(struct lexer *l, enum rw_lexeme_kind kind, int sign, size_t bytes)
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

static void skip(struct lexer *l, size_t bytes)
{
    l->at = RW_MIN(l->at + bytes, l->text.len);
}

static void skip_space(struct lexer *l)
{
    while (rw_scan_space(peek(l, 0))) {
        l->at++;
    }
}

static void sign(struct lexer *l, int which, size_t bytes)
{
    if (which == '(' || which == '[' || which == RW_SIGN_SET) {
        l->brackets++;
    } else if (which == ')' || which == ']' || which == RW_SIGN_SET_END) {
        l->brackets -= l->brackets > 0;
    }
    emit(l, RW_LEXEME_SIGN, which, bytes);
}

/* ---- braces ---------------------------------------------------------------------------------- */

static void push(struct lexer *l, enum brace kind)
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

static void open_brace(struct lexer *l)
{
    bool argument = l->argument;
    struct rw_lexeme *x = emit(l, RW_LEXEME_SIGN, '{', 1);
    x->flags |= argument ? RW_LEXEME_BRACE : 0;
    push(l, argument ? BRACE_GROUP : BRACE_SET);
}

static void close_brace(struct lexer *l)
{
    enum brace kind = BRACE_SET;
    if (l->n_braces > 0) {
        kind = (enum brace)l->brace[--l->n_braces];
        l->texts -= kind == BRACE_TEXT;
        l->brackets -= kind == BRACE_SET && l->brackets > 0;
    }
    if (kind == BRACE_TEXT || kind == BRACE_FONT) {
        skip(l, 1);
        l->spaced = l->spaced || kind == BRACE_TEXT;
        return;
    }
    struct rw_lexeme *x = emit(l, RW_LEXEME_SIGN, '}', 1);
    x->flags |= kind == BRACE_GROUP ? RW_LEXEME_BRACE : 0;
    l->argument = kind == BRACE_GROUP; /* of \frac{}{} the second */
}

/* ---- commands -------------------------------------------------------------------------------- */

/* The content of the group that begins here, or one character. */
static struct rw_str argument(struct lexer *l)
{
    skip_space(l);
    if (peek(l, 0) != '{') {
        size_t begin = l->at;
        skip(l, 1);
        return rw_str_slice(l->text, begin, l->at);
    }
    size_t begin = l->at + 1;
    while (l->at < l->text.len && peek(l, 0) != '}') {
        l->at++;
    }
    struct rw_str s = rw_str_slice(l->text, RW_MIN(begin, l->at), l->at);
    skip(l, 1);
    return rw_str_trim(s);
}

/* \begin{array}{cc}: the columns say nothing. */
static void environment(struct lexer *l, enum rw_lexeme_command which)
{
    size_t begin = l->at;
    skip(l, which == RW_COMMAND_BEGIN ? 6 : 4);
    struct rw_str name = argument(l);
    if (which == RW_COMMAND_BEGIN && rw_str_is(name, "array") && peek(l, 0) == '{') {
        argument(l);
    }
    size_t end = l->at;
    l->at = begin;
    emit(l, RW_LEXEME_COMMAND, which, end - begin)->name = name;
    l->environments += which == RW_COMMAND_BEGIN;
    l->brackets += which == RW_COMMAND_BEGIN;
    l->brackets -= which == RW_COMMAND_END && l->brackets > 0;
}

/* \mathbb{R} is another letter than R. */
static void alphabet(struct lexer *l, size_t name_len)
{
    static const char LETTERS[] = "~A~B~C~D~E~F~G~H~I~J~K~L~M~N~O~P~Q~R~S~T~U~V~W~X~Y~Z";
    size_t begin = l->at;
    skip(l, 1 + name_len);
    struct rw_str s = argument(l);
    size_t end = l->at;
    l->at = begin;
    bool capital = s.len == 1 && s.ptr[0] >= 'A' && s.ptr[0] <= 'Z';
    struct rw_lexeme *x = emit(l, capital ? RW_LEXEME_LETTER : RW_LEXEME_UNKNOWN, 0, end - begin);
    if (capital) {
        x->name = (struct rw_str){LETTERS + 2 * (s.ptr[0] - 'A'), 2};
    }
}

/* Its group holds words, or is as if it were not there. Without a group it says nothing. */
static void wrapper(struct lexer *l, enum brace kind, size_t bytes)
{
    skip(l, bytes);
    skip_space(l);
    if (peek(l, 0) == '{') {
        skip(l, 1);
        l->spaced = l->spaced || kind == BRACE_TEXT;
        push(l, kind);
    }
}

/* "\right." closes nothing. */
static void size_of_bracket(struct lexer *l, size_t bytes)
{
    skip(l, bytes);
    if (peek(l, 0) == '.') {
        skip(l, 1);
    }
}

static void named(struct lexer *l, struct rw_str name)
{
    const struct rw_lexeme_entry *entry = rw_lexeme_command(name);
    size_t bytes = 1 + name.len;
    if (entry == NULL && rw_str_starts(name, RW_STR("quad"))) { /* "\quadx" */
        skip(l, 5);
        l->spaced = true;
        return;
    }
    switch (entry != NULL ? entry->action : RW_ACTION_NONE) {
    case RW_ACTION_DROP:
        size_of_bracket(l, bytes);
        return;
    case RW_ACTION_SPACE:
        skip(l, bytes);
        l->spaced = true;
        return;
    case RW_ACTION_TEXT:
        wrapper(l, BRACE_TEXT, bytes);
        return;
    case RW_ACTION_FONT:
        wrapper(l, BRACE_FONT, bytes);
        return;
    case RW_ACTION_SIGN:
        sign(l, entry->value, bytes);
        return;
    case RW_ACTION_LETTER:
        emit(l, RW_LEXEME_LETTER, 0, bytes)->name = rw_str_from(entry->name);
        return;
    case RW_ACTION_ALPHABET:
        alphabet(l, name.len);
        return;
    case RW_ACTION_COMMAND:
        if (entry->value == RW_COMMAND_BEGIN || entry->value == RW_COMMAND_END) {
            environment(l, (enum rw_lexeme_command)entry->value);
            return;
        }
        emit(l, RW_LEXEME_COMMAND, entry->value, bytes)->name = rw_str_from(entry->name);
        l->argument = true;
        return;
    default:
        emit(l, RW_LEXEME_UNKNOWN, 0, bytes);
        l->argument = true;
    }
}

/* A backslash before something that is no letter. */
static void escaped(struct lexer *l)
{
    char c = peek(l, 1);
    switch (c) {
    case '(':
    case '[':
        l->math = true;
        skip(l, 2);
        return;
    case ')':
    case ']':
        l->math = false;
        skip(l, 2);
        return;
    case '{':
        sign(l, RW_SIGN_SET, 2);
        return;
    case '}':
        sign(l, RW_SIGN_SET_END, 2);
        return;
    case '$':
        sign(l, RW_SIGN_CURRENCY, 2);
        return;
    case '\\':
        sign(l, RW_SIGN_ROW, 2);
        return;
    case '%':
    case '&':
    case '|':
        sign(l, c, 2);
        return;
    case '!':
        skip(l, 2);
        return;
    default:
        if (c == ',' || c == ';' || c == ':' || rw_scan_space(c)) {
            l->spaced = true;
            skip(l, 2);
        } else {
            emit(l, RW_LEXEME_UNKNOWN, 0, 1);
        }
    }
}

static void command(struct lexer *l)
{
    size_t end = l->at + 1;
    while (end < l->text.len && ascii_letter(l->text.ptr[end])) {
        end++;
    }
    struct rw_str name = rw_str_slice(l->text, l->at + 1, end);
    size_t twice = end + 1;
    while (peek(l, 1) == '\\' && twice < l->text.len && ascii_letter(l->text.ptr[twice])) {
        twice++;
    }
    struct rw_str escaped_name =
        rw_str_slice(l->text, RW_MIN(end + 1, l->text.len), RW_MIN(twice, l->text.len));
    if (name.len == 0 && l->environments == 0 && escaped_name.len > 1 &&
        rw_lexeme_command(escaped_name) != NULL) {
        skip(l, 1); /* "\\\\frac": escaped once more on its way here */
    } else if (name.len == 0) {
        escaped(l);
    } else {
        named(l, name);
    }
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
        if ((unsigned char)s.ptr[at] < 0x80 && !ascii_letter(s.ptr[at])) {
            break;
        }
        at += bytes;
    }
    return at;
}

static void word(struct lexer *l)
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
    emit(l, one ? RW_LEXEME_LETTER : RW_LEXEME_WORD, 0, len);
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
        while (end < s.len && ascii_letter(s.ptr[end])) {
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
static bool is_money(const struct lexer *l)
{
    size_t i = 1;
    char c = peek(l, 1);
    if (!rw_scan_digit(c) && c != '.' && c != '-' && c != ' ') {
        return false;
    }
    while (i < FORMULA_MAX && peek(l, i) != 0 && peek(l, i) != '$') {
        i += peek(l, i) == '\\' ? 2 : 1;
    }
    if (peek(l, i) != '$') {
        size_t digit = c == ' ' || c == '-' ? 2 : 1;
        return rw_scan_digit(peek(l, digit)) || peek(l, digit) == '.';
    }
    return rw_scan_digit(peek(l, i + 1)) || prose(rw_str_slice(l->text, l->at + 1, l->at + i));
}

static void dollar(struct lexer *l)
{
    const struct rw_lexemes *out = l->out;
    if (l->dollar) {
        l->dollar = false;
        skip(l, peek(l, 1) == '$' ? 2 : 1);
        l->spaced = true;
        return;
    }
    if (peek(l, 1) == '$') {
        l->dollar = true;
        skip(l, 2);
    } else if (is_money(l)) {
        sign(l, RW_SIGN_CURRENCY, 1);
    } else {
        bool behind = out->n > 0 && out->at[out->n - 1].kind == RW_LEXEME_NUMBER && !l->spaced;
        bool closes = rw_str_find(l->text, RW_STR("$"), l->at + 1) < l->text.len;
        if (behind && !closes) {
            sign(l, RW_SIGN_CURRENCY, 1); /* "1,000$" */
            return;
        }
        l->dollar = closes;
        l->spaced = true;
        skip(l, 1);
    }
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

static bool pair(struct lexer *l)
{
    struct rw_str rest = rw_str_slice(l->text, l->at, l->text.len);
    for (size_t i = 0; i < RW_COUNT(PAIRS); i++) {
        struct rw_str text = rw_str_from(PAIRS[i].text);
        if (rw_str_starts(rest, text)) {
            size_t bytes = text.len;
            while (PAIRS[i].sign == RW_SIGN_ELLIPSIS && peek(l, bytes) == '.') {
                bytes++;
            }
            emit(l, RW_LEXEME_SIGN, PAIRS[i].sign, bytes);
            return true;
        }
    }
    return false;
}

/* "2**3" and "2 ** 3" are powers; other pairs of stars make letters bold. */
static void stars(struct lexer *l)
{
    char left = l->at > 0 ? l->text.ptr[l->at - 1] : 0;
    char right = peek(l, 2);
    bool tight = (rw_scan_word(left) || left == ')' || left == '}') &&
                 (rw_scan_word(right) || right == '(' || right == '{' || right == '-');
    bool wide = l->out->n > 0 && rw_scan_space(left) && rw_scan_space(right);
    if (l->at > 0 && (tight || wide)) {
        emit(l, RW_LEXEME_SIGN, '^', 2);
        l->argument = true;
    } else {
        skip(l, 2);
        l->spaced = true;
    }
}

static void prime(struct lexer *l)
{
    const struct rw_lexemes *out = l->out;
    bool behind = out->n > 0 && !l->spaced && out->at[out->n - 1].kind != RW_LEXEME_NUMBER &&
                  (out->at[out->n - 1].kind != RW_LEXEME_SIGN || out->at[out->n - 1].sign == '\'');
    if (behind) {
        emit(l, RW_LEXEME_SIGN, '\'', 1);
    } else {
        skip(l, 1);
    }
}

static void other_ascii(struct lexer *l, char c)
{
    if (pair(l)) {
        return;
    }
    if (c == '*' && peek(l, 1) == '*') {
        stars(l);
    } else if (c == '\'') {
        prime(l);
    } else if (c == '"' || c == '`') {
        skip(l, 1);
    } else if (c == '~') {
        l->spaced = true;
        skip(l, 1);
    } else if (c > ' ' && c != '#' && c != '@') {
        sign(l, c, 1);
        l->argument = c == '^' || c == '_';
    } else {
        emit(l, RW_LEXEME_UNKNOWN, 0, 1);
    }
}

/* A run of small digits above or below the line: "^" or "_", and the number. */
static void small_digits(struct lexer *l, struct rw_lexeme_character c, size_t bytes)
{
    const struct rw_lexemes *out = l->out;
    bool follows = out->n > 1 && out->at[out->n - 1].kind == RW_LEXEME_NUMBER &&
                   out->at[out->n - 1].end == l->at && out->at[out->n - 1].name.ptr != NULL &&
                   (unsigned char)l->text.ptr[out->at[out->n - 1].begin] >= 0x80;
    static const char DIGITS[] = "0123456789";
    if (follows) { /* a second digit: too rare to read */
        emit(l, RW_LEXEME_UNKNOWN, 0, bytes);
        return;
    }
    if (c.value == '-') {
        emit(l, RW_LEXEME_UNKNOWN, 0, bytes);
        return;
    }
    emit(l, RW_LEXEME_SIGN, c.kind == RW_CHARACTER_POWER ? '^' : '_', 0);
    struct rw_lexeme *x = emit(l, RW_LEXEME_NUMBER, 0, bytes);
    x->name = (struct rw_str){DIGITS + (c.value - '0'), 1};
}

static void above_ascii(struct lexer *l)
{
    size_t bytes;
    int32_t code = rw_utf8_decode(l->text, l->at, &bytes);
    struct rw_lexeme_character c = rw_lexeme_character(code);
    switch (c.kind) {
    case RW_CHARACTER_SPACE:
        l->spaced = true;
        skip(l, bytes);
        return;
    case RW_CHARACTER_QUOTE:
        skip(l, bytes);
        return;
    case RW_CHARACTER_SIGN:
        sign(l, c.value, bytes);
        return;
    case RW_CHARACTER_LETTER:
        emit(l, RW_LEXEME_LETTER, 0, bytes);
        return;
    case RW_CHARACTER_POWER:
    case RW_CHARACTER_INDEX:
        small_digits(l, c, bytes);
        return;
    case RW_CHARACTER_VULGAR:
        emit(l, RW_LEXEME_COMMAND, RW_COMMAND_VULGAR, bytes)->exponent = c.value;
        return;
    case RW_CHARACTER_ROOT:
        emit(l, RW_LEXEME_COMMAND, RW_COMMAND_SQRT, bytes)->name = RW_STR("sqrt");
        l->argument = true;
        return;
    case RW_CHARACTER_WORD:
        word(l);
        return;
    default:
        emit(l, RW_LEXEME_UNKNOWN, 0, bytes);
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

static void number(struct lexer *l)
{
    struct rw_lexeme x = {.begin = (uint32_t)l->at};
    rw_lexeme_number_scan(l->text, l->at, l->brackets > 0, &x);
    struct rw_lexeme *e = emit(l, RW_LEXEME_NUMBER, 0, x.end - x.begin);
    e->flags |= x.flags;
    e->decimals = x.decimals;
    e->repeats = x.repeats;
    e->exponent = x.exponent;
    if (peek(l, 0) == '.' && rw_scan_digit(peek(l, 1))) {
        e->kind = RW_LEXEME_UNKNOWN; /* "1.2.3" */
    }
}

static void next(struct lexer *l)
{
    char c = peek(l, 0);
    if (rw_scan_space(c)) {
        l->spaced = true;
        skip(l, 1);
    } else if (rw_scan_digit(c) || (c == '.' && rw_scan_digit(peek(l, 1)))) {
        number(l);
    } else if (ascii_letter(c)) {
        word(l);
    } else if (c == '\\') {
        command(l);
    } else if (c == '$') {
        dollar(l);
    } else if (c == '{') {
        open_brace(l);
    } else if (c == '}') {
        close_brace(l);
    } else if ((unsigned char)c >= 0x80) {
        above_ascii(l);
    } else {
        other_ascii(l, c);
    }
}

bool rw_lexemes_read(struct rw_str text, bool math, struct rw_lexemes *out)
{
    out->n = 0;
    if (!copy(text, out)) {
        return false;
    }
    struct lexer l = {.out = out, .text = out->text, .math = math};
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
