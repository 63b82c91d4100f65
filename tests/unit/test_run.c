/* The run monitor's bookkeeping: state as bytes, replay, groups, alarms, what is not known. The
 * statistics themselves are checked against numpy in tests/oracle/test_run.py. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/mix.h"
#include "core/base/util.h"
#include "core/run/martingale.h"
#include "core/run/run.h"
#include "tests/lib/suite.h"

static double uniform(uint64_t *seed)
{
    *seed += 1;
    return rw_mix_unit(rw_mix(99, *seed));
}

static double normal(uint64_t *seed)
{
    return sqrt(-2 * log(uniform(seed))) * cos(6.283185307179586 * uniform(seed));
}

/* A plausible trace; `shift` moves its scores, features and reward. */
static void make_trace(struct rw_run_trace *t, uint64_t i, double shift)
{
    uint64_t seed = i * 1000003 + 17;
    memset(t, 0, sizeof *t);
    snprintf(t->label.request, sizeof t->label.request, "req-%llu", (unsigned long long)i);
    t->label.step = (int64_t)(i / 64);
    t->label.sample_index = (int64_t)(i % 64);
    t->prompt = i;
    t->trace = rw_mix(i, 5);
    t->group_size = 1;
    t->has_features = true;
    t->verified = uniform(&seed) < 0.5 ? 1 : 0;
    t->steps = 3 + floor(uniform(&seed) * 6);
    t->bytes = t->steps * (40 + floor(uniform(&seed) * 40));
    for (int r = 0; r < RW_RUN_REWARDS; r++) {
        t->reward[r] = 1 / (1 + exp(-normal(&seed) - shift));
    }
    for (int s = 0; s < RW_RUN_TRACE_SCORES; s++) {
        t->score[s] = normal(&seed) - 3 * shift;
    }
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        t->prompt_x[f] = normal(&seed);
    }
    t->gate = NAN;
    t->has_flags = true;
    t->answer = t->trace;
    for (int k = 0; k < RW_SURFACE_DIM; k++) {
        t->surface[k] = normal(&seed);
    }
    for (int k = 0; k < RW_RUN_FEATURES; k++) {
        t->features[k] = (float)(normal(&seed) * (shift > 0 && k > 2 ? 0.05 : 1));
    }
    t->flags = i % 10 == 0 ? 5 : 0;
}

static struct rw_run *create(uint64_t window, uint64_t warm)
{
    struct rw_run_options options = {window, warm, window > 64 ? 64 : 0};
    struct rw_run *run = rw_run_create(RW_STR("a run"), &options);
    ck_assert_ptr_nonnull(run);
    return run;
}

/* Returns the rules that rang, as bits. */
static uint32_t observe(struct rw_run *run, uint64_t from, uint64_t to, double shift)
{
    static struct rw_run_trace t;
    static struct rw_run_news news;
    struct rw_error err = {0};
    uint32_t rang = 0;
    for (uint64_t i = from; i < to; i++) {
        make_trace(&t, i, shift);
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
        for (uint32_t k = 0; k < news.n_alarms; k++) {
            rang |= UINT32_C(1) << news.alarm[k].rule;
            ck_assert_uint_gt(strlen(news.alarm[k].sentence), 20);
            ck_assert_uint_lt(strlen(news.alarm[k].sentence), RW_RUN_SENTENCE_MAX - 1);
        }
    }
    return rang;
}

static void ck_same(const struct rw_run *a, const struct rw_run *b)
{
    struct rw_buf x;
    struct rw_buf y;
    rw_buf_init(&x, RW_RUN_BYTES_MAX);
    rw_buf_init(&y, RW_RUN_BYTES_MAX);
    rw_run_encode(a, &x);
    rw_run_encode(b, &y);
    ck_assert(!x.failed && !y.failed);
    ck_assert_uint_eq(x.len, y.len);
    ck_assert_int_eq(memcmp(x.ptr, y.ptr, x.len), 0);
    rw_buf_fini(&x);
    rw_buf_fini(&y);
}

static struct rw_run *round_trip(const struct rw_run *run)
{
    struct rw_buf bytes;
    struct rw_run *out = NULL;
    struct rw_error err = {0};
    rw_buf_init(&bytes, RW_RUN_BYTES_MAX);
    rw_run_encode(run, &bytes);
    ck_assert_int_eq(rw_run_decode(rw_buf_str(&bytes), &out, &err), RW_OK);
    rw_buf_fini(&bytes);
    return out;
}

