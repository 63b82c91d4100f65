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

static void add_members(struct rw_run_group *g, const struct rw_run_group *b)
{
    g->flagged += b->flagged;
    g->fired += b->fired;
    g->judged += b->judged;
    g->right += b->right;
    for (uint32_t i = 0; i < b->kept && g->kept < RW_RUN_MEMBERS; i++) {
        g->text[g->kept] = b->text[i];
        g->answer[g->kept] = b->answer[i];
        g->kept++;
    }
    g->states += b->states;
    g->square += b->square;
    for (int i = 0; i < RW_RUN_STATE_DIMS; i++) {
        g->state[i] += b->state[i];
    }
}

static void stand_for(struct rw_run_group *g, const struct rw_run_group *b)
{
    g->priority = b->priority;
    g->label = b->label;
    memcpy(g->score, b->score, sizeof g->score);
    g->has_flags = b->has_flags;
    g->flags = b->flags;
    g->gate = b->gate;
    memcpy(g->prompt_x, b->prompt_x, sizeof g->prompt_x);
}

static void merge_group(struct rw_run *a, const struct rw_run_group *b, struct rw_run_news *news)
{
    for (int i = 0; i < RW_RUN_GROUPS; i++) {
        struct rw_run_group *g = &a->group[i];
        if (!g->used || g->prompt != b->prompt || g->step != b->step) {
            continue;
        }
        g->fed = g->fed || b->fed;
        g->members += b->members;
        add_members(g, b);
        if (b->priority < g->priority) {
            stand_for(g, b);
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

struct room {
    struct rw_run_point point[RW_RUN_POINTS];
    int16_t x[RW_RUN_POINTS * RW_RUN_FEATURES];
    float floats[RW_RUN_POINTS * RW_RUN_FEATURES];
};

/* The lowest priorities of both sets; distances and radii anew. */
static rw_status merge_reference(struct rw_run *a, const struct rw_run *b, struct rw_error *err)
{
    if (!b->has_reference) {
        return RW_OK;
    }
    struct room *k = rw_alloc_zero(1, sizeof *k);
    if (k == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to merge two runs");
    }
    struct rw_run_sample s = {.max = RW_RUN_POINTS, .point = k->point, .x = k->x};
    const struct rw_run *part[2] = {a, b};
    for (int p = 0; p < 2; p++) {
        for (uint32_t i = 0; i < part[p]->n_reference; i++) {
            struct rw_run_point point = {.priority = part[p]->reference_priority[i],
                                         .prompt = part[p]->reference_prompt[i],
                                         .has_features = true};
            rw_run_sample_add(&s, &point, part[p]->reference + (size_t)i * RW_RUN_FEATURES);
        }
    }
    a->n_reference = rw_run_sample_sort(&s);
    memcpy(a->reference, s.x, (size_t)a->n_reference * RW_RUN_FEATURES * sizeof *s.x);
    for (uint32_t i = 0; i < a->n_reference; i++) {
        a->reference_prompt[i] = s.point[i].prompt;
        a->reference_priority[i] = s.point[i].priority;
    }
    rw_run_features_unpack(a->reference, a->n_reference, k->floats);
    struct rw_points set = {k->floats, a->reference_prompt, a->n_reference, RW_RUN_FEATURES};
    rw_coverage_nearest(&set, &set, 1, a->reference_loo);
    a->has_reference =
        rw_coverage_radii(a->reference_loo, a->n_reference, a->radii, k->floats) != 0;
    a->reference_variance = a->has_reference && b->reference_variance > a->reference_variance
                                ? b->reference_variance
                                : a->reference_variance;
    rw_free(k);
    return RW_OK;
}

/* The earlier windows of both, oldest first, as many as are remembered. */
static void merge_history(struct rw_run *a, const struct rw_run *b, enum rw_run_span span)
{
    struct rw_run_course *x = &a->course[span];
    const struct rw_run_course *y = &b->course[span];
    uint64_t n = RW_MIN(y->history_count,
                        (uint64_t)(span == RW_RUN_SLOW ? RW_RUN_HISTORY : RW_RUN_FAST_HISTORY));
    for (uint64_t i = y->history_count - n; i < y->history_count; i++) {
        struct rw_run_window w = *rw_run_history((struct rw_run *)b, span, i);
        w.index = x->history_count;
        *rw_run_history(a, span, x->history_count) = w;
        x->history_count++;
    }
    if (x->windows == 0 && y->windows > 0) {
        x->first = y->first;
    }
    x->windows += y->windows;
}

static void add_moments(struct rw_run_moments *a, const struct rw_run_moments *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        a[i].n += b[i].n;
        a[i].sum += b[i].sum;
        a[i].square += b[i].square;
    }
}

static void merge_course(struct rw_run *a, struct rw_run *b, enum rw_run_span span)
{
    struct rw_run_course *x = &a->course[span];
    const struct rw_run_course *y = &b->course[span];
    x->in_window += y->in_window;
    x->failed_in_window += y->failed_in_window;
    x->step_last = RW_MAX(y->step_last, x->step_last);
    if (x->step_first < 0 || (y->step_first >= 0 && y->step_first < x->step_first)) {
        x->step_first = y->step_first;
    }
    for (int i = 0; i < RW_RUN_FLAG_KINDS; i++) {
        x->flags_in_window[i] += y->flags_in_window[i];
    }
    add_moments(x->diversity, y->diversity, RW_RUN_DIVERSITIES);
    add_moments(x->prompt_x, y->prompt_x, RW_PROMPT_DIM);
    struct rw_run_sample s = rw_run_sample_of(a, span);
    struct rw_run_sample from = rw_run_sample_of(b, span);
    for (uint32_t i = 0; i < from.n; i++) {
        rw_run_sample_add(&s, &from.point[i],
                          from.x != NULL ? from.x + (size_t)i * RW_RUN_FEATURES : NULL);
    }
    x->n = s.n;
    merge_history(a, b, span);
}

static void merge_alarms(struct rw_run *a, const struct rw_run *b)
{
    uint64_t n = RW_MIN(b->alarm_count, RW_RUN_ALARMS);
    for (uint64_t i = b->alarm_count - n; i < b->alarm_count; i++) {
        a->alarm[a->alarm_count % RW_RUN_ALARMS] = b->alarm[i % RW_RUN_ALARMS];
        a->alarm_count++;
    }
    for (int i = 0; i < RW_RUN_RULES; i++) {
        a->rang[i] = a->rang[i] || b->rang[i];
    }
}

static void merge_bets(struct rw_run *a, const struct rw_run *b)
{
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        rw_martingale_merge(&a->martingale[s], &b->martingale[s]);
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        rw_martingale_merge(&a->prompt[f], &b->prompt[f]);
    }
    for (int g = 0; g < RW_RUN_GATES; g++) {
        rw_coin_merge(&a->gate[g], &b->gate[g]);
    }
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        rw_screen_merge(&a->screen[r], &b->screen[r]);
    }
    merge_suspects(a, b);
}

