/* A run and a trace as bytes: little-endian fields in the order of one function that both writes
 * and reads, a version in front, the first half of a SHA-256 behind. */
#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/run/coder.h"
#include "core/run/run_parts.h"

enum {
    STATE_VERSION = 3, /* 1 and 2 had other martingales and one window: refused */
    TRACE_VERSION = 2, /* 1 said nothing of the prompt */
    DIGEST_BYTES = 16,
};

static void interval(struct rw_coder *c, struct rw_interval *v)
{
    rw_coder_f64(c, &v->value);
    rw_coder_f64(c, &v->error);
}

static void label(struct rw_coder *c, struct rw_run_label *v)
{
    rw_coder_text(c, v->request, sizeof v->request);
    rw_coder_u32(c, &v->item);
    rw_coder_u32(c, &v->trace);
    rw_coder_i64(c, &v->step);
    rw_coder_i64(c, &v->sample_index);
}

static void intervals(struct rw_coder *c, struct rw_interval *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        interval(c, &v[i]);
    }
}

static void window(struct rw_coder *c, struct rw_run_window *w)
{
    w->span = (enum rw_run_span)rw_coder_choice(c, (uint32_t)w->span, RW_RUN_SPANS);
    rw_coder_u64(c, &w->segment);
    rw_coder_u64(c, &w->index);
    rw_coder_u64(c, &w->end);
    rw_coder_u64(c, &w->traces);
    rw_coder_u64(c, &w->failed);
    rw_coder_u64(c, &w->points);
    rw_coder_u64(c, &w->prompts);
    rw_coder_i64(c, &w->step_first);
    rw_coder_i64(c, &w->step_last);
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        interval(c, &w->reward[r]);
    }
    interval(c, &w->gap);
    interval(c, &w->accuracy);
    rw_coder_f64s(c, w->agreement, RW_RUN_REWARDS);
    rw_coder_f64s(c, w->length_correlation, RW_RUN_REWARDS);
    rw_coder_f64s(c, w->length_slope, RW_RUN_REWARDS);
    rw_coder_f64s(c, w->screening, RW_RUN_REWARDS);
    interval(c, &w->steps);
    interval(c, &w->step_bytes);
    rw_coder_f64s(c, w->coverage.eta, RW_COVERAGE_RADII);
    interval(c, &w->coverage.eta_bar);
    rw_coder_f64(c, &w->coverage.r95);
    rw_coder_f64(c, &w->coverage.jackknife_variance);
    interval(c, &w->eta_change);
    interval(c, &w->participation);
    w->participation_missing = (enum rw_run_missing)rw_coder_choice(
        c, (uint32_t)w->participation_missing, RW_RUN_NO_SPREAD + 1);
    intervals(c, w->diversity, RW_RUN_DIVERSITIES);
    intervals(c, w->prompt_x, RW_PROMPT_DIM);
    rw_coder_u64s(c, w->flags, RW_RUN_FLAG_KINDS);
}

static void capital(struct rw_coder *c, struct rw_capital *v)
{
    rw_coder_u64(c, &v->bets);
    rw_coder_f64s(c, v->log_product, RW_CAPITAL_GAMBLERS);
    rw_coder_f64s(c, v->restart, RW_CAPITAL_GAMBLERS);
    rw_coder_f64(c, &v->placed);
    rw_coder_f64(c, &v->last_p);
}

static void martingale(struct rw_coder *c, struct rw_martingale *m)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < RW_MARTINGALE_BINS; i++) {
        rw_coder_u32(c, &m->count[i]);
        sum += m->count[i];
    }
    rw_coder_u64(c, &m->n);
    c->bad = c->bad || sum != m->n;
    capital(c, &m->money);
}

static void coin(struct rw_coder *c, struct rw_coin *v)
{
    rw_coder_u64(c, &v->n);
    rw_coder_u64(c, &v->hits);
    c->bad = c->bad || v->hits > v->n;
    capital(c, &v->money);
}

