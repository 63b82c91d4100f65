/* When an alarm rings, and what it says.
 *
 * The four martingales share delta = 1 % (Bonferroni; half of it for prompt_gap, the strongest).
 * Each rule on windows compares means with errors clustered by prompt. It looks at every window, so
 * look j of a rule may err with probability alpha / (j (j+1)) only, which sums to alpha. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/run/run_parts.h"

#include "core/base/util.h"

static const double DELTA = 0.01;
static const double SHARE[RW_RUN_SCORES] = {0.5, 0.25, 0.125, 0.125};
static const double RULE_ALPHA = 0.001; /* one-sided, per rule and run */
static const double SCREENING_RISE = 0.15;
static const double GAP_RISE = 0.05;
static const double REWARD_JUMP = 0.2;
static const double SHAPE_JUMP = 1.5; /* ratio of means of neighbouring windows */

static const struct rw_run_rule_info INFO[RW_RUN_RULES] = {
    {"martingale_prompt_gap", "alarm", "the reward depends less on the question than it did"},
    {"martingale_min_logit", "alarm", "the weakest step of a trace is worse than it was"},
    {"martingale_step_redundant", "alarm", "steps repeat what stands before them"},
    {"martingale_latent_outlier", "alarm", "traces leave the region of the calibration bank"},
    {"manifold_collapse", "alarm", "the reward rises while coverage and dimension fall"},
    {"reward_accuracy_divergence", "alarm", "the reward rises and correctness does not"},
    {"outcome_process_gap", "alarm", "the outcome model praises what the process model does not"},
    {"screening", "warn", "the surface of a trace explains more of its reward than it did"},
    {"reward_jump", "warn", "the mean reward jumped from one window to the next"},
    {"steps_jump", "warn", "the number of steps jumped from one window to the next"},
    {"step_length_jump", "warn", "the length of a step jumped from one window to the next"},
};

static const char *const REWARD_NAME[RW_RUN_REWARDS] = {"process", "outcome"};

const struct rw_run_rule_info *rw_run_rule_info(enum rw_run_rule rule)
{
    return &INFO[rule];
}

double rw_run_alarm_capital(enum rw_run_score score)
{
    return -log(DELTA * SHARE[score]);
}

/* Bisection on erfc: called a few times per window, and needs no table of coefficients. */
static double run_z(double alpha)
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

/* ---- ringing --------------------------------------------------------------------------------- */

static struct rw_run_alarm *ring(struct rw_run *run, enum rw_run_rule rule, double value,
                                 double limit)
{
    struct rw_run_alarm *a = &run->alarm[run->alarm_count % RW_RUN_ALARMS];
    *a = (struct rw_run_alarm){.rule = rule,
                               .at = run->traces,
                               .window = run->history_count > 0 ? run->history_count - 1 : 0,
                               .value = value,
                               .limit = limit};
    run->alarm_count++;
    run->rang[rule] = true;
    return a;
}

static void publish(const struct rw_run_alarm *a, struct rw_run_news *news)
{
    if (news->n_alarms < RW_RUN_RULES) {
        news->alarm[news->n_alarms++] = *a;
    }
}

__attribute__((format(printf, 2, 3))) static void say(struct rw_run_alarm *a, const char *format,
                                                      ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(a->sentence, sizeof a->sentence, format, args);
    va_end(args);
}

