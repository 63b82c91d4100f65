/* A conformal test martingale over a stream of scores in constant memory.
 *
 * Each score is ranked among all scores before it. If the stream is exchangeable (nothing changes),
 * the smoothed ranks p_t are independent and uniform whatever the distribution of the scores (Vovk,
 * Gammerman, Shafer: Algorithmic Learning in a Random World, 2005, section 7.1), so that a gambler
 * who bets eps p^(eps-1) on small p has no expected gain, and by Ville's inequality
 *
 *      P(capital ever reaches 1/delta) <= delta.
 *
 * "All scores before it" needs memory that grows. We rank a fixed monotone rounding of the score
 * instead (RW_MARTINGALE_BINS bins: 64 per octave of |x| from 2^-8 to 2^6, linear below), and break
 * ties at random. A fixed function of exchangeable scores is exchangeable, so the guarantee is
 * exact for ever; what is lost is the order of scores within 1.6 % of each other, which is power.
 * Counts add, so two of them merge exactly.
 *
 * Two capitals are kept. `plain` is mean over eps of prod eps p^(eps-1): all bets from the first
 * trace on. It decays while nothing happens, so after a long clean time it is slow. `capital` puts
 * half of its stake there, and spreads the other half over all later times to begin:
 *
 *      R_t = (R_{t-1} + w_t) * bet_t,     capital = mean over eps of R_t + (1 - sum of w)
 *
 * w_1 = 1/2, w_{k+1} = 1/2 * c / ((k+c-1)(k+c)), which sums to 1. A mixture of martingales is one,
 * so Ville's bound is the same, and the capital never falls below the stake not yet placed.
 *
 * Low scores are the suspicious ones. Pure; the random tie-break is a hash of the seed and the
 * index, so equal streams give equal bits. */
#ifndef RW_RUN_MARTINGALE_H
#define RW_RUN_MARTINGALE_H

#include <stdint.h>

enum {
    RW_MARTINGALE_EPS = 5,
    RW_MARTINGALE_OCTAVES = 14,
    RW_MARTINGALE_PER_OCTAVE = 64,
    /* Both signs, and the linear part below 2^-8. */
    RW_MARTINGALE_BINS = 2 * (RW_MARTINGALE_OCTAVES + 1) * RW_MARTINGALE_PER_OCTAVE,
};

struct rw_martingale {
    uint32_t count[RW_MARTINGALE_BINS]; /* scores seen */
    uint64_t n;                         /* their sum */
    uint64_t bets;                      /* scores since betting began */
    double log_product[RW_MARTINGALE_EPS];
    double restart[RW_MARTINGALE_EPS]; /* R */
    double placed;                     /* sum of w so far */
    double log_peak;                   /* largest log capital */
    double last_p;                     /* NaN before the first */
};

void rw_martingale_init(struct rw_martingale *m);
/* Bin of a score: monotone, 0 .. BINS-1; infinities go to the ends. */
uint32_t rw_martingale_bin(double score);
/* Ranks without a bet: the bank, and the warm-up. */
void rw_martingale_learn(struct rw_martingale *m, double score);
/* Ranks, bets and learns. Returns p in (0, 1]; NaN (nothing happens) for a score that is none, and
 * once UINT32_MAX scores were counted. */
double rw_martingale_observe(struct rw_martingale *m, double score, uint64_t seed);
double rw_martingale_log_plain(const struct rw_martingale *m);
double rw_martingale_log_capital(const struct rw_martingale *m);
/* a += b. The counts are those of the joint stream. The capitals are averaged: the mean of two
 * martingales is one, but not that of the joint stream. */
void rw_martingale_merge(struct rw_martingale *a, const struct rw_martingale *b);

#endif
