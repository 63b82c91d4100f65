/* Rules on windows: when an alarm rings, and what it says.
 *
 * Each rule compares means with errors clustered by prompt, by Student's t. It looks at every
 * window, so look j of a rule may err with probability alpha / (j (j+1)) only, which sums to alpha
 * (run_ring.c). Nothing is said about the policy while the prompts of the two windows differ. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/run/run_parts.h"

#include "core/base/util.h"

static const double SCREENING_RISE = 0.15;
static const double GAP_RISE = 0.05;
static const double REWARD_JUMP = 0.2;
static const double SHAPE_JUMP = 1.5; /* ratio of means of neighbouring windows */
static const double ACCURACY_FALL = 0.05;
static const double FOLLOWS = 0.25; /* accuracy follows when it rises by this part of the reward */
static const double DIVERSITY_LEFT = 0.6;
static const double COVERAGE_FALL = 0.1;
static const double LENGTH_CORRELATION = 0.3;
static const double PROMPTS_DIFFER = 3; /* standard errors: doubt */

static const char *const REWARD_NAME[RW_RUN_REWARDS] = {"process", "outcome"};

/* ---- naming ---------------------------------------------------------------------------------- */

struct look {
    struct rw_run *run;
    enum rw_run_span span;
    struct rw_run_sample sample;
    const struct rw_run_window *first;
    const struct rw_run_window *before; /* NULL = the first of its segment */
    const struct rw_run_window *now;
    double z;
    struct rw_run_news *news;
};

/* The traces of the window that this rule makes one want to read: `worth` is highest. */
static void name_traces(const struct look *l, struct rw_run_alarm *a,
                        double (*worth)(const struct rw_run_point *p))
{
    double best[RW_RUN_SUSPECTS];
    for (uint32_t i = 0; i < l->sample.n; i++) {
        const struct rw_run_point *p = &l->sample.point[i];
        double w = worth(p);
        if (isnan(w)) {
            continue;
        }
        uint32_t at = a->n_suspects;
        while (at > 0 && best[at - 1] < w) {
            at--;
        }
        if (at >= RW_RUN_SUSPECTS) {
            continue;
        }
        uint32_t kept = a->n_suspects < RW_RUN_SUSPECTS ? a->n_suspects : RW_RUN_SUSPECTS - 1;
        memmove(&a->suspect[at + 1], &a->suspect[at], (kept - at) * sizeof a->suspect[0]);
        memmove(&best[at + 1], &best[at], (kept - at) * sizeof best[0]);
        a->suspect[at] = p->label;
        best[at] = w;
        a->n_suspects = kept + 1;
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

static struct rw_run_alarm *ring(struct look *l, enum rw_run_rule rule, double value, double limit)
{
    struct rw_run_alarm *a = rw_run_ring(l->run, rule, value, limit);
    a->has_span = true;
    a->span = l->span;
    a->window = l->now->index;
    return a;
}

/* NaN compares false: what is not known does not ring. */
static bool surely_up(struct rw_interval d, double z)
{
    return d.value - z * d.error > 0;
}

static bool surely_down(struct rw_interval d, double z)
{
    return d.value + z * d.error < 0;
}

static double worth_process(const struct rw_run_point *p)
{
    return p->reward[RW_RUN_PROCESS];
}

static double worth_outcome(const struct rw_run_point *p)
{
    return p->reward[RW_RUN_OUTCOME];
}

static double worth_gap(const struct rw_run_point *p)
{
    return p->reward[RW_RUN_OUTCOME] - p->reward[RW_RUN_PROCESS];
}

static double worth_wrong(const struct rw_run_point *p)
{
    double process = p->reward[RW_RUN_PROCESS];
    return p->verified == 0 ? (isnan(process) ? p->reward[RW_RUN_OUTCOME] : process) : NAN;
}

static double worth_steps(const struct rw_run_point *p)
{
    return p->steps;
}

static double worth_step_bytes(const struct rw_run_point *p)
{
    return p->bytes / p->steps;
}

#define BAND(d, z) (d).value, (d).value - (z) * (d).error, (d).value + (z) * (d).error

static double (*const WORTH[RW_RUN_REWARDS])(const struct rw_run_point *) = {worth_process,
                                                                             worth_outcome};

/* "to 1.91", or why there is no figure. */
static const char *participation_says(const struct look *l, struct rw_interval pr, char *out,
                                      size_t size)
{
    if (l->now->participation_missing == RW_RUN_NO_SPREAD) {
        return "the participation ratio cannot be told, because all traces are alike";
    }
    snprintf(out, size, "the participation ratio changed by %.2f [%.2f, %.2f] to %.2f",
             BAND(pr, l->z), l->now->participation.value);
    return out;
}

static void check_collapse(struct look *l)
{
    char text[128];
    struct rw_interval pr = rw_run_change(l->first->participation, l->now->participation);
    struct rw_interval eta = l->now->eta_change;
    bool narrow = surely_down(pr, l->z) || (l->now->participation_missing == RW_RUN_NO_SPREAD &&
                                            l->first->participation_missing == RW_RUN_THERE);
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_COLLAPSE]; r++) {
        struct rw_interval up = rw_run_change(l->first->reward[r], l->now->reward[r]);
        if (!surely_up(up, l->z) || !surely_down(eta, l->z) || !narrow) {
            continue;
        }
        struct rw_run_alarm *a = ring(l, RW_RUN_RULE_COLLAPSE, eta.value, 0);
        rw_run_say(a,
                   "Manifold collapse (our operational definition): since the first window the "
                   "mean %s reward rose by %.3f [%.3f, %.3f], coverage of the first traces' region "
                   "changed by %.3f [%.3f, %.3f] to %.3f, and %s: more reward from fewer kinds of "
                   "traces. The traces named here have the highest reward of the window.",
                   REWARD_NAME[r], BAND(up, l->z), BAND(eta, l->z), l->now->coverage.eta_bar.value,
                   participation_says(l, pr, text, sizeof text));
        name_traces(l, a, WORTH[r]);
        rw_run_publish(a, l->news);
    }
}

