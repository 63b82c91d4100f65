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

/* A new baseline: bank, first windows, reference set. Groups that are open go on. */
static void begin_baseline(struct rw_run *run)
{
    memset(run->rang, 0, sizeof run->rang);
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        rw_martingale_init(&run->martingale[s]);
        for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
            run->suspect[s][i] = (struct rw_run_suspect){.p = 2};
        }
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        rw_martingale_init(&run->prompt[f]);
        run->prompt_lean[f] = 0;
        run->prompt_width[f] = 0;
    }
    for (int g = 0; g < RW_RUN_GATES; g++) {
        rw_coin_init(&run->gate[g]);
    }
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        rw_screen_init(&run->screen[r]);
    }
    for (int k = 0; k < RW_RUN_SPANS; k++) {
        rw_run_begin_window(run, (enum rw_run_span)k);
        run->course[k].windows = 0;
    }
    run->has_reference = false;
    run->n_reference = 0;
    run->baseline++;
}

struct rw_run *rw_run_create(struct rw_str id, const struct rw_run_options *options)
{
    rw_assert(id.len > 0 && id.len <= RW_RUN_ID_MAX);
    rw_assert(options->window >= RW_RUN_WINDOW_MIN && options->window <= RW_RUN_WINDOW_MAX);
    rw_assert(options->fast == 0 || options->fast >= RW_RUN_WINDOW_MIN);
    struct rw_run *run = rw_alloc_zero(1, sizeof *run);
    if (run == NULL) {
        return NULL;
    }
    memcpy(run->id, id.ptr, id.len);
    run->id_len = (uint32_t)id.len;
    run->seed = rw_mix(rw_hash_fnv1a(RW_FNV1A_START, id.ptr, id.len), 0);
    run->options = *options;
    run->step = -1;
    run->back_step = -1;
    run->ahead_step = -1;
    begin_baseline(run);
    return run;
}

void rw_run_destroy(struct rw_run *run)
{
    rw_free(run);
}

void rw_run_begin_segment(struct rw_run *run, const char *why, struct rw_run_news *news)
{
    run->segment++;
    if (news != NULL) {
        news->segment = why;
    }
    for (int k = 0; k < RW_RUN_SPANS; k++) {
        rw_run_begin_window(run, (enum rw_run_span)k); /* no window lies in two segments */
    }
}

void rw_run_rebase(struct rw_run *run)
{
    rw_run_begin_segment(run, "reset", NULL);
    begin_baseline(run);
}

void rw_run_acknowledge(struct rw_run *run)
{
    for (int i = 0; i < RW_RUN_ALARMS; i++) {
        run->alarm[i].acknowledged = true;
    }
    for (uint32_t i = 0; i < run->n_streams; i++) {
        run->stream[i].rang = false;
        run->stream[i].batches = 0; /* what comes next is what the others are compared with */
    }
    run->epoch++;
    rw_run_rebase(run);
}

rw_status rw_run_take_baseline(struct rw_run *run, const struct rw_run *from, struct rw_error *err)
{
    if (run->options.window != from->options.window || run->options.warm != from->options.warm ||
        run->options.fast != from->options.fast) {
        return rw_fail(err, RW_CONFIG, "the two runs have windows of other sizes");
    }
    if (from->course[RW_RUN_SLOW].windows == 0) {
        return rw_fail(err, RW_CONFIG, "the run that is to be the baseline has no window yet");
    }
    rw_run_rebase(run);
    for (int k = 0; k < RW_RUN_SPANS; k++) {
        run->course[k].windows = from->course[k].windows > 0 ? 1 : 0;
        run->course[k].first = from->course[k].first;
    }
    /* The whole of the other run is the bank: its ranks, without its bets. */
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        rw_martingale_take_bank(&run->martingale[s], &from->martingale[s]);
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        rw_martingale_take_bank(&run->prompt[f], &from->prompt[f]);
    }
    for (int g = 0; g < RW_RUN_GATES; g++) {
        run->gate[g].n = from->gate[g].n;
        run->gate[g].hits = from->gate[g].hits;
    }
    run->has_reference = from->has_reference;
    run->n_reference = from->n_reference;
    memcpy(run->reference_prompt, from->reference_prompt, sizeof run->reference_prompt);
    memcpy(run->reference_priority, from->reference_priority, sizeof run->reference_priority);
    memcpy(run->reference, from->reference, sizeof run->reference);
    memcpy(run->reference_loo, from->reference_loo, sizeof run->reference_loo);
    run->reference_variance = from->reference_variance;
    memcpy(run->radii, from->radii, sizeof run->radii);
    return RW_OK;
}

/* ---- the window ------------------------------------------------------------------------------ */

