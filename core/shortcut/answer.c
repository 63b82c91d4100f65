#include "core/shortcut/answer.h"

#include <math.h>

#include "core/base/assert.h"
#include "core/shortcut/answer_value.h"
#include "core/shortcut/scan.h"

enum {
    ELEMENTS_MAX = 16, /* of a list, tuple or set */
};

static const double SAME_RELATIVE = 1e-9;

/* ---- finding ------------------------------------------------------------------------------------
 */

static struct rw_str none(void)
{
    return (struct rw_str){NULL, 0};
}

struct rw_str rw_answer_boxed(struct rw_str text)
{
    struct rw_str mark = RW_STR("\\boxed{");
    size_t at = rw_scan_find_last(text, mark, text.len);
    size_t depth = 1;
    for (size_t i = at + mark.len; at < text.len && i < text.len; i++) {
        depth += text.ptr[i] == '{';
        depth -= text.ptr[i] == '}';
        if (depth == 0) {
            return rw_str_slice(text, at + mark.len, i);
        }
    }
    return none();
}

/* Up to the end of the line or sentence; a point between digits ends nothing. */
static struct rw_str sentence(struct rw_str text, size_t begin)
{
    size_t end = begin;
    while (end < text.len && text.ptr[end] != '\n') {
        bool last = end + 1 >= text.len || rw_scan_space(text.ptr[end + 1]);
        if (text.ptr[end] == '.' && last) {
            break;
        }
        end++;
    }
    struct rw_str s = rw_str_slice(text, begin, end);
    while (s.len > 0 && (rw_scan_space(*s.ptr) || *s.ptr == ':' || *s.ptr == '*')) {
        s = rw_str_slice(s, 1, s.len);
    }
    while (s.len > 0 && (rw_scan_space(s.ptr[s.len - 1]) || s.ptr[s.len - 1] == '*' ||
                         s.ptr[s.len - 1] == '.')) {
        s.len--;
    }
    return s;
}

struct rw_str rw_answer_announced(struct rw_str text)
{
    static const char *const WORDS[] = {"answer is", "answer:", "####",
                                        "answer to the question is"};
    size_t best = 0;
    bool found = false;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        struct rw_str word = rw_str_from(WORDS[i]);
        size_t at = rw_scan_find_last(text, word, text.len);
        if (at < text.len && (!found || at + word.len > best)) {
            best = at + word.len;
            found = true;
        }
    }
    return found ? sentence(text, best) : none();
}

/* The last number with its sign, currency, thousands, decimals and percent sign. */
static struct rw_str last_number(struct rw_str text)
{
    size_t end = text.len;
    while (end > 0 && !rw_scan_digit(text.ptr[end - 1])) {
        end--;
    }
    size_t begin = end;
    while (begin > 0) {
        char c = text.ptr[begin - 1];
        bool inner = (c == '.' || c == ',' || c == '/') && begin < end && begin > 1 &&
                     rw_scan_digit(text.ptr[begin]) && rw_scan_digit(text.ptr[begin - 2]);
        if (!rw_scan_digit(c) && !inner) {
            break;
        }
        begin--;
    }
    if (begin > 0 && begin < end && text.ptr[begin - 1] == '-' &&
        (begin == 1 || !rw_scan_word(text.ptr[begin - 2]))) {
        begin--;
    }
    if (end < text.len && text.ptr[end] == '%') {
        end++;
    }
    return rw_str_slice(text, begin, end);
}

struct rw_str rw_answer_extract(const struct rw_str *steps, size_t n_steps, int64_t *step)
{
    struct rw_str (*const rules[])(struct rw_str) = {rw_answer_boxed, rw_answer_announced};
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        for (size_t i = n_steps; i > 0; i--) {
            struct rw_str found = rules[r](steps[i - 1]);
            if (found.len > 0) {
                *step = (int64_t)i - 1;
                return found;
            }
        }
    }
    *step = (int64_t)n_steps - 1;
    return n_steps > 0 ? last_number(steps[n_steps - 1]) : none();
}

/* ---- one form for equal texts -------------------------------------------------------------------
 */

struct form {
    char text[RW_ANSWER_MAX + 1];
    size_t len;
};

