/* A run and a trace as bytes: little-endian fields in the order of one function that both writes
 * and reads, a version in front, the first half of a SHA-256 behind. */
#include <math.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/run/run_parts.h"

enum {
    STATE_VERSION = 2, /* 1 had no step_last, back and back_step; it is still read */
    TRACE_VERSION = 1,
    DIGEST_BYTES = 16,
};

/* Writes into `out`, or reads from `in` when `out` is NULL. */
struct coder {
    struct rw_buf *out;
    const char *in;
    size_t left;
    uint32_t version;
    bool bad;
};

static void bytes(struct coder *c, void *ptr, size_t n)
{
    if (c->out != NULL) {
        rw_buf_append(c->out, ptr, n);
    } else if (c->left < n) {
        c->bad = true;
        memset(ptr, 0, n);
    } else {
        memcpy(ptr, c->in, n);
        c->in += n;
        c->left -= n;
    }
}

static void u64(struct coder *c, uint64_t *v)
{
    unsigned char b[8];
    for (int i = 0; i < 8; i++) {
        b[i] = (unsigned char)(*v >> (8 * i));
    }
    bytes(c, b, sizeof b);
    *v = 0;
    for (int i = 0; i < 8; i++) {
        *v |= (uint64_t)b[i] << (8 * i);
    }
}

static void u32(struct coder *c, uint32_t *v)
{
    unsigned char b[4];
    for (int i = 0; i < 4; i++) {
        b[i] = (unsigned char)(*v >> (8 * i));
    }
    bytes(c, b, sizeof b);
    *v = 0;
    for (int i = 0; i < 4; i++) {
        *v |= (uint32_t)b[i] << (8 * i);
    }
}

static void i64(struct coder *c, int64_t *v)
{
    uint64_t bits = (uint64_t)*v;
    u64(c, &bits);
    *v = (int64_t)bits;
}

static void f64(struct coder *c, double *v)
{
    uint64_t bits;
    memcpy(&bits, v, sizeof bits);
    u64(c, &bits);
    memcpy(v, &bits, sizeof bits);
}

static void f64s(struct coder *c, double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f64(c, &v[i]);
    }
}

static void f32s(struct coder *c, float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        u32(c, &bits);
        memcpy(&v[i], &bits, sizeof bits);
    }
}

static void u64s(struct coder *c, uint64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u64(c, &v[i]);
    }
}

static void flag(struct coder *c, bool *v)
{
    unsigned char b = *v ? 1 : 0;
    bytes(c, &b, 1);
    c->bad = c->bad || b > 1;
    *v = b == 1;
}

/* A count that indexes an array of `max`. */
static void count(struct coder *c, uint32_t *v, uint32_t max)
{
    u32(c, v);
    if (*v > max) {
        c->bad = true;
        *v = 0;
    }
}

/* A text in a fixed array, with its NUL. */
static void text(struct coder *c, char *v, size_t size)
{
    uint32_t n = (uint32_t)strnlen(v, size - 1);
    count(c, &n, (uint32_t)(size - 1));
    bytes(c, v, n);
    v[n] = '\0';
}

static void interval(struct coder *c, struct rw_interval *v)
{
    f64(c, &v->value);
    f64(c, &v->error);
}

static void label(struct coder *c, struct rw_run_label *v)
{
    text(c, v->request, sizeof v->request);
    u32(c, &v->item);
    u32(c, &v->trace);
    i64(c, &v->step);
    i64(c, &v->sample_index);
}

static void window(struct coder *c, struct rw_run_window *w)
{
    u64(c, &w->index);
    u64(c, &w->end);
    u64(c, &w->traces);
    u64(c, &w->failed);
    u64(c, &w->points);
    u64(c, &w->prompts);
    i64(c, &w->step_first);
    i64(c, &w->step_last);
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        interval(c, &w->reward[r]);
    }
    interval(c, &w->gap);
    interval(c, &w->accuracy);
    f64s(c, w->agreement, RW_RUN_REWARDS);
    f64s(c, w->length_correlation, RW_RUN_REWARDS);
    f64s(c, w->length_slope, RW_RUN_REWARDS);
    f64s(c, w->screening, RW_RUN_REWARDS);
    interval(c, &w->steps);
    interval(c, &w->step_bytes);
    f64s(c, w->coverage.eta, RW_COVERAGE_RADII);
    interval(c, &w->coverage.eta_bar);
    f64(c, &w->coverage.r95);
    f64(c, &w->coverage.jackknife_variance);
    interval(c, &w->eta_change);
    interval(c, &w->participation);
    u64s(c, w->flags, RW_RUN_FLAG_KINDS);
}

