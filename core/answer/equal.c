/* Answers that are lists, choices or words, and of what kind two answers are. */
#include "core/answer/parts.h"
#include "core/base/scan.h"

enum {
    ELEMENTS_MAX = 16, /* of a list, tuple or set */
};

/* Elements between commas outside brackets; 0 when there are more than ELEMENTS_MAX. */
static size_t elements(struct rw_str s, struct rw_str out[ELEMENTS_MAX])
{
    size_t n = 0;
    size_t depth = 0;
    size_t begin = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && strchr("([{", s.ptr[i]) != NULL) {
            depth++;
        } else if (i < s.len && strchr(")]}", s.ptr[i]) != NULL) {
            depth -= depth > 0;
        } else if (i == s.len || (s.ptr[i] == ',' && depth == 0)) {
            if (n == ELEMENTS_MAX) {
                return 0;
            }
            out[n++] = rw_answer_tidy(rw_str_slice(s, begin, i));
            begin = i + 1;
        }
    }
    return n;
}

static enum rw_verified equal_tuples(const struct rw_str *a, const struct rw_str *b, size_t n,
                                     int depth)
{
    enum rw_verified all = RW_VERIFIED_RIGHT;
    for (size_t i = 0; i < n && all != RW_VERIFIED_WRONG; i++) {
        enum rw_verified now = rw_answer_equal_forms(a[i], b[i], depth);
        all = now == RW_VERIFIED_RIGHT ? all : now;
    }
    return all;
}

/* Right when the elements can be paired off; wrong when an element of either side has no chance. */
static enum rw_verified equal_sets(const struct rw_str *a, const struct rw_str *b, size_t n,
                                   int depth)
{
    bool taken[ELEMENTS_MAX] = {false};
    bool chance[2][ELEMENTS_MAX] = {{false}};
    size_t paired = 0;
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t j = 0; j < n; j++) {
            enum rw_verified now = rw_answer_equal_forms(a[i], b[j], depth);
            chance[0][i] = chance[0][i] || now != RW_VERIFIED_WRONG;
            chance[1][j] = chance[1][j] || now != RW_VERIFIED_WRONG;
            if (now == RW_VERIFIED_RIGHT && !taken[j] && !found) {
                taken[j] = found = true;
                paired++;
            }
        }
    }
    if (paired == n) {
        return RW_VERIFIED_RIGHT;
    }
    for (size_t i = 0; i < n; i++) {
        if (!chance[0][i] || !chance[1][i]) {
            return RW_VERIFIED_WRONG;
        }
    }
    return RW_VERIFIED_UNKNOWN;
}

/* What may stand behind a choice: its text, and no further choice or operation. */
static bool closes_choice(struct rw_str rest)
{
    size_t at = 0;
    while (at < rest.len && strchr("}).:", rest.ptr[at]) != NULL) {
        at++;
    }
    if (at == rest.len) {
        return true;
    }
    struct rw_str text = rw_str_trim(rw_str_slice(rest, at, rest.len));
    bool apart = at > 0 && rw_scan_space(rest.ptr[at]);
    for (size_t i = 0; i + 2 < text.len; i++) {
        if (text.ptr[i] == '(' && text.ptr[i + 2] == ')') {
            return false;
        }
    }
    bool joined = rw_str_starts(text, RW_STR("or ")) || rw_str_starts(text, RW_STR("and "));
    return apart && !joined && (text.len == 0 || strchr("+-*/^=<>", *text.ptr) == NULL);
}

/* 'A' of "A", "(A)", "A.", "(B) forty"; 0 when it is not a choice. */
static char choice(struct rw_str s)
{
    size_t at = 0;
    while (at < s.len && strchr("({", s.ptr[at]) != NULL) {
        at++;
    }
    if (at >= s.len || s.ptr[at] < 'A' || s.ptr[at] > 'J') {
        return 0;
    }
    return closes_choice(rw_str_slice(s, at + 1, s.len)) ? s.ptr[at] : 0;
}

static int truth(struct rw_str s)
{
    static const char *const YES[] = {"yes", "true"};
    static const char *const NO[] = {"no", "false"};
    for (int i = 0; i < 2; i++) {
        if (rw_scan_equal(s, rw_str_from(YES[i]))) {
            return 1;
        }
        if (rw_scan_equal(s, rw_str_from(NO[i]))) {
            return 0;
        }
    }
    return -1;
}

/* {1, 2, 2} is {1, 2}: its length says nothing. */
static bool repeats(const struct rw_str *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (rw_str_equal(x[i], x[j])) {
                return true;
            }
        }
    }
    return false;
}