static const struct {
    const char *from;
    const char *to;
} REWRITES[] = {
    {"\\left", ""},
    {"\\right", ""},
    {"\\!", ""},
    {"\\,", ""},
    {"\\;", " "},
    {"\\ ", " "},
    {"\\displaystyle", ""},
    {"\\$", ""},
    {"$", ""},
    {"\\(", ""},
    {"\\)", ""},
    {"\\[", ""},
    {"\\]", ""},
    {"\\%", "%"},
    {"\\cdot", "*"},
    {"\\times", "*"},
    {"\\div", "/"},
    {"^{\\circ}", ""},
    {"^\\circ", ""},
    {"\\degree", ""},
    {"\\text", ""},
    {"\\textbf", ""},
    {"\\mathrm", ""},
    {"\\mathbf", ""},
    {"\\mbox", ""},
    {"\xE2\x88\x92", "-"},
    {"\xC3\x97", "*"},
    {"\xC3\xB7", "/"},
    {"\xC2\xB0", ""},
    {"\xCF\x80", "\\pi "},
    {"\xE2\x82\xAC", ""},
    {"\xC2\xA3", ""},
    {"**", ""},
    {"\\{", "{"},
    {"\\}", "}"},
    {"~", " "},
    {"\xC2\xA0", " "},
};

/* Longest match first: "\textbf" before "\text". */
static size_t rewrite_at(struct rw_str s, size_t at)
{
    size_t best = sizeof REWRITES / sizeof *REWRITES;
    size_t best_len = 0;
    for (size_t i = 0; i < sizeof REWRITES / sizeof *REWRITES; i++) {
        size_t len = strlen(REWRITES[i].from);
        if (len > best_len && len <= s.len - at && memcmp(s.ptr + at, REWRITES[i].from, len) == 0) {
            best = i;
            best_len = len;
        }
    }
    return best;
}

/* Braces of a wrapper that went are left: "{5}" is a group to the evaluator. */
static bool normalise(struct rw_str s, struct form *out)
{
    out->len = 0;
    s = rw_str_trim(s);
    if (s.len > RW_ANSWER_MAX / 2) {
        return false;
    }
    for (size_t i = 0; i < s.len;) {
        size_t k = rewrite_at(s, i);
        if (k < sizeof REWRITES / sizeof *REWRITES) {
            size_t len = strlen(REWRITES[k].to);
            memcpy(out->text + out->len, REWRITES[k].to, len);
            out->len += len;
            i += strlen(REWRITES[k].from);
            if (REWRITES[k].from[0] == '\\' && len == 0 && out->len > 0 && i < s.len &&
                rw_scan_word(s.ptr[i]) && rw_scan_word(out->text[out->len - 1])) {
                out->text[out->len++] = ' ';
            }
        } else {
            out->text[out->len++] = s.ptr[i++];
        }
        rw_assert(out->len < sizeof out->text);
    }
    return true;
}

static struct rw_str tidy(struct rw_str s)
{
    for (;;) {
        s = rw_str_trim(s);
        if (s.len > 0 && strchr(".,;:", s.ptr[s.len - 1]) != NULL && s.ptr[s.len - 1] != 0) {
            s.len--;
        } else {
            return s;
        }
    }
}

/* s is one pair of brackets with all of the rest inside. */
static bool enclosed(struct rw_str s, char *kind)
{
    if (s.len < 2 || strchr("([{", s.ptr[0]) == NULL || strchr(")]}", s.ptr[s.len - 1]) == NULL) {
        return false;
    }
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        depth += s.ptr[i] == '(' || s.ptr[i] == '[' || s.ptr[i] == '{';
        if (s.ptr[i] == ')' || s.ptr[i] == ']' || s.ptr[i] == '}') {
            if (depth == 0 || (--depth == 0 && i + 1 < s.len)) {
                return false;
            }
        }
    }
    *kind = s.ptr[0];
    return depth == 0;
}

/* "x = 5", "total cost = 5", "x \in (1, 2)": what stands behind, when nothing is computed before.
 */
