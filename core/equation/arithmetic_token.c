#include "core/equation/arithmetic_token.h"

#include <string.h>

#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/equation/arithmetic_word.h"

enum {
    DIGITS_MAX = 15,
    WORD_MAX = 40,     /* bytes of a word that are looked at */
    FORMULA_MAX = 200, /* and of a formula between dollar signs */
    STEM_SLOTS = 2 * RW_TOKENS_MAX,
};

struct lexer {
    struct rw_str text;
    size_t at;
    struct rw_token *token;
    size_t n;
    bool fresh; /* a formula was opened just before */
    size_t n_stems;
    struct rw_str stem[RW_TOKENS_MAX]; /* of the units of this piece */
    uint16_t slot[STEM_SLOTS];         /* hash table of them: number, 0 = free */
};

static char peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : 0;
}

static struct rw_token *emit(struct lexer *l, enum rw_token_kind kind, size_t bytes)
{
    struct rw_token *t = &l->token[l->n++];
    *t = (struct rw_token){.kind = kind, .begin = l->at, .end = l->at + bytes, .fresh = l->fresh};
    l->at += bytes;
    l->fresh = false;
    return t;
}

static bool is_one_of(struct rw_str word, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (rw_scan_equal(word, rw_str_from(*list))) {
            return true;
        }
    }
    return false;
}

/* The bytes of a word that name its unit: "hour" and "hours" have the same. */
static size_t stem_bytes(struct rw_str word)
{
    size_t n = RW_MIN(word.len, (size_t)WORD_MAX);
    char last = n > 0 ? rw_scan_lower(word.ptr[n - 1]) : 0;
    if (n > 2 && last == 's') {
        n -= n > 3 && rw_scan_lower(word.ptr[n - 2]) == 'e' ? 2 : 1;
    } else if (n > 3 && last == 'e') {
        n--;
    }
    return n;
}

static uint32_t stem_hash(struct rw_str stem)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < stem.len; i++) {
        h = (h ^ (unsigned char)rw_scan_lower(stem.ptr[i])) * 16777619U;
    }
    return h ^ (h >> 15);
}

/* The number of the word's unit in this piece. Stems are kept and compared: two bits of a hash, as
 * it was once, took "dogs" and "fish" for one unit by luck. */
static uint16_t unit_of(struct lexer *l, struct rw_str word)
{
    struct rw_str stem = rw_str_slice(word, 0, stem_bytes(word));
    uint32_t at = stem_hash(stem) % STEM_SLOTS;
    while (l->slot[at] != 0) {
        if (rw_scan_equal(l->stem[l->slot[at] - 1], stem)) {
            return l->slot[at];
        }
        at = (at + 1) % STEM_SLOTS;
    }
    if (l->n_stems == RW_TOKENS_MAX) {
        return 0; /* there are fewer tokens than that */
    }
    l->stem[l->n_stems++] = stem;
    l->slot[at] = (uint16_t)l->n_stems;
    return l->slot[at];
}

/* Units that are written without a space behind their number; other letters there are variables. */
static const char *const CLOSE_UNITS[] = {"kg", "cm", "km",  "mm",  "ml",   "ft",  "lb",    "lbs",
                                          "oz", "hr", "hrs", "min", "mins", "mph", "cents", NULL};

/* "AB", "PQR": names of points and variables. */
static bool capitals(struct rw_str word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < 'A' || word.ptr[i] > 'Z') {
            return false;
        }
    }
    return word.len <= 3;
}