START_TEST(state_survives_as_bytes_at_any_time)
{
    static const uint64_t STOP[] = {0, 1, 63, 64, 65, 300, 777};
    for (size_t i = 0; i < RW_COUNT(STOP); i++) {
        struct rw_run *a = create(64, 20);
        observe(a, 0, STOP[i], 0);
        struct rw_run *b = round_trip(a);
        ck_same(a, b);
        observe(a, STOP[i], STOP[i] + 200, 0.5);
        observe(b, STOP[i], STOP[i] + 200, 0.5);
        ck_same(a, b);
        rw_run_destroy(a);
        rw_run_destroy(b);
    }
}
END_TEST

START_TEST(a_stored_trace_is_the_trace)
{
    struct rw_run_trace t;
    struct rw_run_trace back;
    struct rw_error err = {0};
    struct rw_buf bytes;
    make_trace(&t, 3, 0);
    t.reward[RW_RUN_OUTCOME] = NAN;
    rw_buf_init(&bytes, 1 << 16);
    rw_run_trace_encode(&t, &bytes);
    ck_assert_int_eq(rw_run_trace_decode(rw_buf_str(&bytes), &back, &err), RW_OK);
    ck_assert_int_eq(memcmp(&t, &back, sizeof t), 0);
    for (size_t i = 0; i < bytes.len; i++) { /* every byte counts */
        bytes.ptr[i] ^= 0x10;
        ck_assert_int_ne(rw_run_trace_decode(rw_buf_str(&bytes), &back, &err), RW_OK);
        bytes.ptr[i] ^= 0x10;
    }
    rw_buf_fini(&bytes);
}
END_TEST

START_TEST(damaged_state_is_refused)
{
    struct rw_run *run = create(64, 20);
    struct rw_run *out = NULL;
    struct rw_error err = {0};
    struct rw_buf bytes;
    observe(run, 0, 200, 0);
    rw_buf_init(&bytes, RW_RUN_BYTES_MAX);
    rw_run_encode(run, &bytes);
    for (size_t i = 0; i < bytes.len; i += bytes.len / 50) {
        bytes.ptr[i] ^= 1;
        ck_assert_int_ne(rw_run_decode(rw_buf_str(&bytes), &out, &err), RW_OK);
        bytes.ptr[i] ^= 1;
        struct rw_str cut = {bytes.ptr, i};
        ck_assert_int_ne(rw_run_decode(cut, &out, &err), RW_OK);
    }
    rw_buf_fini(&bytes);
    rw_run_destroy(run);
}
END_TEST

START_TEST(a_run_that_changes_rings_and_acknowledging_arms_it_again)
{
    struct rw_run *run = create(256, 200);
    ck_assert_uint_eq(observe(run, 0, 1024, 0), 0);
    uint32_t rang = observe(run, 1024, 2048, 2);
    ck_assert_uint_ne(rang & 1 << RW_RUN_RULE_MIN_LOGIT, 0);
    ck_assert_uint_ne(rang & 1 << RW_RUN_RULE_COLLAPSE, 0);
    ck_assert_uint_eq(observe(run, 2048, 2560, 2) & rang, 0); /* once each */
    struct rw_run_view v;
    rw_run_view(run, &v);
    ck_assert_uint_gt(v.n_alarms, 0);
    ck_assert(!rw_run_alarm(run, 0)->acknowledged);
    ck_assert_uint_gt(rw_run_alarm(run, 0)->n_suspects, 0);
    rw_run_acknowledge(run);
    rw_run_view(run, &v);
    ck_assert(rw_run_alarm(run, 0)->acknowledged);
    ck_assert_ptr_null(v.first);
    ck_assert_uint_eq(v.acknowledged, 1);
    ck_assert_uint_eq(observe(run, 3000, 4024, 2), 0); /* the new normal */
    ck_assert_uint_ne(observe(run, 5000, 6024, 5), 0);
    rw_run_destroy(run);
}
END_TEST

