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
#include "tests/unit/run_traces.h"

START_TEST(state_survives_as_bytes_at_any_time)
{
    static const uint64_t STOP[] = {0, 1, 63, 64, 65, 300, 777};
    for (size_t i = 0; i < RW_COUNT(STOP); i++) {
        struct rw_run *a = run_create(64, 20);
        run_observe(a, 0, STOP[i], 0);
        struct rw_run *b = run_round_trip(a);
        run_ck_same(a, b);
        run_observe(a, STOP[i], STOP[i] + 200, 0.5);
        run_observe(b, STOP[i], STOP[i] + 200, 0.5);
        run_ck_same(a, b);
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
    run_trace(&t, 3, 0);
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
    struct rw_run *run = run_create(64, 20);
    struct rw_run *out = NULL;
    struct rw_error err = {0};
    struct rw_buf bytes;
    run_observe(run, 0, 200, 0);
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
    struct rw_run *run = run_create(256, 200);
    ck_assert_uint_eq(run_observe(run, 0, 1024, 0), 0);
    uint32_t rang = run_observe(run, 1024, 2048, 2);
    ck_assert_uint_ne(rang & 1 << RW_RUN_RULE_MIN_LOGIT, 0);
    ck_assert_uint_ne(rang & 1 << RW_RUN_RULE_COLLAPSE, 0);
    ck_assert_uint_eq(run_observe(run, 2048, 2560, 2) & rang, 0); /* once each */
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
    ck_assert_uint_eq(run_observe(run, 3000, 4024, 2), 0); /* the new normal */
    ck_assert_uint_ne(run_observe(run, 5000, 6024, 5), 0);
    rw_run_destroy(run);
}
END_TEST

START_TEST(what_is_not_known_is_not_a_number)
{
    struct rw_run *run = run_create(64, 10);
    struct rw_run_news news;
    struct rw_error err = {0};
    for (uint64_t i = 0; i < 300; i++) {
        struct rw_run_trace t;
        run_trace(&t, i, 0);
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
    struct rw_run *run = run_create(64, 10);
    struct rw_run_news news;
    struct rw_error err = {0};
    struct rw_run_view v;
    for (uint64_t i = 0; i < 128; i++) {
        struct rw_run_trace t;
        run_trace(&t, i, 0);
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
        struct rw_run *run = run_create(64, 10);
        struct rw_run_news news;
        struct rw_error err = {0};
        for (uint64_t i = 0; i < 400; i++) {
            struct rw_run_trace t;
            run_trace(&t, 1, 0);
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
        struct rw_run *copy = run_round_trip(run);
        run_ck_same(run, copy);
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
        x[i] = run_normal(&seed) * pow(10, 6 * run_uniform(&seed) - 3);
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
    struct rw_run *a = run_create(64, 10);
    struct rw_run *b = run_create(64, 10);
    struct rw_run *other = run_create(128, 10);
    struct rw_run_view v;
    run_observe(a, 0, 100, 0);
    run_observe(b, 100, 150, 0);
    ck_assert_int_eq(rw_run_merge(a, other, &err), RW_CONFIG);
    ck_assert_int_eq(rw_run_merge(a, b, &err), RW_OK);
    rw_run_view(a, &v);
    ck_assert_uint_eq(v.traces, 150);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 150);
    ck_assert_uint_eq(v.in_window, 36 + 50);
    run_observe(a, 150, 300, 0); /* the long window ends at once */
    struct rw_run *copy = run_round_trip(a);
    run_ck_same(a, copy);
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
    run_trace(&t, i, 0);
    t.label.step = step;
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
}

/* Steps 500 to 563, then from the checkpoint 300 to 427, four traces each. */
START_TEST(a_resumed_run_goes_on_from_its_checkpoint)
{
    struct rw_run *run = run_create(64, 4);
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
    struct rw_run *run = run_create(64, 4);
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
    struct rw_run *run = run_create(64, 4);
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
    struct rw_run *run = run_create(64, 10);
    run_observe(run, 0, 63, 0);
    refuse = true;
    run_trace(&t, 63, 0);
    ck_assert_int_eq(rw_run_observe(run, &t, &news, &err), RW_OK);
    ck_assert_ptr_null(news.window);
    run_trace(&t, 64, 0);
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
    return rw_test_run(suite);
}
