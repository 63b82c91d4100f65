#include "core/equation/arithmetic.h"
#include "core/equation/arithmetic_plain.h"

#include <math.h>

#include "core/base/scan.h"
#include "core/base/util.h"
#include "core/equation/arithmetic_token.h"
#include "core/equation/arithmetic_word.h"
#include "core/equation/units.h"

enum {
    DEPTH_MAX = 8,
    UNIT_WORDS_MAX = 3,
    SIDE_TOKENS_MAX = 64,  /* of one side of an equation */
    CLAUSE_WORDS_MAX = 16, /* looked at before an equation, */
    REMARK_WORDS_MAX = 3,  /* and behind it */
    NO_UNIT = RW_WORD_BINDS | RW_WORD_JOINS | RW_WORD_NUMERAL,
};

/* An exact number and how it was written. */
struct value {
    int64_t num;
    int64_t den;           /* > 0 */
    int operators;         /* 0: a number alone */
    int decimals;          /* of the number alone */
    bool percent;          /* a % occurs; it may stand for 1/100 or be said of the result */
    struct rw_units units; /* which units occur */
    struct rw_units near;  /* and those of the words behind the side */
    uint32_t classes;      /* RW_WORD_* of the units and of the words behind the side */
};

struct reader {
    const struct rw_token *token;
    size_t at;
    size_t end;
    int depth;
    bool hundredth; /* % is 1/100, else it is 1 */
};

/* ---- numbers --------------------------------------------------------------------------------- */

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

