#include "core/model/recipe.h"

#include <math.h>

#include "core/base/assert.h"
#include "core/base/util.h"

static const char *const AGGREGATE_NAME[RW_AGGREGATE_COUNT] = {
    [RW_AGGREGATE_MIN] = "min",
    [RW_AGGREGATE_PRODUCT] = "product",
    [RW_AGGREGATE_MEAN] = "mean",
    [RW_AGGREGATE_LAST] = "last",
};

/* log(p / (1 - p)) of p = softmax(z)[good], without forming p: z_good - logsumexp(others).
 * The largest of the others is taken out first, so nothing overflows for finite z. */
static double log_odds(const float *z, uint32_t n, uint32_t good)
{
    double top = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (i != good && z[i] > top) {
            top = z[i];
        }
    }
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        if (i != good) {
            sum += exp((double)z[i] - top);
        }
    }
    return (double)z[good] - (top + log(sum));
}

static double sigmoid(double x)
{
    if (x >= 0) {
        return 1.0 / (1.0 + exp(-x));
    }
    double e = exp(x);
    return e / (1.0 + e);
}

rw_status rw_recipe_post(const struct rw_recipe *recipe, const float *values, struct rw_score *out)
{
    uint32_t n = recipe->head.n_out;
    rw_assert(n >= 1 && n <= RW_HEAD_OUT_MAX);
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return RW_NOT_FINITE;
        }
    }
    double raw = values[0];
    switch (recipe->post) {
    case RW_POST_SOFTMAX:
        rw_assert(n >= 2 && recipe->good < n);
        raw = log_odds(values, n, recipe->good);
        break;
    case RW_POST_SIGMOID:
        break;
    case RW_POST_NORMALIZED:
        raw = (raw - recipe->mean) / recipe->std;
        break;
    }
    *out = (struct rw_score){.raw = (float)raw, .reward = (float)sigmoid(raw)};
    return isfinite(out->raw) ? RW_OK : RW_NOT_FINITE;
}

float rw_aggregate_rewards(enum rw_aggregate how, const float *rewards, uint32_t n)
{
    rw_assert(n >= 1);
    double value = rewards[0];
    for (uint32_t i = 1; i < n; i++) {
        switch (how) {
        case RW_AGGREGATE_MIN:
            value = RW_MIN(rewards[i], value);
            break;
        case RW_AGGREGATE_PRODUCT:
            value *= rewards[i];
            break;
        case RW_AGGREGATE_MEAN:
            value += rewards[i];
            break;
        case RW_AGGREGATE_LAST:
            value = rewards[i];
            break;
        case RW_AGGREGATE_COUNT:
            rw_assert(false);
        }
    }
    return (float)(how == RW_AGGREGATE_MEAN ? value / n : value);
}

const char *rw_aggregate_name(enum rw_aggregate how)
{
    rw_assert(how < RW_AGGREGATE_COUNT);
    return AGGREGATE_NAME[how];
}

bool rw_aggregate_parse(struct rw_str name, enum rw_aggregate *out)
{
    for (int i = 0; i < RW_AGGREGATE_COUNT; i++) {
        if (rw_str_is(name, AGGREGATE_NAME[i])) {
            *out = (enum rw_aggregate)i;
            return true;
        }
    }
    return false;
}