/* The traces of the window that this rule makes one want to read: `worth` is highest. */
static void name_traces(const struct rw_run *run, struct rw_run_alarm *a,
                        double (*worth)(const struct rw_run_point *p))
{
    double best[RW_RUN_SUSPECTS];
    for (uint32_t i = 0; i < run->window.n; i++) {
        const struct rw_run_point *p = &run->window.point[i];
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

/* ---- martingales ----------------------------------------------------------------------------- */

static const char *direction(enum rw_run_score score)
{
    static const char *const SAYS[RW_RUN_SCORES] = {
        "the rewards depend less on the question than in the run's first traces (prompt_gap)",
        "the weakest steps score lower than in the run's first traces (min_logit)",
        "steps repeat earlier steps more than in the run's first traces (step_redundant)",
        "traces lie farther from the calibration bank than the run's first ones (latent_outlier)",
    };
    return SAYS[score];
}

void rw_run_check_martingale(struct rw_run *run, enum rw_run_score score, struct rw_run_news *news)
{
    enum rw_run_rule rule = (enum rw_run_rule)(RW_RUN_RULE_PROMPT_GAP + (int)score);
    const struct rw_martingale *m = &run->martingale[score];
    double capital = rw_martingale_log_capital(m);
    double limit = rw_run_alarm_capital(score);
    if (run->rang[rule] || capital < limit) {
        return;
    }
    struct rw_run_alarm *a = ring(run, rule, exp(capital), exp(limit));
    say(a,
        "The policy has changed: %s. After %llu prompts the test's capital is %.3g; it reaches "
        "%.0f "
        "by chance in fewer than %.3g %% of runs that do not change. A change is no guilt: read "
        "the "
        "traces named here, which had the lowest ranks, and acknowledge to start anew.",
        direction(score), (unsigned long long)m->bets, exp(capital), exp(limit), 100 * exp(-limit));
    for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
        if (run->suspect[score][i].p <= 1) {
            a->suspect[a->n_suspects++] = run->suspect[score][i].label;
        }
    }
    publish(a, news);
}

/* ---- windows --------------------------------------------------------------------------------- */

struct look {
    struct rw_run *run;
    const struct rw_run_window *first;
    const struct rw_run_window *before;
    const struct rw_run_window *now;
    double z;
    double looks;
    struct rw_run_news *news;
};

static struct rw_interval change(struct rw_interval from, struct rw_interval to)
{
    return (struct rw_interval){to.value - from.value,
                                sqrt(from.error * from.error + to.error * to.error)};
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

static double (*const WORTH[RW_RUN_REWARDS])(const struct rw_run_point *) = {worth_process,
                                                                             worth_outcome};

#define BAND(d, z) (d).value, (d).value - (z) * (d).error, (d).value + (z) * (d).error

static void check_collapse(struct look *l)
{
    struct rw_interval pr = change(l->first->participation, l->now->participation);
    struct rw_interval eta = l->now->eta_change;
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_COLLAPSE]; r++) {
        struct rw_interval up = change(l->first->reward[r], l->now->reward[r]);
        if (!surely_up(up, l->z) || !surely_down(eta, l->z) || !surely_down(pr, l->z)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l->run, RW_RUN_RULE_COLLAPSE, eta.value, 0);
        say(a,
            "Manifold collapse (our operational definition): since the first window the mean %s "
            "reward rose by %.3f [%.3f, %.3f], coverage of the first traces' region changed by "
            "%.3f [%.3f, %.3f] to %.3f, and the participation ratio by %.2f [%.2f, %.2f] to %.2f: "
            "more reward from fewer kinds of traces. The traces named here have the highest reward "
            "of the window.",
            REWARD_NAME[r], BAND(up, l->z), BAND(eta, l->z), l->now->coverage.eta_bar.value,
            BAND(pr, l->z), l->now->participation.value);
        name_traces(l->run, a, WORTH[r]);
        publish(a, l->news);
    }
}

static void check_divergence(struct look *l)
{
    struct rw_interval right = change(l->first->accuracy, l->now->accuracy);
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_DIVERGENCE]; r++) {
        struct rw_interval up = change(l->first->reward[r], l->now->reward[r]);
        struct rw_interval parting = change(right, up);
        if (!surely_up(up, l->z) || !surely_up(parting, l->z) || !(right.value <= 0)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l->run, RW_RUN_RULE_DIVERGENCE, parting.value, 0);
        say(a,
            "Reward and correctness part: since the first window the mean %s reward rose by %.3f "
            "[%.3f, %.3f] to %.3f, while the share of verified answers changed by %.3f [%.3f, "
            "%.3f] to %.3f. The traces named here are wrong and have the highest reward.",
            REWARD_NAME[r], BAND(up, l->z), l->now->reward[r].value, BAND(right, l->z),
            l->now->accuracy.value);
        name_traces(l->run, a, worth_wrong);
        publish(a, l->news);
    }
}

