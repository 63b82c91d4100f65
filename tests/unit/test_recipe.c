/* core/model/recipe: posts and aggregates against closed forms. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "core/model/recipe.h"
#include "tests/lib/suite.h"

START_TEST(softmax_is_log_odds_even_when_it_saturates)
{
    struct rw_recipe recipe = {.post = RW_POST_SOFTMAX, .good = 1, .head = {.n_out = 2}};
    static const float CASE[][2] = {{0, 0}, {1, -2}, {-3, 4.5f}, {-200, 200}, {3e38f, -3e37f}};
    for (size_t i = 0; i < 5; i++) {
        struct rw_score score;
        ck_assert_int_eq(rw_recipe_post(&recipe, CASE[i], &score), RW_OK);
        double raw = (double)CASE[i][1] - CASE[i][0];
        ck_assert_float_eq(score.raw, (float)raw);
        ck_assert_double_eq_tol(score.reward, 1 / (1 + exp(-raw)), 1e-7);
    }
    recipe.good = 0;
    recipe.head.n_out = 3;
    struct rw_score score;
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){1, 2, 3}, &score), RW_OK);
    double p = exp(1) / (exp(1) + exp(2) + exp(3));
    ck_assert_double_eq_tol(score.reward, p, 1e-7);
    ck_assert_double_eq_tol(score.raw, log(p / (1 - p)), 1e-6);
}
END_TEST

START_TEST(sigmoid_and_normalised)
{
    struct rw_recipe recipe = {.post = RW_POST_SIGMOID, .head = {.n_out = 1}};
    struct rw_score score;
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){-1.5f}, &score), RW_OK);
    ck_assert_float_eq(score.raw, -1.5f);
    ck_assert_double_eq_tol(score.reward, 1 / (1 + exp(1.5)), 1e-7);
    recipe.post = RW_POST_NORMALIZED;
    recipe.mean = 0.5;
    recipe.std = 4;
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){-1.5f}, &score), RW_OK);
    ck_assert_float_eq(score.raw, -0.5f);
}
END_TEST

START_TEST(a_failure_is_never_a_number)
{
    struct rw_recipe recipe = {.post = RW_POST_SOFTMAX, .good = 1, .head = {.n_out = 2}};
    struct rw_score score = {.raw = 42};
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){NAN, 0}, &score), RW_NOT_FINITE);
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){0, INFINITY}, &score), RW_NOT_FINITE);
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){3e38f, -3e38f}, &score), RW_NOT_FINITE);
    ck_assert_float_eq(score.raw, score.raw);
    recipe.post = RW_POST_SIGMOID;
    recipe.head.n_out = 1;
    ck_assert_int_eq(rw_recipe_post(&recipe, (float[]){-INFINITY}, &score), RW_NOT_FINITE);
}
END_TEST

START_TEST(aggregates)
{
    static const float R[] = {0.5f, 0.25f, 1.0f, 0.75f};
    static const float WANT[] = {0.25f, 0.09375f, 0.625f, 0.75f};
    static const char *const NAME[] = {"min", "product", "mean", "last"};
    for (int i = 0; i < RW_AGGREGATE_COUNT; i++) {
        enum rw_aggregate how;
        ck_assert(rw_aggregate_parse(rw_str_from(NAME[i]), &how));
        ck_assert_str_eq(rw_aggregate_name(how), NAME[i]);
        ck_assert_float_eq(rw_aggregate_rewards(how, R, 4), WANT[i]);
        ck_assert_float_eq(rw_aggregate_rewards(how, R, 1), 0.5f);
    }
    enum rw_aggregate how;
    ck_assert(!rw_aggregate_parse(RW_STR("max"), &how));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recipe");
    TCase *tcase = tcase_create("recipe");
    tcase_add_test(tcase, softmax_is_log_odds_even_when_it_saturates);
    tcase_add_test(tcase, sigmoid_and_normalised);
    tcase_add_test(tcase, a_failure_is_never_a_number);
    tcase_add_test(tcase, aggregates);
    suite_add_tcase(suite, tcase);
    return rw_test_run(suite);
}