START_TEST(what_is_not_known_is_not_a_number)
{
    struct rw_run *run = create(64, 10);
    struct rw_run_news news;
    struct rw_error err = {0};
    for (uint64_t i = 0; i < 300; i++) {
        struct rw_run_trace t;
        make_trace(&t, i, 0);
        t.has_features = false;
        t.verified = NAN;
        t.reward[RW_RUN_OUTCOME] = NAN;
        for (int s = 0; s < RW_RUN_TRACE_SCORES; s++) {
            t.score[s] = NAN;
        }
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
        ck_assert_uint_eq(news.n_alarms, 0);
    }
    struct rw_run_view v;
    rw_run_view(run, &v);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 0);
    ck_assert_uint_eq(v.reference, 0);
    const struct rw_run_window *w = rw_run_window(run, v.n_windows - 1);
    ck_assert(isnan(w->coverage.eta_bar.value) && isnan(w->participation.value));
    ck_assert(isnan(w->reward[RW_RUN_OUTCOME].value) && isnan(w->accuracy.value));
    ck_assert(!isnan(w->reward[RW_RUN_PROCESS].value));
    rw_run_destroy(run);
}
END_TEST

START_TEST(failed_and_validation_traces_are_counted_only)
{
    struct rw_run *run = create(64, 10);
    struct rw_run_news news;
    struct rw_error err = {0};
    struct rw_run_view v;
    for (uint64_t i = 0; i < 128; i++) {
        struct rw_run_trace t;
        make_trace(&t, i, 0);
        t.validate = i % 2 == 0;
        if (i % 4 == 1) {
            t.reward[0] = NAN;
            t.reward[1] = NAN;
        }
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    }
    rw_run_view(run, &v);
    ck_assert_uint_eq(v.traces, 128);
    ck_assert_uint_eq(v.validation, 64);
    ck_assert_uint_eq(v.failed, 32);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 32);
    const struct rw_run_window *w = rw_run_window(run, 0);
    ck_assert_uint_eq(w->traces, 64);
    ck_assert_uint_eq(w->failed, 32);
    ck_assert_uint_eq(w->points, 32);
    rw_run_destroy(run);
}
END_TEST

/* Degenerate input must neither crash nor ring: all traces equal, features zero or infinite. */
START_TEST(degenerate_input)
{
    static const float FEATURE[] = {0, 1e-30F, 1e30F, INFINITY, NAN};
    for (size_t k = 0; k < RW_COUNT(FEATURE); k++) {
        struct rw_run *run = create(64, 10);
        struct rw_run_news news;
        struct rw_error err = {0};
        for (uint64_t i = 0; i < 400; i++) {
            struct rw_run_trace t;
            make_trace(&t, 1, 0);
            t.label.step = (int64_t)i;
            for (int d = 0; d < RW_RUN_FEATURES; d++) {
                t.features[d] = FEATURE[k];
            }
            t.bytes = 0;
            t.steps = 0;
            t.score[0] = i % 2 == 0 ? INFINITY : -INFINITY;
            ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
            ck_assert_uint_eq(news.n_alarms, 0);
        }
        struct rw_run *copy = round_trip(run);
        ck_same(run, copy);
        rw_run_destroy(run);
        rw_run_destroy(copy);
    }
}
END_TEST

START_TEST(the_bins_are_monotone)
{
    uint64_t seed = 1;
    double last = -INFINITY;
    ck_assert_uint_eq(rw_martingale_bin(-INFINITY), 0);
    ck_assert_uint_eq(rw_martingale_bin(INFINITY), RW_MARTINGALE_BINS - 1);
    static double x[4000];
    for (size_t i = 0; i < 4000; i++) {
        x[i] = normal(&seed) * pow(10, 6 * uniform(&seed) - 3);
    }
    for (size_t i = 1; i < 4000; i++) {
        double a = RW_MIN(x[i - 1], x[i]);
        double b = x[i - 1] < x[i] ? x[i] : x[i - 1];
        ck_assert_uint_le(rw_martingale_bin(a), rw_martingale_bin(b));
    }
    for (double v = -70; v < 70; v += 0.001) {
        ck_assert_uint_ge(rw_martingale_bin(v), isinf(last) ? 0 : rw_martingale_bin(last));
        last = v;
    }
}
END_TEST

