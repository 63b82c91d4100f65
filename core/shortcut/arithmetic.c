#include "core/shortcut/arithmetic.h"

#include <string.h>

#include "core/shortcut/arithmetic_token.h"
#include "core/shortcut/scan.h"

enum {
    DEPTH_MAX = 8,
    UNIT_WORDS_MAX = 3,
    SIDE_TOKENS_MAX = 64, /* of one side of an equation */
};

/* An exact number and how it was written. */
struct value {
    int64_t num;
    int64_t den;    /* > 0 */
    int operators;  /* 0: a number alone */
    int decimals;   /* of the number alone */
    bool percent;   /* a % occurs; it may stand for 1/100 or be said of the result */
    uint32_t units; /* which units occur, as bits of a hash */
};

struct reader {
    const struct rw_token *token;
    size_t at;
    size_t end;
    int depth;
    bool hundredth; /* % is 1/100, else it is 1 */
};

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* Lowest terms, positive denominator; false on overflow or a zero denominator. */
static bool settle(struct value *v)
{
    if (v->den == 0 || v->num == INT64_MIN || v->den == INT64_MIN) {
        return false;
    }
    int64_t g = gcd(v->num, v->den);
    g = v->den < 0 ? -g : g;
    v->num /= g;
    v->den /= g;
    return true;
}

static bool times(struct value *a, const struct value *b)
{
    return !__builtin_mul_overflow(a->num, b->num, &a->num) &&
           !__builtin_mul_overflow(a->den, b->den, &a->den) && settle(a);
}

static bool plus(struct value *a, const struct value *b, bool minus)
{
    int64_t left;
    int64_t right;
    if (__builtin_mul_overflow(a->num, b->den, &left) ||
        __builtin_mul_overflow(b->num, a->den, &right) ||
        __builtin_mul_overflow(a->den, b->den, &a->den)) {
        return false;
    }
    return !(minus ? __builtin_sub_overflow(left, right, &a->num)
                   : __builtin_add_overflow(left, right, &a->num)) &&
           settle(a);
}

static bool apply(struct value *a, const struct value *b, enum rw_token_kind operator)
{
    struct value right = *b;
    a->operators += b->operators + 1;
    a->percent = a->percent || b->percent;
    if (operator== RW_TOKEN_PLUS || operator== RW_TOKEN_MINUS) {
        if (a->units != 0 && b->units != 0 && a->units != b->units) {
            return false; /* 8 feet + 2 inches */
        }
        a->units |= b->units;
        return plus(a, b, operator== RW_TOKEN_MINUS);
    }
    a->units |= b->units;
    if (operator== RW_TOKEN_OVER) {
        right.num = b->den;
        right.den = b->num;
        if (!settle(&right)) {
            return false;
        }
    }
    return times(a, &right);
}

static enum rw_token_kind kind(const struct reader *r, size_t at)
{
    return at < r->end ? r->token[at].kind : RW_TOKEN_BREAK;
}

static bool operator_at(const struct reader *r, size_t at)
{
    enum rw_token_kind k = kind(r, at);
    return k == RW_TOKEN_PLUS || k == RW_TOKEN_MINUS || k == RW_TOKEN_TIMES || k == RW_TOKEN_OVER;
}

static bool sum(struct reader *r, struct value *out);

static bool group(struct reader *r, struct value *out)
{
    if (kind(r, r->at) != RW_TOKEN_OPEN || r->depth == DEPTH_MAX) {
        return false;
    }
    r->at++;
    r->depth++;
    bool fine = sum(r, out) && kind(r, r->at) == RW_TOKEN_CLOSE;
    r->depth--;
    r->at++;
    return fine;
}

/* Words of a unit: only where an operator, a bracket or the end of the side follows. */
static void unit(struct reader *r, struct value *out)
{
    size_t at = r->at;
    uint32_t bits = 0;
    while (kind(r, at) == RW_TOKEN_WORD && !r->token[at].binds && at - r->at < UNIT_WORDS_MAX) {
        bits |= r->token[at++].unit;
    }
    if (at > r->at && (operator_at(r, at) || kind(r, at) == RW_TOKEN_CLOSE || at == r->end)) {
        r->at = at;
        out->units |= bits;
    }
}

static bool fraction(struct reader *r, struct value *out)
{
    struct value below;
    r->at++;
    return group(r, out) && group(r, &below) && apply(out, &below, RW_TOKEN_OVER);
}