/* Coverage alone: a template that earns no more than before. */
static void check_coverage(struct look *l)
{
    struct rw_interval eta = l->now->eta_change;
    if (l->run->rang[RW_RUN_RULE_COVERAGE] || l->run->rang[RW_RUN_RULE_COLLAPSE] ||
        !surely_down(eta, l->z) || !(eta.value <= -COVERAGE_FALL)) {
        return;
    }
    struct rw_run_alarm *a = ring(l, RW_RUN_RULE_COVERAGE, eta.value, -COVERAGE_FALL);
    rw_run_say(a,
               "Coverage falls: the traces visit %.3f of the first traces' region, which changed "
               "by %.3f [%.3f, %.3f] since the first window (rewards: process %.3f, outcome %.3f). "
               "The traces named here have the highest reward of the window.",
               l->now->coverage.eta_bar.value, BAND(eta, l->z),
               l->now->reward[RW_RUN_PROCESS].value, l->now->reward[RW_RUN_OUTCOME].value);
    name_traces(l, a, isnan(l->now->reward[RW_RUN_OUTCOME].value) ? worth_process : worth_outcome);
    rw_run_publish(a, l->news);
}

/* The reward surely rises, it surely rises more than accuracy, and accuracy with its error does not
 * reach a quarter of that rise: not the sign of a difference that nobody can see. */
static void check_divergence(struct look *l)
{
    struct rw_interval right = rw_run_change(l->first->accuracy, l->now->accuracy);
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_DIVERGENCE]; r++) {
        struct rw_interval up = rw_run_change(l->first->reward[r], l->now->reward[r]);
        struct rw_interval parting = rw_run_change(right, up);
        if (!surely_up(up, l->z) || !surely_up(parting, l->z) ||
            !(right.value + right.error < FOLLOWS * up.value)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l, RW_RUN_RULE_DIVERGENCE, parting.value, 0);
        rw_run_say(a,
                   "Reward and correctness part: since the first window the mean %s reward rose by "
                   "%.3f [%.3f, %.3f] to %.3f, while the share of verified answers changed by %.3f "
                   "[%.3f, %.3f] to %.3f, which is less than a quarter of it. The traces named "
                   "here are wrong and have the highest reward.",
                   REWARD_NAME[r], BAND(up, l->z), l->now->reward[r].value, BAND(right, l->z),
                   l->now->accuracy.value);
        name_traces(l, a, worth_wrong);
        rw_run_publish(a, l->news);
    }
}

static void check_accuracy(struct look *l)
{
    struct rw_interval right = rw_run_change(l->first->accuracy, l->now->accuracy);
    if (l->run->rang[RW_RUN_RULE_ACCURACY] || !surely_down(right, l->z) ||
        !(right.value <= -ACCURACY_FALL)) {
        return;
    }
    struct rw_run_alarm *a = ring(l, RW_RUN_RULE_ACCURACY, right.value, -ACCURACY_FALL);
    rw_run_say(a,
               "Accuracy falls: the share of verified answers changed by %.3f [%.3f, %.3f] since "
               "the first window, to %.3f (rewards: process %.3f, outcome %.3f). The traces named "
               "here are wrong and have the highest reward.",
               BAND(right, l->z), l->now->accuracy.value, l->now->reward[RW_RUN_PROCESS].value,
               l->now->reward[RW_RUN_OUTCOME].value);
    name_traces(l, a, worth_wrong);
    rw_run_publish(a, l->news);
}