static void word(struct lexer *l)
{
    size_t end = l->at;
    while (end < l->text.len &&
           (rw_scan_letter(l->text.ptr[end]) || (l->text.ptr[end] == '\'' && end > l->at))) {
        end++;
    }
    struct rw_str text = rw_str_slice(l->text, l->at, end);
    bool touches = l->n > 0 && l->token[l->n - 1].end == l->at;
    bool number_before = l->n > 0 && (l->token[l->n - 1].kind == RW_TOKEN_NUMBER ||
                                      l->token[l->n - 1].kind == RW_TOKEN_WORD ||
                                      l->token[l->n - 1].kind == RW_TOKEN_CLOSE);
    size_t next = end;
    while (next < l->text.len && l->text.ptr[next] == ' ') {
        next++;
    }
    char c = next < l->text.len ? l->text.ptr[next] : 0;
    bool number_after = rw_scan_digit(c) || (c != 0 && strchr(".$\\({", c) != NULL);
    if (text.len == 1 && (text.ptr[0] == 'x' || text.ptr[0] == 'X') && number_before &&
        number_after) {
        emit(l, RW_TOKEN_TIMES, 1);
        return;
    }
    bool glued = touches && l->token[l->n - 1].kind == RW_TOKEN_NUMBER;
    if ((glued && !is_one_of(text, CLOSE_UNITS)) || capitals(text) ||
        (text.len == 1 && (unsigned char)text.ptr[0] < 0x80 && text.ptr[0] != 'a')) {
        emit(l, RW_TOKEN_BAD, end - l->at);
        return;
    }
    struct rw_token *t = emit(l, RW_TOKEN_WORD, text.len);
    t->unit = is_one_of(text, (const char *const[]){"per", "degree", "degrees", NULL})
                  ? 0
                  : unit_of(l, text);
    t->classes = rw_arithmetic_word_class(text);
    if (text.len == 1 || (touches && l->n > 1 && l->token[l->n - 2].kind == RW_TOKEN_CLOSE)) {
        t->classes |= RW_WORD_BINDS; /* "a"; \frac{1}{2}mnp */
    }
}

/* "1,234.50"; a comma stands before three digits only. */
static void number(struct lexer *l)
{
    size_t i = 0;
    int digits = 0;
    int decimals = 0;
    int64_t num = 0;
    int64_t den = 1;
    bool point = false;
    for (;; i++) {
        char c = peek(l, i);
        if (c == ',' && !point && rw_scan_digit(peek(l, i + 1)) && rw_scan_digit(peek(l, i + 2)) &&
            rw_scan_digit(peek(l, i + 3)) && !rw_scan_digit(peek(l, i + 4)) && digits < 4 + 12) {
            continue;
        }
        if (c == '.' && !point && rw_scan_digit(peek(l, i + 1))) {
            point = true;
            continue;
        }
        if (!rw_scan_digit(c)) {
            break;
        }
        digits++;
        if (digits <= DIGITS_MAX) {
            num = 10 * num + (c - '0');
            den *= point ? 10 : 1;
            decimals += point ? 1 : 0;
        }
    }
    bool odd = (peek(l, i) == ',' && rw_scan_digit(peek(l, i + 1))) || digits > DIGITS_MAX ||
               (peek(l, i) == '.' && rw_scan_digit(peek(l, i + 1))) ||
               (peek(l, i) == ':' && rw_scan_digit(peek(l, i + 1)));
    while (odd && (rw_scan_digit(peek(l, i)) || strchr(".,:", peek(l, i)) != NULL) &&
           l->at + i < l->text.len) {
        i++;
    }
    bool clock = peek(l, 0) == '0' && rw_scan_digit(peek(l, 1)); /* 0730 hours */
    struct rw_token *t = emit(l, odd ? RW_TOKEN_BAD : RW_TOKEN_NUMBER, i);
    t->classes = clock ? RW_WORD_BINDS : 0;
    t->num = num;
    t->den = den;
    t->decimals = decimals;
}

/* Of "$" at `at`: "$3 \\times 4 = 12$ cookies" is a formula, "$3 * 4 = $12" and "$5" are money. */
static bool formula(const struct lexer *l)
{
    bool math = false;
    for (size_t i = 1; i < FORMULA_MAX && l->at + i < l->text.len; i++) {
        char c = peek(l, i);
        if (c == '\n' || (c == '$' && rw_scan_digit(peek(l, i + 1)))) {
            return false;
        }
        if (c == '$' && peek(l, i - 1) != '\\') {
            return math;
        }
        math = math || c == '=';
    }
    return false;
}

/* A number's currency is a unit as "dollars" would be. */
static void currency(struct lexer *l, size_t bytes)
{
    bool money = bytes > 1 || !formula(l);
    l->at += bytes;
    l->fresh = l->fresh || (bytes == 1 && !rw_scan_space(peek(l, 0)));
    if (rw_scan_digit(peek(l, 0)) || (peek(l, 0) == '.' && rw_scan_digit(peek(l, 1)))) {
        number(l);
        l->token[l->n - 1].unit = money ? unit_of(l, RW_STR("dollars")) : 0;
        l->token[l->n - 1].classes |= money ? RW_WORD_MONEY : 0;
    }
}

