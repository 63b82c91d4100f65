#include "core/shortcut/score.h"

#include <math.h>

#include "core/base/assert.h"
#include "core/base/util.h"

static const double PROBABILITY_MIN = 1.0 / 512;
static const double FIRST_ERROR_BELOW = 0.5; /* as VPPO does, arXiv 2601.18984 */
static const double OUTCOME_HIGH = 0.5;
static const double ABLATION_SMALL = 0.1; /* logit: a step whose loss moves less decorates */
static const double FORMAT_FLOOR = 0.1;   /* logit, in the denominator */

/* log(p / (1 - p)) with p held in [1/512, 511/512]: beyond, bf16 scores are only rounding, and one
 * saturated step would drown the others. */
static double score_logit(float probability)
{
    double p = (double)probability;
    p = p < PROBABILITY_MIN ? PROBABILITY_MIN : p;
    p = p > 1 - PROBABILITY_MIN ? 1 - PROBABILITY_MIN : p;
    return log(p / (1 - p));
}

/* Log odds with float32's own range: the minimum of a trace must tell 1e-5 from 1e-3. */
static double wide_logit(float probability)
{
    const double floor = 1.0 / (1 << 20);
    double p = (double)probability;
    p = p < floor ? floor : p;
    p = p > 1 - floor ? 1 - floor : p;
    return log(p / (1 - p));
}

static void put(struct rw_signals *out, enum rw_signal_id id, double value, int64_t step)
{
    out->of[id] = (struct rw_signal){.known = isfinite(value), .value = value, .step = step};
}

static double mean_logit(struct rw_step_scores pass)
{
    double sum = 0;
    for (size_t t = 0; t < pass.n; t++) {
        sum += score_logit(pass.probability[t]);
    }
    return sum / (double)pass.n;
}

static double min_logit_from(struct rw_step_scores pass, size_t first)
{
    double min = INFINITY;
    for (size_t t = first; t < pass.n; t++) {
        double logit = score_logit(pass.probability[t]);
        min = RW_MIN(logit, min);
    }
    return min;
}

/* Mean over steps of the variance over models of r_t. */
static void ensemble(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    size_t n = trace->own.n;
    for (size_t m = 0; m < trace->n_others; m++) {
        n = RW_MIN(trace->others[m].n, n);
    }
    if (trace->n_others == 0 || n == 0) {
        return;
    }
    double models = (double)trace->n_others + 1;
    double total = 0;
    double worst = -1;
    int64_t step = -1;
    for (size_t t = 0; t < n; t++) {
        double mean = (double)trace->own.probability[t];
        for (size_t m = 0; m < trace->n_others; m++) {
            mean += (double)trace->others[m].probability[t];
        }
        mean /= models;
        double d = (double)trace->own.probability[t] - mean;
        double variance = d * d;
        for (size_t m = 0; m < trace->n_others; m++) {
            d = (double)trace->others[m].probability[t] - mean;
            variance += d * d;
        }
        variance /= models;
        total += variance;
        if (variance > worst) {
            worst = variance;
            step = (int64_t)t;
        }
    }
    put(out, RW_SIGNAL_ENSEMBLE, total / (double)n, step);
}

void rw_score_own(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    out->outcome_high = trace->verified == RW_VERIFIED_RIGHT ||
                        (trace->verified == RW_VERIFIED_UNKNOWN && trace->outcome >= OUTCOME_HIGH);
    out->first_error = trace->own.n > 0 ? -1 : -2;
    out->first_error_probability = NAN;
    double min = INFINITY;
    int64_t step = -1;
    double sum = 0;
    for (size_t t = 0; t < trace->own.n; t++) {
        float p = trace->own.probability[t];
        double logit = wide_logit(p);
        sum += logit;
        if (logit < min) {
            min = logit;
            step = (int64_t)t;
        }
        if (out->first_error == -1 && (double)p < FIRST_ERROR_BELOW) {
            out->first_error = (int64_t)t;
            out->first_error_probability = (double)p;
        }
    }
    if (trace->own.n > 0) {
        put(out, RW_SIGNAL_MIN_LOGIT, min, step);
        put(out, RW_SIGNAL_MEAN_LOGIT, sum / (double)trace->own.n, step);
    }
    ensemble(trace, out);
}

static void prompt_gap(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    struct rw_step_scores own = trace->own;
    struct rw_step_scores bare = trace->no_prompt;
    size_t n = RW_MIN(own.n, bare.n);
    if (n == 0) {
        return;
    }
    double first = 0;
    double sum = 0;
    double max = -INFINITY;
    double min = INFINITY;
    double two = 0;
    int64_t lowest = 0;
    int64_t highest = 0;
    for (size_t t = 0; t < n; t++) {
        double gap = score_logit(own.probability[t]) - score_logit(bare.probability[t]);
        first = t == 0 ? gap : first;
        two += t < 2 ? gap : 0;
        sum += gap;
        if (gap > max) {
            max = gap;
            highest = (int64_t)t;
        }
        if (gap < min) {
            min = gap;
            lowest = (int64_t)t;
        }
    }
    put(out, RW_SIGNAL_GAP_FIRST, two / (n < 2 ? 1 : 2), 0);
    if (own.n == trace->n_steps && n == own.n) {
        put(out, RW_SIGNAL_GAP_SUM, first + sum / (double)n, lowest);
        put(out, RW_SIGNAL_GAP_MAX, max, highest);
    }
}

