/* One trace per prompt group, and what a whole group says; which training step is under way. */
#include <math.h>
#include <string.h>

#include "core/base/mix.h"
#include "core/base/util.h"
#include "core/run/run_parts.h"

/* ---- moments --------------------------------------------------------------------------------- */

/* NaN: nothing. */
static void add(struct rw_run_moments *m, double value)
{
    if (!isnan(value)) {
        m->n += 1;
        m->sum += value;
        m->square += value * value;
    }
}

struct rw_interval rw_run_moments_mean(const struct rw_run_moments *m)
{
    const double groups_min = 4; /* fewer say nothing about a variance */
    struct rw_interval out = {m->n > 0 ? m->sum / m->n : NAN, NAN};
    if (m->n >= groups_min) {
        double variance = (m->square - m->sum * m->sum / m->n) / (m->n - 1);
        out.error = sqrt(RW_MAX(variance, 0) / m->n);
    }
    return out;
}

/* ---- what a group says ----------------------------------------------------------------------- */

/* Share of the pairs that differ; 0 is no value. NaN for fewer than two values. */
static double distinct_pairs(const uint32_t *value, uint32_t n)
{
    double pairs = 0;
    double differ = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = i + 1; k < n; k++) {
            bool both = value[i] != 0 && value[k] != 0;
            pairs += both ? 1 : 0;
            differ += both && value[i] != value[k] ? 1 : 0;
        }
    }
    return pairs > 0 ? differ / pairs : NAN;
}

/* E |x - y|^2 over two members, = 2 n / (n - 1) (mean |x|^2 - |mean x|^2); over dimensions of a
 * random projection it is that of the whole feature, up to a factor that is the same for all. */
static double spread_of_states(const struct rw_run_group *g)
{
    double n = (double)g->states;
    double mean_square = 0;
    for (int i = 0; i < RW_RUN_STATE_DIMS; i++) {
        double mean = (double)g->state[i] / n;
        mean_square += mean * mean;
    }
    double spread = (double)g->square / n - mean_square;
    return n >= 2 ? 2 * n / (n - 1) * RW_MAX(spread, 0) : NAN;
}

void rw_run_feed(struct rw_run *run, struct rw_run_group *g, struct rw_run_news *news)
{
    double diversity[RW_RUN_DIVERSITIES] = {
        distinct_pairs(g->text, g->kept),
        distinct_pairs(g->answer, g->kept),
        spread_of_states(g),
    };
    double score[RW_RUN_SCORES];
    memcpy(score, g->score, sizeof g->score);
    score[RW_RUN_FLAG_COUNT] = g->flagged > 0 ? -(double)g->fired / (double)g->flagged : NAN;
    score[RW_RUN_RIGHT] = g->judged > 0 ? (double)g->right / (double)g->judged : NAN;
    score[RW_RUN_DISTINCT] = diversity[RW_RUN_TEXTS];
    g->fed = true;
    (void)rw_run_watch_prompt(run, g, news); /* first: the scores depend on the prompts */
    for (int k = 0; k < RW_RUN_SPANS; k++) {
        struct rw_run_course *c = &run->course[k];
        for (int d = 0; d < RW_RUN_DIVERSITIES; d++) {
            add(&c->diversity[d], diversity[d]);
        }
        for (int f = 0; f < RW_PROMPT_DIM; f++) {
            add(&c->prompt_x[f], (double)g->prompt_x[f]);
        }
    }
    rw_run_watch_scores(run, g, score, news);
}

/* ---- groups ---------------------------------------------------------------------------------- */

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

/* Groups of earlier training steps get no more members; replicas that are a step apart interleave,
 * so one whose size is known is waited for one step longer. */
static bool is_over(const struct rw_run *run, const struct rw_run_group *g)
{
    return g->step >= 0 && g->step < run->step - (g->size > 0 ? 1 : 0);
}

