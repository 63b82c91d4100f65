#include "core/run/run.h"

#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/mix.h"
#include "core/base/util.h"
#include "core/run/run_parts.h"

/* ---- life ------------------------------------------------------------------------------------ */

static void run_reset(struct rw_run *run)
{
    memset(run->rang, 0, sizeof run->rang);
    memset(run->group, 0, sizeof run->group);
    memset(run->flags_in_window, 0, sizeof run->flags_in_window);
    run->next_group = 0;
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        rw_martingale_init(&run->martingale[s]);
        for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
            run->suspect[s][i] = (struct rw_run_suspect){.p = 2};
        }
    }
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        rw_screen_init(&run->screen[r]);
    }
    run->in_window = 0;
    run->failed_in_window = 0;
    run->step_first = -1;
    run->step_last = -1;
    run->back_step = -1;
    run->window.n = 0;
    run->windows = 0;
    run->has_reference = false;
    run->n_reference = 0;
}

struct rw_run *rw_run_create(struct rw_str id, const struct rw_run_options *options)
{
    rw_assert(id.len > 0 && id.len <= RW_RUN_ID_MAX);
    rw_assert(options->window >= RW_RUN_WINDOW_MIN && options->window <= RW_RUN_WINDOW_MAX);
    struct rw_run *run = rw_alloc_zero(1, sizeof *run);
    if (run == NULL) {
        return NULL;
    }
    memcpy(run->id, id.ptr, id.len);
    run->id_len = (uint32_t)id.len;
    run->seed = rw_mix(rw_hash_fnv1a(RW_FNV1A_START, id.ptr, id.len), 0);
    run->options = *options;
    run->step = -1;
    run_reset(run);
    return run;
}

void rw_run_destroy(struct rw_run *run)
{
    rw_free(run);
}

void rw_run_acknowledge(struct rw_run *run)
{
    for (int i = 0; i < RW_RUN_ALARMS; i++) {
        run->alarm[i].acknowledged = true;
    }
    run->epoch++;
    run_reset(run);
}

/* ---- one trace per prompt group -------------------------------------------------------------- */

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

void rw_run_feed(struct rw_run *run, struct rw_run_group *group, struct rw_run_news *news)
{
    group->fed = true;
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        struct rw_martingale *m = &run->martingale[s];
        double score = group->score[s];
        if (isnan(score)) {
            continue;
        }
        if (m->n < run->options.warm) {
            rw_martingale_learn(m, score);
            continue;
        }
        double p = rw_martingale_observe(m, score, rw_mix(run->seed, 100 + (uint64_t)s));
        if (!isnan(p)) {
            note_suspect(run, (enum rw_run_score)s, p, &group->label);
            rw_run_check_martingale(run, (enum rw_run_score)s, news);
        }
    }
}

static struct rw_run_group *find_group(struct rw_run *run, uint64_t prompt, int64_t step)
{
    for (uint32_t i = 0; i < RW_RUN_GROUPS; i++) {
        struct rw_run_group *g = &run->group[i];
        if (g->used && g->prompt == prompt && g->step == step) {
            return g;
        }
    }
    return NULL;
}

static struct rw_run_group *open_group(struct rw_run *run, const struct rw_run_trace *t,
                                       struct rw_run_news *news)
{
    struct rw_run_group *g = &run->group[run->next_group];
    run->next_group = (run->next_group + 1) % RW_RUN_GROUPS;
    if (g->used && !g->fed && g->priority != UINT64_MAX) {
        rw_run_feed(run, g, news); /* no room to wait for the others */
    }
    *g = (struct rw_run_group){.used = true,
                               .prompt = t->prompt,
                               .step = t->label.step,
                               .size = t->group_size,
                               .priority = UINT64_MAX};
    return g;
}

/* Groups of earlier training steps get no more members. */
static void close_old_groups(struct rw_run *run, struct rw_run_news *news)
{
    for (uint32_t i = 0; i < RW_RUN_GROUPS; i++) {
        struct rw_run_group *g = &run->group[(run->next_group + i) % RW_RUN_GROUPS];
        if (g->used && !g->fed && g->step < run->step && g->priority != UINT64_MAX) {
            rw_run_feed(run, g, news);
        }
    }
}

