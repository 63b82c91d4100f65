/* Rules that look at each prompt group: the policy has changed, or the prompts have.
 *
 * The martingales share DELTA (Bonferroni), those of the prompts and the gates have a little of
 * their own. Prompts come first, and while they are in doubt nothing is said about the policy: a
 * capital that has reached its limit keeps, and rings when the doubt is gone. */
#include <math.h>
#include <string.h>

#include "core/base/mix.h"
#include "core/run/run_parts.h"

#include "core/base/util.h"

static const double DELTA = 0.006;
static const double SHARE[RW_RUN_SCORES] = {0.3, 0.2, 0.08, 0.08, 0.14, 0.1, 0.1};
static const double GATES_DELTA = 0.0005;
static const double PROMPTS_DELTA = 0.001;

/* Doubt about the prompts: a moving mean over about thirty prompts of where the ranks of a feature
 * lie (1/2 when nothing changes) and of how far they are from the middle, more than three standard
 * errors off; or a capital that is on its way. */
static const double LEAN_RATE = 1.0 / 16;
static const double LEAN_LIMIT = 0.156;  /* 3 sqrt(1/12) sqrt(rate / (2 - rate)) */
static const double DOUBT_CAPITAL = 1.6; /* log 5 */

double rw_run_alarm_capital(enum rw_run_score score)
{
    return -log(DELTA * SHARE[score]);
}

double rw_run_prompt_capital(void)
{
    return -log(PROMPTS_DELTA / RW_PROMPT_DIM);
}

/* ---- prompts --------------------------------------------------------------------------------- */

static const char *feature_says(enum rw_prompt feature)
{
    static const char *const SAYS[RW_PROMPT_DIM] = {
        "their length",
        "how many numbers they have",
        "how much markup they have",
        "the length of their words",
        "their words",
        "their words",
        "what the request gives with them (messages, reference answer, domain)",
    };
    return SAYS[feature];
}

void rw_run_prompts_changed(struct rw_run *run, enum rw_prompt feature, double value, double limit,
                            const char *how, struct rw_run_news *news)
{
    struct rw_run_alarm *a = rw_run_ring(run, RW_RUN_RULE_PROMPTS, value, limit);
    rw_run_say(a,
               "The prompts have changed: %s (%s). What comes from here on is compared with a new "
               "baseline that begins here, not with what was before; nothing is said about the "
               "policy.",
               feature_says(feature), how);
    rw_run_publish(a, news);
    rw_run_rebase(run);
    news->segment = "the prompts changed";
}

bool rw_run_watch_prompt(struct rw_run *run, const struct rw_run_group *g, struct rw_run_news *news)
{
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        struct rw_martingale *m = &run->prompt[f];
        double x = (double)g->prompt_x[f];
        if (isnan(x) || m->n < run->options.warm) {
            rw_martingale_learn(m, x);
            continue;
        }
        uint64_t seed = rw_mix(run->seed, 1000 * run->baseline + 300 + (uint64_t)f);
        double p = rw_martingale_observe(m, x, true, seed);
        if (isnan(p)) {
            continue;
        }
        run->prompt_lean[f] += LEAN_RATE * (p - 0.5 - run->prompt_lean[f]);
        run->prompt_width[f] += LEAN_RATE * (fabs(2 * p - 1) - 0.5 - run->prompt_width[f]);
        double capital = rw_capital_log(&m->money);
        if (capital >= rw_run_prompt_capital()) {
            rw_run_prompts_changed(run, (enum rw_prompt)f, exp(capital),
                                   exp(rw_run_prompt_capital()),
                                   "a bet against no change of the prompts has won", news);
            return true;
        }
    }
    return false;
}

static bool is_in_doubt(const struct rw_run *run)
{
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        if (fabs(run->prompt_lean[f]) > LEAN_LIMIT || fabs(run->prompt_width[f]) > LEAN_LIMIT ||
            rw_capital_log(&run->prompt[f].money) > DOUBT_CAPITAL) {
            return true;
        }
    }
    return false;
}

/* ---- policy ---------------------------------------------------------------------------------- */

static const char *direction(enum rw_run_score score)
{
    static const char *const SAYS[RW_RUN_SCORES] = {
        "the rewards depend less on the question than in the run's first traces (prompt_gap)",
        "the weakest steps score lower than in the run's first traces (min_logit)",
        "steps repeat earlier steps more than in the run's first traces (step_redundant)",
        "traces lie farther from the calibration bank than the run's first ones (latent_outlier)",
        "more flags fire than in the run's first traces (flags)",
        "fewer answers are right than in the run's first traces (accuracy)",
        "the samples of a prompt are more often the same text than at first (group_texts)",
    };
    return SAYS[score];
}

