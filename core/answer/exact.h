/* Exact rational numbers of answers: what doubles would call equal at 2^53 and beyond is told
 * apart. Internal to answer*.c. Every operation says `known = false` instead of overflowing. */
#ifndef RW_ANSWER_EXACT_H
#define RW_ANSWER_EXACT_H

#include <stdbool.h>

__extension__ typedef __int128 rw_int128;

/* num / den in lowest terms, den > 0. */
struct rw_exact {
    rw_int128 num;
    rw_int128 den;
    bool known;
};

struct rw_exact rw_exact_make(rw_int128 num, rw_int128 den);
struct rw_exact rw_exact_add(struct rw_exact a, struct rw_exact b);
struct rw_exact rw_exact_multiply(struct rw_exact a, struct rw_exact b);
struct rw_exact rw_exact_divide(struct rw_exact a, struct rw_exact b);
struct rw_exact rw_exact_negate(struct rw_exact a);
/* a^b for an integer b. */
struct rw_exact rw_exact_power(struct rw_exact a, struct rw_exact b);
/* The n-th root of a, when it is rational. */
struct rw_exact rw_exact_root(struct rw_exact a, int n);
/* Both known and the same. */
bool rw_exact_equal(struct rw_exact a, struct rw_exact b);

#endif