/* Behind the command's name; \text{...} shows its words. */
static void command(struct lexer *l)
{
    static const char *const SILENT[] = {"left",   "right",  "text",         "mathrm", "mathbf",
                                         "textbf", "boxed",  "displaystyle", "quad",   "qquad",
                                         "mbox",   "textit", "big",          "Big",    NULL};
    size_t end = l->at + 1;
    while (end < l->text.len && rw_scan_letter(l->text.ptr[end]) &&
           (unsigned char)l->text.ptr[end] < 0x80) {
        end++;
    }
    struct rw_str name = rw_str_slice(l->text, l->at + 1, end);
    size_t bytes = end - l->at;
    if (name.len == 0) {
        char c = peek(l, 1);
        if (c == '$') {
            currency(l, 2);
        } else if (c == '%') {
            emit(l, RW_TOKEN_PERCENT, 2);
        } else if (c == '\\') {
            emit(l, RW_TOKEN_BREAK, 2);
        } else {
            l->fresh = l->fresh || c == '(' || c == '[';
            l->at += l->at + 1 < l->text.len ? 2 : 1; /* \( \) \[ \] \, \; \! */
        }
    } else if (is_one_of(name, (const char *const[]){"times", "cdot", "ast", NULL})) {
        emit(l, RW_TOKEN_TIMES, bytes);
    } else if (is_one_of(name, (const char *const[]){"div", NULL})) {
        emit(l, RW_TOKEN_OVER, bytes);
    } else if (is_one_of(name, (const char *const[]){"frac", "dfrac", "tfrac", NULL})) {
        emit(l, RW_TOKEN_FRAC, bytes);
    } else if (is_one_of(name, (const char *const[]){"approx", NULL})) {
        emit(l, RW_TOKEN_EQUAL, bytes)->about = true;
    } else if (is_one_of(name, SILENT)) {
        l->at += bytes;
    } else {
        emit(l, RW_TOKEN_BAD, bytes);
    }
}

static const struct {
    const char *sign;
    enum rw_token_kind kind;
} SIGNS[] = {
    {"\xC3\x97", RW_TOKEN_TIMES},     /* x, multiplication sign */
    {"\xC2\xB7", RW_TOKEN_TIMES},     /* middle dot */
    {"\xE2\x8B\x85", RW_TOKEN_TIMES}, /* dot operator */
    {"\xE2\x88\x97", RW_TOKEN_TIMES}, /* asterisk operator */
    {"\xC3\xB7", RW_TOKEN_OVER},      /* division sign */
    {"\xE2\x88\x95", RW_TOKEN_OVER},  /* division slash */
    {"\xE2\x88\x92", RW_TOKEN_MINUS}, /* minus sign */
    {"\xE2\x80\x93", RW_TOKEN_MINUS}, /* en dash */
    {"\xE2\x89\x88", RW_TOKEN_EQUAL}, /* almost equal to */
    {"==", RW_TOKEN_BAD},
    {"=>", RW_TOKEN_BREAK},
    {"->", RW_TOKEN_BREAK},
    {"<=", RW_TOKEN_BAD},
    {">=", RW_TOKEN_BAD},
    {"!=", RW_TOKEN_BAD},
    {"+-", RW_TOKEN_BAD},
    {"//", RW_TOKEN_BAD},
    {"<<", RW_TOKEN_BREAK}, /* GSM8K's calculator notes */
    {">>", RW_TOKEN_BREAK},
    {"+", RW_TOKEN_PLUS},
    {"-", RW_TOKEN_MINUS},
    {"*", RW_TOKEN_TIMES},
    {"/", RW_TOKEN_OVER},
    {"=", RW_TOKEN_EQUAL},
    {"(", RW_TOKEN_OPEN},
    {"{", RW_TOKEN_OPEN},
    {"[", RW_TOKEN_OPEN},
    {")", RW_TOKEN_CLOSE},
    {"}", RW_TOKEN_CLOSE},
    {"]", RW_TOKEN_CLOSE},
    {"%", RW_TOKEN_PERCENT},
    {".", RW_TOKEN_BREAK},
    {",", RW_TOKEN_BREAK},
    {";", RW_TOKEN_BREAK},
    {":", RW_TOKEN_BREAK},
    {"?", RW_TOKEN_BREAK},
    {"\n", RW_TOKEN_BREAK},
};