static struct rw_str right_side(struct rw_str s)
{
    size_t at = rw_str_find(s, RW_STR("="), 0);
    size_t width = 1;
    if (at == s.len) {
        at = rw_str_find(s, RW_STR("\\in "), 0);
        width = 4;
    }
    if (at == s.len || rw_str_find(s, RW_STR("="), at + width) < s.len) {
        return s;
    }
    for (size_t i = 0; i < at; i++) {
        if (rw_scan_digit(s.ptr[i]) || strchr("+*/^<>!", s.ptr[i]) != NULL) {
            return s;
        }
    }
    return tidy(rw_str_slice(s, at + width, s.len));
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

struct quantity {
    bool numeric;
    bool percent;
    struct rw_answer_value value;
    struct rw_str digits; /* the text, when it is a plain decimal number */
    struct rw_str unit;   /* words behind the number */
};

static bool plain_decimal(struct rw_str s)
{
    bool digit = false;
    for (size_t i = 0; i < s.len; i++) {
        bool sign = i == 0 && (s.ptr[i] == '-' || s.ptr[i] == '+');
        if (!rw_scan_digit(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != ',' && !sign) {
            return false;
        }
        digit = digit || rw_scan_digit(s.ptr[i]);
    }
    return digit;
}

/* Where the words at the end begin: "5 apples", "3.5 km/h", "12{cm}^2"; s.len when there are none.
 */
static size_t unit_at(struct rw_str s)
{
    size_t at = s.len;
    while (at > 0 && (rw_scan_letter(s.ptr[at - 1]) || strchr(" {}/.-", s.ptr[at - 1]) != NULL ||
                      (at > 1 && rw_scan_digit(s.ptr[at - 1]) && s.ptr[at - 2] == '^'))) {
        at -= rw_scan_digit(s.ptr[at - 1]) ? 2 : 1;
    }
    while (at < s.len && !rw_scan_letter(s.ptr[at])) {
        at++;
    }
    return at;
}

/* Units so short that they read as products of variables. */
static bool short_unit(struct rw_str unit)
{
    static const char *const UNITS[] = {
        "m",  "g",  "s",  "h",  "l",  "L",  "N",   "J",   "W",  "V",  "A",   "K",   "C",
        "F",  "km", "cm", "mm", "kg", "mg", "ml",  "mL",  "ms", "hr", "hrs", "min", "sec",
        "ft", "in", "yd", "mi", "oz", "lb", "lbs", "mph", "Hz", "Pa", "day", "kph"};
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        if (rw_str_is(unit, UNITS[i])) {
            return true;
        }
    }
    return false;
}

static struct rw_str unbrace(struct rw_str s)
{
    while (s.len > 0 && strchr("{ ", s.ptr[s.len - 1]) != NULL) {
        s.len--;
    }
    return s;
}

static void read_quantity(struct rw_str s, struct quantity *out)
{
    *out = (struct quantity){0};
    s = tidy(s);
    if (s.len > 0 && s.ptr[s.len - 1] == '%') {
        out->percent = true;
        s = tidy(rw_str_slice(s, 0, s.len - 1));
    }
    out->numeric = s.len > 0 && rw_answer_evaluate(s, &out->value);
    if (out->numeric && plain_decimal(s)) {
        out->digits = s;
    }
    size_t at = unit_at(s);
    struct rw_str unit = tidy(rw_str_slice(s, at, s.len));
    while (unit.len > 0 && strchr("} ", unit.ptr[unit.len - 1]) != NULL) {
        unit.len--;
    }
    bool word = unit.len > 1 || short_unit(unit);
    if (at == 0 || at == s.len || !word || (out->numeric && !short_unit(unit))) {
        return;
    }
    struct quantity bare;
    read_quantity(unbrace(rw_str_slice(s, 0, at)), &bare);
    if (bare.numeric && !bare.value.variable) {
        bare.percent = bare.percent || out->percent;
        bare.unit = unit;
        *out = bare;
    }
}

static bool near(double a, double b)
{
    double scale = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
    return scale < 1e-12 || fabs(a - b) <= SAME_RELATIVE * scale;
}

static bool same_at(const struct rw_answer_value *a, const struct rw_answer_value *b, double factor)
{
    bool any = false;
    for (int k = 0; k < RW_ANSWER_POINTS; k++) {
        bool fa = isfinite(a->at[k]);
        bool fb = isfinite(b->at[k]);
        if (fa != fb || (fa && !near(a->at[k] * factor, b->at[k]))) {
            return false;
        }
        any = any || fa;
    }
    return any;
}

static struct rw_str decimal_part(struct rw_str s, bool whole)
{
    size_t point = rw_str_find(s, RW_STR("."), 0);
    if (whole) {
        size_t begin = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
        while (begin < point && (s.ptr[begin] == '0' || s.ptr[begin] == ',')) {
            begin++;
        }
        return rw_str_slice(s, begin, point);
    }
    struct rw_str f = rw_str_slice(s, point < s.len ? point + 1 : s.len, s.len);
    while (f.len > 0 && f.ptr[f.len - 1] == '0') {
        f.len--;
    }
    return f;
}

/* Digit by digit: beyond 2^53 doubles would call different integers equal. */
static bool same_digits(struct rw_str a, struct rw_str b)
{
    struct rw_str x = decimal_part(a, true);
    struct rw_str y = decimal_part(b, true);
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        while (i < x.len && x.ptr[i] == ',') {
            i++;
        }
        while (j < y.len && y.ptr[j] == ',') {
            j++;
        }
        if (i == x.len || j == y.len) {
            break;
        }
        if (x.ptr[i++] != y.ptr[j++]) {
            return false;
        }
    }
    if (i != x.len || j != y.len || !rw_str_equal(decimal_part(a, false), decimal_part(b, false))) {
        return false;
    }
    bool zero = x.len == 0 && decimal_part(a, false).len == 0;
    return zero || (a.ptr[0] == '-') == (b.ptr[0] == '-');
}

