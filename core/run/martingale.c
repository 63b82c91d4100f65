#include "core/run/martingale.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/mix.h"
#include "core/base/util.h"

void rw_martingale_init(struct rw_martingale *m)
{
    *m = (struct rw_martingale){0};
    rw_capital_init(&m->money);
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

double rw_martingale_observe(struct rw_martingale *m, double score, bool both, uint64_t seed)
{
    if (isnan(score) || full(m)) {
        return NAN;
    }
    double u = rw_mix_unit(rw_mix(seed, m->n));
    double p = rank(m, rw_martingale_bin(score), u);
    rw_capital_bet(&m->money, p, both);
    rw_martingale_learn(m, score);
    return p;
}

void rw_martingale_take_bank(struct rw_martingale *m, const struct rw_martingale *from)
{
    memcpy(m->count, from->count, sizeof m->count);
    m->n = from->n;
    rw_capital_init(&m->money);
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
    rw_capital_merge(&a->money, &b->money);
}
