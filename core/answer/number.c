#include "core/answer/number.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/scan.h"

enum {
    NUMBER_DIGITS_MAX = 300, /* more overflow doubles */
    EXPONENT_DIGITS_MAX = 3,
};

/* Digits, taken one by one. */
struct digits {
    double v;
    rw_int128 exact;
    size_t n;
    bool fits;
};

static char char_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

size_t rw_answer_digits(struct rw_str text, size_t at)
{
    size_t n = 0;
    while (rw_scan_digit(char_at(text, at + n))) {
        n++;
    }
    return n;
}

/* "1,234,567": one to three digits, the first not zero, then threes. */
static bool is_grouped(struct rw_str text, size_t at)
{
    size_t lead = rw_answer_digits(text, at);
    size_t comma = at + lead;
    return lead >= 1 && lead <= 3 && text.ptr[at] != '0' && char_at(text, comma) == ',' &&
           rw_answer_digits(text, comma + 1) == 3;
}

static void take_digit(struct digits *d, char c)
{
    d->v = d->v * 10 + (c - '0');
    d->fits = d->fits && !__builtin_mul_overflow(d->exact, (rw_int128)10, &d->exact) &&
              !__builtin_add_overflow(d->exact, (rw_int128)(c - '0'), &d->exact);
    d->n++;
}

static size_t take_whole(struct rw_str text, size_t at, bool commas, struct digits *d)
{
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (rw_scan_digit(c)) {
            take_digit(d, c);
        } else if (!commas || c != ',' || rw_answer_digits(text, at + 1) != 3) {
            break;
        }
    }
    return at;
}

/* "e-7" behind a number: at `at` there must be the whole exponent. 0 bytes when there is none. */
static size_t exponent(struct rw_str text, size_t begin, int *out)
{
    size_t at = begin;
    if (rw_scan_lower(char_at(text, at)) != 'e') {
        return 0;
    }
    at++;
    bool minus = char_at(text, at) == '-';
    at += minus || char_at(text, at) == '+';
    size_t n = rw_answer_digits(text, at);
    size_t end = at + n;
    if (n == 0 || n > EXPONENT_DIGITS_MAX || rw_scan_word(char_at(text, end)) ||
        char_at(text, end) == '.') {
        return 0;
    }
    int value = 0;
    for (; at < end; at++) {
        value = value * 10 + (text.ptr[at] - '0');
    }
    *out = minus ? -value : value;
    return end - begin;
}

static struct rw_exact power_of_ten(int exponent)
{
    return rw_exact_power(rw_exact_make(10, 1), rw_exact_make(exponent, 1));
}

bool rw_answer_number(struct rw_str text, size_t at, bool brackets, struct rw_answer_number *out)
{
    struct digits d = {.fits = true};
    size_t fraction = 0;
    int e = 0;
    at = take_whole(text, at, !brackets && is_grouped(text, at), &d);
    if (char_at(text, at) == '.') {
        fraction = rw_answer_digits(text, ++at);
        for (size_t end = at + fraction; at < end; at++) {
            take_digit(&d, text.ptr[at]);
        }
    }
    if (d.n == 0 || d.n > NUMBER_DIGITS_MAX) {
        return false;
    }
    out->v = d.v;
    out->exact = rw_exact_make(d.exact, 1);
    out->exact.known = out->exact.known && d.fits;
    if (fraction > 0) {
        out->v /= pow(10, (double)fraction);
        out->exact = rw_exact_divide(out->exact, power_of_ten((int)fraction));
    }
    out->end = at + exponent(text, at, &e);
    if (out->end > at) {
        struct rw_exact ten = power_of_ten(abs(e));
        out->v = e < 0 ? out->v / pow(10, -e) : out->v * pow(10, e);
        out->exact = e < 0 ? rw_exact_divide(out->exact, ten) : rw_exact_multiply(out->exact, ten);
    }
    return true;
}
