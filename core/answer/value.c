#include "core/answer/value.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/answer/number.h"
#include "core/base/scan.h"
#include "core/base/util.h"

enum {
    LETTERS_MAX = 3, /* side by side in a product */
};

/* What a part of the expression is worth. */
struct term {
    double v;
    struct rw_exact exact;
    bool imaginary; /* has an i */
    bool variable;
};

struct parser {
    struct rw_str text;
    size_t at;
    int depth;
    int brackets; /* a comma in them separates elements */
    int groups;   /* LaTeX arguments and exponents: letters in them are variables */
    unsigned point;
    double largest;
    uint64_t variables;
    bool overflow;
    bool tangled;
    bool angle;
    bool failed;
};

static struct term parse_sum(struct parser *p);
static struct term parse_power(struct parser *p);

static struct term fail(struct parser *p)
{
    p->failed = true;
    return (struct term){.v = NAN};
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

/* The result of an operation on a and b. */
static struct term result(struct parser *p, const struct term *a, const struct term *b, double v,
                          struct rw_exact exact)
{
    p->overflow = p->overflow || (a->exact.known && b->exact.known && !exact.known);
    p->largest = RW_MAX(fabs(v), p->largest);
    return (struct term){v, exact, a->imaginary || b->imaginary, a->variable || b->variable};
}

static struct term number_term(struct parser *p, double v, struct rw_exact exact)
{
    p->overflow = p->overflow || !exact.known;
    p->largest = RW_MAX(fabs(v), p->largest);
    return (struct term){.v = v, .exact = exact};
}

static struct term negated(struct term a)
{
    a.v = -a.v;
    a.exact = rw_exact_negate(a.exact);
    return a;
}

static struct term added(struct parser *p, struct term a, struct term b)
{
    return result(p, &a, &b, a.v + b.v, rw_exact_add(a.exact, b.exact));
}

static struct term multiplied(struct parser *p, struct term a, struct term b)
{
    p->tangled = p->tangled || (a.imaginary && b.imaginary);
    return result(p, &a, &b, a.v * b.v, rw_exact_multiply(a.exact, b.exact));
}

static struct term divided(struct parser *p, struct term a, struct term b)
{
    p->tangled = p->tangled || b.imaginary;
    return result(p, &a, &b, a.v / b.v, rw_exact_divide(a.exact, b.exact));
}

/* 2^{1/2} is irrational; 2^{200} is not, it does not fit. */
static struct term raised(struct parser *p, struct term a, struct term b)
{
    bool overflow = p->overflow;
    bool whole = b.exact.known && b.exact.den == 1;
    p->tangled = p->tangled || a.imaginary || b.imaginary;
    struct term t = result(p, &a, &b, pow(a.v, b.v), rw_exact_power(a.exact, b.exact));
    p->overflow = whole ? p->overflow : overflow;
    return t;
}

/* A function of a that is not rational. */
static struct term irrational(struct parser *p, struct term a, double v)
{
    p->tangled = p->tangled || a.imaginary;
    p->largest = RW_MAX(fabs(v), p->largest);
    return (struct term){.v = v, .imaginary = a.imaginary, .variable = a.variable};
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void skip_space(struct parser *p)
{
    while (p->at < p->text.len && rw_scan_space(p->text.ptr[p->at])) {
        p->at++;
    }
}

static char peek(struct parser *p)
{
    skip_space(p);
    return p->at < p->text.len ? p->text.ptr[p->at] : 0;
}

static bool take(struct parser *p, char c)
{
    if (peek(p) != c) {
        return false;
    }
    p->at++;
    return true;
}

/* Letters from `at`; the whole run. */
static struct rw_str letters(const struct parser *p, size_t at)
{
    size_t end = at;
    while (end < p->text.len && rw_scan_letter(p->text.ptr[end]) &&
           (unsigned char)p->text.ptr[end] < 0x80) {
        end++;
    }
    return rw_str_slice(p->text, at, end);
}

static uint64_t letter_bit(char c)
{
    return c >= 'a' ? (uint64_t)1 << (c - 'a') : (uint64_t)1 << (26 + c - 'A');
}

uint64_t rw_answer_constants(void)
{
    return letter_bit('e') | letter_bit('i');
}

/* A number in (0.5, 3) that belongs to the name and the point; the same on every machine. */
static struct term variable(struct parser *p, struct rw_str name, uint64_t bit)
{
    uint32_t h = 2166136261u + p->point;
    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ (unsigned char)name.ptr[i]) * 16777619u;
    }
    h = (h ^ (h >> 15)) * 2246822519u;
    h ^= h >> 13;
    p->variables |= bit;
    double v = 0.5 + 2.5 * ((double)(h & 0xFFFFFF) + 0.5) / (double)0x1000000;
    bool euler = rw_str_is(name, "e");
    return (struct term){
        .v = euler ? exp(1) : v, .imaginary = rw_str_is(name, "i"), .variable = true};
}

