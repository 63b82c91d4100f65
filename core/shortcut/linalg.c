#include "core/shortcut/linalg.h"

#include <math.h>

#include "core/base/assert.h"
#include "core/base/util.h"

void rw_linalg_mean(const float *x, size_t n, size_t d, double *mean)
{
    rw_assert(n >= 1);
    for (size_t j = 0; j < d; j++) {
        mean[j] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) {
            mean[j] += (double)x[i * d + j];
        }
    }
    for (size_t j = 0; j < d; j++) {
        mean[j] /= (double)n;
    }
}

/* cov = sum (x - mean)(x - mean)^T; returns sum_i |x_i - mean|^4. */
static double scatter(const float *x, size_t n, size_t d, const double *mean, double *cov)
{
    double fourth = 0;
    for (size_t k = 0; k < d * d; k++) {
        cov[k] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        const float *row = x + i * d;
        double length2 = 0;
        for (size_t a = 0; a < d; a++) {
            double za = (double)row[a] - mean[a];
            length2 += za * za;
            for (size_t b = 0; b <= a; b++) {
                cov[a * d + b] += za * ((double)row[b] - mean[b]);
            }
        }
        fourth += length2 * length2;
    }
    return fourth;
}

/* Ledoit and Wolf (2004), Lemma 3.2 to 3.4: cov becomes (1 - s) S + s mu I with s = beta / delta.
 *   mu    = trace(S) / d                     the mean variance
 *   delta = |S - mu I|^2 / d                 how far S is from the sphere
 *   beta  = sum |x x^T - S|^2 / (d n^2)      how much of that is noise, at most all of it
 * In both sums the cross terms are |S|^2 again, so neither needs the d x d products of single rows:
 * sum |x x^T - S|^2 = sum |x|^4 - n |S|^2. Banks have 200 to 3,000 rows for d = 64: without
 * shrinkage the smallest eigenvalues, which the distance divides by, are mostly noise. */
double rw_linalg_ledoit_wolf(const float *x, size_t n, size_t d, const double *mean, double *cov)
{
    rw_assert(n >= 1 && d >= 1);
    double fourth = scatter(x, n, d, mean, cov);
    double trace = 0;
    double frobenius2 = 0;
    for (size_t a = 0; a < d; a++) {
        for (size_t b = 0; b <= a; b++) {
            double v = cov[a * d + b] / (double)n;
            cov[a * d + b] = v;
            cov[b * d + a] = v;
            frobenius2 += (a == b ? 1 : 2) * v * v;
        }
        trace += cov[a * d + a];
    }
    double mu = trace / (double)d;
    double beta = (fourth / (double)n - frobenius2) / ((double)d * (double)n);
    double delta = (frobenius2 - 2 * mu * trace + (double)d * mu * mu) / (double)d;
    beta = RW_MIN(beta, delta);
    double shrinkage = beta <= 0 || delta <= 0 ? 0 : beta / delta;
    for (size_t k = 0; k < d * d; k++) {
        cov[k] *= 1 - shrinkage;
    }
    for (size_t a = 0; a < d; a++) {
        cov[a * d + a] += shrinkage * mu;
    }
    return shrinkage;
}

/* In place, row by row; the upper triangle is not read. A pivot that is not positive says that the
 * matrix has no inverse to measure distances by: the caller then has no bank, not a wrong one. */
bool rw_linalg_cholesky(double *a, size_t d)
{
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * d + j];
            for (size_t k = 0; k < j; k++) {
                sum -= a[i * d + k] * a[j * d + k];
            }
            if (i != j) {
                a[i * d + j] = sum / a[j * d + j];
            } else if (sum > 0 && isfinite(sum)) {
                a[i * d + i] = sqrt(sum);
            } else {
                return false;
            }
        }
    }
    return true;
}

/* |L^-1 z|^2 by forward substitution: the inverse of the covariance is never formed. */
double rw_linalg_mahalanobis2(const double *factor, size_t d, double *z)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        for (size_t k = 0; k < i; k++) {
            z[i] -= factor[i * d + k] * z[k];
        }
        z[i] /= factor[i * d + i];
        sum += z[i] * z[i];
    }
    return sum;
}

void rw_linalg_normalise(float *row, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) {
        sum += (double)row[j] * (double)row[j];
    }
    if (sum <= 0) {
        return;
    }
    double scale = 1 / sqrt(sum);
    for (size_t j = 0; j < d; j++) {
        row[j] = (float)((double)row[j] * scale);
    }
}

double rw_linalg_distance2(const float *a, const float *b, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) {
        double diff = (double)a[j] - (double)b[j];
        sum += diff * diff;
    }
    return sum;
}