static void check_diversity(struct look *l)
{
    static const char *const WHAT[RW_RUN_DIVERSITIES] = {
        "pairs of samples of one prompt with different texts make up",
        "pairs of its answers that were not verified right differ in a share of",
        "the mean squared distance of the latent states of two of its samples is",
    };
    for (int d = 0; d < RW_RUN_DIVERSITIES && !l->run->rang[RW_RUN_RULE_DIVERSITY]; d++) {
        struct rw_interval from = l->first->diversity[d];
        struct rw_interval down = rw_run_change(from, l->now->diversity[d]);
        double left = l->now->diversity[d].value / from.value;
        if (!surely_down(down, l->z) || !(left <= DIVERSITY_LEFT)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l, RW_RUN_RULE_DIVERSITY, left, DIVERSITY_LEFT);
        rw_run_say(
            a,
            "The samples of a prompt become alike: %s %.3f, changed by %.3f [%.3f, %.3f] "
            "since the first window: %.0f %% is left. The traces named here have the highest "
            "reward of the window.",
            WHAT[d], l->now->diversity[d].value, BAND(down, l->z), 100 * left);
        name_traces(l, a,
                    isnan(l->now->reward[RW_RUN_OUTCOME].value) ? worth_process : worth_outcome);
        rw_run_publish(a, l->news);
    }
}

/* Fisher's z: atanh r has an error of 1 / sqrt(n - 3), whatever r; prompts count as n. */
static void check_length(struct look *l)
{
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_LENGTH]; r++) {
        double now = fabs(l->now->length_correlation[r]);
        double from = fabs(l->first->length_correlation[r]);
        double few = (double)RW_MIN(l->now->prompts, l->first->prompts);
        double error = sqrt(2 / fmax(few - 3, 1));
        double rise = atanh(RW_MIN(now, 0.999)) - atanh(RW_MIN(from, 0.999));
        if (!(now >= LENGTH_CORRELATION) || !(rise - l->z * error > 0)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l, RW_RUN_RULE_LENGTH, now, LENGTH_CORRELATION);
        rw_run_say(a,
                   "The %s reward follows the length of a trace: their correlation is %.2f, was "
                   "%.2f in the first window; a doubling of the length now changes the reward by "
                   "%.3f. The traces named here have the highest reward.",
                   REWARD_NAME[r], l->now->length_correlation[r], l->first->length_correlation[r],
                   l->now->length_slope[r]);
        name_traces(l, a, WORTH[r]);
        rw_run_publish(a, l->news);
    }
}

static void check_gap(struct look *l)
{
    struct rw_interval up = rw_run_change(l->first->gap, l->now->gap);
    if (l->run->rang[RW_RUN_RULE_GAP] || !surely_up(up, l->z) || !(up.value >= GAP_RISE)) {
        return;
    }
    struct rw_run_alarm *a = ring(l, RW_RUN_RULE_GAP, up.value, GAP_RISE);
    rw_run_say(
        a,
        "The gap between outcome and process reward opens: it rose by %.3f [%.3f, %.3f] since the "
        "first window, to %.3f (outcome %.3f, process %.3f). The traces named here have the widest "
        "gap: an outcome that is praised for steps that are not.",
        BAND(up, l->z), l->now->gap.value, l->now->reward[RW_RUN_OUTCOME].value,
        l->now->reward[RW_RUN_PROCESS].value);
    name_traces(l, a, worth_gap);
    rw_run_publish(a, l->news);
}

static void check_screening(struct look *l)
{
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_SCREENING]; r++) {
        double from = RW_MAX(l->first->screening[r], 0);
        double rise = l->now->screening[r] - from;
        /* The error of an R^2 near zero is about sqrt(4 R^2 / n); R^2 <= 1, prompts as units. */
        double error = 2 * sqrt(fmax(l->now->screening[r], 0) / (double)l->now->prompts +
                                fmax(from, 0) / (double)l->first->prompts);
        if (isnan(l->first->screening[r]) || !(rise >= SCREENING_RISE) ||
            !(rise - l->z * error > 0)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l, RW_RUN_RULE_SCREENING, rise, SCREENING_RISE);
        rw_run_say(
            a,
            "The surface of a trace (its length, shape and characters) now explains %.0f %% of the "
            "variance of the %s reward, %.0f %% in the first window. Correlation of the reward "
            "with length: %.2f, was %.2f.",
            100 * l->now->screening[r], REWARD_NAME[r], 100 * from, l->now->length_correlation[r],
            l->first->length_correlation[r]);
        name_traces(l, a, WORTH[r]);
        rw_run_publish(a, l->news);
    }
}