static bool apply(struct value *a, const struct value *b, enum rw_token_kind sign)
{
    struct value right = *b;
    a->operators += b->operators + 1;
    a->percent = a->percent || b->percent;
    a->classes |= b->classes;
    if (sign == RW_TOKEN_PLUS || sign == RW_TOKEN_MINUS) {
        if (!rw_units_none(&a->units) && !rw_units_none(&b->units) &&
            !rw_units_same(&a->units, &b->units)) {
            return false; /* 8 feet + 2 inches */
        }
        rw_units_join(&a->units, &b->units);
        return plus(a, b, sign == RW_TOKEN_MINUS);
    }
    rw_units_join(&a->units, &b->units);
    if (sign == RW_TOKEN_OVER) {
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
    struct rw_units units = {{0}};
    uint32_t classes = 0;
    while (kind(r, at) == RW_TOKEN_WORD && !r->token[at].fresh && at - r->at < UNIT_WORDS_MAX &&
           (r->token[at].classes & NO_UNIT) == 0) {
        classes |= r->token[at].classes;
        rw_units_add(&units, r->token[at++].unit);
    }
    if (at > r->at && (operator_at(r, at) || kind(r, at) == RW_TOKEN_CLOSE || at == r->end)) {
        r->at = at;
        rw_units_join(&out->units, &units);
        out->classes |= classes;
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
        *out = (struct value){
            .num = t->num, .den = t->den, .decimals = t->decimals, .classes = t->classes};
        rw_units_add(&out->units, t->unit);
        fine = settle(out) && (t->classes & RW_WORD_BINDS) == 0;
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
    while (fine && (kind(r, r->at) == RW_TOKEN_PLUS ||
                    (kind(r, r->at) == RW_TOKEN_MINUS && !r->token[r->at].fresh))) {
        enum rw_token_kind k = r->token[r->at++].kind;
        struct value right;
        fine = product(r, &right) && apply(out, &right, k);
    }
    return fine;
}

/* ---- sides of an equation -------------------------------------------------------------------- */

/* "10 tickets at": the last of these words is token `at`. */
static bool counted(const struct rw_token *token, size_t at)
{
    size_t word = at;
    while (word > 0 && at - word < UNIT_WORDS_MAX - 1 && token[word - 1].kind == RW_TOKEN_WORD &&
           (token[word - 1].classes & RW_WORD_JOINS) == 0) {
        word--;
    }
    return word > 0 && token[word - 1].kind == RW_TOKEN_NUMBER;
}

/* "triple 5", "the absolute value 3", "3 quarters 8", "10 dollars 50": the words before token `at`
 * make another number of it. */
static bool changed(const struct rw_token *token, size_t at)
{
    uint32_t prefix = RW_WORD_BINDS | RW_WORD_PREFIX | RW_WORD_COUNT | RW_WORD_NUMERAL;
    if (at > 1 && token[at - 1].kind == RW_TOKEN_WORD && token[at - 2].kind == RW_TOKEN_NUMBER &&
        (token[at - 1].classes & RW_WORD_JOINS) == 0) {
        return true;
    }
    if (at > 2 && token[at - 1].kind == RW_TOKEN_WORD && token[at - 2].kind == RW_TOKEN_WORD &&
        ((token[at - 1].classes | token[at - 2].classes) & RW_WORD_EACH) != 0) {
        return counted(token, at - 1);
    }
    while (at > 0 && token[at - 1].kind == RW_TOKEN_WORD &&
           (token[at - 1].classes & (prefix | RW_WORD_PASSED)) == RW_WORD_PASSED) {
        prefix |= RW_WORD_TO;
        at--;
    }
    return at > 0 && token[at - 1].kind == RW_TOKEN_WORD && (token[at - 1].classes & prefix) != 0;
}

/* "8 + . 84 + .82", "14, 400 / 80": the break before token `at` stands within a number. */
static bool split(const struct rw_token *token, size_t at)
{
    if (at < 2 || token[at - 1].kind != RW_TOKEN_BREAK) {
        return false;
    }
    enum rw_token_kind k = token[at - 2].kind;
    bool thousands = k == RW_TOKEN_NUMBER && token[at].kind == RW_TOKEN_NUMBER &&
                     token[at].end - token[at].begin == 3 &&
                     token[at - 1].begin == token[at - 2].end &&
                     token[at - 1].end + 1 == token[at].begin &&
                     (at < 3 || token[at - 3].kind != RW_TOKEN_EQUAL);
    return thousands || k == RW_TOKEN_PLUS || k == RW_TOKEN_MINUS || k == RW_TOKEN_TIMES ||
           k == RW_TOKEN_OVER;
}

/* "weeks 1-2 = 96" */
static bool range(const struct rw_token *token, size_t at, size_t end)
{
    return at > 0 && token[at - 1].kind == RW_TOKEN_WORD && end == at + 3 &&
           token[at].kind == RW_TOKEN_NUMBER && token[at + 1].kind == RW_TOKEN_MINUS &&
           token[at + 2].kind == RW_TOKEN_NUMBER && token[at].end == token[at + 1].begin &&
           token[at + 1].end == token[at + 2].begin && token[at].den == 1 &&
           token[at + 2].den == 1 && token[at].num < token[at + 2].num &&
           (token[at - 1].classes & (RW_WORD_LABEL | RW_WORD_TIME)) != 0;
}

/* What may stand before the first token of a left side without being part of it. A number alone is
 * one only within a chain: "after week 1 = 19 + 4". */
static bool may_precede(const struct rw_token *token, size_t at, bool alone)
{
    const struct rw_token *t = &token[at > 0 ? at - 1 : 0];
    bool chain = at > 0 && t->kind == RW_TOKEN_EQUAL;
    if (alone || token[at].kind == RW_TOKEN_MINUS) {
        return chain;
    }
    return at == 0 || chain || (t->kind == RW_TOKEN_BREAK && !split(token, at)) ||
           (t->kind == RW_TOKEN_WORD && !changed(token, at) && !(t->end == token[at].begin)) ||
           (t->kind == RW_TOKEN_OPEN && (at < 2 || token[at - 2].kind != RW_TOKEN_NUMBER));
}

/* Words are not written as carefully as signs: "the sum of 3 and 4 times 2 equals 14". A sum with a
 * sign in words is only read where nothing can belong to it. */
static bool apart(const struct rw_token *token, size_t at, size_t equal)
{
    bool spoken = false;
    for (size_t i = at; i <= equal; i++) {
        spoken = spoken || (token[i].classes & RW_WORD_SPOKEN) != 0;
    }
    bool share = equal == at + 3 && token[at + 1].kind == RW_TOKEN_OVER &&
                 token[at].end == token[at + 1].begin; /* "2/5 is equal to 12.8 hectares" */
    const struct rw_token *t = &token[at > 0 ? at - 1 : 0];
    if (spoken && share) {
        return false;
    }
    return !spoken || at == 0 || t->kind == RW_TOKEN_BREAK || t->kind == RW_TOKEN_EQUAL ||
           (t->kind == RW_TOKEN_WORD && (t->classes & RW_WORD_JOINS) != 0);
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
            return may_precede(token, at, out->operators == 0) && !range(token, at, equal) &&
                   apart(token, at, equal);
        }
    }
    return false;
}

