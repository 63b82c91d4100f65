#include "core/run/coverage.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/mix.h"
#include "core/base/util.h"

static const double LEVEL[RW_COVERAGE_RADII] = {0.10, 0.25, 0.50, 0.75, 0.90};

enum {
    LANES = 8,     /* partial sums of a dot product: a fixed order that vectorises */
    FOLDS_MIN = 4, /* fewer say nothing about a variance */
};

/* ---- distances ------------------------------------------------------------------------------- */

/* Differences first: |a|^2 + |b|^2 - 2ab would lose the small distances. */
static float distance(const float *a, const float *b, size_t d)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float x = a[i + k] - b[i + k];
            lane[k] += x * x;
        }
    }
    for (; i < d; i++) {
        float x = a[i] - b[i];
        lane[i % LANES] += x * x;
    }
    float sum = 0;
    for (size_t k = 0; k < LANES; k++) {
        sum += lane[k];
    }
    return sqrtf(sum);
}

static void consider(struct rw_nearest *n, float r, int32_t fold)
{
    if (fold == n->fold) {
        n->first = RW_MIN(r, n->first);
    } else if (r < n->first) {
        n->second = n->first; /* the best of all other folds: the old first, or better below */
        n->first = r;
        n->fold = fold;
    } else if (r < n->second) {
        n->second = r;
    }
}

void rw_coverage_nearest(const struct rw_points *b, const struct rw_points *w, int other_prompts,
                         struct rw_nearest *out)
{
    rw_assert(b->d == w->d);
    for (size_t i = 0; i < b->n; i++) {
        out[i] = (struct rw_nearest){INFINITY, INFINITY, -1};
        for (size_t j = 0; j < w->n; j++) {
            if (other_prompts != 0 && w->prompt[j] == b->prompt[i]) {
                continue;
            }
            float r = distance(b->x + i * b->d, w->x + j * w->d, b->d);
            consider(&out[i], r, (int32_t)rw_coverage_fold(w->prompt[j]));
        }
    }
}

uint32_t rw_coverage_folds(const struct rw_points *p)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < p->n; i++) {
        mask |= UINT32_C(1) << rw_coverage_fold(p->prompt[i]);
    }
    return mask;
}

/* ---- radii ----------------------------------------------------------------------------------- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Linear-interpolation quantile (numpy's default) of ascending values; n > 0. */
static double own_quantile(const float *sorted, size_t n, double q)
{
    rw_assert(n > 0);
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    size_t above = below + 1 < n ? below + 1 : below;
    double part = at - (double)below;
    return (double)sorted[below] + part * ((double)sorted[above] - (double)sorted[below]);
}

static size_t sorted_distances(const struct rw_nearest *nearest, size_t n, float *out)
{
    size_t finite = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(nearest[i].first)) {
            out[finite++] = nearest[i].first;
        }
    }
    qsort(out, finite, sizeof *out, compare_floats);
    return finite;
}

int rw_coverage_radii(const struct rw_nearest *loo, size_t n, double radii[RW_COVERAGE_RADII],
                      float *scratch)
{
    size_t finite = sorted_distances(loo, n, scratch);
    if (finite == 0 || finite < n) {
        return 0;
    }
    for (size_t k = 0; k < RW_COVERAGE_RADII; k++) {
        radii[k] = own_quantile(scratch, finite, LEVEL[k]);
    }
    return 1;
}

/* ---- means over prompts ---------------------------------------------------------------------- */

static void sift(uint32_t *order, const uint64_t *prompt, size_t root, size_t end)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= end) {
            return;
        }
#define BEFORE(a, b) (prompt[a] < prompt[b] || (prompt[a] == prompt[b] && (a) < (b)))
        if (child + 1 < end && BEFORE(order[child], order[child + 1])) {
            child++;
        }
        if (!BEFORE(order[root], order[child])) {
            return;
        }
#undef BEFORE
        uint32_t swap = order[root];
        order[root] = order[child];
        order[child] = swap;
        root = child;
    }
}