/* The letter at p->at. "f(0)" is no product. */
static struct term letter(struct parser *p)
{
    char c = p->text.ptr[p->at++];
    bool call = p->at < p->text.len && p->text.ptr[p->at] == '(';
    if (call && strchr("fghFGHP", c) != NULL) {
        return fail(p);
    }
    return variable(p, rw_str_slice(p->text, p->at - 1, p->at), letter_bit(c));
}

static struct term number(struct parser *p)
{
    struct rw_answer_number n;
    if (!rw_answer_number(p->text, p->at, p->brackets > 0, &n)) {
        return fail(p);
    }
    p->at = n.end;
    return number_term(p, n.v, n.exact);
}

/* ---- LaTeX ----------------------------------------------------------------------------------- */

static struct term group(struct parser *p)
{
    if (take(p, '{')) {
        p->groups++;
        struct term value = parse_sum(p);
        p->groups--;
        return take(p, '}') ? value : fail(p);
    }
    /* \frac12: one character each. */
    char c = peek(p);
    if (rw_scan_digit(c)) {
        p->at++;
        return number_term(p, c - '0', rw_exact_make(c - '0', 1));
    }
    if (rw_scan_letter(c) && (unsigned char)c < 0x80) {
        return letter(p);
    }
    return fail(p);
}

static struct term root(struct parser *p)
{
    int degree = 2;
    if (take(p, '[')) {
        size_t n = rw_answer_digits(p->text, p->at);
        degree = 0;
        for (size_t i = 0; i < n && n <= 2; i++) {
            degree = degree * 10 + (p->text.ptr[p->at + i] - '0');
        }
        p->at += n;
        if (degree == 0 || !take(p, ']')) {
            return fail(p);
        }
    }
    struct term a = peek(p) == '(' ? parse_power(p) : group(p);
    struct term t = irrational(p, a, degree == 2 ? sqrt(a.v) : pow(a.v, 1.0 / degree));
    t.exact = rw_exact_root(a.exact, degree);
    return t;
}

