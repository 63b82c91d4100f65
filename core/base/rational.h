/* Exact rational numbers of answers: what doubles would call equal at 2^53 and beyond is told
 * apart. Internal to answer*.c. Every operation says `known = false` instead of overflowing. */
#ifndef RW_BASE_RATIONAL_H
#define RW_BASE_RATIONAL_H

#include <stdbool.h>

__extension__ typedef __int128 rw_int128;

/* num / den in lowest terms, den > 0. */
struct rw_rational {
    rw_int128 num;
    rw_int128 den;
    bool known;
};

struct rw_rational rw_rational_make(rw_int128 num, rw_int128 den);
struct rw_rational rw_rational_add(struct rw_rational a, struct rw_rational b);
struct rw_rational rw_rational_multiply(struct rw_rational a, struct rw_rational b);
struct rw_rational rw_rational_divide(struct rw_rational a, struct rw_rational b);
struct rw_rational rw_rational_negate(struct rw_rational a);
/* a^b for an integer b. */
struct rw_rational rw_rational_power(struct rw_rational a, struct rw_rational b);
/* The n-th root of a, when it is rational. */
struct rw_rational rw_rational_root(struct rw_rational a, int n);
/* Both known and the same. */
bool rw_rational_equal(struct rw_rational a, struct rw_rational b);

#endif