static void check_reward_jump(struct look *l)
{
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_REWARD_JUMP]; r++) {
        struct rw_interval up = rw_run_change(l->before->reward[r], l->now->reward[r]);
        if (!surely_up(up, l->z) || !(up.value >= REWARD_JUMP)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l, RW_RUN_RULE_REWARD_JUMP, up.value, REWARD_JUMP);
        rw_run_say(a, "The mean %s reward jumped from %.3f to %.3f between two windows.",
                   REWARD_NAME[r], l->before->reward[r].value, l->now->reward[r].value);
        name_traces(l, a, WORTH[r]);
        rw_run_publish(a, l->news);
    }
}

static void check_shape_jump(struct look *l, enum rw_run_rule rule, const char *what,
                             struct rw_interval from, struct rw_interval to,
                             double (*worth)(const struct rw_run_point *))
{
    struct rw_interval d = rw_run_change(from, to);
    double ratio = to.value / from.value;
    bool far = ratio >= SHAPE_JUMP || ratio <= 1 / SHAPE_JUMP;
    if (l->run->rang[rule] || !far || !(surely_up(d, l->z) || surely_down(d, l->z))) {
        return;
    }
    struct rw_run_alarm *a = ring(l, rule, ratio, SHAPE_JUMP);
    rw_run_say(a, "The mean %s jumped from %.1f to %.1f between two windows.", what, from.value,
               to.value);
    name_traces(l, a, worth);
    rw_run_publish(a, l->news);
}

/* ---- a window ended -------------------------------------------------------------------------- */

/* A rounding of equal means is no difference. */
static double standard_errors(struct rw_interval from, struct rw_interval to)
{
    struct rw_interval d = rw_run_change(from, to);
    double size = fabs(d.value) - 1e-6 * (1 + fabs(from.value));
    return isnan(d.error) || !(size > 0) ? 0 : size / RW_MAX(d.error, 1e-9);
}

/* True: the prompts of the window are not those of the first, and a new baseline began, or that is
 * in doubt. Two-sided, and over so many features. */
static bool prompts_differ(struct look *l, double alpha)
{
    char how[160];
    double z = rw_run_quantile(alpha / (2.0 * RW_PROMPT_DIM), (double)l->now->prompts);
    bool doubt = false;
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        struct rw_interval from = l->first->prompt_x[f];
        struct rw_interval to = l->now->prompt_x[f];
        double far = standard_errors(from, to);
        if (far > z) {
            snprintf(how, sizeof how,
                     "mean %.3f in the first window, %.3f now: %.1f standard errors", from.value,
                     to.value, far);
            rw_run_prompts_changed(l->run, (enum rw_prompt)f, far, z, how, l->news);
            return true;
        }
        doubt = doubt || far > PROMPTS_DIFFER;
    }
    return doubt;
}

static void check_all(struct look *l)
{
    check_collapse(l);
    check_divergence(l);
    check_accuracy(l);
    check_diversity(l);
    check_gap(l);
    check_length(l);
    if (l->span == RW_RUN_SLOW) {
        check_coverage(l);
        check_screening(l);
    }
    if (l->before != NULL) {
        check_reward_jump(l);
        check_shape_jump(l, RW_RUN_RULE_STEPS_JUMP, "number of steps", l->before->steps,
                         l->now->steps, worth_steps);
        check_shape_jump(l, RW_RUN_RULE_STEP_BYTES_JUMP, "length of a step in bytes",
                         l->before->step_bytes, l->now->step_bytes, worth_step_bytes);
    }
}

void rw_run_check_window(struct rw_run *run, enum rw_run_span span, struct rw_run_news *news)
{
    struct rw_run_course *c = &run->course[span];
    if (c->windows >= 2) {
        double alpha = rw_run_alpha((double)(c->windows - 1));
        struct look l = {.run = run,
                         .span = span,
                         .sample = rw_run_sample_of(run, span),
                         .first = &c->first,
                         .now = rw_run_history(run, span, c->history_count - 1),
                         .news = news};
        if (c->history_count >= 2) {
            const struct rw_run_window *before = rw_run_history(run, span, c->history_count - 2);
            l.before = before->segment == l.now->segment ? before : NULL;
        }
        l.z = rw_run_quantile(alpha, (double)RW_MIN(c->first.prompts, l.now->prompts));
        if (!prompts_differ(&l, alpha)) {
            check_all(&l);
        }
    }
    c->n = 0;
}
