/* How an alarm rings, and what each look may err. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/run/run_parts.h"

#include "core/base/util.h"

/* One-sided, per rule, span and run. With about twenty of these and the capitals of run_change.c a
 * run that does not change rings with probability 1 % at most. */
static const double RULE_ALPHA = 0.0002;

double rw_run_alpha(double looks)
{
    return RULE_ALPHA / (looks * (looks + 1));
}

/* Bisection on erfc: called a few times per window, and needs no table of coefficients. */
static double normal_quantile(double alpha)
{
    double low = 0;
    double high = 40;
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        if (0.5 * erfc(middle / sqrt(2)) > alpha) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}

/* A fast window may have 32 prompts, and far in its tail Student's t is not normal. The expansion
 * of Cornish and Fisher (Abramowitz and Stegun, 26.7.5). */
double rw_run_quantile(double alpha, double prompts)
{
    double z = normal_quantile(alpha);
    double nu = RW_MAX(prompts - 1, 3);
    double z3 = z * z * z;
    double z5 = z3 * z * z;
    double z7 = z5 * z * z;
    return z + (z3 + z) / (4 * nu) + (5 * z5 + 16 * z3 + 3 * z) / (96 * nu * nu) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * nu * nu * nu);
}

struct rw_interval rw_run_change(struct rw_interval from, struct rw_interval to)
{
    return (struct rw_interval){to.value - from.value,
                                sqrt(from.error * from.error + to.error * to.error)};
}

/* Prompts that change again and again (a curriculum) leave room for the other alarms: the latest
 * such one takes the place of the one before, if nothing rang between them. */
static struct rw_run_alarm *slot(struct rw_run *run, enum rw_run_rule rule)
{
    if (rule == RW_RUN_RULE_PROMPTS && run->alarm_count > 0) {
        struct rw_run_alarm *last = &run->alarm[(run->alarm_count - 1) % RW_RUN_ALARMS];
        if (last->rule == rule && !last->acknowledged) {
            return last;
        }
    }
    run->alarm_count++;
    return &run->alarm[(run->alarm_count - 1) % RW_RUN_ALARMS];
}

struct rw_run_alarm *rw_run_ring(struct rw_run *run, enum rw_run_rule rule, double value,
                                 double limit)
{
    uint64_t windows = run->course[RW_RUN_SLOW].history_count;
    struct rw_run_alarm *a = slot(run, rule);
    *a = (struct rw_run_alarm){.rule = rule,
                               .at = run->traces,
                               .window = windows > 0 ? windows - 1 : 0,
                               .value = value,
                               .limit = limit};
    run->rang[rule] = true;
    return a;
}

void rw_run_publish(const struct rw_run_alarm *a, struct rw_run_news *news)
{
    if (news->n_alarms < RW_RUN_RULES) {
        news->alarm[news->n_alarms++] = *a;
    }
}

void rw_run_say(struct rw_run_alarm *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(a->sentence, sizeof a->sentence, format, args);
    va_end(args);
}