static bool primary(struct reader *r, struct value *out)
{
    bool minus = kind(r, r->at) == RW_TOKEN_MINUS;
    bool fine = true;
    r->at += minus ? 1 : 0;
    *out = (struct value){.den = 1};
    if (kind(r, r->at) == RW_TOKEN_NUMBER) {
        const struct rw_token *t = &r->token[r->at++];
        *out =
            (struct value){.num = t->num, .den = t->den, .decimals = t->decimals, .units = t->unit};
        fine = settle(out);
        if (kind(r, r->at) == RW_TOKEN_PERCENT) {
            const struct value hundred = {.num = 100, .den = 1};
            r->at++;
            out->percent = true;
            out->decimals += r->hundredth ? 2 : 0;
            struct value below = hundred;
            below.num = 1;
            below.den = 100;
            fine = fine && (!r->hundredth || times(out, &below));
        }
    } else {
        fine = kind(r, r->at) == RW_TOKEN_FRAC ? fraction(r, out) : group(r, out);
    }
    if (fine && minus) {
        out->num = -out->num;
    }
    if (fine) {
        unit(r, out);
    }
    return fine;
}

static bool product(struct reader *r, struct value *out)
{
    bool fine = primary(r, out);
    bool over = false;
    while (fine) {
        enum rw_token_kind k = kind(r, r->at);
        struct value right;
        if (k == RW_TOKEN_OPEN && r->token[r->at - 1].end == r->token[r->at].begin) {
            k = RW_TOKEN_TIMES; /* 2(3 + 4) */
        } else if (k == RW_TOKEN_OVER && over) {
            return false; /* 2000 / 2/3 */
        } else if (k == RW_TOKEN_TIMES || k == RW_TOKEN_OVER) {
            over = over || k == RW_TOKEN_OVER;
            r->at++;
        } else {
            break;
        }
        fine = primary(r, &right) && apply(out, &right, k);
    }
    return fine;
}

static bool sum(struct reader *r, struct value *out)
{
    bool fine = product(r, out);
    while (fine && (kind(r, r->at) == RW_TOKEN_PLUS || kind(r, r->at) == RW_TOKEN_MINUS)) {
        enum rw_token_kind k = r->token[r->at++].kind;
        struct value right;
        fine = product(r, &right) && apply(out, &right, k);
    }
    return fine;
}

/* ---- sides of an equation -----------------------------------------------------------------------
 */

/* What may stand before the first token of a left side without being part of it. A number alone is
 * one only within a chain: "after week 1 = 19 + 4". */
static bool may_precede(const struct rw_token *token, size_t at, bool alone)
{
    const struct rw_token *t = &token[at > 0 ? at - 1 : 0];
    bool chain = at > 0 && t->kind == RW_TOKEN_EQUAL;
    if (alone || token[at].kind == RW_TOKEN_MINUS) {
        return chain;
    }
    return at == 0 || chain || t->kind == RW_TOKEN_BREAK ||
           (t->kind == RW_TOKEN_WORD && !t->binds && !(t->end == token[at].begin)) ||
           (t->kind == RW_TOKEN_OPEN && (at < 2 || token[at - 2].kind != RW_TOKEN_NUMBER));
}

/* The longest side that ends before token `equal`. *first is where it begins. */
static bool left_side(const struct rw_token *token, size_t equal, size_t from, bool hundredth,
                      struct value *out, size_t *first)
{
    from = equal - from > SIDE_TOKENS_MAX ? equal - SIDE_TOKENS_MAX : from;
    for (size_t at = from; at < equal; at++) {
        struct reader r = {.token = token, .at = at, .end = equal, .hundredth = hundredth};
        if (token[at].kind != RW_TOKEN_WORD && sum(&r, out) && r.at == equal) {
            *first = at;
            return may_precede(token, at, out->operators == 0);
        }
    }
    return false;
}

static bool may_follow(const struct rw_token *token, size_t n, size_t at)
{
    return at == n || token[at].kind == RW_TOKEN_BREAK || token[at].kind == RW_TOKEN_EQUAL ||
           (token[at].kind == RW_TOKEN_WORD && !token[at].binds) ||
           (token[at].kind == RW_TOKEN_CLOSE &&
            (at + 1 == n || token[at + 1].kind == RW_TOKEN_BREAK ||
             token[at + 1].kind == RW_TOKEN_WORD || token[at + 1].kind == RW_TOKEN_CLOSE));
}

/* The side that begins at token `at`; *last is one past its end. */
static bool right_side(const struct rw_token *token, size_t n, size_t at, bool hundredth,
                       struct value *out, size_t *last)
{
    size_t end = n - at > SIDE_TOKENS_MAX ? at + SIDE_TOKENS_MAX : n;
    struct reader r = {.token = token, .at = at, .end = end, .hundredth = hundredth};
    if (!sum(&r, out) || !may_follow(token, n, r.at)) {
        return false;
    }
    *last = r.at;
    if (r.at < n && token[r.at].kind == RW_TOKEN_WORD) {
        out->units |= token[r.at].unit;
    }
    return true;
}