/* Nothing of the time that is done again: the same prompts may come in the same steps. */
static void close_later_groups(struct rw_run *run, struct rw_run_news *news)
{
    for (uint32_t i = 0; i < RW_RUN_GROUPS; i++) {
        struct rw_run_group *g = &run->group[(run->next_group + i) % RW_RUN_GROUPS];
        if (g->used && g->step > run->step) {
            if (!g->fed && g->priority != UINT64_MAX) {
                rw_run_feed(run, g, news);
            }
            g->used = false;
        }
    }
}

/* The training step: the highest so far, until so many traces in a row are below it that they
 * cannot be stragglers. One trace with a wrong number is forgotten after as many. */
static void follow_step(struct rw_run *run, int64_t step, struct rw_run_news *news)
{
    if (step < 0) {
        return;
    }
    if (step >= run->step) {
        run->back = 0;
        run->back_step = -1;
        if (step > run->step) {
            run->step = step;
            close_old_groups(run, news);
        }
        return;
    }
    run->back++;
    run->back_step = RW_MAX(run->back_step, step);
    if (run->back >= RW_RUN_BACK) {
        run->step = run->back_step;
        run->back = 0;
        run->back_step = -1;
        close_later_groups(run, news);
        close_old_groups(run, news);
    }
}

/* The member with the lowest hash stands for the group: a random choice that neither the order of
 * arrival nor the number of members known so far can change. */
static void take_for_group(struct rw_run *run, const struct rw_run_trace *t, uint64_t priority,
                           struct rw_run_news *news)
{
    follow_step(run, t->label.step, news);
    struct rw_run_group *g = find_group(run, t->prompt, t->label.step);
    if (g == NULL) {
        g = open_group(run, t, news);
    }
    g->members++;
    bool scored = !isnan(t->reward[RW_RUN_PROCESS]) || !isnan(t->reward[RW_RUN_OUTCOME]);
    if (!g->fed && scored && priority < g->priority) {
        g->priority = priority;
        g->label = t->label;
        memcpy(g->score, t->score, sizeof g->score);
    }
    bool complete = g->size > 0 ? g->members >= g->size : t->label.step < 0;
    bool late = t->label.step >= 0 && t->label.step < run->step;
    if (!g->fed && g->priority != UINT64_MAX && (complete || late)) {
        rw_run_feed(run, g, news);
    }
}

/* ---- the window ------------------------------------------------------------------------------ */

/* To length one; false for a feature that has no direction. */
static bool normalise(const float *in, float *out)
{
    double sum = 0;
    for (int i = 0; i < RW_RUN_FEATURES; i++) {
        sum += (double)in[i] * (double)in[i];
    }
    bool good = isfinite(sum) && sum > 0;
    double scale = good ? 1 / sqrt(sum) : 0;
    for (int i = 0; i < RW_RUN_FEATURES; i++) {
        out[i] = good ? (float)((double)in[i] * scale) : 0;
    }
    return good;
}

static void take_for_window(struct rw_run *run, const struct rw_run_trace *t, uint64_t priority)
{
    bool scored = !isnan(t->reward[RW_RUN_PROCESS]) || !isnan(t->reward[RW_RUN_OUTCOME]);
    run->in_window++;
    if (t->label.step >= 0) {
        bool first = run->step_first < 0;
        run->step_first = first ? t->label.step : RW_MIN(run->step_first, t->label.step);
        run->step_last = RW_MAX(run->step_last, t->label.step);
    }
    if (!scored) {
        run->failed++;
        run->failed_in_window++;
        return;
    }
    for (int i = 0; i < RW_RUN_FLAG_KINDS; i++) {
        run->flags[i] += t->flags >> i & 1;
        run->flags_in_window[i] += t->flags >> i & 1;
    }
    float x[RW_RUN_FEATURES] = {0};
    bool has_features = t->has_features && normalise(t->features, x);
    struct rw_run_point point = {.priority = priority,
                                 .prompt = t->prompt,
                                 .label = t->label,
                                 .has_features = has_features,
                                 .verified = t->verified,
                                 .steps = t->steps,
                                 .bytes = t->bytes};
    memcpy(point.reward, t->reward, sizeof point.reward);
    rw_run_sample_add(&run->window, &point, x);
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        rw_screen_observe(&run->screen[r], t->surface, t->reward[r]);
    }
}

static rw_status end_window(struct rw_run *run, struct rw_run_news *news, struct rw_error *err)
{
    rw_status status = rw_run_close_window(run, err);
    if (status == RW_OK) {
        rw_run_check_window(run, news);
        news->window = &run->history[(run->history_count - 1) % RW_RUN_HISTORY];
    }
    return status;
}