static bool is_one_of(struct rw_str name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rw_str_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_function(struct rw_str name)
{
    static const char *const NAMES[] = {"sin", "cos", "tan", "ln"};
    return is_one_of(name, NAMES, RW_COUNT(NAMES));
}

static struct term function(struct parser *p, struct rw_str name)
{
    struct term x = parse_power(p);
    p->angle = p->angle || name.ptr[0] != 'l';
    double v = name.ptr[0] == 's'   ? sin(x.v)
               : name.ptr[0] == 'c' ? cos(x.v)
               : name.ptr[0] == 't' ? tan(x.v)
                                    : log(x.v);
    return irrational(p, x, v);
}

static struct term pi(struct parser *p)
{
    return irrational(p, (struct term){0}, acos(-1));
}

static bool is_fraction(struct rw_str name)
{
    static const char *const NAMES[] = {"frac", "dfrac", "tfrac", "cfrac"};
    return is_one_of(name, NAMES, RW_COUNT(NAMES));
}

static struct term command(struct parser *p)
{
    struct rw_str name = letters(p, p->at + 1);
    p->at += 1 + name.len;
    if (is_fraction(name)) {
        struct term top = group(p);
        struct term bottom = group(p);
        return divided(p, top, bottom);
    }
    if (rw_str_is(name, "sqrt")) {
        return root(p);
    }
    if (rw_str_is(name, "pi")) {
        return pi(p);
    }
    if (is_function(name)) {
        return function(p, name);
    }
    static const char *const GREEK[] = {"alpha", "beta",  "gamma", "theta", "lambda",
                                        "mu",    "sigma", "phi",   "omega", "infty"};
    for (size_t i = 0; i < RW_COUNT(GREEK); i++) {
        if (rw_str_is(name, GREEK[i])) {
            return variable(p, name, (uint64_t)1 << (52 + i));
        }
    }
    return fail(p);
}

/* ---- letters --------------------------------------------------------------------------------- */

static char neighbour(const struct parser *p, size_t at, bool left)
{
    while (left ? at > 0 : at < p->text.len) {
        char c = p->text.ptr[left ? at - 1 : at];
        if (!rw_scan_space(c)) {
            return c;
        }
        at = left ? at - 1 : at + 1;
    }
    return 0;
}

static bool among(char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

/* "xy" in "2xy", "xy + 1" or "\frac{xy}{2}" is a product; "or" in "2 or 3" and "cat" are words. */
static bool is_product(const struct parser *p, struct rw_str word)
{
    static const char *const WORDS[] = {
        "or",  "and", "to",  "of",  "in",  "no",  "on",  "is",  "at",  "by",  "as",  "if",  "am",
        "pm",  "not", "the", "out", "per", "for", "exp", "log", "abs", "max", "min", "gcd", "lcm",
        "mod", "det", "arg", "cot", "sec", "csc", "lim", "sup", "inf", "one", "two", "six", "ten"};
    size_t begin = (size_t)(word.ptr - p->text.ptr);
    size_t end = begin + word.len;
    if (word.len > LETTERS_MAX || is_one_of(word, WORDS, RW_COUNT(WORDS))) {
        return false;
    }
    char left = begin > 0 ? p->text.ptr[begin - 1] : 0;
    return p->groups > 0 || rw_scan_digit(left) || among(left, ")}") ||
           among(neighbour(p, begin, true), "+-*/^=") ||
           among(neighbour(p, end, false), "+-*/^=") ||
           (end + 1 < p->text.len && p->text.ptr[end] == ')' && p->text.ptr[end + 1] == '^');
}

static struct term word(struct parser *p)
{
    struct rw_str name = letters(p, p->at);
    if (name.len == 0) {
        return fail(p);
    }
    if (rw_str_is(name, "sqrt") || rw_str_is(name, "pi")) {
        p->at += name.len;
        return name.ptr[0] == 's' ? root(p) : pi(p);
    }
    if (is_function(name)) {
        p->at += name.len;
        return function(p, name);
    }
    bool first = name.ptr == p->text.ptr || !rw_scan_letter(name.ptr[-1]);
    if (name.len > 1 && first && !is_product(p, name)) {
        return fail(p);
    }
    return letter(p);
}

/* ---- grammar --------------------------------------------------------------------------------- */

static struct term bracketed(struct parser *p, char close)
{
    p->at++;
    p->brackets++;
    struct term value = parse_sum(p);
    p->brackets--;
    return take(p, close) ? value : fail(p);
}

static struct term primary(struct parser *p)
{
    static const char CLOSING[] = ")]}";
    static const char OPENING[] = "([{";
    char c = peek(p);
    const char *open = c != 0 ? strchr(OPENING, c) : NULL;
    if (open != NULL) {
        return bracketed(p, CLOSING[open - OPENING]);
    }
    if (rw_scan_digit(c) || c == '.') {
        return number(p);
    }
    return c == '\\' ? command(p) : word(p);
}

static struct term parse_power(struct parser *p)
{
    if (p->failed || p->depth >= RW_ANSWER_DEPTH_MAX) {
        return fail(p);
    }
    p->depth++;
    struct term value;
    if (take(p, '-')) {
        value = negated(parse_power(p));
    } else if (take(p, '+')) {
        value = parse_power(p);
    } else {
        value = primary(p);
        if (take(p, '^')) {
            bool braces = peek(p) == '{';
            p->groups += braces;
            struct term exponent = parse_power(p);
            p->groups -= braces;
            value = raised(p, value, exponent);
        }
    }
    p->depth--;
    return value;
}

/* Where the last token ended, before the space that was skipped. */
static size_t token_end(const struct parser *p)
{
    size_t end = p->at;
    while (end > 0 && rw_scan_space(p->text.ptr[end - 1])) {
        end--;
    }
    return end;
}

/* "1 1/2" and "1\frac{1}{2}" are one and a half; "2 3" and "1 5/2" are nothing. */
static void mixed(struct parser *p, bool space, struct term *value)
{
    struct term part;
    if (peek(p) == '\\' && is_fraction(letters(p, p->at + 1))) {
        part = command(p);
        if (part.variable) {
            *value = multiplied(p, *value, part);
            return;
        }
    } else if (space && rw_scan_digit(peek(p))) {
        part = number(p);
        if (!take(p, '/') || !rw_scan_digit(peek(p))) {
            p->failed = true;
            return;
        }
        part = divided(p, part, number(p));
    } else {
        return;
    }
    if (!(part.v > 0 && part.v < 1)) {
        p->failed = true;
    }
    *value = added(p, *value, part);
}

/* The text [begin, end) is a whole number. */
static bool whole(const struct parser *p, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (!rw_scan_digit(p->text.ptr[i]) && p->text.ptr[i] != ',') {
            return false;
        }
    }
    return begin < end;
}

/* A factor without a sign before it. "x3" and "2{3}" are not said. */
static bool factor_follows(struct parser *p)
{
    size_t end = token_end(p);
    char last = end > 0 ? p->text.ptr[end - 1] : 0;
    char c = peek(p);
    if (c == '{') {
        char inner = p->at + 1 < p->text.len ? p->text.ptr[p->at + 1] : 0;
        p->failed = p->failed || (rw_scan_digit(last) && rw_scan_digit(inner));
    }
    if (rw_scan_digit(c) && !among(last, ")]}")) {
        p->failed = true;
    }
    return c == '(' || c == '{' || c == '\\' || rw_scan_letter(c) || rw_scan_digit(c);
}

static struct term parse_product(struct parser *p)
{
    bool minus = false;
    while (peek(p) == '-' || peek(p) == '+') {
        minus ^= p->text.ptr[p->at++] == '-';
    }
    size_t begin = p->at;
    struct term value = parse_power(p);
    size_t end = token_end(p);
    if (!p->failed && whole(p, begin, end)) {
        mixed(p, end < p->at || (end < p->text.len && rw_scan_space(p->text.ptr[end])), &value);
    }
    while (!p->failed) {
        char c = peek(p);
        if (c == '*' || c == '/') {
            p->at++;
            struct term right = parse_power(p);
            value = c == '*' ? multiplied(p, value, right) : divided(p, value, right);
        } else if (factor_follows(p)) {
            value = multiplied(p, value, parse_power(p));
        } else {
            break;
        }
    }
    return minus ? negated(value) : value;
}

static struct term parse_sum(struct parser *p)
{
    if (p->depth >= RW_ANSWER_DEPTH_MAX) {
        return fail(p);
    }
    p->depth++;
    struct term value = parse_product(p);
    while (!p->failed) {
        if (take(p, '+')) {
            value = added(p, value, parse_product(p));
        } else if (take(p, '-')) {
            value = added(p, value, negated(parse_product(p)));
        } else {
            break;
        }
    }
    p->depth--;
    return value;
}

/* Letters and spaces alone are words, but for a single one. */
static bool only_words(struct rw_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!rw_scan_letter(c) && !rw_scan_space(c) && !among(c, "()[]{},")) {
            return false;
        }
        n += rw_scan_letter(c);
    }
    return n > 1;
}

bool rw_answer_evaluate(struct rw_str text, struct rw_answer_value *out)
{
    *out = (struct rw_answer_value){0};
    bool any = false;
    if (only_words(text) && !rw_str_is(text, "pi")) {
        return false;
    }
    for (unsigned k = 0; k < RW_ANSWER_POINTS; k++) {
        if (k > 0 && out->variables == 0) { /* the same at every point */
            out->at[k] = out->at[0];
            out->largest[k] = out->largest[0];
            continue;
        }
        struct parser p = {.text = text, .point = k};
        struct term value = parse_sum(&p);
        skip_space(&p);
        if (p.failed || p.at != text.len) {
            return false;
        }
        out->at[k] = value.v;
        out->largest[k] = p.largest;
        out->exact = value.exact;
        out->variables |= p.variables;
        out->overflow = out->overflow || p.overflow;
        out->tangled = out->tangled || p.tangled;
        out->angle = out->angle || p.angle;
        any = any || isfinite(value.v);
    }
    return any;
}
