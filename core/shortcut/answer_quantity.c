/* Answers that are numbers, with their units, percentages and roundings. */
#include <math.h>

#include "core/shortcut/answer_parts.h"
#include "core/shortcut/scan.h"

static const double SAME_RELATIVE = 1e-9;

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
    while (unit.len > 0 && strchr("} ", unit.ptr[unit.len - 1]) != NULL) {
        unit.len--;
    }
    bool word = unit.len > 1 || short_unit(unit);
    if (at == 0 || at == s.len || !word || (out->numeric && !short_unit(unit))) {
        return;
    }
    struct rw_answer_quantity bare;
    rw_answer_read_quantity(unbrace(rw_str_slice(s, 0, at)), &bare);
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
static bool rounding_of(const struct rw_answer_quantity *rounded,
                        const struct rw_answer_quantity *exact)
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

enum rw_verified rw_answer_equal_quantities(const struct rw_answer_quantity *a,
                                            const struct rw_answer_quantity *b)
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