static void note_suspect(struct rw_run *run, enum rw_run_score score, double p,
                         const struct rw_run_label *label)
{
    struct rw_run_suspect *worst = &run->suspect[score][0];
    for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
        struct rw_run_suspect *s = &run->suspect[score][i];
        if (s->p <= 1 && run->traces - s->at > run->options.window) {
            s->p = 2; /* too long ago to be looked at */
        }
        worst = s->p > worst->p ? s : worst;
    }
    if (p < worst->p) {
        *worst = (struct rw_run_suspect){p, run->traces, *label};
    }
}

static void check_score(struct rw_run *run, enum rw_run_score score, struct rw_run_news *news)
{
    enum rw_run_rule rule = (enum rw_run_rule)(RW_RUN_RULE_PROMPT_GAP + (int)score);
    const struct rw_martingale *m = &run->martingale[score];
    double capital = rw_capital_log(&m->money);
    double limit = rw_run_alarm_capital(score);
    if (run->rang[rule] || capital < limit || is_in_doubt(run)) {
        return;
    }
    struct rw_run_alarm *a = rw_run_ring(run, rule, exp(capital), exp(limit));
    rw_run_say(a,
               "The policy has changed: %s. After %llu prompts the test's capital is %.3g; it "
               "reaches %.0f by chance in fewer than %.3g %% of runs that do not change, and the "
               "prompts look as before. A change is no guilt: read the traces named here, which "
               "had the lowest ranks, and acknowledge to start anew.",
               direction(score), (unsigned long long)m->money.bets, exp(capital), exp(limit),
               100 * exp(-limit));
    for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
        if (run->suspect[score][i].p <= 1) {
            a->suspect[a->n_suspects++] = run->suspect[score][i].label;
        }
    }
    rw_run_publish(a, news);
}

static void check_gate(struct rw_run *run, int gate, double p, const struct rw_run_label *label,
                       struct rw_run_news *news)
{
    const struct rw_coin *c = &run->gate[gate];
    double capital = rw_capital_log(&c->money);
    double limit = -log(GATES_DELTA / RW_RUN_GATES);
    if (isnan(p) || run->rang[RW_RUN_RULE_GATE] || capital < limit || is_in_doubt(run)) {
        return;
    }
    struct rw_run_alarm *a = rw_run_ring(run, RW_RUN_RULE_GATE, exp(capital), exp(limit));
    a->gate = (uint32_t)gate;
    rw_run_say(a,
               "The policy has changed: a gate closes more often than in the run's first traces, "
               "%.1f %% over all %llu prompts looked at. The test's capital is %.3g; it reaches "
               "%.0f by chance in fewer than %.2g %% of runs that do not change.",
               100 * (double)c->hits / (double)c->n, (unsigned long long)c->n, exp(capital),
               exp(limit), 100 * exp(-limit));
    a->suspect[a->n_suspects++] = *label;
    rw_run_publish(a, news);
}

static void watch_gates(struct rw_run *run, const struct rw_run_group *g, struct rw_run_news *news)
{
    for (int i = 0; i < RW_RUN_GATES; i++) {
        bool is_flag = i < RW_RUN_FLAG_KINDS;
        if (is_flag ? !g->has_flags : isnan(g->gate)) {
            continue;
        }
        bool closed = is_flag ? (g->flags >> i & 1) != 0 : g->gate > 0;
        uint64_t seed = rw_mix(run->seed, 1000 * run->baseline + 400 + (uint64_t)i);
        double p = rw_coin_observe(&run->gate[i], closed, run->options.warm, seed);
        if (closed) {
            check_gate(run, i, p, &g->label, news);
        }
    }
}

void rw_run_watch_scores(struct rw_run *run, const struct rw_run_group *g,
                         const double score[RW_RUN_SCORES], struct rw_run_news *news)
{
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        struct rw_martingale *m = &run->martingale[s];
        if (isnan(score[s])) {
            continue;
        }
        if (m->n < run->options.warm) {
            rw_martingale_learn(m, score[s]);
            continue;
        }
        uint64_t seed = rw_mix(run->seed, 1000 * run->baseline + 100 + (uint64_t)s);
        double p = rw_martingale_observe(m, score[s], false, seed);
        if (!isnan(p)) {
            note_suspect(run, (enum rw_run_score)s, p, &g->label);
            check_score(run, (enum rw_run_score)s, news);
        }
    }
    watch_gates(run, g, news);
}
