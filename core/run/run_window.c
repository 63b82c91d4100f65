/* The end of a window: its figures, from the sample of its traces. */
#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/mix.h"
#include "core/run/run_parts.h"

enum {
    POINTS = RW_RUN_POINTS,
    D = RW_RUN_FEATURES,
    FEATURED_MIN = 32, /* points with features below which coverage is not told */
};

struct scratch {
    double pr[D + D * D];
    double value[POINTS];
    uint64_t prompt[POINTS];
    uint32_t order[POINTS];
    uint32_t reference_order[POINTS];
    float x[POINTS * D];
    float reference[POINTS * D];
    struct rw_nearest nearest[POINTS];
    float floats[3 * POINTS];
};

_Static_assert(sizeof(struct scratch) <= RW_RUN_SCRATCH_BYTES, "stated in run.h");

/* ---- means and correlations ------------------------------------------------------------------ */

typedef double (*getter)(const struct rw_run_point *p);

static double get_process(const struct rw_run_point *p)
{
    return p->reward[RW_RUN_PROCESS];
}

static double get_outcome(const struct rw_run_point *p)
{
    return p->reward[RW_RUN_OUTCOME];
}

static double get_gap(const struct rw_run_point *p)
{
    return p->reward[RW_RUN_OUTCOME] - p->reward[RW_RUN_PROCESS]; /* NaN if either is */
}

static double get_verified(const struct rw_run_point *p)
{
    return p->verified;
}

static double get_steps(const struct rw_run_point *p)
{
    return p->steps;
}

static double get_step_bytes(const struct rw_run_point *p)
{
    return p->steps > 0 ? p->bytes / p->steps : NAN;
}

static double get_length(const struct rw_run_point *p)
{
    return p->bytes > 0 ? log2(p->bytes) : NAN;
}

static const getter REWARD[RW_RUN_REWARDS] = {get_process, get_outcome};

static struct rw_interval mean_of(const struct rw_run_sample *s, getter get, struct scratch *k)
{
    for (uint32_t i = 0; i < s->n; i++) {
        k->value[i] = get(&s->point[i]);
    }
    return rw_coverage_cluster_mean(k->value, k->prompt, s->n, k->order);
}

/* Pearson's r and the slope of y on x, over the points that have both. */
static void relate(const struct rw_run_sample *s, getter get_x, getter get_y, double *r,
                   double *slope)
{
    double n = 0;
    double mx = 0;
    double my = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        double x = get_x(&s->point[i]);
        double y = get_y(&s->point[i]);
        bool both = !isnan(x) && !isnan(y);
        n += both ? 1 : 0;
        mx += both ? x : 0;
        my += both ? y : 0;
    }
    mx /= n;
    my /= n;
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        double x = get_x(&s->point[i]) - mx;
        double y = get_y(&s->point[i]) - my;
        bool both = !isnan(x) && !isnan(y);
        xx += both ? x * x : 0;
        yy += both ? y * y : 0;
        xy += both ? x * y : 0;
    }
    *r = n >= 3 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
    *slope = n >= 3 && xx > 0 ? xy / xx : NAN;
}

static void describe(struct rw_run *run, const struct rw_run_sample *s, struct scratch *k,
                     struct rw_run_window *w)
{
    const struct rw_run_course *c = &run->course[w->span];
    double ignored;
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        w->reward[r] = mean_of(s, REWARD[r], k);
        w->screening[r] = w->span == RW_RUN_SLOW ? rw_screen_r2(&run->screen[r]) : NAN;
        relate(s, get_verified, REWARD[r], &w->agreement[r], &ignored);
        relate(s, get_length, REWARD[r], &w->length_correlation[r], &w->length_slope[r]);
    }
    w->gap = mean_of(s, get_gap, k);
    w->accuracy = mean_of(s, get_verified, k);
    w->steps = mean_of(s, get_steps, k);
    w->step_bytes = mean_of(s, get_step_bytes, k);
    for (int d = 0; d < RW_RUN_DIVERSITIES; d++) {
        w->diversity[d] = rw_run_moments_mean(&c->diversity[d]);
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        w->prompt_x[f] = rw_run_moments_mean(&c->prompt_x[f]);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        w->prompts += i == 0 || k->prompt[k->order[i]] != k->prompt[k->order[i - 1]] ? 1 : 0;
    }
}

/* ---- coverage -------------------------------------------------------------------------------- */

static void unknown_coverage(struct rw_run_window *w)
{
    const struct rw_interval none = {NAN, NAN};
    w->coverage = (struct rw_coverage){.eta_bar = none, .r95 = NAN, .jackknife_variance = NAN};
    for (int i = 0; i < RW_COVERAGE_RADII; i++) {
        w->coverage.eta[i] = NAN;
    }
    w->eta_change = none;
    w->participation = none;
    w->participation_missing = RW_RUN_NO_FEATURES;
}

