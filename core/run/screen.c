#include "core/run/screen.h"

#include <math.h>

enum {
    DIM = RW_SCREEN_DIM,
};

/* Half of the weight is in the last 1024 traces. */
static const double LAMBDA = 0.99932332;
/* Ridge penalty on features of order one, against sums over hundreds of traces. */
static const double RIDGE = 1.0;

void rw_screen_init(struct rw_screen *s)
{
    *s = (struct rw_screen){0};
}

/* Cholesky of the symmetric positive definite a (lower triangle), then two triangular solves. */
static int solve(double a[DIM * DIM], double b[DIM])
{
    for (int j = 0; j < DIM; j++) {
        for (int i = j; i < DIM; i++) {
            double sum = a[i * DIM + j];
            for (int k = 0; k < j; k++) {
                sum -= a[i * DIM + k] * a[j * DIM + k];
            }
            if (i == j && !(sum > 0)) {
                return 0;
            }
            a[i * DIM + j] = i == j ? sqrt(sum) : sum / a[j * DIM + j];
        }
    }
    for (int i = 0; i < DIM; i++) {
        for (int k = 0; k < i; k++) {
            b[i] -= a[i * DIM + k] * b[k];
        }
        b[i] /= a[i * DIM + i];
    }
    for (int i = DIM; i-- > 0;) {
        for (int k = i + 1; k < DIM; k++) {
            b[i] -= a[k * DIM + i] * b[k];
        }
        b[i] /= a[i * DIM + i];
    }
    return 1;
}

/* The intercept is not penalised: features and reward are centred by their weighted means. */
int rw_screen_solve(const struct rw_screen *s, double coefficients[DIM + 1])
{
    double a[DIM * DIM];
    double *beta = coefficients + 1;
    if (!(s->weight > 0)) {
        return 0;
    }
    for (int i = 0; i < DIM; i++) {
        for (int j = 0; j <= i; j++) {
            a[i * DIM + j] = s->xx[i * DIM + j] - s->x[i] * s->x[j] / s->weight;
        }
        a[i * DIM + i] += RIDGE;
        beta[i] = s->xy[i] - s->x[i] * s->y / s->weight;
    }
    if (!solve(a, beta)) {
        return 0;
    }
    coefficients[0] = s->y / s->weight;
    for (int i = 0; i < DIM; i++) {
        coefficients[0] -= beta[i] * s->x[i] / s->weight;
    }
    return 1;
}

/* The trace is predicted by what was learnt before it, and so is the mean that it is compared with:
 * an R^2 out of sample, which features of mere noise lower. */
static void score(struct rw_screen *s, const double x[DIM], double y)
{
    double c[DIM + 1];
    if (s->seen < RW_SCREEN_WARM || !rw_screen_solve(s, c)) {
        return;
    }
    double error = y - c[0];
    double spread = y - s->y / s->weight;
    for (int i = 0; i < DIM; i++) {
        error -= c[i + 1] * x[i];
    }
    s->error += error * error;
    s->spread += spread * spread;
    s->scored++;
}

/* Normal equations with weights lambda^age (recursive least squares without its inverse, which
 * drifts in floating point; 10 unknowns are solved anew for each trace). */
static void learn(struct rw_screen *s, const double x[DIM], double y)
{
    s->weight = LAMBDA * s->weight + 1;
    s->y = LAMBDA * s->y + y;
    for (int i = 0; i < DIM; i++) {
        s->x[i] = LAMBDA * s->x[i] + x[i];
        s->xy[i] = LAMBDA * s->xy[i] + x[i] * y;
        for (int j = 0; j <= i; j++) {
            s->xx[i * DIM + j] = LAMBDA * s->xx[i * DIM + j] + x[i] * x[j];
        }
    }
    s->seen++;
}

void rw_screen_observe(struct rw_screen *s, const double x[DIM], double y)
{
    if (isnan(y)) {
        return;
    }
    score(s, x, y);
    learn(s, x, y);
}

double rw_screen_r2(const struct rw_screen *s)
{
    return s->scored > 0 && s->spread > 0 ? 1 - s->error / s->spread : NAN;
}

void rw_screen_next_window(struct rw_screen *s)
{
    s->error = 0;
    s->spread = 0;
    s->scored = 0;
}

void rw_screen_merge(struct rw_screen *a, const struct rw_screen *b)
{
    a->weight += b->weight;
    a->y += b->y;
    for (int i = 0; i < DIM; i++) {
        a->x[i] += b->x[i];
        a->xy[i] += b->xy[i];
        for (int j = 0; j <= i; j++) {
            a->xx[i * DIM + j] += b->xx[i * DIM + j];
        }
    }
    a->seen += b->seen;
    a->error += b->error;
    a->spread += b->spread;
    a->scored += b->scored;
}
