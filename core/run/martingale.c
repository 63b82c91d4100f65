#include "core/run/martingale.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/assert.h"
#include "core/base/mix.h"
#include "core/base/util.h"

static const double EPS[RW_MARTINGALE_EPS] = {0.1, 0.3, 0.5, 0.7, 0.9};

static const double FIRST_STAKE = 0.5;
static const double LATER_SCALE = 4096;  /* c: traces; about uniform over so many */
static const double CAPITAL_MAX = 1e100; /* a capital cut down is still a supermartingale */

void rw_martingale_init(struct rw_martingale *m)
{
    *m = (struct rw_martingale){.log_peak = 0, .last_p = NAN};
}

uint32_t rw_martingale_bin(double score)
{
    const int half = RW_MARTINGALE_BINS / 2;
    const double smallest = ldexp(1, -8);
    double size = fabs(score);
    int at;
    if (size < smallest) {
        at = (int)(size / smallest * RW_MARTINGALE_PER_OCTAVE);
    } else if (size >= ldexp(1, RW_MARTINGALE_OCTAVES - 8)) {
        at = half - 1;
    } else {
        int exponent;
        double fraction = frexp(size, &exponent); /* [1/2, 1); exact */
        int octave = exponent - 1 + 8;
        at = (octave + 1) * RW_MARTINGALE_PER_OCTAVE +
             (int)((fraction - 0.5) * 2 * RW_MARTINGALE_PER_OCTAVE);
    }
    rw_assert(at >= 0 && at < half);
    return (uint32_t)(score < 0 ? half - 1 - at : half + at);
}

static bool full(const struct rw_martingale *m)
{
    return m->n >= UINT32_MAX;
}

void rw_martingale_learn(struct rw_martingale *m, double score)
{
    if (!isnan(score) && !full(m)) {
        m->count[rw_martingale_bin(score)]++;
        m->n++;
    }
}

/* (#{lower} + u (#{equal} + 1)) / (n + 1), the score itself being among its equals. */
static double rank(const struct rw_martingale *m, uint32_t bin, double u)
{
    uint64_t lower = 0;
    for (uint32_t i = 0; i < bin; i++) {
        lower += m->count[i];
    }
    return ((double)lower + u * ((double)m->count[bin] + 1)) / ((double)m->n + 1);
}

/* w_{k+1} = 1/2 c / ((k + c - 1) (k + c)): telescopes to 1/2 over all k >= 1, and is about uniform
 * over the first c bets, so a change is met by fresh stake whenever it comes. Stake that enters
 * with bet k = 0, 1, 2, ... */
static double stake(uint64_t k)
{
    if (k == 0) {
        return FIRST_STAKE;
    }
    double at = (double)k + LATER_SCALE;
    return (1 - FIRST_STAKE) * LATER_SCALE / ((at - 1) * at);
}

/* Every gambler i bets eps_i p^(eps_i - 1), whose integral over (0, 1] is 1: a fair bet when p is
 * uniform, and one that pays when p is small. Several eps, because the best one depends on how far
 * scores fall; their mean is a martingale again. */
static void bet(struct rw_martingale *m, double p)
{
    double w = stake(m->bets);
    m->placed += w;
    m->bets++;
    for (int i = 0; i < RW_MARTINGALE_EPS; i++) {
        double log_bet = log(EPS[i]) + (EPS[i] - 1) * log(p);
        double r = (m->restart[i] + w) * exp(log_bet);
        m->restart[i] = RW_MIN(r, CAPITAL_MAX);
        m->log_product[i] += log_bet;
    }
    double now = rw_martingale_log_capital(m);
    m->log_peak = RW_MAX(now, m->log_peak);
}

double rw_martingale_observe(struct rw_martingale *m, double score, uint64_t seed)
{
    if (isnan(score) || full(m)) {
        return NAN;
    }
    double u = rw_mix_unit(rw_mix(seed, m->n));
    double p = rank(m, rw_martingale_bin(score), u);
    bet(m, p);
    m->last_p = p;
    rw_martingale_learn(m, score);
    return p;
}

double rw_martingale_log_plain(const struct rw_martingale *m)
{
    double top = m->log_product[0];
    for (int i = 1; i < RW_MARTINGALE_EPS; i++) {
        top = RW_MAX(m->log_product[i], top);
    }
    double sum = 0;
    for (int i = 0; i < RW_MARTINGALE_EPS; i++) {
        sum += exp(m->log_product[i] - top);
    }
    return top + log(sum / RW_MARTINGALE_EPS);
}

double rw_martingale_log_capital(const struct rw_martingale *m)
{
    double sum = 0;
    for (int i = 0; i < RW_MARTINGALE_EPS; i++) {
        sum += m->restart[i];
    }
    double kept = 1 - m->placed;
    return log(sum / RW_MARTINGALE_EPS + (RW_MAX(kept, 0)));
}

/* log of the mean of two capitals, which as numbers would overflow. */
static double log_mean_exp(double a, double b)
{
    double top = RW_MAX(a, b);
    return top + log((exp(a - top) + exp(b - top)) / 2);
}

void rw_martingale_merge(struct rw_martingale *a, const struct rw_martingale *b)
{
    if (b->n > UINT32_MAX - (RW_MIN(a->n, UINT32_MAX))) {
        return; /* the counts would not hold it; a alone stays valid */
    }
    for (size_t i = 0; i < RW_MARTINGALE_BINS; i++) {
        a->count[i] += b->count[i];
    }
    a->n += b->n;
    a->bets += b->bets;
    for (int i = 0; i < RW_MARTINGALE_EPS; i++) {
        a->log_product[i] = log_mean_exp(a->log_product[i], b->log_product[i]);
        a->restart[i] = (a->restart[i] + b->restart[i]) / 2;
    }
    a->placed = (a->placed + b->placed) / 2;
    a->log_peak = RW_MAX(a->log_peak, b->log_peak);
    a->last_p = isnan(b->last_p) ? a->last_p : b->last_p;
}