START_TEST(merge_refuses_strangers_and_adds_counts)
{
    struct rw_error err = {0};
    struct rw_run *a = create(64, 10);
    struct rw_run *b = create(64, 10);
    struct rw_run *other = create(128, 10);
    struct rw_run_view v;
    observe(a, 0, 100, 0);
    observe(b, 100, 150, 0);
    ck_assert_int_eq(rw_run_merge(a, other, &err), RW_CONFIG);
    ck_assert_int_eq(rw_run_merge(a, b, &err), RW_OK);
    rw_run_view(a, &v);
    ck_assert_uint_eq(v.traces, 150);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 150);
    ck_assert_uint_eq(v.in_window, 36 + 50);
    observe(a, 150, 300, 0); /* the long window ends at once */
    struct rw_run *copy = round_trip(a);
    ck_same(a, copy);
    rw_run_destroy(a);
    rw_run_destroy(b);
    rw_run_destroy(other);
    rw_run_destroy(copy);
}
END_TEST

static bool refuse;

static void *fake_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return refuse ? NULL : malloc(bytes);
}

static void *fake_resize(void *ctx, void *old, size_t bytes)
{
    (void)ctx;
    return refuse ? NULL : realloc(old, bytes);
}

static void fake_release(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static int64_t step_of(const struct rw_run *run)
{
    struct rw_run_view view;
    rw_run_view(run, &view);
    return view.step;
}

static void observe_step(struct rw_run *run, uint64_t i, int64_t step)
{
    static struct rw_run_news news;
    struct rw_run_trace t;
    struct rw_error err = {0};
    make_trace(&t, i, 0);
    t.label.step = step;
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
}

/* Steps 500 to 563, then from the checkpoint 300 to 427, four traces each. */
START_TEST(a_resumed_run_goes_on_from_its_checkpoint)
{
    struct rw_run *run = create(64, 4);
    struct rw_run_view view;
    uint64_t i = 0;
    for (int64_t step = 500; step <= 563; step++) {
        for (int k = 0; k < 4; k++) {
            observe_step(run, i++, step);
        }
    }
    ck_assert_int_eq(step_of(run), 563);
    observe_step(run, i++, 562); /* a straggler */
    ck_assert_int_eq(step_of(run), 563);
    for (int64_t step = 300; step <= 427; step++) {
        for (int k = 0; k < 4; k++) {
            observe_step(run, i++, step);
        }
        bool noticed = 4 * (step - 300 + 1) + 1 >= RW_RUN_BACK;
        ck_assert(!noticed || step_of(run) == step || step_of(run) == 562);
    }
    ck_assert_int_eq(step_of(run), 427);
    rw_run_view(run, &view);
    const struct rw_run_window *last = rw_run_window(run, view.n_windows - 1);
    ck_assert_int_ge(last->step_first, 300);
    ck_assert_int_le(last->step_last, 427);
    ck_assert_int_le(last->step_last - last->step_first, 17); /* 64 traces, four a step */
    rw_run_destroy(run);
}
END_TEST

START_TEST(one_wrong_step_is_forgotten)
{
    struct rw_run *run = create(64, 4);
    struct rw_run_view view;
    const int64_t wrong = INT64_C(1) << 53;
    observe_step(run, 0, 10);
    observe_step(run, 1, wrong);
    ck_assert_int_eq(step_of(run), 10);
    for (uint64_t i = 2; i < 200; i++) {
        observe_step(run, i, 10 + (int64_t)(i / 20));
    }
    ck_assert_int_eq(step_of(run), 19);
    rw_run_view(run, &view);
    for (uint32_t k = 0; k < view.n_windows; k++) {
        ck_assert_int_le(rw_run_window(run, k)->step_last, 19);
    }
    rw_run_destroy(run);
}
END_TEST

/* What an earlier build stored has other martingales: it is refused, with a sentence. */
START_TEST(an_earlier_version_of_a_state_is_refused)
{
    struct rw_run *run = create(64, 4);
    struct rw_run *old = NULL;
    struct rw_error err = {0};
    struct rw_buf bytes;
    rw_buf_init(&bytes, RW_RUN_BYTES_MAX);
    rw_run_encode(run, &bytes);
    ck_assert_int_eq(bytes.ptr[4], 3);
    bytes.ptr[4] = 2;
    ck_assert_int_eq(rw_run_decode(rw_buf_str(&bytes), &old, &err), RW_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "has version 2; this build reads 3"));
    rw_run_destroy(run);
    rw_buf_fini(&bytes);
}
END_TEST