static void moments(struct rw_coder *c, struct rw_run_moments *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rw_coder_f64(c, &m[i].n);
        rw_coder_f64(c, &m[i].sum);
        rw_coder_f64(c, &m[i].square);
    }
}

static void group(struct rw_coder *c, struct rw_run_group *g)
{
    rw_coder_flag(c, &g->used);
    if (!g->used) {
        return;
    }
    rw_coder_flag(c, &g->fed);
    rw_coder_u64(c, &g->prompt);
    rw_coder_i64(c, &g->step);
    rw_coder_u64(c, &g->size);
    rw_coder_u64(c, &g->members);
    rw_coder_u64(c, &g->priority);
    rw_coder_f64s(c, g->score, RW_RUN_TRACE_SCORES);
    label(c, &g->label);
    rw_coder_flag(c, &g->has_flags);
    rw_coder_u32(c, &g->flags);
    rw_coder_f32s(c, &g->gate, 1);
    rw_coder_f32s(c, &g->flagged, 1);
    rw_coder_f32s(c, &g->fired, 1);
    rw_coder_f32s(c, &g->judged, 1);
    rw_coder_f32s(c, &g->right, 1);
    rw_coder_count(c, &g->kept, RW_RUN_MEMBERS);
    rw_coder_u32s(c, g->text, g->kept);
    rw_coder_u32s(c, g->answer, g->kept);
    rw_coder_f32s(c, &g->states, 1);
    rw_coder_f32s(c, g->state, RW_RUN_STATE_DIMS);
    rw_coder_f32s(c, &g->square, 1);
    rw_coder_f32s(c, g->prompt_x, RW_PROMPT_DIM);
}

static void suspect(struct rw_coder *c, struct rw_run_suspect *s)
{
    rw_coder_f64(c, &s->p);
    rw_coder_u64(c, &s->at);
    label(c, &s->label);
}

static void course(struct rw_coder *c, struct rw_run *run, enum rw_run_span span)
{
    struct rw_run_course *v = &run->course[span];
    rw_coder_u64(c, &v->in_window);
    rw_coder_u64(c, &v->failed_in_window);
    rw_coder_u64s(c, v->flags_in_window, RW_RUN_FLAG_KINDS);
    rw_coder_i64(c, &v->step_first);
    rw_coder_i64(c, &v->step_last);
    moments(c, v->diversity, RW_RUN_DIVERSITIES);
    moments(c, v->prompt_x, RW_PROMPT_DIM);
    struct rw_run_sample s = rw_run_sample_of(run, span);
    rw_coder_count(c, &v->n, s.max);
    for (uint32_t i = 0; i < v->n; i++) {
        struct rw_run_point *p = &s.point[i];
        rw_coder_u64(c, &p->priority);
        rw_coder_u64(c, &p->prompt);
        label(c, &p->label);
        rw_coder_flag(c, &p->has_features);
        rw_coder_f64s(c, p->reward, RW_RUN_REWARDS);
        rw_coder_f64(c, &p->verified);
        rw_coder_f64(c, &p->steps);
        rw_coder_f64(c, &p->bytes);
    }
    rw_coder_i16s(c, s.x, s.x != NULL ? (size_t)v->n * RW_RUN_FEATURES : 0);
    rw_coder_u64(c, &v->windows);
    window(c, &v->first);
    rw_coder_u64(c, &v->history_count);
    c->bad = c->bad || v->windows > v->history_count + 1; /* one may be another run's */
    uint64_t size = span == RW_RUN_SLOW ? RW_RUN_HISTORY : RW_RUN_FAST_HISTORY;
    for (uint64_t i = 0; i < v->history_count && i < size; i++) {
        window(c, rw_run_history(run, span, i));
    }
}

static void batch(struct rw_coder *c, struct rw_run_batch *b)
{
    rw_coder_u64(c, &b->at);
    rw_coder_i64(c, &b->step);
    rw_coder_u64(c, &b->traces);
    intervals(c, b->reward, RW_RUN_REWARDS);
    interval(c, &b->accuracy);
    interval(c, &b->lag);
}