/* "0.33" beside 1/3: a correct rounding, neither right nor wrong. */
static bool rounding_of(const struct quantity *rounded, const struct quantity *exact)
{
    if (rounded->digits.len == 0 || exact->digits.len > 0 || exact->value.variable) {
        return false;
    }
    size_t point = rw_str_find(rounded->digits, RW_STR("."), 0);
    size_t places = point < rounded->digits.len ? rounded->digits.len - point - 1 : 0;
    double unit = pow(10, -(double)places);
    return places >= 1 && fabs(rounded->value.at[0] - exact->value.at[0]) <= 0.5000001 * unit;
}

static enum rw_verified equal_units(struct rw_str a, struct rw_str b)
{
    if (a.len == 0 || b.len == 0) {
        return RW_VERIFIED_RIGHT;
    }
    size_t la = a.len - (a.len > 1 && a.ptr[a.len - 1] == 's');
    size_t lb = b.len - (b.len > 1 && b.ptr[b.len - 1] == 's');
    bool same = rw_scan_equal(rw_str_slice(a, 0, la), rw_str_slice(b, 0, lb));
    return same ? RW_VERIFIED_RIGHT : RW_VERIFIED_UNKNOWN; /* 5 km and 5000 m */
}

static enum rw_verified equal_quantities(const struct quantity *a, const struct quantity *b)
{
    bool same;
    if (a->digits.len > 0 && b->digits.len > 0 && a->percent == b->percent) {
        same = same_digits(a->digits, b->digits);
    } else {
        same = same_at(&a->value, &b->value, 1);
    }
    if (a->percent != b->percent) { /* 50 % is written 50 and 0.5 */
        same = same || same_at(&a->value, &b->value, a->percent ? 0.01 : 100);
    }
    if (same) {
        return equal_units(a->unit, b->unit);
    }
    if (rounding_of(a, b) || rounding_of(b, a) ||
        (a->unit.len > 0 && b->unit.len > 0 &&
         equal_units(a->unit, b->unit) != RW_VERIFIED_RIGHT)) {
        return RW_VERIFIED_UNKNOWN;
    }
    return RW_VERIFIED_WRONG;
}

/* ---- lists, choices, words ----------------------------------------------------------------------
 */

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
            out[n++] = tidy(rw_str_slice(s, begin, i));
            begin = i + 1;
        }
    }
    return n;
}

static enum rw_verified equal_forms(struct rw_str a, struct rw_str b, int depth);