START_TEST(refused_memory_at_the_end_of_a_window)
{
    static const struct rw_allocator FAKE = {fake_alloc, fake_resize, fake_release, NULL};
    struct rw_run_trace t;
    struct rw_run_news news;
    struct rw_error err = {0};
    rw_alloc_set(&FAKE);
    struct rw_run *run = create(64, 10);
    observe(run, 0, 63, 0);
    refuse = true;
    make_trace(&t, 63, 0);
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    ck_assert_ptr_null(news.window);
    make_trace(&t, 64, 0);
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_NO_MEMORY);
    refuse = false;
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    ck_assert_ptr_nonnull(news.window);
    ck_assert_uint_eq(news.window->traces, 64);
    rw_run_destroy(run);
    rw_alloc_set(NULL);
}
END_TEST

START_TEST(the_surface_of_a_trace)
{
    struct rw_str steps[] = {RW_STR("2 + 3 = 5"), RW_STR("so $5$ is 5"), RW_STR("")};
    double x[RW_SURFACE_DIM];
    rw_surface_measure(steps, 3, x);
    ck_assert_double_eq_tol(x[RW_SURFACE_STEPS], log(4), 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_BYTES], log(21), 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_LARGEST], 11.0 / 20, 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_DIGITS], 5.0 / 20, 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_LETTERS], 4.0 / 20, 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_SPACES], 7.0 / 20, 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_MARKUP], 2.0 / 20, 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_EQUALS], log(1 + 1.0 / 3), 1e-12);
    ck_assert_double_eq_tol(x[RW_SURFACE_DISTINCT], 8.0 / 9, 1e-12);
    rw_surface_measure(NULL, 0, x);
    for (int i = 0; i < RW_SURFACE_DIM; i++) {
        ck_assert(isfinite(x[i]));
    }
}
END_TEST

/* ---- rules ----------------------------------------------------------------------------------- */

/* A run of groups of four with the fast window, changed by `change` from trace `from` on; returns
 * the rules that rang, as bits. */
struct story {
    uint64_t from;
    uint64_t to;
    void (*change)(struct rw_run_trace *t, uint64_t i, uint64_t *seed);
};

static uint32_t tell(const struct story *story, struct rw_run **out)
{
    static struct rw_run_trace t;
    static struct rw_run_news news;
    struct rw_run_options options = {1024, 50, 256};
    struct rw_run *run = rw_run_create(RW_STR("a story"), &options);
    struct rw_error err = {0};
    uint32_t rang = 0;
    for (uint64_t i = 0; i < story->to; i++) {
        uint64_t seed = i * 31 + 7;
        uint64_t prompt_seed = i / 4 * 77 + 1000000007;
        make_trace(&t, i, 0);
        t.prompt = i / 4;
        t.group_size = 4;
        t.verified = uniform(&seed) < 0.4 ? 1 : 0;
        t.flags = uniform(&seed) < 0.04 ? 4 : 0;
        for (int f = 0; f < RW_PROMPT_DIM; f++) {
            t.prompt_x[f] = normal(&prompt_seed);
        }
        if (i >= story->from) {
            story->change(&t, i, &seed);
        }
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
        for (uint32_t k = 0; k < news.n_alarms; k++) {
            rang |= UINT32_C(1) << news.alarm[k].rule;
            ck_assert_uint_gt(strlen(news.alarm[k].sentence), 20);
            ck_assert_uint_lt(strlen(news.alarm[k].sentence), RW_RUN_SENTENCE_MAX - 1);
            ck_assert_uint_gt(strlen(rw_run_rule_info(news.alarm[k].rule)->advice), 20);
        }
    }
    if (out != NULL) {
        *out = run;
    } else {
        rw_run_destroy(run);
    }
    return rang;
}

static void nothing(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    (void)t;
    (void)i;
    (void)seed;
}

static void fewer_right(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    (void)i;
    t->verified = uniform(seed) < 0.1 ? 1 : 0;
}

static void one_text(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    (void)seed;
    t->trace = i / 4;
    t->answer = i / 4;
}

static void more_flags(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    (void)i;
    t->flags = uniform(seed) < 0.3 ? 4 | 32 : t->flags;
}

