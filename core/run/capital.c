#include "core/run/capital.h"

#include <math.h>

#include "core/base/mix.h"
#include "core/base/util.h"

static const double EPS[RW_CAPITAL_POWERS] = {0.1, 0.3, 0.5, 0.7, 0.9};
static const struct {
    double alpha;
    double lambda; /* the share that would be contaminated; about a tenth */
} STEP[RW_CAPITAL_STEPS] = {{0.1, 0.2}, {0.03, 0.1}, {0.01, 0.08}};

static const double FIRST_STAKE = 0.5;
static const double LATER_SCALE = 4096;  /* c: traces; about uniform over so many */
static const double CAPITAL_MAX = 1e100; /* a capital cut down is still a supermartingale */
static const double P_MIN = 1e-12;       /* of 1 - p, which may be 0 */

void rw_capital_init(struct rw_capital *c)
{
    *c = (struct rw_capital){.last_p = NAN};
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

/* What every gambler is paid at p. The powers are eps = 1/10, 3/10, ... 9/10, so that one of them
 * and multiplications are all: p^(eps-1) = t, t^3, t^5, t^7, t^9 with t = p^(-1/10). */
static void pay(double p, double out[RW_CAPITAL_GAMBLERS])
{
    double t = pow(p, -0.1);
    double square = t * t;
    for (int i = RW_CAPITAL_POWERS - 1; i >= 0; i--) {
        out[i] = EPS[i] * t;
        t *= square;
    }
    for (int i = 0; i < RW_CAPITAL_STEPS; i++) {
        double alpha = STEP[i].alpha;
        double lambda = STEP[i].lambda;
        out[RW_CAPITAL_POWERS + i] = 1 - lambda + (p <= alpha ? lambda / alpha : 0);
    }
}

void rw_capital_bet(struct rw_capital *c, double p, bool both)
{
    double times[RW_CAPITAL_GAMBLERS];
    double turned[RW_CAPITAL_GAMBLERS];
    double w = stake(c->bets);
    c->placed += w;
    c->bets++;
    c->last_p = p;
    pay(p, times);
    if (both) {
        pay(RW_MAX(1 - p, P_MIN), turned);
        for (int i = 0; i < RW_CAPITAL_GAMBLERS; i++) {
            times[i] = (times[i] + turned[i]) / 2;
        }
    }
    for (int i = 0; i < RW_CAPITAL_GAMBLERS; i++) {
        double r = (c->restart[i] + w) * times[i];
        c->restart[i] = RW_MIN(r, CAPITAL_MAX);
        c->log_product[i] += log(times[i]);
    }
}

double rw_capital_log_plain(const struct rw_capital *c)
{
    double top = c->log_product[0];
    for (int i = 1; i < RW_CAPITAL_GAMBLERS; i++) {
        top = RW_MAX(c->log_product[i], top);
    }
    double sum = 0;
    for (int i = 0; i < RW_CAPITAL_GAMBLERS; i++) {
        sum += exp(c->log_product[i] - top);
    }
    return top + log(sum / RW_CAPITAL_GAMBLERS);
}

double rw_capital_log(const struct rw_capital *c)
{
    double sum = 0;
    for (int i = 0; i < RW_CAPITAL_GAMBLERS; i++) {
        sum += c->restart[i];
    }
    double kept = 1 - c->placed;
    return log(sum / RW_CAPITAL_GAMBLERS + (RW_MAX(kept, 0)));
}

/* log of the mean of two capitals, which as numbers would overflow. */
static double log_mean_exp(double a, double b)
{
    double top = RW_MAX(a, b);
    return top + log((exp(a - top) + exp(b - top)) / 2);
}

void rw_capital_merge(struct rw_capital *a, const struct rw_capital *b)
{
    a->bets += b->bets;
    for (int i = 0; i < RW_CAPITAL_GAMBLERS; i++) {
        a->log_product[i] = log_mean_exp(a->log_product[i], b->log_product[i]);
        a->restart[i] = (a->restart[i] + b->restart[i]) / 2;
    }
    a->placed = (a->placed + b->placed) / 2;
    a->last_p = isnan(b->last_p) ? a->last_p : b->last_p;
}

/* ---- a thing that happens or not ------------------------------------------------------------- */

void rw_coin_init(struct rw_coin *c)
{
    *c = (struct rw_coin){0};
    rw_capital_init(&c->money);
}

double rw_coin_observe(struct rw_coin *c, bool hit, uint64_t warm, uint64_t seed)
{
    double p = NAN;
    if (c->n >= warm) {
        double u = rw_mix_unit(rw_mix(seed, c->n));
        double lower = hit ? 0 : (double)c->hits; /* a hit is what is suspicious: it ranks low */
        double equal = hit ? (double)c->hits : (double)(c->n - c->hits);
        p = (lower + u * (equal + 1)) / ((double)c->n + 1);
        rw_capital_bet(&c->money, p, false);
    }
    c->n++;
    c->hits += hit ? 1 : 0;
    return p;
}

void rw_coin_merge(struct rw_coin *a, const struct rw_coin *b)
{
    a->n += b->n;
    a->hits += b->hits;
    rw_capital_merge(&a->money, &b->money);
}
