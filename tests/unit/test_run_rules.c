/* The run monitor's rules, each by a story that it was made for and by those it must keep silent
 * at; validation by kind, baselines, replicas. How fast they ring is measured in tests/bench. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/util.h"
#include "core/run/run.h"
#include "tests/lib/suite.h"
#include "tests/unit/run_traces.h"

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
        run_trace(&t, i, 0);
        t.prompt = i / 4;
        t.group_size = 4;
        t.verified = run_uniform(&seed) < 0.4 ? 1 : 0;
        t.flags = run_uniform(&seed) < 0.04 ? 4 : 0;
        for (int f = 0; f < RW_PROMPT_DIM; f++) {
            t.prompt_x[f] = run_normal(&prompt_seed);
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
    t->verified = run_uniform(seed) < 0.1 ? 1 : 0;
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
    t->flags = run_uniform(seed) < 0.3 ? 4 | 32 : t->flags;
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
    double length = run_uniform(seed);
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
    t->gate = run_uniform(seed) < (i < 1024 ? 0.05 : 0.6) ? 1 : 0;
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
    struct rw_run *run = run_create(128, 10);
    static struct rw_run_news news;
    struct rw_error err = {0};
    struct rw_run_trace t;
    for (uint64_t i = 0; i < 256; i++) {
        run_trace(&t, i, 0);
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
    run_trace(&t, i, 0);
    t.label.step = step;
    t.validate = kind != NULL;
    if (kind != NULL) {
        snprintf(t.kind, sizeof t.kind, "%s", kind);
    }
    t.verified = isnan(right) ? NAN : run_uniform(&seed) < right ? 1 : 0;
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
    struct rw_run *copy = run_round_trip(run);
    run_ck_same(run, copy);
    rw_run_destroy(copy);
    rw_run_destroy(run);
}
END_TEST

START_TEST(more_kinds_than_are_watched_are_counted)
{
    struct rw_run *run = run_create(64, 10);
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
    struct rw_run *last_week = run_create(256, 50);
    struct rw_run *now = rw_run_create(RW_STR("now"), &(struct rw_run_options){256, 50, 64});
    struct rw_run *other = rw_run_create(RW_STR("other"), &(struct rw_run_options){128, 50, 64});
    struct rw_error err = {0};
    struct rw_run_view v;
    ck_assert_int_eq(rw_run_take_baseline(now, last_week, &err), RW_CONFIG); /* it has no window */
    run_observe(last_week, 0, 1024, 0);
    ck_assert_int_eq(rw_run_take_baseline(other, last_week, &err), RW_CONFIG);
    ck_assert_int_eq(rw_run_take_baseline(now, last_week, &err), RW_OK);
    rw_run_view(now, &v);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].ranked, 1024);
    ck_assert_uint_eq(v.score[RW_RUN_MIN_LOGIT].bets, 0);
    struct rw_run *copy = run_round_trip(now);
    run_ck_same(now, copy);
    ck_assert_uint_ne(run_observe(now, 2000, 2600, 2) & RULE(MIN_LOGIT),
                      0); /* from its first trace */
    ck_assert_uint_eq(run_observe(copy, 3000, 3800, 0), 0);
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
    struct rw_run *run = run_create(4096, 10000);
    static struct rw_run_news news;
    struct rw_error err = {0};
    struct rw_run_view v;
    for (uint64_t i = 0; i < 1024; i++) {
        struct rw_run_trace t;
        uint64_t replica = i % 2;
        uint64_t mine = i / 2;
        run_trace(&t, i, 0);
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

int main(void)
{
    Suite *suite = suite_create("run rules");
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