static void stream(struct rw_coder *c, struct rw_run_stream *s)
{
    rw_coder_text(c, s->kind, sizeof s->kind);
    rw_coder_u64(c, &s->traces);
    rw_coder_u64(c, &s->batches);
    batch(c, &s->first);
    for (uint64_t i = 0; i < s->batches && i < RW_RUN_BATCHES; i++) {
        batch(c, &s->batch[i]);
    }
    rw_coder_flag(c, &s->rang);
    rw_coder_i64(c, &s->step);
    rw_coder_count(c, &s->n, RW_RUN_BATCH_MAX - 1);
    for (uint32_t i = 0; i < s->n; i++) {
        rw_coder_u64(c, &s->waiting[i].prompt);
        rw_coder_f32s(c, s->waiting[i].reward, RW_RUN_REWARDS);
        rw_coder_f32s(c, &s->waiting[i].verified, 1);
    }
}

static void screen(struct rw_coder *c, struct rw_screen *s)
{
    rw_coder_f64(c, &s->weight);
    rw_coder_f64s(c, s->x, RW_SCREEN_DIM);
    rw_coder_f64s(c, s->xx, RW_SCREEN_DIM * RW_SCREEN_DIM);
    rw_coder_f64s(c, s->xy, RW_SCREEN_DIM);
    rw_coder_f64(c, &s->y);
    rw_coder_u64(c, &s->seen);
    rw_coder_f64(c, &s->error);
    rw_coder_f64(c, &s->spread);
    rw_coder_u64(c, &s->scored);
}

static void reference(struct rw_coder *c, struct rw_run *run)
{
    rw_coder_flag(c, &run->has_reference);
    rw_coder_count(c, &run->n_reference, RW_RUN_POINTS);
    rw_coder_u64s(c, run->reference_prompt, run->n_reference);
    rw_coder_u64s(c, run->reference_priority, run->n_reference);
    rw_coder_i16s(c, run->reference, (size_t)run->n_reference * RW_RUN_FEATURES);
    for (uint32_t i = 0; i < run->n_reference; i++) {
        struct rw_nearest *n = &run->reference_loo[i];
        uint32_t fold = (uint32_t)n->fold;
        rw_coder_f32s(c, &n->first, 1);
        rw_coder_f32s(c, &n->second, 1);
        rw_coder_u32(c, &fold);
        n->fold = (int32_t)fold;
        c->bad = c->bad || n->fold < -1 || n->fold >= RW_COVERAGE_FOLDS;
    }
    rw_coder_f64(c, &run->reference_variance);
    rw_coder_f64s(c, run->radii, RW_COVERAGE_RADII);
}

static void alarm_record(struct rw_coder *c, struct rw_run_alarm *a)
{
    uint32_t rule = (uint32_t)a->rule;
    rw_coder_count(c, &rule, RW_RUN_RULES - 1);
    a->rule = (enum rw_run_rule)rule;
    rw_coder_flag(c, &a->acknowledged);
    rw_coder_count(c, &a->gate, RW_RUN_GATES);
    rw_coder_flag(c, &a->has_span);
    a->span = (enum rw_run_span)rw_coder_choice(c, (uint32_t)a->span, RW_RUN_SPANS);
    rw_coder_u64(c, &a->at);
    rw_coder_u64(c, &a->window);
    rw_coder_f64(c, &a->value);
    rw_coder_f64(c, &a->limit);
    rw_coder_count(c, &a->n_suspects, RW_RUN_SUSPECTS);
    for (uint32_t i = 0; i < a->n_suspects; i++) {
        label(c, &a->suspect[i]);
    }
    rw_coder_text(c, a->sentence, sizeof a->sentence);
}

static void alarms(struct rw_coder *c, struct rw_run *run)
{
    rw_coder_u64(c, &run->alarm_count);
    for (uint64_t i = 0; i < run->alarm_count && i < RW_RUN_ALARMS; i++) {
        alarm_record(c, &run->alarm[i]);
    }
}