/* Traces that wait are taken as one replica's after the other's; ended batches stay those of the
 * replica that saw more of the kind. */
static void merge_streams(struct rw_run *a, const struct rw_run *b, struct rw_run_news *news)
{
    for (uint32_t i = 0; i < b->n_streams; i++) {
        const struct rw_run_stream *from = &b->stream[i];
        struct rw_run_stream *to = NULL;
        for (uint32_t k = 0; k < a->n_streams && to == NULL; k++) {
            to = strcmp(a->stream[k].kind, from->kind) == 0 ? &a->stream[k] : NULL;
        }
        if (to == NULL && a->n_streams == RW_RUN_KINDS) {
            a->stray_kinds += from->traces;
        } else if (to == NULL) {
            a->stream[a->n_streams++] = *from;
        } else {
            rw_run_join_stream(a, to, from, news);
        }
    }
    a->stray_kinds += b->stray_kinds;
}

rw_status rw_run_merge(struct rw_run *a, const struct rw_run *b, struct rw_error *err)
{
    struct rw_run_news news = {0};
    if (a->seed != b->seed || a->options.window != b->options.window ||
        a->options.fast != b->options.fast || a->options.warm != b->options.warm ||
        a->epoch != b->epoch) {
        return rw_fail(err, RW_CONFIG, "two states are not of one run, or one was acknowledged");
    }
    rw_status status = merge_reference(a, b, err);
    if (status != RW_OK) {
        return status;
    }
    a->traces += b->traces;
    a->failed += b->failed;
    a->validation += b->validation;
    a->step = RW_MAX(b->step, a->step);
    a->segment = RW_MAX(b->segment, a->segment);
    a->back = 0;
    a->back_step = -1;
    a->ahead = 0;
    a->ahead_step = -1;
    for (int i = 0; i < RW_RUN_FLAG_KINDS; i++) {
        a->flags[i] += b->flags[i];
    }
    for (int k = 0; k < RW_RUN_SPANS; k++) {
        merge_course(a, (struct rw_run *)b, (enum rw_run_span)k); /* b is only looked at */
    }
    merge_bets(a, b);
    for (uint32_t i = 0; i < RW_RUN_GROUPS; i++) {
        const struct rw_run_group *g = &b->group[(b->next_group + i) % RW_RUN_GROUPS];
        if (g->used) {
            merge_group(a, g, &news);
        }
    }
    merge_streams(a, b, &news);
    merge_alarms(a, b);
    rw_assert(rw_run_is_sound(a));
    return RW_OK;
}