static void check_gap(struct look *l)
{
    struct rw_interval up = change(l->first->gap, l->now->gap);
    if (l->run->rang[RW_RUN_RULE_GAP] || !surely_up(up, l->z) || !(up.value >= GAP_RISE)) {
        return;
    }
    struct rw_run_alarm *a = ring(l->run, RW_RUN_RULE_GAP, up.value, GAP_RISE);
    say(a,
        "The gap between outcome and process reward opens: it rose by %.3f [%.3f, %.3f] since the "
        "first window, to %.3f (outcome %.3f, process %.3f). The traces named here have the widest "
        "gap: an outcome that is praised for steps that are not.",
        BAND(up, l->z), l->now->gap.value, l->now->reward[RW_RUN_OUTCOME].value,
        l->now->reward[RW_RUN_PROCESS].value);
    name_traces(l->run, a, worth_gap);
    publish(a, l->news);
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
        struct rw_run_alarm *a = ring(l->run, RW_RUN_RULE_SCREENING, rise, SCREENING_RISE);
        say(a,
            "The surface of a trace (its length, shape and characters) now explains %.0f %% of the "
            "variance of the %s reward, %.0f %% in the first window. Correlation of the reward "
            "with length: %.2f, was %.2f.",
            100 * l->now->screening[r], REWARD_NAME[r], 100 * from, l->now->length_correlation[r],
            l->first->length_correlation[r]);
        name_traces(l->run, a, WORTH[r]);
        publish(a, l->news);
    }
}

static void check_reward_jump(struct look *l)
{
    for (int r = 0; r < RW_RUN_REWARDS && !l->run->rang[RW_RUN_RULE_REWARD_JUMP]; r++) {
        struct rw_interval up = change(l->before->reward[r], l->now->reward[r]);
        if (!surely_up(up, l->z) || !(up.value >= REWARD_JUMP)) {
            continue;
        }
        struct rw_run_alarm *a = ring(l->run, RW_RUN_RULE_REWARD_JUMP, up.value, REWARD_JUMP);
        say(a, "The mean %s reward jumped from %.3f to %.3f between two windows.", REWARD_NAME[r],
            l->before->reward[r].value, l->now->reward[r].value);
        name_traces(l->run, a, WORTH[r]);
        publish(a, l->news);
    }
}

static void check_shape_jump(struct look *l, enum rw_run_rule rule, const char *what,
                             struct rw_interval from, struct rw_interval to,
                             double (*worth)(const struct rw_run_point *))
{
    struct rw_interval d = change(from, to);
    double ratio = to.value / from.value;
    bool far = ratio >= SHAPE_JUMP || ratio <= 1 / SHAPE_JUMP;
    if (l->run->rang[rule] || !far || !(surely_up(d, l->z) || surely_down(d, l->z))) {
        return;
    }
    struct rw_run_alarm *a = ring(l->run, rule, ratio, SHAPE_JUMP);
    say(a, "The mean %s jumped from %.1f to %.1f between two windows.", what, from.value, to.value);
    name_traces(l->run, a, worth);
    publish(a, l->news);
}

void rw_run_check_window(struct rw_run *run, struct rw_run_news *news)
{
    if (run->windows >= 2) {
        struct look l = {.run = run,
                         .first = &run->first,
                         .before = &run->history[(run->history_count - 2) % RW_RUN_HISTORY],
                         .now = &run->history[(run->history_count - 1) % RW_RUN_HISTORY],
                         .looks = (double)(run->windows - 1),
                         .news = news};
        l.z = run_z(RULE_ALPHA / (l.looks * (l.looks + 1)));
        check_collapse(&l);
        check_divergence(&l);
        check_gap(&l);
        check_screening(&l);
        check_reward_jump(&l);
        check_shape_jump(&l, RW_RUN_RULE_STEPS_JUMP, "number of steps", l.before->steps,
                         l.now->steps, worth_steps);
        check_shape_jump(&l, RW_RUN_RULE_STEP_BYTES_JUMP, "length of a step in bytes",
                         l.before->step_bytes, l.now->step_bytes, worth_step_bytes);
    }
    run->window.n = 0;
}