/* The first window becomes the reference set. */
static void take_reference(struct rw_run *run, uint32_t featured, struct scratch *k)
{
    run->n_reference = featured;
    memcpy(run->reference, run->slow_x, (size_t)featured * D * sizeof *run->slow_x);
    for (uint32_t i = 0; i < featured; i++) {
        run->reference_prompt[i] = run->slow_point[i].prompt;
        run->reference_priority[i] = run->slow_point[i].priority;
    }
    struct rw_points b = {k->x, run->reference_prompt, featured, D};
    rw_coverage_nearest(&b, &b, 1, run->reference_loo);
    run->has_reference =
        rw_coverage_radii(run->reference_loo, featured, run->radii, k->floats) != 0;
}

static void cover(struct rw_run *run, uint32_t featured, struct scratch *k, struct rw_run_window *w)
{
    struct rw_points now = {k->x, k->prompt, featured, D};
    bool begins = run->course[RW_RUN_SLOW].windows == 0;
    if (featured < FEATURED_MIN) {
        return;
    }
    rw_run_features_unpack(run->slow_x, featured, k->x);
    w->participation = rw_coverage_jackknife(&now, k->pr);
    w->participation_missing = isnan(w->participation.value) ? RW_RUN_NO_SPREAD : RW_RUN_THERE;
    if (begins) {
        take_reference(run, featured, k);
    }
    if (!run->has_reference) {
        return;
    }
    size_t n = run->n_reference;
    uint64_t seed = rw_mix(run->seed, 200 + run->course[RW_RUN_SLOW].history_count);
    rw_run_features_unpack(run->reference, n, k->reference);
    struct rw_points b = {k->reference, run->reference_prompt, n, D};
    const struct rw_nearest *nearest = run->reference_loo;
    rw_coverage_order(run->reference_prompt, n, k->reference_order);
    if (!begins) {
        rw_coverage_nearest(&b, &now, 0, k->nearest);
        nearest = k->nearest;
    }
    rw_coverage_measure(nearest, run->reference_prompt, n, run->radii, k->reference_order,
                        rw_coverage_folds(&now), seed, k->floats, &w->coverage);
    if (begins) {
        run->reference_variance = w->coverage.jackknife_variance;
        w->eta_change = (struct rw_interval){0, 0};
        return;
    }
    double variance = w->coverage.jackknife_variance + run->reference_variance;
    w->eta_change = rw_coverage_change(nearest, run->reference_loo, run->reference_prompt, n,
                                       run->radii, k->reference_order, variance, seed, k->floats);
}

/* ---- the end --------------------------------------------------------------------------------- */

uint64_t rw_run_span_traces(const struct rw_run *run, enum rw_run_span span)
{
    if (span == RW_RUN_SLOW) {
        return run->options.window;
    }
    return run->options.fast < run->options.window ? run->options.fast : 0;
}

struct rw_run_window *rw_run_history(struct rw_run *run, enum rw_run_span span, uint64_t number)
{
    return span == RW_RUN_SLOW ? &run->slow_history[number % RW_RUN_HISTORY]
                               : &run->fast_history[number % RW_RUN_FAST_HISTORY];
}

void rw_run_begin_window(struct rw_run *run, enum rw_run_span span)
{
    struct rw_run_course *c = &run->course[span];
    c->in_window = 0;
    c->failed_in_window = 0;
    memset(c->flags_in_window, 0, sizeof c->flags_in_window);
    memset(c->diversity, 0, sizeof c->diversity);
    memset(c->prompt_x, 0, sizeof c->prompt_x);
    c->step_first = -1;
    c->step_last = -1;
    c->n = 0;
    for (int r = 0; r < RW_RUN_REWARDS && span == RW_RUN_SLOW; r++) {
        rw_screen_next_window(&run->screen[r]);
    }
}

static void take_figures(struct rw_run *run, struct rw_run_sample *s, struct scratch *k,
                         struct rw_run_window *w)
{
    uint32_t featured = rw_run_sample_sort(s);
    for (uint32_t i = 0; i < s->n; i++) {
        k->prompt[i] = s->point[i].prompt;
    }
    rw_coverage_order(k->prompt, s->n, k->order);
    unknown_coverage(w);
    describe(run, s, k, w);
    if (w->span == RW_RUN_SLOW) {
        cover(run, featured, k, w);
    }
}

rw_status rw_run_close_window(struct rw_run *run, enum rw_run_span span, struct rw_error *err)
{
    struct scratch *k = rw_alloc(sizeof *k);
    if (k == NULL) {
        return rw_fail_memory(err, "the figures of a window");
    }
    struct rw_run_course *c = &run->course[span];
    struct rw_run_sample s = rw_run_sample_of(run, span);
    struct rw_run_window *w = rw_run_history(run, span, c->history_count);
    *w = (struct rw_run_window){.span = span,
                                .segment = run->segment,
                                .index = c->history_count,
                                .end = run->traces,
                                .traces = c->in_window,
                                .failed = c->failed_in_window,
                                .points = s.n,
                                .step_first = c->step_first,
                                .step_last = c->step_last};
    memcpy(w->flags, c->flags_in_window, sizeof w->flags);
    take_figures(run, &s, k, w);
    if (c->windows == 0) {
        c->first = *w;
    }
    c->windows++;
    c->history_count++;
    rw_free(k);
    rw_run_begin_window(run, span);
    c->n = s.n; /* the sample stays until the rules have looked: rw_run_check_window empties it */
    return RW_OK;
}
