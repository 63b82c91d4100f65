/* server/scoring/gate: what gates make of a reward, and what they refuse to decide. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/scoring/gate.h"
#include "tests/lib/suite.h"

static struct rw_request request;
static struct rw_gates gates;
static struct rw_flag_states states;
static struct rw_reply_trace trace;
static struct rw_reply_gated gated;
static struct rw_error err;
static const char *by[RW_GATES_MAX];

static void setup(void)
{
    memset(&request, 0, sizeof request);
    memset(&gates, 0, sizeof gates);
    memset(&states, 0, sizeof states);
    memset(&err, 0, sizeof err);
    trace = (struct rw_reply_trace){.has_process = true,
                                    .process_scored = true,
                                    .process_reward = 0.6F,
                                    .has_outcome = true,
                                    .outcome_scored = true,
                                    .outcome_reward = 0.9F};
}

static rw_status parse(const char *first, const char *second, enum rw_flag_tier tier)
{
    memset(&gates, 0, sizeof gates);
    request.n_gates = 0;
    request.gates[request.n_gates++] = rw_str_from(first);
    if (second != NULL) {
        request.gates[request.n_gates++] = rw_str_from(second);
    }
    return rw_gates_parse(&request, tier, false, &gates, &err);
}

static void apply(float smallest)
{
    rw_gates_apply(&gates, &states, &trace, smallest, by, &gated);
}

START_TEST(names)
{
    ck_assert_int_eq(parse("min_process", "answer_first", RW_FLAG_FREE), RW_OK);
    ck_assert_int_eq(gates.gate[0], RW_GATE_MIN_PROCESS);
    ck_assert_int_eq(gates.gate[1], RW_FLAG_ANSWER_FIRST);
    ck_assert_int_eq(parse("min_process", "answerfirst", RW_FLAG_FREE), RW_INVALID_REQUEST);
    ck_assert_str_eq(err.param, "gate[1]");
    ck_assert(strstr(err.hint, "answer_first") != NULL);
    ck_assert_int_eq(parse("question_swap", NULL, RW_FLAG_CHEAP), RW_INVALID_REQUEST);
    ck_assert(strstr(err.hint, "deep") != NULL);
    ck_assert_int_eq(parse("question_swap", NULL, RW_FLAG_DEEP), RW_OK);
    ck_assert_int_eq(parse("first_error", NULL, RW_FLAG_DEEP), RW_INVALID_REQUEST);
    ck_assert_int_eq(rw_gates_parse(&request, RW_FLAG_FREE, true, &gates, &err),
                     RW_INVALID_REQUEST);
}
END_TEST

START_TEST(the_smallest_step_is_a_limit)
{
    ck_assert_int_eq(parse("min_process", NULL, RW_FLAG_FREE), RW_OK);
    apply(0.25F);
    ck_assert(gated.scored && gated.has_ungated && gated.reward == 0.25F);
    ck_assert(gated.ungated == 0.9F && gated.n_by == 1);
    ck_assert_str_eq(gated.of, "outcome");
    ck_assert_str_eq(gated.by[0], "min_process");
    apply(0.95F); /* a limit above the reward changes nothing */
    ck_assert(gated.reward == 0.9F && gated.n_by == 0);
    trace.has_outcome = trace.outcome_scored = false;
    apply(0.25F);
    ck_assert_str_eq(gated.of, "process");
    ck_assert(gated.reward == 0.25F && gated.ungated == 0.6F);
}
END_TEST

START_TEST(a_flag_closes)
{
    ck_assert_int_eq(parse("answer_first", "min_process", RW_FLAG_FREE), RW_OK);
    apply(0.95F);
    ck_assert(gated.reward == 0.9F && gated.n_by == 0);
    states.fired[RW_FLAG_ANSWER_FIRST] = true;
    apply(0.5F);
    ck_assert(gated.scored && gated.reward == 0 && gated.ungated == 0.9F);
    ck_assert_uint_eq(gated.n_by, 1); /* min_process had nothing left to take */
    ck_assert_str_eq(gated.by[0], "answer_first");
    trace.outcome_reward = 0; /* a closed gate is named even where the reward was 0 before */
    apply(0.5F);
    ck_assert_uint_eq(gated.n_by, 1);
}
END_TEST

START_TEST(what_cannot_be_decided_is_null)
{
    static const struct rw_error LOST = {.status = RW_NOT_FINITE, .message = "NaN"};
    ck_assert_int_eq(parse("min_process", "shape", RW_FLAG_FREE), RW_OK);
    states.status[RW_FLAG_SHAPE] = RW_NOT_CALIBRATED;
    apply(0.5F);
    ck_assert(!gated.scored && gated.has_ungated && gated.ungated == 0.9F && gated.n_by == 0);
    ck_assert_int_eq(gated.error.status, RW_NOT_CALIBRATED);
    states.status[RW_FLAG_SHAPE] = RW_NOT_APPLICABLE; /* nothing to fire on */
    apply(0.5F);
    ck_assert(gated.scored);
    trace.process_scored = false;
    trace.process_error = &LOST;
    apply(1);
    ck_assert(!gated.scored);
    ck_assert_int_eq(gated.error.status, RW_NOT_FINITE);
    trace.outcome_scored = false;
    trace.outcome_error = &LOST;
    apply(1);
    ck_assert(!gated.scored && !gated.has_ungated);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tc = tcase_create("gate");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, names);
    tcase_add_test(tc, the_smallest_step_is_a_limit);
    tcase_add_test(tc, a_flag_closes);
    tcase_add_test(tc, what_cannot_be_decided_is_null);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