static enum rw_verified equal_brackets(struct rw_str a, struct rw_str b, char kind_a, char kind_b,
                                       int depth)
{
    struct rw_str x[ELEMENTS_MAX];
    struct rw_str y[ELEMENTS_MAX];
    struct rw_str inner_a = kind_a != 0 ? rw_str_slice(a, 1, a.len - 1) : a;
    struct rw_str inner_b = kind_b != 0 ? rw_str_slice(b, 1, b.len - 1) : b;
    size_t n = elements(inner_a, x);
    size_t m = elements(inner_b, y);
    if (n == 0 || m == 0) {
        return RW_VERIFIED_UNKNOWN;
    }
    if (n == 1 && m == 1) {
        bool changed = kind_a != 0 || kind_b != 0;
        return changed ? rw_answer_equal_forms(inner_a, inner_b, depth) : RW_VERIFIED_UNKNOWN;
    }
    if (n != m) {
        bool known = n > 1 && m > 1 && (kind_a != '{' || !repeats(x, n)) &&
                     (kind_b != '{' || !repeats(y, m));
        return known ? RW_VERIFIED_WRONG : RW_VERIFIED_UNKNOWN;
    }
    bool loose = kind_a == 0 || kind_b == 0; /* "1, 2" says neither set nor tuple */
    bool same_kind = loose || (kind_a == kind_b && a.ptr[a.len - 1] == b.ptr[b.len - 1]);
    bool ordered = !(kind_a == '{' || kind_b == '{' || (kind_a == 0 && kind_b == 0));
    if (!ordered && depth > 1) {
        return RW_VERIFIED_UNKNOWN; /* sets of sets would cost n^2 at each level */
    }
    enum rw_verified v = ordered ? equal_tuples(x, y, n, depth) : equal_sets(x, y, n, depth);
    return same_kind ? v : v == RW_VERIFIED_WRONG ? v : RW_VERIFIED_UNKNOWN;
}

/* The next sign of a text; a space counts between two words only. 0 at the end. */
static char next_sign(struct rw_str s, size_t *at)
{
    size_t i = *at;
    while (i < s.len && rw_scan_space(s.ptr[i])) {
        i++;
    }
    if (i == s.len) {
        *at = i;
        return 0;
    }
    if (i > *at && *at > 0 && rw_scan_word(s.ptr[*at - 1]) && rw_scan_word(s.ptr[i])) {
        *at = i;
        return ' ';
    }
    *at = i + 1;
    return s.ptr[i];
}

static size_t letters_around(struct rw_str s, size_t at)
{
    size_t begin = at;
    size_t end = at;
    while (begin > 0 && at - begin < 2 && rw_scan_letter(s.ptr[begin - 1])) {
        begin--;
    }
    while (end < s.len && end - at < 3 && rw_scan_letter(s.ptr[end])) {
        end++;
    }
    return end - begin;
}

/* Case counts in variables and short units: M and m, mW and MW. */
static bool same_sign(char x, char y, struct rw_str a, size_t at)
{
    return x == y || (rw_scan_lower(x) == rw_scan_lower(y) && letters_around(a, at - 1) > 2);
}

/* The same text, but for spaces around signs and for the case of words. */
static bool same_text(struct rw_str a, struct rw_str b)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        char x = next_sign(a, &i);
        char y = next_sign(b, &j);
        if (i == a.len && j == b.len && x == 0 && y == 0) {
            return true;
        }
        if ((x == 0) != (y == 0) || !same_sign(x, y, a, i)) {
            return false;
        }
    }
}

/* Without braces around all of it, as \text{...} leaves them; a set of several keeps its own. */
static struct rw_str unbraced(struct rw_str s)
{
    struct rw_str x[ELEMENTS_MAX];
    char kind = 0;
    while (rw_answer_enclosed(s, &kind) && kind == '{' &&
           elements(rw_str_slice(s, 1, s.len - 1), x) == 1) {
        s = rw_answer_tidy(rw_str_slice(s, 1, s.len - 1));
    }
    return s;
}

static enum rw_verified equal_numbers(struct rw_str a, struct rw_str b, int depth)
{
    struct rw_answer_quantity qa;
    struct rw_answer_quantity qb;
    rw_answer_read_quantity(a, &qa);
    rw_answer_read_quantity(b, &qb);
    if (qa.numeric && qb.numeric) {
        return rw_answer_equal_quantities(&qa, &qb);
    }
    if (same_text(a, b)) {
        return RW_VERIFIED_RIGHT;
    }
    char kind_a = 0;
    char kind_b = 0;
    rw_answer_enclosed(a, &kind_a);
    rw_answer_enclosed(b, &kind_b);
    enum rw_verified v = equal_brackets(a, b, kind_a, kind_b, depth + 1);
    /* 2,100 is a number, (2,100) a pair. */
    return v == RW_VERIFIED_RIGHT && qa.numeric != qb.numeric ? RW_VERIFIED_UNKNOWN : v;
}

enum rw_verified rw_answer_equal_forms(struct rw_str a, struct rw_str b, int depth)
{
    a = unbraced(a);
    b = unbraced(b);
    if (depth >= RW_ANSWER_DEPTH_MAX / 4 || a.len == 0 || b.len == 0) {
        return RW_VERIFIED_UNKNOWN;
    }
    char ca = choice(a);
    char cb = choice(b);
    if (ca != 0 && cb != 0) {
        return ca == cb ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG;
    }
    if (truth(a) >= 0 && truth(b) >= 0) {
        return truth(a) == truth(b) ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG;
    }
    enum rw_verified v = equal_numbers(a, b, depth);
    bool letter = ca != 0 || cb != 0; /* a choice beside its text, or a variable */
    return letter && v == RW_VERIFIED_WRONG ? RW_VERIFIED_UNKNOWN : v;
}