/* |a - b| * 10^decimals < 1, where b is rounded. */
static bool rounded(const struct value *a, const struct value *b)
{
    struct value difference = *a;
    struct value power = {.num = 1, .den = 1};
    for (int i = 0; i < b->decimals; i++) {
        if (__builtin_mul_overflow(power.num, 10, &power.num)) {
            return true;
        }
    }
    struct value exact = *a;
    if (!times(&exact, &power) || exact.den == 1) {
        return false; /* nothing to round */
    }
    return !plus(&difference, b, true) || !times(&difference, &power) ||
           (difference.num < difference.den && difference.num > -difference.den);
}

static bool equal(const struct value *a, const struct value *b)
{
    return (a->num == b->num && a->den == b->den) || (b->operators == 0 && rounded(a, b)) ||
           (a->operators == 0 && rounded(b, a));
}

/* 90 minutes = 1.5 hours: with units on a side the same quantity may have another number. */
static bool converted(const struct value *a, const struct value *b)
{
    static const int64_t RATIOS[] = {3,  4,  7,   8,   12,   16,   24,   36,    52,    60,     100,
                                     10, 30, 365, 144, 1000, 3600, 5280, 10000, 86400, 1000000};
    struct value ratio = {.num = b->den, .den = b->num};
    if ((a->units == b->units) || !settle(&ratio) || !times(&ratio, a)) {
        return false;
    }
    for (size_t i = 0; i < sizeof RATIOS / sizeof RATIOS[0]; i++) {
        if ((ratio.num == RATIOS[i] && ratio.den == 1) ||
            (ratio.den == RATIOS[i] && ratio.num == 1)) {
            return true;
        }
    }
    return false;
}

/* The text around "=" under one reading of %. 1 true, 0 false, -1 undecided. */
static int decide(const struct rw_token *token, size_t n, size_t from, size_t at, bool hundredth,
                  size_t *first, size_t *last)
{
    struct value left;
    struct value right;
    if (!left_side(token, at, from, hundredth, &left, first) ||
        !right_side(token, n, at + 1, hundredth, &right, last) ||
        left.operators + right.operators == 0) {
        return -1;
    }
    if (equal(&left, &right)) {
        return 1;
    }
    if (left.percent != right.percent) {
        struct value hundred = {.num = 100, .den = 1};
        struct value *other = left.percent ? &right : &left;
        if (!times(other, &hundred) || equal(&left, &right)) {
            return 1;
        }
    }
    if (right.operators > 0 && token[at + 1].kind == RW_TOKEN_NUMBER) {
        struct value head = {
            .num = token[at + 1].num, .den = token[at + 1].den, .decimals = token[at + 1].decimals};
        if (settle(&head) && equal(&left, &head)) {
            return 1; /* it runs on */
        }
    }
    return left.percent || right.percent || converted(&left, &right) ? -1 : 0;
}

static void check_tokens(const struct rw_token *token, size_t n, struct rw_arithmetic *out)
{
    size_t from = 0;
    for (size_t at = 0; at < n; at++) {
        if (token[at].kind == RW_TOKEN_BREAK) {
            from = at + 1;
        }
        if (token[at].kind != RW_TOKEN_EQUAL) {
            continue;
        }
        size_t first = at;
        size_t last = at;
        int verdict = decide(token, n, from, at, true, &first, &last);
        if (verdict != 1) {
            int other = decide(token, n, from, at, false, &first, &last);
            verdict = other > verdict ? other : verdict;
        }
        from = at + 1;
        out->checked += verdict >= 0 ? 1 : 0;
        if (verdict == 0 && out->wrong++ == 0) {
            out->begin = token[first].begin;
            out->end = token[last - 1].end;
        }
    }
}

void rw_arithmetic_check(struct rw_str step, struct rw_arithmetic *out)
{
    struct rw_token token[RW_TOKENS_MAX];
    *out = (struct rw_arithmetic){0};
    if (!rw_arithmetic_plain(step)) {
        return;
    }
    for (size_t at = 0; at < step.len;) {
        size_t n = rw_tokens_read(step, &at, token);
        check_tokens(token, n, out);
    }
}

bool rw_arithmetic_plain(struct rw_str text)
{
    static const char *const WORDS[] = {"mod",    "modulo",      "base",  "bases",   "clock",
                                        "binary", "hexadecimal", "octal", "modulus", "congruent",
                                        "pmod",   "bmod",        "equiv", "xor",     "mathbb",
                                        "binom",  "gcd",         "lcm"};
    for (size_t at = 0; at < text.len;) {
        if (!rw_scan_letter(text.ptr[at])) {
            at++;
            continue;
        }
        size_t end = at;
        while (end < text.len && rw_scan_letter(text.ptr[end])) {
            end++;
        }
        struct rw_str word = rw_str_slice(text, at, end);
        for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
            if (rw_scan_equal(word, rw_str_from(WORDS[i]))) {
                return false;
            }
        }
        at = end;
    }
    return true;
}