static bool may_follow(const struct rw_token *token, size_t n, size_t at)
{
    return at == n || token[at].kind == RW_TOKEN_BREAK || token[at].kind == RW_TOKEN_EQUAL ||
           (token[at].kind == RW_TOKEN_WORD &&
            (token[at].classes & (RW_WORD_BINDS | RW_WORD_NUMERAL)) == 0) ||
           (token[at].kind == RW_TOKEN_CLOSE &&
            (at + 1 == n || token[at + 1].kind == RW_TOKEN_BREAK ||
             token[at + 1].kind == RW_TOKEN_WORD || token[at + 1].kind == RW_TOKEN_CLOSE));
}

/* "= 2 hours 15 minutes", "= 2 hours and 15 minutes": token `at` is the first word. */
static bool mixed(const struct rw_token *token, size_t n, size_t at)
{
    const uint32_t unit = RW_WORD_QUANTITY | RW_WORD_COUNT;
    size_t next = at + 1;
    if ((token[at].classes & unit) == 0) {
        return false;
    }
    bool linked =
        next < n && token[next].kind == RW_TOKEN_WORD && (token[next].classes & RW_WORD_BINDS) != 0;
    next += linked ? 1 : 0;
    if (next == n || token[next].kind != RW_TOKEN_NUMBER) {
        return false;
    }
    return !linked || (token[at].classes & RW_WORD_COUNT) != 0 || /* 2 sixes and 1 */
           (next + 1 < n && token[next + 1].kind == RW_TOKEN_WORD &&
            (token[next + 1].classes & unit) != 0);
}

