/* The bets of a conformal test martingale: what is made of a stream of p-values.
 *
 * While nothing changes, the p-values that its callers make of ranks are independent and uniform.
 * Gambler i multiplies his capital by b_i(p), whose integral over (0, 1] is 1, so the mean of the
 * capitals is a martingale and Ville's inequality holds: P(capital ever reaches 1/delta) <= delta.
 *
 *      powers   b(p) = eps p^(eps-1)                       pays when p is small, however small
 *      steps    b(p) = 1 + lambda (1[p <= alpha] / alpha - 1)    pays when few p are very small:
 *               a tenth of the traces is another policy's, the others are as before
 *
 * A step bet is the likelihood ratio of "a share of the stream has p <= alpha" against uniform; for
 * a contamination of a tenth it needs half the traces that the best power needs.
 *
 * Two capitals are kept. `plain` places all of its stake on the first bet. It decays while nothing
 * happens, so after a long clean time it is slow. `capital` puts half of its stake there, and
 * spreads the other half over all later times to begin:
 *
 *      R_t = (R_{t-1} + w_t) * bet_t,     capital = mean over gamblers of R_t + (1 - sum of w)
 *
 * w_1 = 1/2, w_{k+1} = 1/2 * c / ((k+c-1)(k+c)), which sums to 1. A mixture of martingales is one,
 * and the capital never falls below the stake not yet placed. Pure. */
#ifndef RW_RUN_CAPITAL_H
#define RW_RUN_CAPITAL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RW_CAPITAL_POWERS = 5,
    RW_CAPITAL_STEPS = 3,
    RW_CAPITAL_GAMBLERS = RW_CAPITAL_POWERS + RW_CAPITAL_STEPS,
};

struct rw_capital {
    uint64_t bets;
    double log_product[RW_CAPITAL_GAMBLERS];
    double restart[RW_CAPITAL_GAMBLERS]; /* R */
    double placed;                       /* sum of w so far */
    double last_p;                       /* NaN before the first */
};

void rw_capital_init(struct rw_capital *c);
/* `both`: a change in either direction pays; the bet is the mean of those on p and on 1 - p. */
void rw_capital_bet(struct rw_capital *c, double p, bool both);
double rw_capital_log_plain(const struct rw_capital *c);
double rw_capital_log(const struct rw_capital *c);
/* Averaged: the mean of two martingales is one, but not that of the joint stream. */
void rw_capital_merge(struct rw_capital *a, const struct rw_capital *b);

/* The martingale of a thing that happens or not, in constant memory: two counts are all of its
 * ranks. Ties (all of them) are broken at random, as in martingale.h. */
struct rw_coin {
    uint64_t n;
    uint64_t hits;
    struct rw_capital money;
};

void rw_coin_init(struct rw_coin *c);
/* The first `warm` throws are the bank. Returns p, NaN while the bank fills. */
double rw_coin_observe(struct rw_coin *c, bool hit, uint64_t warm, uint64_t seed);
void rw_coin_merge(struct rw_coin *a, const struct rw_coin *b);

#endif