static void bets(struct rw_coder *c, struct rw_run *run)
{
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        martingale(c, &run->martingale[s]);
        for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
            suspect(c, &run->suspect[s][i]);
        }
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        martingale(c, &run->prompt[f]);
    }
    rw_coder_f64s(c, run->prompt_lean, RW_PROMPT_DIM);
    rw_coder_f64s(c, run->prompt_width, RW_PROMPT_DIM);
    for (int g = 0; g < RW_RUN_GATES; g++) {
        coin(c, &run->gate[g]);
    }
}

static void state(struct rw_coder *c, struct rw_run *run)
{
    rw_coder_count(c, &run->id_len, RW_RUN_ID_MAX);
    rw_coder_bytes(c, run->id, run->id_len);
    rw_coder_u64(c, &run->seed);
    rw_coder_u64(c, &run->options.window);
    rw_coder_u64(c, &run->options.warm);
    rw_coder_u64(c, &run->options.fast);
    c->bad = c->bad || run->id_len == 0 || run->options.window < RW_RUN_WINDOW_MIN ||
             run->options.window > RW_RUN_WINDOW_MAX ||
             (run->options.fast > 0 && run->options.fast < RW_RUN_WINDOW_MIN);
    rw_coder_u64(c, &run->traces);
    rw_coder_u64(c, &run->failed);
    rw_coder_u64(c, &run->validation);
    rw_coder_u64(c, &run->epoch);
    rw_coder_u64(c, &run->segment);
    rw_coder_u64(c, &run->baseline);
    rw_coder_i64(c, &run->step);
    rw_coder_u64s(c, run->flags, RW_RUN_FLAG_KINDS);
    for (int i = 0; i < RW_RUN_RULES; i++) {
        rw_coder_flag(c, &run->rang[i]);
    }
    rw_coder_count(c, &run->next_group, RW_RUN_GROUPS - 1);
    for (int i = 0; i < RW_RUN_GROUPS; i++) {
        group(c, &run->group[i]);
    }
    bets(c, run);
    rw_coder_count(c, &run->back, RW_RUN_BACK - 1);
    rw_coder_i64(c, &run->back_step);
    rw_coder_count(c, &run->ahead, RW_RUN_BACK - 1);
    rw_coder_i64(c, &run->ahead_step);
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        screen(c, &run->screen[r]);
    }
    for (int k = 0; k < RW_RUN_SPANS && !c->bad; k++) {
        course(c, run, (enum rw_run_span)k);
    }
    reference(c, run);
    rw_coder_count(c, &run->n_streams, RW_RUN_KINDS);
    rw_coder_u64(c, &run->stray_kinds);
    for (uint32_t i = 0; i < run->n_streams; i++) {
        stream(c, &run->stream[i]);
    }
    alarms(c, run);
    c->bad = c->bad || !rw_run_is_sound(run);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void digest(const char *ptr, size_t n, unsigned char out[RW_SHA256_BYTES])
{
    struct rw_sha256 sha;
    rw_sha256_init(&sha);
    rw_sha256_update(&sha, ptr, n);
    rw_sha256_final(&sha, out);
}

static void seal(struct rw_buf *out, size_t begin)
{
    unsigned char sum[RW_SHA256_BYTES];
    if (!out->failed) {
        digest(out->ptr + begin, out->len - begin, sum);
        rw_buf_append(out, sum, DIGEST_BYTES);
    }
}