static void sign(struct lexer *l)
{
    struct rw_str rest = rw_str_slice(l->text, l->at, l->text.len);
    for (size_t i = 0; i < RW_COUNT(SIGNS); i++) {
        if (SIGNS[i].sign[0] != rest.ptr[0]) {
            continue;
        }
        struct rw_str one = {SIGNS[i].sign, strlen(SIGNS[i].sign)};
        if (rw_str_starts(rest, one)) {
            struct rw_token *t = emit(l, SIGNS[i].kind, one.len);
            t->classes = SIGNS[i].sign[0] == '?' ? RW_WORD_DENIES : 0; /* "does 3 + 4 = 8?" */
            t->about = SIGNS[i].kind == RW_TOKEN_EQUAL && one.len > 1;
            return;
        }
    }
    emit(l, RW_TOKEN_BAD, 1);
}

/* Symbols of two and three bytes that are no letters: U+00A1..BF and U+2000..2BFF. */
static bool symbol(const struct lexer *l)
{
    unsigned char a = (unsigned char)peek(l, 0);
    unsigned char b = (unsigned char)peek(l, 1);
    return a == 0xC2 || (a == 0xE2 && b < 0xB0) || (a == 0xC3 && (b == 0x97 || b == 0xB7));
}

/* "- ", "* ", "1. ", "2) " at the start of a line are no arithmetic. */
static bool bullet(struct lexer *l)
{
    size_t i = 0;
    while (rw_scan_digit(peek(l, i)) && i < 4) {
        i++;
    }
    if (i > 0 && (peek(l, i) == '.' || peek(l, i) == ')') && peek(l, i + 1) == ' ') {
        emit(l, RW_TOKEN_BREAK, i + 1);
        return true;
    }
    if (i == 0 && (peek(l, 0) == '-' || peek(l, 0) == '*') && peek(l, 1) == ' ') {
        emit(l, RW_TOKEN_BREAK, 1);
        return true;
    }
    return false;
}

static void symbol_token(struct lexer *l)
{
    size_t n = l->n;
    sign(l);
    if (l->token[n].kind == RW_TOKEN_BAD && l->token[n].end == l->token[n].begin + 1) {
        while ((peek(l, 0) & 0xC0) == 0x80 && l->at < l->text.len) {
            l->at++;
        }
        l->token[n].end = l->at;
    }
}

size_t rw_tokens_read(struct rw_str step, size_t *at, struct rw_token token[RW_TOKENS_MAX])
{
    struct lexer l; /* its stems need no zero */
    memset(l.slot, 0, sizeof l.slot);
    l.text = step;
    l.at = *at;
    l.token = token;
    l.n = l.n_stems = 0;
    l.fresh = false;
    bool line_start = *at == 0 || step.ptr[*at - 1] == '\n';
    while (l.at < step.len && l.n + 1 < RW_TOKENS_MAX) {
        char c = step.ptr[l.at];
        if (c == ' ' || c == '\t' || c == '\r') {
            l.at++;
            continue;
        }
        bool first = line_start;
        line_start = c == '\n';
        if (first && bullet(&l)) {
            continue;
        }
        if (symbol(&l)) {
            symbol_token(&l);
        } else if (rw_scan_digit(c) || (c == '.' && rw_scan_digit(peek(&l, 1)))) {
            number(&l);
        } else if (rw_scan_letter(c)) {
            word(&l);
        } else if (c == '$') {
            currency(&l, 1);
        } else if (c == '\\') {
            command(&l);
        } else if (c == '*' && peek(&l, 1) == '*') {
            l.at += 2; /* bold */
        } else {
            sign(&l);
        }
        if (l.n > RW_TOKENS_MAX / 2 && l.token[l.n - 1].kind == RW_TOKEN_BREAK) {
            break;
        }
    }
    *at = l.at;
    return rw_tokens_spoken(step, token, l.n);
}
