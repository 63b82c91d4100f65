#include "core/base/rational.h"

#include <math.h>
#include <stdint.h>

enum {
    POWER_MAX = 127, /* 2^127 is beyond the type already */
};

static const struct rw_rational UNKNOWN = {0, 1, false};

static rw_int128 common_divisor(rw_int128 a, rw_int128 b)
{
    while (b > INT64_MAX) {
        rw_int128 rest = a % b;
        a = b;
        b = rest;
    }
    if (b == 0) {
        return a;
    }
    uint64_t x = (uint64_t)b; /* 128-bit division is slow */
    for (uint64_t y = (uint64_t)(a % b); y != 0;) {
        uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

/* The least number of the type has no opposite. */
static bool too_low(rw_int128 a)
{
    const rw_int128 most = (((rw_int128)1 << 126) - 1) * 2 + 1;
    return a < -most;
}

struct rw_rational rw_rational_make(rw_int128 num, rw_int128 den)
{
    if (den == 0 || too_low(num) || too_low(den)) {
        return UNKNOWN;
    }
    if (den == 1) { /* whole numbers are most of all */
        return (struct rw_rational){num, 1, true};
    }
    rw_int128 d = common_divisor(num < 0 ? -num : num, den < 0 ? -den : den);
    d = den < 0 ? -d : d;
    return d == 1 ? (struct rw_rational){num, den, true}
                  : (struct rw_rational){num / d, den / d, true};
}

struct rw_rational rw_rational_add(struct rw_rational a, struct rw_rational b)
{
    rw_int128 left;
    rw_int128 right;
    rw_int128 sum;
    rw_int128 den;
    if (!a.known || !b.known || __builtin_mul_overflow(a.num, b.den, &left) ||
        __builtin_mul_overflow(b.num, a.den, &right) || __builtin_add_overflow(left, right, &sum) ||
        __builtin_mul_overflow(a.den, b.den, &den)) {
        return UNKNOWN;
    }
    return rw_rational_make(sum, den);
}

struct rw_rational rw_rational_multiply(struct rw_rational a, struct rw_rational b)
{
    if (!a.known || !b.known) {
        return UNKNOWN;
    }
    /* Crosswise first: 10^20 times 10^-20 overflows nothing. */
    struct rw_rational x = rw_rational_make(a.num, b.den);
    struct rw_rational y = rw_rational_make(b.num, a.den);
    rw_int128 num;
    rw_int128 den;
    if (__builtin_mul_overflow(x.num, y.num, &num) || __builtin_mul_overflow(x.den, y.den, &den)) {
        return UNKNOWN;
    }
    return rw_rational_make(num, den);
}

struct rw_rational rw_rational_divide(struct rw_rational a, struct rw_rational b)
{
    if (!a.known || !b.known || b.num == 0) {
        return UNKNOWN;
    }
    return rw_rational_multiply(a, rw_rational_make(b.den, b.num));
}

struct rw_rational rw_rational_negate(struct rw_rational a)
{
    a.num = -a.num;
    return a;
}

struct rw_rational rw_rational_power(struct rw_rational a, struct rw_rational b)
{
    if (!a.known || !b.known || b.den != 1 || b.num > POWER_MAX || b.num < -POWER_MAX) {
        return UNKNOWN;
    }
    rw_int128 num = 1; /* powers of what has no common divisor have none */
    rw_int128 den = 1;
    for (rw_int128 i = 0; i < (b.num < 0 ? -b.num : b.num); i++) {
        if (__builtin_mul_overflow(num, a.num, &num) || __builtin_mul_overflow(den, a.den, &den)) {
            return UNKNOWN;
        }
    }
    return b.num < 0 ? rw_rational_make(den, num) : rw_rational_make(num, den);
}

/* The integer whose n-th power is a; -1 when there is none. */
static rw_int128 integer_root(rw_int128 a, int n)
{
    double near = a < 0 ? -1 : round(pow((double)a, 1.0 / n));
    if (!(near >= 0 && near < 1e18)) {
        return -1;
    }
    struct rw_rational root = rw_rational_make((rw_int128)near, 1);
    struct rw_rational power = rw_rational_power(root, rw_rational_make(n, 1));
    return power.known && power.num == a ? root.num : -1;
}

struct rw_rational rw_rational_root(struct rw_rational a, int n)
{
    if (!a.known || n < 1 || n > POWER_MAX) {
        return UNKNOWN;
    }
    rw_int128 num = integer_root(a.num, n);
    rw_int128 den = integer_root(a.den, n);
    return num < 0 || den < 0 ? UNKNOWN : rw_rational_make(num, den);
}

bool rw_rational_equal(struct rw_rational a, struct rw_rational b)
{
    return a.known && b.known && a.num == b.num && a.den == b.den;
}
