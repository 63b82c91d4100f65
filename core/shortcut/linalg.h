/* Small dense linear algebra in double, fixed accumulation order: covariance with Ledoit-Wolf
 * shrinkage, Cholesky factor, distances. Matrices are row-major; d is at most a few hundred.
 *
 * Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004;
 * the same formulas as sklearn.covariance.ledoit_wolf, which the tests compare with. */
#ifndef RW_SHORTCUT_LINALG_H
#define RW_SHORTCUT_LINALG_H

#include <stdbool.h>
#include <stddef.h>

/* mean[d] of rows x[n,d]; n >= 1. */
void rw_linalg_mean(const float *x, size_t n, size_t d, double *mean);
/* cov[d,d] = (1 - s) S + s tr(S)/d I, S = sum (x - mean)(x - mean)^T / n; returns s in [0, 1]. */
double rw_linalg_ledoit_wolf(const float *x, size_t n, size_t d, const double *mean, double *cov);
/* Lower factor L with L L^T = a, in place (the upper part is left alone). False when `a` is not
 * positive definite. */
bool rw_linalg_cholesky(double *a, size_t d);
/* |L^-1 z|^2 = z^T (L L^T)^-1 z; z[d] is overwritten by L^-1 z. */
double rw_linalg_mahalanobis2(const double *factor, size_t d, double *z);
/* Row scaled to length 1 in place; a zero row stays zero. */
void rw_linalg_normalise(float *row, size_t d);
double rw_linalg_distance2(const float *a, const float *b, size_t d); /* |a - b|^2 */

#endif