static void martingale(struct coder *c, struct rw_martingale *m)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < RW_MARTINGALE_BINS; i++) {
        u32(c, &m->count[i]);
        sum += m->count[i];
    }
    u64(c, &m->n);
    c->bad = c->bad || sum != m->n;
    u64(c, &m->bets);
    f64s(c, m->log_product, RW_MARTINGALE_EPS);
    f64s(c, m->restart, RW_MARTINGALE_EPS);
    f64(c, &m->placed);
    f64(c, &m->log_peak);
    f64(c, &m->last_p);
}

static void group(struct coder *c, struct rw_run_group *g)
{
    flag(c, &g->used);
    if (!g->used) {
        return;
    }
    flag(c, &g->fed);
    u64(c, &g->prompt);
    i64(c, &g->step);
    u64(c, &g->size);
    u64(c, &g->members);
    u64(c, &g->priority);
    f64s(c, g->score, RW_RUN_SCORES);
    label(c, &g->label);
}

static void suspect(struct coder *c, struct rw_run_suspect *s)
{
    f64(c, &s->p);
    u64(c, &s->at);
    label(c, &s->label);
}

static void sample(struct coder *c, struct rw_run_sample *s)
{
    count(c, &s->n, RW_RUN_POINTS);
    for (uint32_t i = 0; i < s->n; i++) {
        struct rw_run_point *p = &s->point[i];
        u64(c, &p->priority);
        u64(c, &p->prompt);
        label(c, &p->label);
        flag(c, &p->has_features);
        f64s(c, p->reward, RW_RUN_REWARDS);
        f64(c, &p->verified);
        f64(c, &p->steps);
        f64(c, &p->bytes);
    }
    f32s(c, s->x, (size_t)s->n * RW_RUN_FEATURES);
}

static void screen(struct coder *c, struct rw_screen *s)
{
    f64(c, &s->weight);
    f64s(c, s->x, RW_SCREEN_DIM);
    f64s(c, s->xx, RW_SCREEN_DIM * RW_SCREEN_DIM);
    f64s(c, s->xy, RW_SCREEN_DIM);
    f64(c, &s->y);
    u64(c, &s->seen);
    f64(c, &s->error);
    f64(c, &s->spread);
    u64(c, &s->scored);
}

static void reference(struct coder *c, struct rw_run *run)
{
    flag(c, &run->has_reference);
    count(c, &run->n_reference, RW_RUN_POINTS);
    u64s(c, run->reference_prompt, run->n_reference);
    u64s(c, run->reference_priority, run->n_reference);
    f32s(c, run->reference, (size_t)run->n_reference * RW_RUN_FEATURES);
    for (uint32_t i = 0; i < run->n_reference; i++) {
        struct rw_nearest *n = &run->reference_loo[i];
        uint32_t fold = (uint32_t)n->fold;
        f32s(c, &n->first, 1);
        f32s(c, &n->second, 1);
        u32(c, &fold);
        n->fold = (int32_t)fold;
        c->bad = c->bad || n->fold < -1 || n->fold >= RW_COVERAGE_FOLDS;
    }
    f64(c, &run->reference_variance);
    f64s(c, run->radii, RW_COVERAGE_RADII);
}

static void alarm_record(struct coder *c, struct rw_run_alarm *a)
{
    uint32_t rule = (uint32_t)a->rule;
    count(c, &rule, RW_RUN_RULES - 1);
    a->rule = (enum rw_run_rule)rule;
    flag(c, &a->acknowledged);
    u64(c, &a->at);
    u64(c, &a->window);
    f64(c, &a->value);
    f64(c, &a->limit);
    count(c, &a->n_suspects, RW_RUN_SUSPECTS);
    for (uint32_t i = 0; i < a->n_suspects; i++) {
        label(c, &a->suspect[i]);
    }
    text(c, a->sentence, sizeof a->sentence);
}

static void rings(struct coder *c, struct rw_run *run)
{
    u64(c, &run->history_count);
    for (uint64_t i = 0; i < run->history_count && i < RW_RUN_HISTORY; i++) {
        window(c, &run->history[i]);
    }
    u64(c, &run->alarm_count);
    for (uint64_t i = 0; i < run->alarm_count && i < RW_RUN_ALARMS; i++) {
        alarm_record(c, &run->alarm[i]);
    }
}