/* The side that begins at token `at`; *last is one past its end. */
static bool right_side(const struct rw_token *token, size_t n, size_t at, bool hundredth,
                       struct value *out, size_t *last)
{
    const uint32_t unit = RW_WORD_QUANTITY | RW_WORD_COUNT;
    size_t end = n - at > SIDE_TOKENS_MAX ? at + SIDE_TOKENS_MAX : n;
    struct reader r = {.token = token, .at = at, .end = end, .hundredth = hundredth};
    if (!sum(&r, out) || !may_follow(token, n, r.at)) {
        return false;
    }
    *last = r.at;
    if (r.at < n && token[r.at].kind == RW_TOKEN_WORD) {
        if (mixed(token, n, r.at)) {
            return false;
        }
        /* "$300 left" has its unit. */
        if (rw_units_none(&out->units) || (token[r.at].classes & unit) != 0) {
            rw_units_add(&out->units, token[r.at].unit);
        }
    }
    out->near = out->units;
    for (size_t i = r.at; i < n && i < r.at + UNIT_WORDS_MAX && token[i].kind == RW_TOKEN_WORD &&
                          (token[i].classes & NO_UNIT) == 0;
         i++) {
        rw_units_add(&out->near, token[i].unit);
        out->classes |= token[i].classes;
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

/* Of a number that is only nearly right: one unit of its last digit that is not 0 (1,200 is rounded
 * to hundreds), or a fiftieth of it. */
static bool about(const struct value *a, const struct value *b)
{
    double exact = (double)a->num / (double)a->den;
    double shown = (double)b->num / (double)b->den;
    double unit = 1;
    for (int i = 0; i < b->decimals; i++) {
        unit /= 10;
    }
    for (int64_t n = b->num; b->den == 1 && n != 0 && n % 10 == 0; n /= 10) {
        unit *= 10;
    }
    double room = fabs(shown) / 50;
    return fabs(exact - shown) <= (RW_MAX(unit, room));
}

static bool equal(const struct value *a, const struct value *b)
{
    return (a->num == b->num && a->den == b->den) || (b->operators == 0 && rounded(a, b)) ||
           (a->operators == 0 && rounded(b, a));
}

/* 90 minutes = 1.5 hours: with units on a side the same quantity may have another number. */
static bool converted(const struct value *left, const struct value *right)
{
    static const int64_t RATIOS[] = {3,    4,    7,    8,     12,    16,    24,     36,   52,
                                     60,   100,  10,   14,    30,    365,   144,    1000, 1760,
                                     2000, 3600, 5280, 10000, 43560, 86400, 1000000};
    if (rw_units_same(&left->units, &right->units)) {
        return false;
    }
    bool other = rw_units_disjoint(&left->units, &right->near);
    if ((left->classes & RW_WORD_COUNT) != 0 ||
        (other && (left->classes & right->classes & RW_WORD_QUANTITY) != 0)) {
        return true; /* 2 fives + 1 = 11; 1 mile + 1 mile = 3.2 km */
    }
    struct value ratio = {.num = right->den, .den = right->num};
    if (!settle(&ratio) || !times(&ratio, left)) {
        return false;
    }
    bool whole = ratio.num == 1 || ratio.den == 1;
    if ((right->classes & RW_WORD_COUNT) != 0 && (whole || right->decimals > 0)) {
        return true; /* 10 + 10 = 1 score */
    }
    bool apart =
        (left->classes & RW_WORD_QUANTITY) != 0 && (right->classes & RW_WORD_QUANTITY) != 0;
    if (other && !apart && !rw_units_none(&left->units) && !rw_units_none(&right->units) && whole &&
        ratio.num > 0) {
        return true; /* 3 packs + 2 packs = 30 pencils */
    }
    for (size_t i = 0; i < RW_COUNT(RATIOS); i++) {
        if ((ratio.num == RATIOS[i] && ratio.den == 1) ||
            (ratio.den == RATIOS[i] && ratio.num == 1)) {
            return true;
        }
    }
    return false;
}

static bool denies(const struct rw_token *token)
{
    return (token->classes & RW_WORD_DENIES) != 0 &&
           (token->kind == RW_TOKEN_WORD || token->kind == RW_TOKEN_BREAK);
}

/* "not 3 + 4 = 8", "if 3 + 4 = 8", "3 + 4 = 8?", "3 + 4 = 8 (false)": what begins at token `first`
 * is not said to be so. */
static bool denied(const struct rw_token *token, size_t n, size_t first, size_t equal, size_t last)
{
    for (size_t i = first; i > 0 && first - i < CLAUSE_WORDS_MAX; i--) {
        if (token[i - 1].kind == RW_TOKEN_BREAK) {
            break;
        }
        if (denies(&token[i - 1])) {
            return true;
        }
    }
    size_t at = equal + 1;
    while (at < n && at < last + REMARK_WORDS_MAX && token[at].kind != RW_TOKEN_BREAK) {
        if (denies(&token[at++])) {
            return true;
        }
    }
    if (at < n && token[at].kind == RW_TOKEN_BREAK && denies(&token[at])) {
        return true;
    }
    while (at < n && token[at].kind == RW_TOKEN_BREAK) {
        at++;
    }
    return at + 1 < n && token[at].kind == RW_TOKEN_OPEN && denies(&token[at + 1]);
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
    if (equal(&left, &right) || (token[at].about && about(&left, &right))) {
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
    return left.percent || right.percent || converted(&left, &right) ||
                   denied(token, n, *first, at, *last)
               ? -1
               : 0;
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
            verdict = RW_MAX(other, verdict);
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