static void more_reward(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    (void)i;
    (void)seed;
    t->reward[RW_RUN_OUTCOME] = 0.95;
    t->reward[RW_RUN_PROCESS] = 0.95;
}

static void longer_pays(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    (void)i;
    double length = uniform(seed);
    t->bytes = 100 * exp(length);
    t->reward[RW_RUN_OUTCOME] = 0.2 + 0.6 * length;
}

/* Harder, longer questions: all that falls has this one cause. */
static void other_prompts(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    fewer_right(t, i, seed);
    t->prompt_x[RW_PROMPT_BYTES] += 2;
    t->prompt_x[RW_PROMPT_WORDS] -= 1;
    for (int s = 0; s < RW_RUN_TRACE_SCORES; s++) {
        t->score[s] -= 1;
    }
}

static void closed_gate(struct rw_run_trace *t, uint64_t i, uint64_t *seed)
{
    t->gate = uniform(seed) < (i < 1024 ? 0.05 : 0.6) ? 1 : 0;
}

#define RULE(name) (UINT32_C(1) << RW_RUN_RULE_##name)

START_TEST(each_rule_rings_for_its_story)
{
    static const struct {
        struct story story;
        uint32_t rings; /* all of these */
    } CASE[] = {
        {{1024, 2048, fewer_right}, RULE(RIGHT) | RULE(ACCURACY)},
        {{1024, 2048, one_text}, RULE(DISTINCT) | RULE(DIVERSITY)},
        {{1024, 2048, more_flags}, RULE(FLAG_COUNT) | RULE(GATE)},
        {{1024, 2048, more_reward}, RULE(DIVERGENCE)},
        {{1024, 2048, longer_pays}, RULE(LENGTH)},
        {{0, 2048, closed_gate}, RULE(GATE)},
    };
    ck_assert_uint_eq(tell(&(struct story){0, 4096, nothing}, NULL), 0);
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        uint32_t rang = tell(&CASE[i].story, NULL);
        ck_assert_msg((rang & CASE[i].rings) == CASE[i].rings, "story %zu: %x", i, rang);
        ck_assert_uint_eq(rang & RULE(PROMPTS), 0);
    }
}
END_TEST

START_TEST(other_prompts_are_no_other_policy)
{
    struct rw_run *run;
    struct rw_run_view v;
    ck_assert_uint_eq(tell(&(struct story){1024, 4096, other_prompts}, &run), RULE(PROMPTS));
    rw_run_view(run, &v);
    ck_assert_uint_eq(v.segment, 1);
    ck_assert_uint_eq(v.acknowledged, 0);
    ck_assert(!rw_run_alarm(run, 0)->acknowledged);
    ck_assert_ptr_nonnull(strstr(rw_run_alarm(run, 0)->sentence, "The prompts have changed"));
    ck_assert_ptr_null(strstr(rw_run_alarm(run, 0)->sentence, "policy has changed"));
    ck_assert_uint_eq(rw_run_window(run, v.n_windows - 1)->segment, 1);
    rw_run_destroy(run);
}
END_TEST

/* All traces one point: there is no dimension, and that is said. */
START_TEST(a_participation_ratio_that_cannot_be_told)
{
    struct rw_run *run = create(128, 10);
    static struct rw_run_news news;
    struct rw_error err = {0};
    struct rw_run_trace t;
    for (uint64_t i = 0; i < 256; i++) {
        make_trace(&t, i, 0);
        for (int k = 0; k < RW_RUN_FEATURES && i >= 128; k++) {
            t.features[k] = 1;
        }
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    }
    ck_assert_int_eq(rw_run_window(run, 0)->participation_missing, RW_RUN_THERE);
    ck_assert(isnan(rw_run_window(run, 1)->participation.value));
    ck_assert_int_eq(rw_run_window(run, 1)->participation_missing, RW_RUN_NO_SPREAD);
    ck_assert_int_eq(rw_run_fast(run, 0)->participation_missing, RW_RUN_NO_FEATURES);
    rw_run_destroy(run);
}
END_TEST

/* ---- validation ------------------------------------------------------------------------------ */