/* Heapsort: qsort has no argument for the keys. */
void rw_coverage_order(const uint64_t *prompt, size_t n, uint32_t *order)
{
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t i = n / 2; i-- > 0;) {
        sift(order, prompt, i, n);
    }
    for (size_t end = n; end-- > 1;) {
        uint32_t swap = order[0];
        order[0] = order[end];
        order[end] = swap;
        sift(order, prompt, 0, end);
    }
}

/* Traces of one prompt resemble each other, so n traces are not n facts: the error is that of a
 * mean over clusters (the sandwich estimator; Liang and Zeger, Biometrika 1986),
 *
 *     error^2 = G / (G - 1) sum over clusters (sum of deviations within)^2 / n^2 */
struct rw_interval rw_coverage_cluster_mean(const double *values, const uint64_t *prompt, size_t n,
                                            const uint32_t *order)
{
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i < n; i++) {
        double v = values[i];
        sum += isnan(v) ? 0 : v;
        count += isnan(v) ? 0 : 1;
    }
    struct rw_interval out = {count > 0 ? sum / count : NAN, NAN};
    double squares = 0;
    double clusters = 0;
    for (size_t i = 0; i < n;) {
        uint64_t key = prompt[order[i]];
        double deviation = 0;
        double members = 0;
        for (; i < n && prompt[order[i]] == key; i++) {
            double v = values[order[i]];
            deviation += isnan(v) ? 0 : v - out.value;
            members += isnan(v) ? 0 : 1;
        }
        squares += deviation * deviation;
        clusters += members > 0 ? 1 : 0;
    }
    if (clusters >= FOLDS_MIN) {
        out.error = sqrt(squares * clusters / (clusters - 1)) / count;
    }
    return out;
}

/* Sums of one cluster's values; returns the index behind it. */
static size_t cluster_sum(const float *values, const uint64_t *prompt, size_t n,
                          const uint32_t *order, size_t i, double *sum, double *count)
{
    uint64_t key = prompt[order[i]];
    *sum = 0;
    *count = 0;
    for (; i < n && prompt[order[i]] == key; i++) {
        *sum += (double)values[order[i]];
        *count += 1;
    }
    return i;
}

/* Poisson(1) by inversion of one uniform: resampling clusters one by one, without a list of them
 * (the "Poisson bootstrap"; the multinomial one differs by O(1/clusters)). */
static double poisson_one(double u)
{
    double p = exp(-1.0);
    double below = p;
    double k = 0;
    while (u > below && k < 32) {
        k += 1;
        p /= k;
        below += p;
    }
    return k;
}

static double resampled_mean(const float *values, const uint64_t *prompt, size_t n,
                             const uint32_t *order, uint64_t seed)
{
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i < n;) {
        double s;
        double c;
        double times = poisson_one(rw_mix_unit(rw_mix(seed, i)));
        i = cluster_sum(values, prompt, n, order, i, &s, &c);
        sum += times * s;
        count += times * c;
    }
    return count > 0 ? sum / count : NAN;
}

struct rw_interval rw_coverage_bootstrap_mean(const float *values, const uint64_t *prompt, size_t n,
                                              const uint32_t *order, uint64_t seed)
{
    double sum = 0;
    double squares = 0;
    double done = 0;
    double mean = 0;
    size_t clusters = 0;
    for (size_t i = 0; i < n; clusters++) {
        double s;
        double c;
        i = cluster_sum(values, prompt, n, order, i, &s, &c);
        mean += s;
    }
    for (uint64_t r = 0; r < RW_COVERAGE_RESAMPLES; r++) {
        double m = resampled_mean(values, prompt, n, order, rw_mix(seed, r));
        if (!isnan(m)) {
            sum += m;
            squares += m * m;
            done += 1;
        }
    }
    struct rw_interval out = {n > 0 ? mean / (double)n : NAN, NAN};
    if (clusters >= FOLDS_MIN && done > 1) {
        double variance = (squares - sum * sum / done) / (done - 1);
        out.error = sqrt(RW_MAX(variance, 0));
    }
    return out;
}