static void note_step(struct rw_run_course *c, int64_t step)
{
    if (step >= 0) {
        c->step_first = c->step_first < 0 ? step : RW_MIN(c->step_first, step);
        c->step_last = RW_MAX(c->step_last, step);
    }
}

static void take_for_window(struct rw_run *run, enum rw_run_span span, const struct rw_run_trace *t,
                            const struct rw_run_point *point, const int16_t x[RW_RUN_FEATURES])
{
    struct rw_run_course *c = &run->course[span];
    c->in_window++;
    if (t->label.step - run->step <= RW_RUN_AHEAD) {
        note_step(c, t->label.step); /* one that is farther ahead is a mistake */
    }
    if (point == NULL) {
        c->failed_in_window++;
        return;
    }
    for (int i = 0; i < RW_RUN_FLAG_KINDS; i++) {
        c->flags_in_window[i] += t->flags >> i & 1;
    }
    struct rw_run_sample s = rw_run_sample_of(run, span);
    rw_run_sample_add(&s, point, x);
    c->n = s.n;
}

static void take_for_windows(struct rw_run *run, const struct rw_run_trace *t, uint64_t priority)
{
    int16_t x[RW_RUN_FEATURES] = {0};
    bool scored = !isnan(t->reward[RW_RUN_PROCESS]) || !isnan(t->reward[RW_RUN_OUTCOME]);
    struct rw_run_point point = {.priority = priority,
                                 .prompt = t->prompt,
                                 .label = t->label,
                                 .has_features =
                                     t->has_features && rw_run_features_pack(t->features, x),
                                 .verified = t->verified,
                                 .steps = t->steps,
                                 .bytes = t->bytes};
    memcpy(point.reward, t->reward, sizeof point.reward);
    for (int k = 0; k < RW_RUN_SPANS; k++) {
        if (rw_run_span_traces(run, (enum rw_run_span)k) > 0) {
            take_for_window(run, (enum rw_run_span)k, t, scored ? &point : NULL, x);
        }
    }
    run->failed += scored ? 0 : 1;
    for (int i = 0; scored && i < RW_RUN_FLAG_KINDS; i++) {
        run->flags[i] += t->flags >> i & 1;
    }
    for (int r = 0; scored && r < RW_RUN_REWARDS; r++) {
        rw_screen_observe(&run->screen[r], t->surface, t->reward[r]);
    }
}

static bool is_full(const struct rw_run *run, enum rw_run_span span)
{
    uint64_t traces = rw_run_span_traces(run, span);
    return traces > 0 && run->course[span].in_window >= traces;
}

static rw_status end_windows(struct rw_run *run, struct rw_run_news *news, struct rw_error *err)
{
    for (int k = RW_RUN_SPANS - 1; k >= 0; k--) {
        enum rw_run_span span = (enum rw_run_span)k;
        if (!is_full(run, span)) {
            continue;
        }
        rw_status status = rw_run_close_window(run, span, err);
        if (status != RW_OK) {
            return status;
        }
        const struct rw_run_window *w =
            rw_run_history(run, span, run->course[span].history_count - 1);
        news->window = span == RW_RUN_SLOW ? w : news->window;
        news->fast = span == RW_RUN_FAST ? w : news->fast;
        rw_run_check_window(run, span, news);
    }
    return RW_OK;
}

/* A window counts no more than the run, and its sample no more than its scored traces; a reference
 * set comes with the end of a first window. */
static bool course_is_sound(const struct rw_run *run, enum rw_run_span span)
{
    const struct rw_run_course *c = &run->course[span];
    bool sound = c->failed_in_window <= c->in_window && c->in_window <= run->traces &&
                 c->failed_in_window <= run->failed &&
                 c->n <= (span == RW_RUN_SLOW ? RW_RUN_POINTS : RW_RUN_FAST_POINTS) &&
                 c->n <= c->in_window - c->failed_in_window;
    for (int i = 0; sound && i < RW_RUN_FLAG_KINDS; i++) {
        sound = c->flags_in_window[i] <= c->in_window - c->failed_in_window &&
                c->flags_in_window[i] <= run->flags[i];
    }
    return sound;
}

bool rw_run_is_sound(const struct rw_run *run)
{
    bool sound = run->traces <= RW_RUN_TRACES_MAX && run->validation <= run->traces &&
                 run->failed <= run->traces - run->validation &&
                 course_is_sound(run, RW_RUN_SLOW) && course_is_sound(run, RW_RUN_FAST);
    for (uint32_t i = 0; sound && i < RW_MIN(run->n_streams, (uint32_t)RW_RUN_KINDS); i++) {
        sound = run->stream[i].n < RW_RUN_BATCH_MAX;
    }
    return sound && run->next_group < RW_RUN_GROUPS && run->n_streams <= RW_RUN_KINDS &&
           run->n_reference <= RW_RUN_POINTS &&
           (!run->has_reference || (run->n_reference > 0 && run->course[RW_RUN_SLOW].windows > 0));
}

