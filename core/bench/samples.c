#include "core/bench/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

void rw_samples_add(struct rw_samples *samples, double value)
{
    if (samples->n < RW_SAMPLES_MAX) {
        samples->value[samples->n++] = value;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The nearest rank (no interpolation): with five or seven runs every figure that is printed was
 * measured. Median and quartiles and not mean and deviation, because the noise of a shared machine
 * only ever makes a run slower. */
double rw_samples_quantile(const struct rw_samples *samples, double q)
{
    double sorted[RW_SAMPLES_MAX];
    rw_assert(q >= 0 && q <= 1);
    if (samples->n == 0) {
        return 0;
    }
    memcpy(sorted, samples->value, samples->n * sizeof *sorted);
    qsort(sorted, samples->n, sizeof *sorted, ascending);
    double rank = ceil(q * samples->n);
    return sorted[rank < 1 ? 0 : (uint32_t)rank - 1];
}

double rw_samples_median(const struct rw_samples *samples)
{
    return rw_samples_quantile(samples, 0.5);
}