static void state(struct coder *c, struct rw_run *run)
{
    count(c, &run->id_len, RW_RUN_ID_MAX);
    bytes(c, run->id, run->id_len);
    u64(c, &run->seed);
    u64(c, &run->options.window);
    u64(c, &run->options.warm);
    c->bad = c->bad || run->id_len == 0 || run->options.window < RW_RUN_WINDOW_MIN ||
             run->options.window > RW_RUN_WINDOW_MAX;
    u64(c, &run->traces);
    u64(c, &run->failed);
    u64(c, &run->validation);
    u64(c, &run->epoch);
    i64(c, &run->step);
    u64s(c, run->flags, RW_RUN_FLAG_KINDS);
    for (int i = 0; i < RW_RUN_RULES; i++) {
        flag(c, &run->rang[i]);
    }
    count(c, &run->next_group, RW_RUN_GROUPS - 1);
    for (int i = 0; i < RW_RUN_GROUPS; i++) {
        group(c, &run->group[i]);
    }
    for (int s = 0; s < RW_RUN_SCORES; s++) {
        martingale(c, &run->martingale[s]);
        for (int i = 0; i < RW_RUN_SUSPECTS; i++) {
            suspect(c, &run->suspect[s][i]);
        }
    }
    u64(c, &run->in_window);
    u64(c, &run->failed_in_window);
    u64s(c, run->flags_in_window, RW_RUN_FLAG_KINDS);
    i64(c, &run->step_first);
    if (c->version > 1) {
        i64(c, &run->step_last);
        count(c, &run->back, RW_RUN_BACK - 1);
        i64(c, &run->back_step);
    } else {
        run->step_last = run->step_first >= 0 ? run->step : -1;
        run->back_step = -1;
    }
    sample(c, &run->window);
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        screen(c, &run->screen[r]);
    }
    u64(c, &run->windows);
    window(c, &run->first);
    reference(c, run);
    rings(c, run);
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

/* Any version up to that one. */
static rw_status unseal(struct rw_str in, const char magic[4], uint32_t version, struct coder *c,
                        struct rw_error *err)
{
    unsigned char sum[RW_SHA256_BYTES];
    uint32_t found = 0;
    char head[4];
    if (in.len < 4 + 4 + DIGEST_BYTES) {
        return rw_fail(err, RW_IO, "a stored record of a run is cut off");
    }
    size_t body = in.len - DIGEST_BYTES;
    *c = (struct coder){.in = in.ptr, .left = body};
    bytes(c, head, sizeof head);
    u32(c, &found);
    c->version = found;
    if (memcmp(head, magic, sizeof head) != 0 || found < 1 || found > version) {
        return rw_fail(err, RW_IO, "a stored record of a run has version %u; this build reads %u",
                       found, version);
    }
    digest(in.ptr, body, sum);
    if (memcmp(sum, in.ptr + body, DIGEST_BYTES) != 0) {
        return rw_fail(err, RW_IO, "a stored record of a run is damaged: its digest differs");
    }
    return RW_OK;
}

static void head(struct coder *c, const char magic[4], uint32_t version)
{
    rw_buf_append(c->out, magic, 4);
    u32(c, &version);
}

void rw_run_encode(const struct rw_run *run, struct rw_buf *out)
{
    rw_assert(rw_run_is_sound(run)); /* bytes that no reader would take are never written */
    struct coder c = {.out = out, .version = STATE_VERSION};
    size_t begin = out->len;
    head(&c, "RWRN", STATE_VERSION);
    state(&c, (struct rw_run *)run); /* a writing coder puts back what it read */
    seal(out, begin);
}

rw_status rw_run_decode(struct rw_str in, struct rw_run **out, struct rw_error *err)
{
    struct coder c;
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

static void trace(struct coder *c, struct rw_run_trace *t)
{
    label(c, &t->label);
    u64(c, &t->prompt);
    u64(c, &t->trace);
    u64(c, &t->group_size);
    flag(c, &t->validate);
    flag(c, &t->has_features);
    f64s(c, t->reward, RW_RUN_REWARDS);
    f64(c, &t->verified);
    f64(c, &t->steps);
    f64(c, &t->bytes);
    f64s(c, t->score, RW_RUN_SCORES);
    f64s(c, t->surface, RW_SURFACE_DIM);
    u32(c, &t->flags);
    if (t->has_features) {
        f32s(c, t->features, RW_RUN_FEATURES);
    }
}

void rw_run_trace_encode(const struct rw_run_trace *in, struct rw_buf *out)
{
    struct coder c = {.out = out};
    size_t begin = out->len;
    struct rw_run_trace copy = *in;
    head(&c, "RWRT", TRACE_VERSION);
    trace(&c, &copy);
    seal(out, begin);
}

rw_status rw_run_trace_decode(struct rw_str in, struct rw_run_trace *out, struct rw_error *err)
{
    struct coder c;
    rw_status status = unseal(in, "RWRT", TRACE_VERSION, &c, err);
    if (status != RW_OK) {
        return status;
    }
    *out = (struct rw_run_trace){0};
    trace(&c, out);
    return c.bad || c.left != 0 ? rw_fail(err, RW_IO, "a stored trace contradicts itself") : RW_OK;
}
