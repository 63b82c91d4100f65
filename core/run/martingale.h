/* A conformal test martingale over a stream of scores in constant memory.
 *
 * Each score is ranked among all scores before it. If the stream is exchangeable (nothing changes),
 * the smoothed ranks p_t are independent and uniform whatever the distribution of the scores (Vovk,
 * Gammerman, Shafer: Algorithmic Learning in a Random World, 2005, section 7.1), so that nobody who
 * bets on them has an expected gain; the bets are those of capital.h.
 *
 * "All scores before it" needs memory that grows. We rank a fixed monotone rounding of the score
 * instead (RW_MARTINGALE_BINS bins: 64 per octave of |x| from 2^-8 to 2^6, linear below), and break
 * ties at random. A fixed function of exchangeable scores is exchangeable, so the guarantee is
 * exact for ever; what is lost is the order of scores within 1.6 % of each other, which is power.
 * Counts add, so two of them merge exactly.
 *
 * Low scores are the suspicious ones. Pure; the random tie-break is a hash of the seed and the
 * index, so equal streams give equal bits. */
#ifndef RW_RUN_MARTINGALE_H
#define RW_RUN_MARTINGALE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/run/capital.h"

enum {
    RW_MARTINGALE_OCTAVES = 14,
    RW_MARTINGALE_PER_OCTAVE = 64,
    /* Both signs, and the linear part below 2^-8. */
    RW_MARTINGALE_BINS = 2 * (RW_MARTINGALE_OCTAVES + 1) * RW_MARTINGALE_PER_OCTAVE,
};

struct rw_martingale {
    uint32_t count[RW_MARTINGALE_BINS]; /* scores seen */
    uint64_t n;                         /* their sum */
    struct rw_capital money;
};

void rw_martingale_init(struct rw_martingale *m);
/* Bin of a score: monotone, 0 .. BINS-1; infinities go to the ends. */
uint32_t rw_martingale_bin(double score);
/* Ranks without a bet: the bank, and the warm-up. */
void rw_martingale_learn(struct rw_martingale *m, double score);
/* Ranks, bets and learns. Returns p in (0, 1]; NaN (nothing happens) for a score that is none, and
 * once UINT32_MAX scores were counted. `both`: high scores are as suspicious as low ones. */
double rw_martingale_observe(struct rw_martingale *m, double score, bool both, uint64_t seed);
/* The ranks of `from`, whatever it has bet on them: a bank. */
void rw_martingale_take_bank(struct rw_martingale *m, const struct rw_martingale *from);
/* a += b. The counts are those of the joint stream. The capitals are averaged: the mean of two
 * martingales is one, but not that of the joint stream. */
void rw_martingale_merge(struct rw_martingale *a, const struct rw_martingale *b);

#endif
