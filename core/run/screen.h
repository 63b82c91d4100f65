/* Screening index: how much of the reward can be told from the surface of the trace alone.
 *
 * A ridge regression of reward on surface features whose normal equations forget exponentially.
 * Each trace is predicted *before* it is learnt (prequential), so the R^2 is out of sample:
 *
 *      R^2 = 1 - sum (y - prediction)^2 / sum (y - mean so far)^2      over a window
 *
 * It is a monitor, not a correction: subtracting the prediction from the reward was measured to
 * lower its AUROC. Pure. */
#ifndef RW_RUN_SCREEN_H
#define RW_RUN_SCREEN_H

#include <stdint.h>

#include "core/run/surface.h"

enum {
    RW_SCREEN_DIM = RW_SURFACE_DIM,
    RW_SCREEN_WARM = 64, /* traces that are learnt before the first prediction counts */
};

struct rw_screen {
    double weight;                            /* sum of lambda^age */
    double x[RW_SCREEN_DIM];                  /* weighted sums */
    double xx[RW_SCREEN_DIM * RW_SCREEN_DIM]; /* lower triangle */
    double xy[RW_SCREEN_DIM];
    double y;
    uint64_t seen;
    double error;  /* of this window: squared errors of the predictions */
    double spread; /* and of the running mean */
    uint64_t scored;
};

void rw_screen_init(struct rw_screen *s);
/* Predicts, scores and learns. */
void rw_screen_observe(struct rw_screen *s, const double x[RW_SCREEN_DIM], double y);
/* Intercept first; false when the equations are not solvable yet. */
int rw_screen_solve(const struct rw_screen *s, double coefficients[RW_SCREEN_DIM + 1]);
/* Of the window so far; NaN without predictions or without spread. */
double rw_screen_r2(const struct rw_screen *s);
void rw_screen_next_window(struct rw_screen *s);
/* Sums add; the ages of the two streams are taken as they are, so this is the joint stream up to
 * the order in which it forgets. */
void rw_screen_merge(struct rw_screen *a, const struct rw_screen *b);

#endif