static enum rw_verified equal_tuples(const struct rw_str *a, const struct rw_str *b, size_t n,
                                     int depth)
{
    enum rw_verified all = RW_VERIFIED_RIGHT;
    for (size_t i = 0; i < n && all != RW_VERIFIED_WRONG; i++) {
        enum rw_verified now = equal_forms(a[i], b[i], depth);
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
            enum rw_verified now = equal_forms(a[i], b[j], depth);
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

/* 'A' of "A", "(A)", "A.", "(B) forty"; 0 when it is not a choice. */
static char choice(struct rw_str s)
{
    size_t at = s.len > 0 && s.ptr[0] == '(' ? 1 : 0;
    while (at < s.len && s.ptr[at] == '{') {
        at++;
    }
    if (at >= s.len || s.ptr[at] < 'A' || s.ptr[at] > 'J') {
        return 0;
    }
    bool alone = at + 1 == s.len;
    bool closed = !alone && strchr(").:}", s.ptr[at + 1]) != NULL;
    return alone || closed ? s.ptr[at] : 0;
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
        return changed ? equal_forms(inner_a, inner_b, depth) : RW_VERIFIED_UNKNOWN;
    }
    if (n != m) {
        return n > 1 && m > 1 ? RW_VERIFIED_WRONG : RW_VERIFIED_UNKNOWN;
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

static bool same_without_spaces(struct rw_str a, struct rw_str b)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        while (i < a.len && (rw_scan_space(a.ptr[i]) || a.ptr[i] == '{' || a.ptr[i] == '}')) {
            i++;
        }
        while (j < b.len && (rw_scan_space(b.ptr[j]) || b.ptr[j] == '{' || b.ptr[j] == '}')) {
            j++;
        }
        if (i == a.len || j == b.len) {
            return i == a.len && j == b.len;
        }
        if (rw_scan_lower(a.ptr[i++]) != rw_scan_lower(b.ptr[j++])) {
            return false;
        }
    }
}

static enum rw_verified equal_forms(struct rw_str a, struct rw_str b, int depth)
{
    if (depth >= RW_ANSWER_DEPTH_MAX / 4 || a.len == 0 || b.len == 0) {
        return RW_VERIFIED_UNKNOWN;
    }
    char ca = choice(a);
    char cb = choice(b);
    if (ca != 0 && cb != 0) {
        return ca == cb ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG;
    }
    if (same_without_spaces(a, b)) {
        return RW_VERIFIED_RIGHT;
    }
    if (truth(a) >= 0 && truth(b) >= 0) {
        return truth(a) == truth(b) ? RW_VERIFIED_RIGHT : RW_VERIFIED_WRONG;
    }
    struct quantity qa;
    struct quantity qb;
    read_quantity(a, &qa);
    read_quantity(b, &qb);
    if (qa.numeric && qb.numeric) {
        return equal_quantities(&qa, &qb);
    }
    char kind_a = 0;
    char kind_b = 0;
    enclosed(a, &kind_a);
    enclosed(b, &kind_b);
    return equal_brackets(a, b, kind_a, kind_b, depth + 1);
}

enum rw_verified rw_answer_equal(struct rw_str answer, struct rw_str reference)
{
    struct form a;
    struct form b;
    answer = rw_str_trim(answer);
    reference = rw_str_trim(reference);
    if (answer.len == 0 || reference.len == 0) {
        return RW_VERIFIED_UNKNOWN;
    }
    if (rw_str_equal(answer, reference)) {
        return RW_VERIFIED_RIGHT;
    }
    if (!normalise(answer, &a) || !normalise(reference, &b)) {
        return RW_VERIFIED_UNKNOWN;
    }
    struct rw_str x = right_side(tidy((struct rw_str){a.text, a.len}));
    struct rw_str y = right_side(tidy((struct rw_str){b.text, b.len}));
    return equal_forms(x, y, 0);
}

enum rw_verified rw_answer_verify(const struct rw_str *steps, size_t n_steps,
                                  struct rw_str reference)
{
    int64_t step;
    struct rw_str boxed = rw_answer_boxed(reference);
    struct rw_str announced = boxed.len > 0 ? boxed : rw_answer_announced(reference);
    struct rw_str wanted = announced.len > 0 ? announced : reference;
    struct rw_str answer = rw_answer_extract(steps, n_steps, &step);
    /* "The answer is \boxed{5} apples": the box. "... is 5 apples, as shown": the number. */
    return rw_answer_equal(answer, wanted);
}