static void close_old_groups(struct rw_run *run, struct rw_run_news *news)
{
    for (uint32_t i = 0; i < RW_RUN_GROUPS; i++) {
        struct rw_run_group *g = &run->group[(run->next_group + i) % RW_RUN_GROUPS];
        if (g->used && !g->fed && is_over(run, g) && g->priority != UINT64_MAX) {
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

/* A trace whose step can only be a mistake: it is monitored, and believed when many in a row say
 * the same. */
static bool is_far_ahead(const struct rw_run *run, int64_t step)
{
    return run->step >= 0 && step - run->step > RW_RUN_AHEAD;
}

static void go_to_step(struct rw_run *run, int64_t step)
{
    run->step = step;
    run->back = 0;
    run->back_step = -1;
    run->ahead = 0;
    run->ahead_step = -1;
}

/* The training step: the highest so far, until so many traces in a row are below it that they
 * cannot be stragglers; or so many far above it that they cannot be mistakes. */
static void follow_step(struct rw_run *run, int64_t step, struct rw_run_news *news)
{
    if (step < 0) {
        return;
    }
    if (is_far_ahead(run, step)) {
        run->ahead++;
        run->ahead_step = run->ahead == 1 ? step : RW_MIN(run->ahead_step, step);
        if (run->ahead >= RW_RUN_BACK) {
            go_to_step(run, run->ahead_step);
            close_old_groups(run, news);
        }
        return;
    }
    run->ahead = 0;
    run->ahead_step = -1;
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
        go_to_step(run, run->back_step);
        close_later_groups(run, news);
        close_old_groups(run, news);
        rw_run_begin_segment(run, "training goes on from an earlier step", news);
    }
}

static void count_member(struct rw_run_group *g, const struct rw_run_trace *t)
{
    if (t->has_flags) {
        g->flagged += 1;
        for (int i = 0; i < RW_RUN_FLAG_KINDS; i++) {
            g->fired += (float)(t->flags >> i & 1);
        }
    }
    if (!isnan(t->verified)) {
        g->judged += 1;
        g->right += t->verified > 0 ? 1 : 0;
    }
    if (g->kept < RW_RUN_MEMBERS) {
        bool wrong_answer = t->answer != 0 && !(t->verified > 0);
        g->text[g->kept] = (uint32_t)rw_mix(t->trace, 1) | 1; /* never 0 */
        g->answer[g->kept] = wrong_answer ? (uint32_t)rw_mix(t->answer, 2) | 1 : 0;
        g->kept++;
    }
    int16_t packed[RW_RUN_FEATURES];
    float x[RW_RUN_FEATURES];
    if (t->has_features && rw_run_features_pack(t->features, packed)) {
        rw_run_features_unpack(packed, 1, x);
        g->states += 1;
        for (int i = 0; i < RW_RUN_STATE_DIMS; i++) {
            g->state[i] += x[i];
            g->square += x[i] * x[i];
        }
    }
}

static void stands_for(struct rw_run_group *g, const struct rw_run_trace *t, uint64_t priority)
{
    g->priority = priority;
    g->label = t->label;
    memcpy(g->score, t->score, sizeof g->score);
    g->has_flags = t->has_flags;
    g->flags = t->flags;
    g->gate = (float)t->gate;
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        g->prompt_x[f] = (float)t->prompt_x[f];
    }
}

/* The member with the lowest hash stands for the group: a random choice that neither the order of
 * arrival nor the number of members known so far can change. */
void rw_run_take_for_group(struct rw_run *run, const struct rw_run_trace *t, uint64_t priority,
                           struct rw_run_news *news)
{
    follow_step(run, t->label.step, news);
    struct rw_run_group *g = find_group(run, t->prompt, t->label.step);
    if (g == NULL) {
        g = open_group(run, t, news);
    }
    g->members++;
    bool scored = !isnan(t->reward[RW_RUN_PROCESS]) || !isnan(t->reward[RW_RUN_OUTCOME]);
    if (!g->fed && scored) {
        count_member(g, t);
        if (priority < g->priority) {
            stands_for(g, t, priority);
        }
    }
    bool complete = g->size > 0 ? g->members >= g->size : t->label.step < 0;
    if (!g->fed && g->priority != UINT64_MAX && (complete || is_over(run, g))) {
        rw_run_feed(run, g, news);
    }
}