/* After TRACE (arXiv 2510.01367), with an outcome model in place of the policy's pass rate. */
static void early_commit(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    size_t n = trace->early.n;
    if (n < 2) {
        return; /* one step cannot come early */
    }
    rw_assert(trace->early_steps[n - 1] == trace->n_steps);
    double last = (double)trace->early.probability[n - 1];
    last = last < PROBABILITY_MIN ? PROBABILITY_MIN : last;
    double sum = 0;
    int64_t step = -1;
    for (size_t t = 0; t < n; t++) {
        double share = (double)trace->early.probability[t] / last;
        if (share >= 1 && step < 0) {
            step = (int64_t)trace->early_steps[t] - 1;
        }
        sum += RW_MIN(share, 1);
    }
    put(out, RW_SIGNAL_EARLY_COMMIT, sum / (double)n, step);
}

void rw_score_cheap(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    prompt_gap(trace, out);
    early_commit(trace, out);
}

static void question_swap(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    double best = -INFINITY;
    for (size_t k = 0; k < trace->n_swapped; k++) {
        if (trace->swapped[k].n == trace->own.n && trace->own.n > 0) {
            double r = mean_logit(trace->swapped[k]);
            best = RW_MAX(r, best);
        }
    }
    if (isfinite(best)) {
        put(out, RW_SIGNAL_QUESTION_SWAP, mean_logit(trace->own) - best, -1);
    }
}

static void corruption(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    double best = -INFINITY;
    int64_t step = -1;
    for (size_t k = 0; k < trace->n_corrupted; k++) {
        const struct rw_edited_pass *edited = &trace->corrupted[k];
        if (edited->pass.n != trace->own.n || edited->step >= trace->own.n) {
            continue;
        }
        double fall =
            min_logit_from(trace->own, edited->step) - min_logit_from(edited->pass, edited->step);
        if (fall > best) {
            best = fall;
            step = (int64_t)edited->step;
        }
    }
    if (isfinite(best)) {
        put(out, RW_SIGNAL_CORRUPTION, best, step);
    }
}

static void ablation(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    size_t tried = 0;
    size_t decorative = 0;
    int64_t first = -1;
    for (size_t k = 0; k < trace->n_ablated; k++) {
        const struct rw_edited_pass *edited = &trace->ablated[k];
        size_t n = trace->own.n;
        if (edited->pass.n + 1 != n || edited->step + 1 >= n) {
            continue; /* nothing comes after the last step */
        }
        double moved = 0;
        for (size_t t = edited->step + 1; t < n; t++) {
            moved += score_logit(trace->own.probability[t]) -
                     score_logit(edited->pass.probability[t - 1]);
        }
        moved /= (double)(n - edited->step - 1);
        tried++;
        if (fabs(moved) < ABLATION_SMALL) {
            decorative++;
            first = first < 0 ? (int64_t)edited->step : first;
        }
    }
    if (tried > 0) {
        put(out, RW_SIGNAL_ABLATION, (double)decorative / (double)tried, first);
    }
}

/* Means over all steps: a trace that stopped has none.
 * G = (r(y) - r(strip y)) / (|r(y) - r(corrupt y)| + floor), r the mean logit: does dressing move
 * the reward more than a wrong number does? In the spirit of EST (arXiv 2507.05619). */
static void format_effect(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    double content = 0;
    size_t n = 0;
    double own = trace->own.n > 0 ? mean_logit(trace->own) : 0;
    for (size_t k = 0; k < trace->n_corrupted; k++) {
        if (trace->corrupted[k].pass.n == trace->own.n) {
            content += fabs(own - mean_logit(trace->corrupted[k].pass));
            n++;
        }
    }
    if (trace->own.n == 0 || trace->own.n != trace->n_steps || trace->stripped.n == 0 || n == 0) {
        return;
    }
    double effect = own - mean_logit(trace->stripped);
    put(out, RW_SIGNAL_FORMAT, effect / (content / (double)n + FORMAT_FLOOR), -1);
}

/* IG_t = L_t - max_{u<t} L_u (marginal gain over a watermark, arXiv 2602.01034); step 1 is noisy
 * (arXiv 2604.10660) and left out. */
static void info_gain(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    const struct rw_answer_gain *gain = trace->answer_gain;
    size_t n = trace->n_answer_gain;
    if (n < 3) {
        return;
    }
    double mark = -INFINITY;
    size_t idle = 0;
    int64_t first = -1;
    for (size_t t = 0; t < n; t++) {
        if (!isfinite(gain[t].contrast)) {
            return; /* a share of what is known would be a guess */
        }
        bool rises = gain[t].contrast > mark;
        if (!rises && t >= 2) {
            idle++;
            first = first < 0 ? (int64_t)gain[t - 1].steps : first;
        }
        mark = rises ? gain[t].contrast : mark;
    }
    put(out, RW_SIGNAL_INFO_GAIN, (double)idle / (double)(n - 2), first);
}

void rw_score_deep(const struct rw_signal_trace *trace, struct rw_signals *out)
{
    question_swap(trace, out);
    corruption(trace, out);
    ablation(trace, out);
    format_effect(trace, out);
    info_gain(trace, out);
}