/* ---- eta ------------------------------------------------------------------------------------- */

/* Mean over the radii of 1[r <= eps]: one number in 0..1 per reference point. */
static double hits(float r, const double radii[RW_COVERAGE_RADII])
{
    double sum = 0;
    for (size_t k = 0; k < RW_COVERAGE_RADII; k++) {
        sum += (double)r <= radii[k] ? 1 : 0;
    }
    return sum / RW_COVERAGE_RADII;
}

/* Delete-a-fold jackknife over the prompts of W (Quenouille, Tukey): variance = (G - 1) / G sum
 * over folds (eta without g - mean)^2. Without fold g, only the points whose nearest was in g fall
 * back to their second, so no distance is computed again: 17 coverages for the price of one. */
static double jackknife(const struct rw_nearest *nearest, size_t n,
                        const double radii[RW_COVERAGE_RADII], uint32_t present)
{
    double loss[RW_COVERAGE_FOLDS] = {0};
    double used[RW_COVERAGE_FOLDS];
    double folds = 0;
    double mean = 0;
    for (size_t i = 0; i < n; i++) {
        if (nearest[i].fold >= 0) {
            size_t g = (size_t)nearest[i].fold;
            loss[g] += hits(nearest[i].first, radii) - hits(nearest[i].second, radii);
        }
    }
    for (size_t g = 0; g < RW_COVERAGE_FOLDS; g++) {
        used[g] = present >> g & 1;
        folds += used[g];
        mean += loss[g];
    }
    if (folds < FOLDS_MIN) {
        return NAN;
    }
    mean /= folds;
    double squares = 0;
    for (size_t g = 0; g < RW_COVERAGE_FOLDS; g++) {
        double deviation = used[g] * (loss[g] - mean) / (double)n;
        squares += deviation * deviation;
    }
    return squares * (folds - 1) / folds;
}

void rw_coverage_measure(const struct rw_nearest *nearest, const uint64_t *prompt, size_t n,
                         const double radii[RW_COVERAGE_RADII], const uint32_t *order,
                         uint32_t folds, uint64_t seed, float *scratch, struct rw_coverage *out)
{
    float *hit = scratch + 2 * n;
    for (size_t k = 0; k < RW_COVERAGE_RADII; k++) {
        size_t covered = 0;
        for (size_t i = 0; i < n; i++) {
            covered += (double)nearest[i].first <= radii[k] ? 1 : 0;
        }
        out->eta[k] = n > 0 ? (double)covered / (double)n : NAN;
    }
    for (size_t i = 0; i < n; i++) {
        hit[i] = (float)hits(nearest[i].first, radii);
    }
    size_t finite = sorted_distances(nearest, n, scratch);
    out->r95 = finite > 0 ? own_quantile(scratch, finite, 0.95) : NAN;
    out->jackknife_variance = jackknife(nearest, n, radii, folds);
    out->eta_bar = rw_coverage_bootstrap_mean(hit, prompt, n, order, seed);
    double boot = out->eta_bar.error;
    out->eta_bar.error = sqrt(boot * boot + out->jackknife_variance);
}

struct rw_interval rw_coverage_change(const struct rw_nearest *now, const struct rw_nearest *base,
                                      const uint64_t *prompt, size_t n,
                                      const double radii[RW_COVERAGE_RADII], const uint32_t *order,
                                      double jackknife_variance, uint64_t seed, float *scratch)
{
    for (size_t i = 0; i < n; i++) {
        scratch[i] = (float)(hits(now[i].first, radii) - hits(base[i].first, radii));
    }
    struct rw_interval out = rw_coverage_bootstrap_mean(scratch, prompt, n, order, seed);
    out.error = sqrt(out.error * out.error + jackknife_variance);
    return out;
}