static uint32_t validate(struct rw_run *run, uint64_t i, int64_t step, const char *kind,
                         double right)
{
    static struct rw_run_news news;
    struct rw_run_trace t;
    struct rw_error err = {0};
    uint64_t seed = i * 13;
    uint32_t rang = 0;
    make_trace(&t, i, 0);
    t.label.step = step;
    t.validate = kind != NULL;
    if (kind != NULL) {
        snprintf(t.kind, sizeof t.kind, "%s", kind);
    }
    t.verified = isnan(right) ? NAN : uniform(&seed) < right ? 1 : 0;
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    for (uint32_t k = 0; k < news.n_alarms; k++) {
        rang |= UINT32_C(1) << news.alarm[k].rule;
    }
    return rang;
}

/* Training gets better; under wrong hints the policy gets worse, and plain validation keeps up. */
START_TEST(counterfactual_traces_part_from_training)
{
    struct rw_run_options options = {1024, 50, 256};
    struct rw_run *run = rw_run_create(RW_STR("hints"), &options);
    uint32_t rang = 0;
    uint64_t i = 0;
    for (int64_t step = 0; step < 40; step++) {
        double done = (double)step / 40;
        for (int k = 0; k < 64; k++) {
            rang |= validate(run, i++, step, NULL, 0.7 + 0.2 * done);
        }
        for (int k = 0; k < 64 && step % 5 == 4; k++) {
            rang |= validate(run, i++, step, "wrong_hint", 0.8 - 0.6 * done);
            rang |= validate(run, i++, step, "", 0.7 + 0.2 * done);
        }
    }
    ck_assert_uint_ne(rang & RULE(COUNTERFACTUAL), 0);
    ck_assert_uint_eq(rang & RULE(VALIDATION), 0);
    struct rw_run_view v;
    rw_run_view(run, &v);
    ck_assert_uint_eq(v.n_streams, 2);
    ck_assert_str_eq(rw_run_stream(run, 0)->kind, "wrong_hint");
    ck_assert_uint_eq(rw_run_stream(run, 0)->batches, 7); /* the last one waits for step 40 */
    ck_assert_uint_eq(rw_run_stream(run, 0)->n, 64);
    ck_assert_uint_eq(rw_run_batch(rw_run_stream(run, 0), 0)->traces, 64);
    struct rw_run *copy = round_trip(run);
    ck_same(run, copy);
    rw_run_destroy(copy);
    rw_run_destroy(run);
}
END_TEST

START_TEST(more_kinds_than_are_watched_are_counted)
{
    struct rw_run *run = create(64, 10);
    struct rw_run_view v;
    for (uint64_t i = 0; i < 4000; i++) {
        char kind[8];
        snprintf(kind, sizeof kind, "k%llu", (unsigned long long)(i % 10));
        validate(run, i, -1, kind, i % 2 == 0 ? NAN : 0.5);
    }
    rw_run_view(run, &v);
    ck_assert_uint_eq(v.n_streams, RW_RUN_KINDS);
    ck_assert_uint_eq(v.stray_kinds, 1600);
    ck_assert_uint_eq(v.validation, 4000);
    rw_run_destroy(run);
}
END_TEST

/* ---- baselines ------------------------------------------------------------------------------- */

START_TEST(the_baseline_of_another_run)
{
    struct rw_run *last_week = create(256, 50);
    struct rw_run *now = rw_run_create(RW_STR("now"), &(struct rw_run_options){256, 50, 64});
    struct rw_run *other = rw_run_create(RW_STR("other"), &(struct rw_run_options){128, 50, 64});
    struct rw_error err = {0};
    struct rw_run_view v;
    ck_assert_int_eq(rw_run_take_baseline(now, last_week, &err), RW_CONFIG); /* it has no window */
    observe(last_week, 0, 1024, 0);
    ck_assert_int_eq(rw_run_take_baseline(other, last_week, &err), RW_CONFIG);
    ck_assert_int_eq(rw_run_take_baseline(now, last_week, &err), RW_OK);
    rw_run_view(now, &v);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 1024);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].bets, 0);
    struct rw_run *copy = round_trip(now);
    ck_same(now, copy);
    ck_assert_uint_ne(observe(now, 2000, 2600, 2) & RULE(MIN_LOGIT), 0); /* from its first trace */
    ck_assert_uint_eq(observe(copy, 3000, 3800, 0), 0);
    rw_run_rebase(copy);
    rw_run_view(copy, &v);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 0);
    ck_assert_ptr_null(v.first);
    rw_run_destroy(copy);
    rw_run_destroy(last_week);
    rw_run_destroy(now);
    rw_run_destroy(other);
}
END_TEST

