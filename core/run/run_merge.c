/* Two replicas of one run become one state.
 *
 *   exact        counts, flags, ranks of the martingales, the sample of the window, the reference
 *                set (a sample of both first windows), open prompt groups
 *   approximate  capitals (averaged: still a martingale, but not that of the joint stream);
 *                the screening index (each stream forgets by its own age); figures of past windows,
 *                which stay those of the replica that saw them */
#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/util.h"
#include "core/run/run_parts.h"

static void merge_group(struct rw_run *a, const struct rw_run_group *b, struct rw_run_news *news)
{
    for (int i = 0; i < RW_RUN_GROUPS; i++) {
        struct rw_run_group *g = &a->group[i];
        if (!g->used || g->prompt != b->prompt || g->step != b->step) {
            continue;
        }
        g->fed = g->fed || b->fed;
        g->members += b->members;
        if (b->priority < g->priority) {
            g->priority = b->priority;
            g->label = b->label;
            memcpy(g->score, b->score, sizeof g->score);
        }
        return;
    }
    struct rw_run_group *slot = &a->group[a->next_group];
    a->next_group = (a->next_group + 1) % RW_RUN_GROUPS;
    if (slot->used && !slot->fed && slot->priority != UINT64_MAX) {
        rw_run_feed(a, slot, news);
    }
    *slot = *b;
}

static void merge_suspects(struct rw_run *a, const struct rw_run *b)
{
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
            struct rw_run_suspect *worst = &a->suspect[s][0];
            for (int j = 1; j < RW_RUN_SUSPECTS; j++) {
                worst = a->suspect[s][j].p > worst->p ? &a->suspect[s][j] : worst;
            }
            if (b->suspect[s][i].p < worst->p) {
                *worst = b->suspect[s][i];
            }
        }
    }
}

/* The lowest priorities of both sets; distances and radii anew. */
static rw_status merge_reference(struct rw_run *a, const struct rw_run *b, struct rw_error *err)
{
    if (!b->has_reference) {
        return RW_OK;
    }
    struct rw_run_sample *s = rw_alloc_zero(1, sizeof *s);
    if (s == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to merge two runs");
    }
    const struct rw_run *part[2] = {a, b};
    for (int k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < part[k]->n_reference; i++) {
            struct rw_run_point p = {.priority = part[k]->reference_priority[i],
                                     .prompt = part[k]->reference_prompt[i],
                                     .has_features = true};
            rw_run_sample_add(s, &p, part[k]->reference + (size_t)i * RW_RUN_FEATURES);
        }
    }
    a->n_reference = rw_run_sample_sort(s);
    memcpy(a->reference, s->x, (size_t)a->n_reference * RW_RUN_FEATURES * sizeof *s->x);
    for (uint32_t i = 0; i < a->n_reference; i++) {
        a->reference_prompt[i] = s->point[i].prompt;
        a->reference_priority[i] = s->point[i].priority;
    }
    struct rw_points set = {a->reference, a->reference_prompt, a->n_reference, RW_RUN_FEATURES};
    rw_coverage_nearest(&set, &set, 1, a->reference_loo);
    a->has_reference = rw_coverage_radii(a->reference_loo, a->n_reference, a->radii, s->x) != 0;
    a->reference_variance = a->has_reference && b->reference_variance > a->reference_variance
                                ? b->reference_variance
                                : a->reference_variance;
    rw_free(s);
    return RW_OK;
}

/* The earlier windows of both, oldest first, as many as are remembered. */
static void merge_history(struct rw_run *a, const struct rw_run *b)
{
    uint64_t n = RW_MIN(b->history_count, RW_RUN_HISTORY);
    for (uint64_t i = b->history_count - n; i < b->history_count; i++) {
        struct rw_run_window w = b->history[i % RW_RUN_HISTORY];
        w.index = a->history_count;
        a->history[a->history_count % RW_RUN_HISTORY] = w;
        a->history_count++;
    }
    n = RW_MIN(b->alarm_count, RW_RUN_ALARMS);
    for (uint64_t i = b->alarm_count - n; i < b->alarm_count; i++) {
        a->alarm[a->alarm_count % RW_RUN_ALARMS] = b->alarm[i % RW_RUN_ALARMS];
        a->alarm_count++;
    }
    if (a->windows == 0 && b->windows > 0) {
        a->first = b->first;
    }
    a->windows += b->windows;
}

rw_status rw_run_merge(struct rw_run *a, const struct rw_run *b, struct rw_error *err)
{
    struct rw_run_news news = {0};
    if (a->seed != b->seed || a->options.window != b->options.window ||
        a->options.warm != b->options.warm || a->epoch != b->epoch) {
        return rw_fail(err, RW_CONFIG, "two states are not of one run, or one was acknowledged");
    }
    rw_status status = merge_reference(a, b, err);
    if (status != RW_OK) {
        return status;
    }
    a->traces += b->traces;
    a->failed += b->failed;
    a->validation += b->validation;
    a->in_window += b->in_window;
    a->failed_in_window += b->failed_in_window;
    a->step = RW_MAX(b->step, a->step);
    a->step_last = RW_MAX(b->step_last, a->step_last);
    a->back = 0;
    a->back_step = -1;
    if (a->step_first < 0 || (b->step_first >= 0 && b->step_first < a->step_first)) {
        a->step_first = b->step_first;
    }
    for (int i = 0; i < RW_RUN_FLAG_KINDS; i++) {
        a->flags[i] += b->flags[i];
        a->flags_in_window[i] += b->flags_in_window[i];
    }
    for (int i = 0; i < RW_RUN_RULES; i++) {
        a->rang[i] = a->rang[i] || b->rang[i];
    }
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        rw_martingale_merge(&a->martingale[s], &b->martingale[s]);
    }
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        rw_screen_merge(&a->screen[r], &b->screen[r]);
    }
    for (uint32_t i = 0; i < b->window.n; i++) {
        rw_run_sample_add(&a->window, &b->window.point[i],
                          b->window.x + (size_t)i * RW_RUN_FEATURES);
    }
    for (uint32_t i = 0; i < RW_RUN_GROUPS; i++) {
        const struct rw_run_group *g = &b->group[(b->next_group + i) % RW_RUN_GROUPS];
        if (g->used) {
            merge_group(a, g, &news);
        }
    }
    merge_suspects(a, b);
    merge_history(a, b);
    rw_assert(rw_run_is_sound(a));
    return RW_OK;
}
