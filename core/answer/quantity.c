/* Answers that are numbers, with their units, percentages and roundings. */
#include <math.h>

#include "core/answer/parts.h"
#include "core/base/scan.h"
#include "core/base/util.h"

static const double SAME_RELATIVE = 1e-12;
static const double CLOSE_RELATIVE = 1e-9;

/* ---- reading --------------------------------------------------------------------------------- */

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

/* Bytes of an exponent that ends at `at`: "^2", "^{2}". */
static size_t exponent_before(struct rw_str s, size_t at)
{
    if (at > 1 && rw_scan_digit(s.ptr[at - 1]) && s.ptr[at - 2] == '^') {
        return 2;
    }
    return at > 3 && s.ptr[at - 1] == '}' && rw_scan_digit(s.ptr[at - 2]) && s.ptr[at - 3] == '{' &&
                   s.ptr[at - 4] == '^'
               ? 4
               : 0;
}

/* Where the words at the end begin: "5 apples", "3.5 km/h", "12{cm}^2"; s.len when there are none.
 */
static size_t unit_at(struct rw_str s)
{
    size_t at = s.len;
    while (at > 0) {
        size_t exponent = exponent_before(s, at);
        bool inner = rw_scan_letter(s.ptr[at - 1]) || strchr(" {}/.-", s.ptr[at - 1]) != NULL;
        if (exponent == 0 && !inner) {
            break;
        }
        at -= exponent > 0 ? exponent : 1;
    }
    if (at > 0 && s.ptr[at - 1] == '\\') { /* "12\pi cm": behind the command */
        while (at < s.len && rw_scan_letter(s.ptr[at])) {
            at++;
        }
    }
    while (at < s.len && !rw_scan_letter(s.ptr[at])) {
        at++;
    }
    return at;
}

static struct rw_str unbrace(struct rw_str s)
{
    while (s.len > 0 && strchr("{ ", s.ptr[s.len - 1]) != NULL) {
        s.len--;
    }
    return s;
}

static struct rw_str first_word(struct rw_str s)
{
    size_t end = 0;
    while (end < s.len && rw_scan_letter(s.ptr[end])) {
        end++;
    }
    return rw_str_slice(s, 0, end);
}

static void scale_value(struct rw_answer_value *v, int64_t scale)
{
    bool known = v->exact.known;
    v->exact = rw_exact_multiply(v->exact, rw_exact_make(scale, 1));
    v->overflow = v->overflow || (known && !v->exact.known);
    for (int k = 0; k < RW_ANSWER_POINTS; k++) {
        v->at[k] *= (double)scale;
        v->largest[k] *= (double)scale;
    }
}

/* "5 million people": the word multiplies, what follows is the unit. */
static struct rw_str take_scale(struct rw_str unit, struct rw_answer_quantity *q)
{
    struct rw_str word = first_word(unit);
    int64_t scale = rw_answer_scale(word);
    if (scale != 0) {
        scale_value(&q->value, scale);
        q->digits = (struct rw_str){NULL, 0};
    } else if (rw_str_is(word, "percent")) {
        q->percent = true;
    } else {
        return unit;
    }
    return rw_answer_tidy(rw_str_slice(unit, word.len, unit.len));
}

/* A number of `head` with `unit` behind; false when it is none. */
static bool with_unit(struct rw_str head, struct rw_str unit, bool percent,
                      struct rw_answer_quantity *out)
{
    struct rw_answer_quantity bare;
    bool attached = head.len > 0 && rw_scan_digit(head.ptr[head.len - 1]);
    rw_answer_read_quantity(unbrace(head), &bare);
    /* "\cos 60 deg" is no cosine of 60 with a unit. */
    if (!bare.numeric || bare.value.variables != 0 || bare.unit.len > 0 || bare.value.angle) {
        return false;
    }
    bare.percent = bare.percent || percent;
    unit = take_scale(unit, &bare);
    if (unit.len > 0 && !rw_answer_is_unit(unit, attached)) {
        return false;
    }
    bare.unit = unit;
    bare.loose_unit = attached && unit.len == 1;
    *out = bare;
    return true;
}