/* A window counts no more than the run, and its sample no more than its scored traces; a reference
 * set comes with the end of a first window. */
bool rw_run_is_sound(const struct rw_run *run)
{
    bool sound = run->traces <= RW_RUN_TRACES_MAX && run->failed_in_window <= run->in_window &&
                 run->in_window <= run->traces && run->failed_in_window <= run->failed &&
                 run->validation <= run->traces && run->failed <= run->traces - run->validation;
    sound = sound && run->window.n <= RW_RUN_POINTS &&
            run->window.n <= run->in_window - run->failed_in_window;
    for (int i = 0; sound && i < RW_RUN_FLAG_KINDS; i++) {
        sound = run->flags_in_window[i] <= run->in_window - run->failed_in_window &&
                run->flags_in_window[i] <= run->flags[i];
    }
    return sound && run->next_group < RW_RUN_GROUPS && run->windows <= run->history_count &&
           run->n_reference <= RW_RUN_POINTS &&
           (!run->has_reference || (run->n_reference > 0 && run->windows > 0));
}

rw_status rw_run_observe(struct rw_run *run, const struct rw_run_trace *trace,
                         struct rw_run_news *news, struct rw_error *err)
{
    rw_assert(rw_run_is_sound(run));
    news->window = NULL;
    news->n_alarms = 0;
    if (trace->validate) {
        run->traces++;
        run->validation++;
        return RW_OK;
    }
    if (run->in_window >= run->options.window) {
        /* After a merge, or when memory was refused at the end of the window. */
        rw_status status = end_window(run, news, err);
        if (status != RW_OK) {
            return status;
        }
    }
    run->traces++;
    uint64_t priority =
        rw_mix(run->seed ^ trace->trace, rw_mix(trace->prompt, (uint64_t)trace->label.step) +
                                             (uint64_t)trace->label.sample_index);
    priority = rw_mix(priority, (uint64_t)trace->label.item << 32 | trace->label.trace);
    take_for_group(run, trace, priority, news);
    take_for_window(run, trace, priority);
    struct rw_error later = {0}; /* refused memory: the next trace tries again */
    if (run->in_window >= run->options.window) {
        (void)end_window(run, news, &later);
    }
    return RW_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

const char *rw_run_score_name(enum rw_run_score score)
{
    static const char *const NAME[RW_RUN_SCORES] = {"prompt_gap", "min_logit", "step_redundant",
                                                    "latent_outlier"};
    return NAME[score];
}

void rw_run_view(const struct rw_run *run, struct rw_run_view *out)
{
    const double log10e = 0.43429448190325182765;
    *out = (struct rw_run_view){.id = {run->id, run->id_len},
                                .options = run->options,
                                .traces = run->traces,
                                .failed = run->failed,
                                .validation = run->validation,
                                .acknowledged = run->epoch,
                                .in_window = run->in_window,
                                .reference = run->has_reference ? run->n_reference : 0,
                                .step = run->step,
                                .first = run->windows > 0 ? &run->first : NULL};
    memcpy(out->radii, run->radii, sizeof out->radii);
    memcpy(out->flags, run->flags, sizeof out->flags);
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        const struct rw_martingale *m = &run->martingale[s];
        out->score[s] = (struct rw_run_score_view){
            .ranked = m->n,
            .bets = m->bets,
            .log10_plain = rw_martingale_log_plain(m) * log10e,
            .log10_capital = rw_martingale_log_capital(m) * log10e,
            .log10_alarm = rw_run_alarm_capital((enum rw_run_score)s) * log10e,
            .last_p = m->last_p};
    }
    out->n_windows = (uint32_t)(RW_MIN(run->history_count, RW_RUN_HISTORY));
    out->n_alarms = (uint32_t)(RW_MIN(run->alarm_count, RW_RUN_ALARMS));
}

static uint64_t ring_index(uint64_t count, uint64_t size, uint32_t i)
{
    uint64_t oldest = count > size ? count - size : 0;
    rw_assert(oldest + i < count);
    return (oldest + i) % size;
}

const struct rw_run_window *rw_run_window(const struct rw_run *run, uint32_t i)
{
    return &run->history[ring_index(run->history_count, RW_RUN_HISTORY, i)];
}

const struct rw_run_alarm *rw_run_alarm(const struct rw_run *run, uint32_t i)
{
    return &run->alarm[ring_index(run->alarm_count, RW_RUN_ALARMS, i)];
}