/* ---- participation ratio --------------------------------------------------------------------- */

static bool left_out(const struct rw_points *p, size_t i, int32_t without)
{
    return without >= 0 && rw_coverage_fold(p->prompt[i]) == (uint32_t)without;
}

/* Means into `mean`, sums of centred products of the lower triangle into `s`. */
static size_t scatter(const struct rw_points *p, int32_t without, double *mean, double *s)
{
    size_t n = 0;
    for (size_t k = 0; k < p->d + p->d * p->d; k++) {
        mean[k] = 0; /* s lies behind it */
    }
    for (size_t i = 0; i < p->n; i++) {
        if (!left_out(p, i, without)) {
            n++;
            for (size_t k = 0; k < p->d; k++) {
                mean[k] += (double)p->x[i * p->d + k];
            }
        }
    }
    for (size_t k = 0; k < p->d && n > 0; k++) {
        mean[k] /= (double)n;
    }
    for (size_t i = 0; i < p->n; i++) {
        const float *x = p->x + i * p->d;
        for (size_t k = 0; k < p->d && !left_out(p, i, without); k++) {
            double xk = (double)x[k] - mean[k];
            for (size_t l = 0; l <= k; l++) {
                s[k * p->d + l] += xk * ((double)x[l] - mean[l]);
            }
        }
    }
    return n;
}

/* Participation ratio (tr C)^2 / tr C^2 of the covariance C behind n sampled points, with the
 * closed-form correction for small n (Gaussian moments; Chen and Qin, Annals of Statistics 2010,
 * have the same estimators of tr C^2):
 *
 *      t2 = (n-1)^2 / ((n-2)(n+1)) * (tr S^2 - (tr S)^2 / (n-1)),   t1 = (tr S)^2 - 2 t2 / (n-1)
 *
 * S is the sample covariance with n-1. Points of fold `without` are left out (-1: none). NaN when
 * n < 4 or t2 <= 0. scratch[d + d*d]. */
static double participation_ratio(const struct rw_points *p, int32_t without, double *scratch)
{
    double *s = scratch + p->d;
    size_t count = scatter(p, without, scratch, s);
    if (count < 4) {
        return NAN;
    }
    double n = (double)count;
    double trace = 0;
    double trace_of_square = 0;
    for (size_t k = 0; k < p->d; k++) {
        for (size_t l = 0; l <= k; l++) {
            double v = s[k * p->d + l] / (n - 1);
            trace += l == k ? v : 0;
            trace_of_square += (l == k ? 1 : 2) * v * v;
        }
    }
    double t2 =
        (n - 1) * (n - 1) / ((n - 2) * (n + 1)) * (trace_of_square - trace * trace / (n - 1));
    double t1 = trace * trace - 2 * t2 / (n - 1);
    return t2 > 0 ? t1 / t2 : NAN;
}

struct rw_interval rw_coverage_jackknife(const struct rw_points *p, double *scratch)
{
    struct rw_interval out = {participation_ratio(p, -1, scratch), NAN};
    bool used[RW_COVERAGE_FOLDS] = {false};
    double value[RW_COVERAGE_FOLDS];
    double folds = 0;
    double mean = 0;
    for (size_t i = 0; i < p->n; i++) {
        used[rw_coverage_fold(p->prompt[i])] = true;
    }
    for (int32_t g = 0; g < RW_COVERAGE_FOLDS; g++) {
        value[g] = used[g] ? participation_ratio(p, g, scratch) : NAN;
        folds += isnan(value[g]) ? 0 : 1;
        mean += isnan(value[g]) ? 0 : value[g];
    }
    if (folds < FOLDS_MIN) {
        return out;
    }
    mean /= folds;
    double squares = 0;
    for (size_t g = 0; g < RW_COVERAGE_FOLDS; g++) {
        squares += isnan(value[g]) ? 0 : (value[g] - mean) * (value[g] - mean);
    }
    out.error = sqrt(squares * (folds - 1) / folds);
    return out;
}