void rw_answer_read_quantity(struct rw_str s, struct rw_answer_quantity *out)
{
    *out = (struct rw_answer_quantity){0};
    s = rw_answer_tidy(s);
    if (s.len > 0 && s.ptr[s.len - 1] == '%') {
        out->percent = true;
        s = rw_answer_tidy(rw_str_slice(s, 0, s.len - 1));
    }
    out->numeric = s.len > 0 && rw_answer_evaluate(s, &out->value);
    if (out->numeric && plain_decimal(s)) {
        out->digits = s;
    }
    size_t at = unit_at(s);
    struct rw_str unit = rw_answer_tidy(rw_str_slice(s, at, s.len));
    if (at > 0 && unit.len > 0) {
        with_unit(rw_str_slice(s, 0, at), unit, out->percent, out);
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

enum likeness {
    DIFFERENT,
    CLOSE, /* nearer than the rounding of doubles lets us tell */
    SAME,
};

/* What was lost by cancellation is measured against the largest number met. */
static enum likeness near(double a, double b, double largest)
{
    double scale = RW_MAX(fabs(a), fabs(b));
    double apart = fabs(a - b);
    if (apart <= SAME_RELATIVE * scale) {
        return SAME;
    }
    return apart <= CLOSE_RELATIVE * scale || apart <= SAME_RELATIVE * largest ? CLOSE : DIFFERENT;
}

static enum likeness like_at(const struct rw_answer_value *a, const struct rw_answer_value *b,
                             double factor, int k)
{
    bool fa = isfinite(a->at[k]);
    bool fb = isfinite(b->at[k]);
    double la = a->largest[k] * factor;
    double lb = b->largest[k];
    return fa && fb ? near(a->at[k] * factor, b->at[k], RW_MAX(la, lb)) : fa == fb ? SAME : CLOSE;
}

/* a * num / den beside b. */
static enum likeness like(const struct rw_answer_value *a, const struct rw_answer_value *b, int num,
                          int den)
{
    struct rw_exact scaled = rw_exact_multiply(a->exact, rw_exact_make(num, den));
    if (scaled.known && b->exact.known) {
        return rw_exact_equal(scaled, b->exact) ? SAME : DIFFERENT;
    }
    enum likeness all = SAME;
    bool any = false;
    for (int k = 0; k < RW_ANSWER_POINTS; k++) {
        enum likeness now = like_at(a, b, (double)num / den, k);
        any = any || (isfinite(a->at[k]) && isfinite(b->at[k]));
        all = RW_MIN(now, all);
    }
    bool sure = any && !a->overflow && !b->overflow;
    return all == SAME && !sure ? CLOSE : all;
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
static bool rounding_of(const struct rw_answer_quantity *rounded,
                        const struct rw_answer_quantity *exact)
{
    if (rounded->digits.len == 0 || exact->digits.len > 0 || exact->value.variables != 0) {
        return false;
    }
    size_t point = rw_str_find(rounded->digits, RW_STR("."), 0);
    size_t places = point < rounded->digits.len ? rounded->digits.len - point - 1 : 0;
    double unit = pow(10, -(double)places);
    return places >= 1 && fabs(rounded->value.at[0] - exact->value.at[0]) <= 0.5000001 * unit;
}

/* Do different values contradict each other? Not when letters on one side only may be units or
 * constants, when i may be imaginary, or when an angle may be in degrees. */
static bool comparable(const struct rw_answer_value *a, const struct rw_answer_value *b)
{
    uint64_t constants = rw_answer_constants();
    uint64_t both = a->variables & b->variables & ~constants;
    bool letters = a->variables == b->variables ||
                   (both != 0 && ((a->variables ^ b->variables) & constants) == 0);
    return letters && a->angle == b->angle && !a->tangled && !b->tangled && !a->overflow &&
           !b->overflow;
}

/* "2 hours" and "120", "50 cents" and "$0.50", "90 deg" and "\pi/2". */
static bool converted(const struct rw_answer_quantity *a, const struct rw_answer_quantity *b)
{
    static const double FACTORS[] = {10,
                                     100,
                                     1000,
                                     1e4,
                                     1e5,
                                     1e6,
                                     1e9,
                                     60,
                                     3600,
                                     24,
                                     1440,
                                     7,
                                     12,
                                     365,
                                     52,
                                     86400,
                                     3,
                                     36,
                                     5280,
                                     16,
                                     2000,
                                     1024,
                                     0.017453292519943295};
    if ((a->unit.len == 0) == (b->unit.len == 0)) {
        return false;
    }
    double x = fabs(a->value.at[0]);
    double y = fabs(b->value.at[0]);
    for (size_t i = 0; i < RW_COUNT(FACTORS); i++) {
        if (fabs(x * FACTORS[i] - y) <= CLOSE_RELATIVE * y ||
            fabs(y * FACTORS[i] - x) <= CLOSE_RELATIVE * x) {
            return true;
        }
    }
    return false;
}

static enum likeness like_percent(const struct rw_answer_quantity *a,
                                  const struct rw_answer_quantity *b, enum likeness same)
{
    /* 50 % is written 50 and 0.5; beside 0.5 % a bare 0.5 is more likely a half. */
    double bare = fabs(a->percent ? b->value.at[0] : a->value.at[0]);
    same = same == SAME && bare <= 1 && bare > 0 ? CLOSE : same;
    enum likeness hundredth =
        a->percent ? like(&a->value, &b->value, 1, 100) : like(&b->value, &a->value, 1, 100);
    return RW_MAX(hundredth, same);
}

enum rw_verified rw_answer_equal_quantities(const struct rw_answer_quantity *a,
                                            const struct rw_answer_quantity *b)
{
    enum likeness same;
    if (a->digits.len > 0 && b->digits.len > 0 && a->percent == b->percent) {
        same = same_digits(a->digits, b->digits) ? SAME : DIFFERENT;
    } else {
        same = like(&a->value, &b->value, 1, 1);
        same = same == DIFFERENT && !comparable(&a->value, &b->value) ? CLOSE : same;
    }
    if (a->percent != b->percent) {
        same = like_percent(a, b, same);
    }
    if (same == SAME) {
        return rw_answer_equal_units(a, b);
    }
    bool units =
        a->unit.len > 0 && b->unit.len > 0 && rw_answer_equal_units(a, b) != RW_VERIFIED_RIGHT;
    if (same == CLOSE || rounding_of(a, b) || rounding_of(b, a) || units || converted(a, b)) {
        return RW_VERIFIED_UNKNOWN;
    }
    return RW_VERIFIED_WRONG;
}