static rw_status unseal(struct rw_str in, const char magic[4], uint32_t version, struct rw_coder *c,
                        struct rw_error *err)
{
    unsigned char sum[RW_SHA256_BYTES];
    uint32_t found = 0;
    char head[4];
    if (in.len < 4 + 4 + DIGEST_BYTES) {
        return rw_fail(err, RW_IO, "a stored record of a run is cut off");
    }
    size_t body = in.len - DIGEST_BYTES;
    *c = (struct rw_coder){.in = in.ptr, .left = body};
    rw_coder_bytes(c, head, sizeof head);
    rw_coder_u32(c, &found);
    if (memcmp(head, magic, sizeof head) != 0 || found != version) {
        return rw_fail(err, RW_IO,
                       "a stored record of a run has version %u; this build reads %u: the "
                       "run begins anew",
                       found, version);
    }
    digest(in.ptr, body, sum);
    if (memcmp(sum, in.ptr + body, DIGEST_BYTES) != 0) {
        return rw_fail(err, RW_IO, "a stored record of a run is damaged: its digest differs");
    }
    return RW_OK;
}

static void head(struct rw_coder *c, const char magic[4], uint32_t version)
{
    rw_buf_append(c->out, magic, 4);
    rw_coder_u32(c, &version);
}

void rw_run_encode(const struct rw_run *run, struct rw_buf *out)
{
    rw_assert(rw_run_is_sound(run)); /* bytes that no reader would take are never written */
    struct rw_coder c = {.out = out};
    size_t begin = out->len;
    head(&c, "RWRN", STATE_VERSION);
    state(&c, (struct rw_run *)run); /* a writing coder puts back what it read */
    seal(out, begin);
}

rw_status rw_run_decode(struct rw_str in, struct rw_run **out, struct rw_error *err)
{
    struct rw_coder c;
    rw_status status = unseal(in, "RWRN", STATE_VERSION, &c, err);
    if (status != RW_OK) {
        return status;
    }
    struct rw_run *run = rw_alloc_zero(1, sizeof *run);
    if (run == NULL) {
        return rw_fail_memory(err, "a run");
    }
    state(&c, run);
    if (c.bad || c.left != 0) {
        rw_free(run);
        return rw_fail(err, RW_IO, "a stored run contradicts itself");
    }
    *out = run;
    return RW_OK;
}

static void trace(struct rw_coder *c, struct rw_run_trace *t)
{
    label(c, &t->label);
    rw_coder_u64(c, &t->prompt);
    rw_coder_u64(c, &t->trace);
    rw_coder_u64(c, &t->group_size);
    rw_coder_u64(c, &t->answer);
    rw_coder_flag(c, &t->validate);
    rw_coder_text(c, t->kind, sizeof t->kind);
    rw_coder_flag(c, &t->has_features);
    rw_coder_f64s(c, t->reward, RW_RUN_REWARDS);
    rw_coder_f64(c, &t->verified);
    rw_coder_f64(c, &t->steps);
    rw_coder_f64(c, &t->bytes);
    rw_coder_f64s(c, t->score, RW_RUN_TRACE_SCORES);
    rw_coder_f64s(c, t->surface, RW_SURFACE_DIM);
    rw_coder_f64s(c, t->prompt_x, RW_PROMPT_DIM);
    rw_coder_f64(c, &t->gate);
    rw_coder_flag(c, &t->has_flags);
    rw_coder_u32(c, &t->flags);
    if (t->has_features) {
        rw_coder_f32s(c, t->features, RW_RUN_FEATURES);
    }
}

void rw_run_trace_encode(const struct rw_run_trace *in, struct rw_buf *out)
{
    struct rw_coder c = {.out = out};
    size_t begin = out->len;
    struct rw_run_trace copy = *in;
    head(&c, "RWRT", TRACE_VERSION);
    trace(&c, &copy);
    seal(out, begin);
}

rw_status rw_run_trace_decode(struct rw_str in, struct rw_run_trace *out, struct rw_error *err)
{
    struct rw_coder c;
    rw_status status = unseal(in, "RWRT", TRACE_VERSION, &c, err);
    if (status != RW_OK) {
        return status;
    }
    *out = (struct rw_run_trace){0};
    trace(&c, out);
    return c.bad || c.left != 0 ? rw_fail(err, RW_IO, "a stored trace contradicts itself") : RW_OK;
}