rw_status rw_run_observe(struct rw_run *run, const struct rw_run_trace *trace,
                         struct rw_run_news *news, struct rw_error *err)
{
    rw_assert(rw_run_is_sound(run));
    news->window = NULL;
    news->fast = NULL;
    news->stream = NULL;
    news->segment = NULL;
    news->n_alarms = 0;
    if (trace->validate) {
        run->traces++;
        run->validation++;
        rw_run_take_validation(run, trace, news);
        return RW_OK;
    }
    /* After a merge, or when memory was refused at the end of a window. */
    rw_status status = end_windows(run, news, err);
    if (status != RW_OK) {
        return status;
    }
    run->traces++;
    uint64_t priority =
        rw_mix(run->seed ^ trace->trace, rw_mix(trace->prompt, (uint64_t)trace->label.step) +
                                             (uint64_t)trace->label.sample_index);
    priority = rw_mix(priority, (uint64_t)trace->label.item << 32 | trace->label.trace);
    rw_run_take_for_group(run, trace, priority, news);
    rw_run_end_batches(run, news);
    take_for_windows(run, trace, priority);
    struct rw_error later = {0}; /* refused memory: the next trace tries again */
    (void)end_windows(run, news, &later);
    return RW_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

const char *rw_run_score_name(enum rw_run_score score)
{
    static const char *const NAME[RW_RUN_SCORES] = {
        "prompt_gap", "min_logit", "step_redundant", "latent_outlier",
        "flags",      "accuracy",  "group_texts",
    };
    return NAME[score];
}

const char *rw_run_diversity_name(enum rw_run_diversity diversity)
{
    static const char *const NAME[RW_RUN_DIVERSITIES] = {"texts", "answers", "states"};
    return NAME[diversity];
}

static struct rw_run_score_view score_view(const struct rw_martingale *m, double alarm)
{
    const double log10e = 0.43429448190325182765;
    return (struct rw_run_score_view){.ranked = m->n,
                                      .bets = m->money.bets,
                                      .log10_plain = rw_capital_log_plain(&m->money) * log10e,
                                      .log10_capital = rw_capital_log(&m->money) * log10e,
                                      .log10_alarm = alarm * log10e,
                                      .last_p = m->money.last_p};
}

void rw_run_view(const struct rw_run *run, struct rw_run_view *out)
{
    const struct rw_run_course *slow = &run->course[RW_RUN_SLOW];
    const struct rw_run_course *fast = &run->course[RW_RUN_FAST];
    *out = (struct rw_run_view){.id = {run->id, run->id_len},
                                .options = run->options,
                                .traces = run->traces,
                                .failed = run->failed,
                                .validation = run->validation,
                                .acknowledged = run->epoch,
                                .segment = run->segment,
                                .in_window = slow->in_window,
                                .in_fast = fast->in_window,
                                .reference = run->has_reference ? run->n_reference : 0,
                                .step = run->step,
                                .first = slow->windows > 0 ? &slow->first : NULL,
                                .first_fast = fast->windows > 0 ? &fast->first : NULL,
                                .n_streams = run->n_streams,
                                .stray_kinds = run->stray_kinds};
    memcpy(out->radii, run->radii, sizeof out->radii);
    memcpy(out->flags, run->flags, sizeof out->flags);
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        out->score[s] = score_view(&run->martingale[s], rw_run_alarm_capital((enum rw_run_score)s));
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        out->prompt[f] = score_view(&run->prompt[f], rw_run_prompt_capital());
    }
    out->n_windows = (uint32_t)(RW_MIN(slow->history_count, RW_RUN_HISTORY));
    out->n_fast = (uint32_t)(RW_MIN(fast->history_count, RW_RUN_FAST_HISTORY));
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
    return &run->slow_history[ring_index(run->course[RW_RUN_SLOW].history_count, RW_RUN_HISTORY,
                                         i)];
}

const struct rw_run_window *rw_run_fast(const struct rw_run *run, uint32_t i)
{
    return &run->fast_history[ring_index(run->course[RW_RUN_FAST].history_count,
                                         RW_RUN_FAST_HISTORY, i)];
}

const struct rw_run_alarm *rw_run_alarm(const struct rw_run *run, uint32_t i)
{
    return &run->alarm[ring_index(run->alarm_count, RW_RUN_ALARMS, i)];
}

const struct rw_run_stream *rw_run_stream(const struct rw_run *run, uint32_t i)
{
    rw_assert(i < run->n_streams);
    return &run->stream[i];
}

const struct rw_run_batch *rw_run_batch(const struct rw_run_stream *stream, uint32_t i)
{
    return &stream->batch[ring_index(stream->batches, RW_RUN_BATCHES, i)];
}