/* Two replicas a step apart, in turns: every group is ranked with all of its members. */
START_TEST(replicas_a_step_apart)
{
    struct rw_run *run = create(4096, 10000);
    static struct rw_run_news news;
    struct rw_error err = {0};
    struct rw_run_view v;
    for (uint64_t i = 0; i < 1024; i++) {
        struct rw_run_trace t;
        uint64_t replica = i % 2;
        uint64_t mine = i / 2;
        make_trace(&t, i, 0);
        t.label.step = (int64_t)(mine / 64 + replica);
        t.prompt = mine / 8 * 2 + replica;
        t.group_size = 8;
        t.verified = mine % 8 == 7 ? 1 : 0; /* the member that comes last */
        ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    }
    rw_run_view(run, &v);
    ck_assert_uint_eq(v.score[RW_RUN_RIGHT].ranked, 128);
    ck_assert_uint_eq(v.score[RW_RUN_DISTINCT].ranked, 128);
    rw_run_destroy(run);
}
END_TEST

START_TEST(what_a_prompt_looks_like)
{
    struct rw_str text[] = {RW_STR("How many are 12 and 3 apples?"), RW_STR("$x^2$")};
    double x[RW_PROMPT_DIM];
    double y[RW_PROMPT_DIM];
    rw_prompt_measure(text, 2, 1, x);
    ck_assert_double_eq_tol(x[RW_PROMPT_BYTES], log2(1 + 29 + 5), 1e-12);
    ck_assert_double_eq_tol(x[RW_PROMPT_DIGITS], log2(1 + 3), 1e-12);
    ck_assert_double_eq_tol(x[RW_PROMPT_MARKUP], 3.0 / 34, 1e-12);
    ck_assert_double_eq_tol(x[RW_PROMPT_WORD], (3 + 4 + 3 + 3 + 6 + 1) / 6.0, 1e-12);
    rw_prompt_measure(text, 2, 2, y);
    ck_assert(x[RW_PROMPT_GIVEN] != y[RW_PROMPT_GIVEN]);
    ck_assert_int_eq(memcmp(x, y, RW_PROMPT_GIVEN * sizeof *x), 0);
    rw_prompt_measure(NULL, 0, 0, x);
    for (int f = 0; f < RW_PROMPT_DIM; f++) {
        ck_assert(isfinite(x[f]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run");
    TCase *tc = tcase_create("run");
    tcase_add_test(tc, state_survives_as_bytes_at_any_time);
    tcase_add_test(tc, a_stored_trace_is_the_trace);
    tcase_add_test(tc, damaged_state_is_refused);
    tcase_add_test(tc, a_run_that_changes_rings_and_acknowledging_arms_it_again);
    tcase_add_test(tc, what_is_not_known_is_not_a_number);
    tcase_add_test(tc, failed_and_validation_traces_are_counted_only);
    tcase_add_test(tc, degenerate_input);
    tcase_add_test(tc, the_bins_are_monotone);
    tcase_add_test(tc, merge_refuses_strangers_and_adds_counts);
    tcase_add_test(tc, a_resumed_run_goes_on_from_its_checkpoint);
    tcase_add_test(tc, one_wrong_step_is_forgotten);
    tcase_add_test(tc, an_earlier_version_of_a_state_is_refused);
    tcase_add_test(tc, refused_memory_at_the_end_of_a_window);
    tcase_add_test(tc, the_surface_of_a_trace);
    tcase_add_test(tc, what_a_prompt_looks_like);
    suite_add_tcase(suite, tc);
    TCase *rules = tcase_create("rules");
    tcase_set_timeout(rules, 60); /* seconds; tens of thousands of traces */
    tcase_add_test(rules, each_rule_rings_for_its_story);
    tcase_add_test(rules, other_prompts_are_no_other_policy);
    tcase_add_test(rules, a_participation_ratio_that_cannot_be_told);
    tcase_add_test(rules, counterfactual_traces_part_from_training);
    tcase_add_test(rules, more_kinds_than_are_watched_are_counted);
    tcase_add_test(rules, the_baseline_of_another_run);
    tcase_add_test(rules, replicas_a_step_apart);
    suite_add_tcase(suite, rules);
    return rw_test_run(suite);
}
