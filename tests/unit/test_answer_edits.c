/* core/shortcut/edit and core/answer/alternatives: traces edited, and other answers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/answer/alternatives.h"
#include "core/answer/answer.h"
#include "core/base/util.h"
#include "core/shortcut/edit.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    ARENA_MAX = 16 << 20,
};

static struct rw_arena arena;
static struct rw_error err;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_MAX);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

static const struct rw_str STEPS[] = {{"1. Anna has **5** books.", 24},
                                      {"So the cost is \\(5 \\times 4 = 20\\).", 35},
                                      {"It follows.", 11}};
static const struct rw_steps TRACE = {STEPS, 3};

START_TEST(one_number_changes)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct rw_str out;
        struct rw_str again;
        struct rw_str in = RW_STR("Pay 1,250.75 for 3 pens");
        ck_assert_int_eq(rw_edit_number(in, seed, &arena, &out, &err), RW_OK);
        ck_assert_int_eq(rw_edit_number(in, seed, &arena, &again, &err), RW_OK);
        ck_assert(rw_str_equal(out, again));
        ck_assert_uint_eq(out.len, in.len);
        int changed = 0;
        for (size_t i = 0; i < in.len; i++) {
            changed += in.ptr[i] != out.ptr[i];
            ck_assert(in.ptr[i] == out.ptr[i] || (out.ptr[i] >= '0' && out.ptr[i] <= '9'));
        }
        ck_assert_int_eq(changed, 1);
        ck_assert(out.ptr[4] != '0'); /* no leading zero */
    }
    struct rw_str out;
    ck_assert_int_eq(rw_edit_number(RW_STR("no digits"), 1, &arena, &out, &err), RW_NOT_FOUND);
    ck_assert_int_eq(rw_edit_number(RW_STR("2. label only"), 1, &arena, &out, &err), RW_NOT_FOUND);
}
END_TEST

START_TEST(edits_of_a_trace)
{
    struct rw_steps out;
    size_t where[3];
    ck_assert_uint_eq(rw_edit_corruptible(TRACE, 1, where, 3), 2);
    ck_assert_int_eq(rw_edit_corrupt(TRACE, 1, 3, &arena, &out, &err), RW_OK);
    ck_assert(rw_str_equal(out.steps[0], STEPS[0]) && !rw_str_equal(out.steps[1], STEPS[1]));
    ck_assert_int_eq(rw_edit_corrupt(TRACE, 2, 3, &arena, &out, &err), RW_NOT_FOUND);
    ck_assert_int_eq(rw_edit_drop(TRACE, 0, &arena, &out, &err), RW_OK);
    ck_assert_uint_eq(out.n, 2);
    ck_assert(rw_str_equal(out.steps[0], STEPS[1]));
    for (uint64_t seed = 0; seed < 100; seed++) {
        ck_assert_int_eq(rw_edit_shuffle(TRACE, seed, &arena, &out, &err), RW_OK);
        for (size_t i = 0; i < 3; i++) {
            ck_assert(out.steps[i].ptr != STEPS[i].ptr);
        }
    }
    ck_assert_int_eq(rw_edit_repeat(TRACE, &arena, &out, &err), RW_OK);
    ck_assert_uint_eq(out.n, 5);
    ck_assert_int_eq(rw_edit_answer_first(TRACE, RW_STR("20"), &arena, &out, &err), RW_OK);
    ck_assert(rw_str_is(out.steps[0], "The answer is 20."));
    struct rw_str prompt;
    ck_assert_int_eq(rw_edit_hint(RW_STR("Q?"), RW_STR("20"), &arena, &prompt, &out, &err), RW_OK);
    ck_assert(rw_str_is(prompt, "Q? (Hint: the answer is 20.)"));
    struct rw_steps one = {STEPS, 1};
    ck_assert_int_eq(rw_edit_shuffle(one, 1, &arena, &out, &err), RW_NOT_FOUND);
    ck_assert_int_eq(rw_edit_drop(one, 0, &arena, &out, &err), RW_NOT_FOUND);
    ck_assert_int_eq(rw_edit_answer_only(RW_STR(""), &arena, &out, &err), RW_NOT_FOUND);
}
END_TEST

START_TEST(stripping)
{
    static const struct {
        const char *in;
        const char *out;
    } CASES[] = {
        {"## Step\n- **Anna** has \\(5\\) books", "Step\nAnna has 5 books"},
        {"So \\boxed{\\frac{1}{2}} of \\text{all {of} it}", "So \\frac{1}{2} of all {of} it"},
        {"Let me think. It is 5.", "It is 5."},
        {"Let me add 5 and 6.", "Let me add 5 and 6."},
        {"$$x$$ and `y`", "x and y"},
        {"**", "**"},
        {"}}}{{{", "}}}{{{"},
    };
    for (size_t i = 0; i < RW_COUNT(CASES); i++) {
        struct rw_str step = rw_str_from(CASES[i].in);
        struct rw_steps in = {&step, 1};
        struct rw_steps out;
        rw_status status = rw_edit_strip(in, &arena, &out, &err);
        bool same = strcmp(CASES[i].in, CASES[i].out) == 0;
        ck_assert_int_eq(status, same ? RW_NOT_FOUND : RW_OK);
        if (!same) {
            ck_assert_msg(rw_str_is(out.steps[0], CASES[i].out), "%s: %.*s", CASES[i].in,
                          RW_STR_ARG(out.steps[0]));
        }
    }
    struct rw_mutator mutator = {7};
    for (int i = 0; i < 20000; i++) {
        unsigned char bytes[256];
        const char *from = CASES[i % 3].in;
        memcpy(bytes, from, strlen(from));
        struct rw_str step = {(char *)bytes, rw_mutate(&mutator, bytes, strlen(from), 200)};
        struct rw_steps out;
        struct rw_steps in = {&step, 1};
        struct rw_arena small;
        rw_arena_init(&small, 1 << 16);
        if (rw_edit_strip(in, &small, &out, &err) == RW_OK) {
            ck_assert_uint_le(out.steps[0].len, step.len);
        }
        rw_arena_fini(&small);
    }
}
END_TEST

static const struct {
    const char *reference;
    const char *answer;
    const char *other[4]; /* the first ones */
} ALTERNATIVES[] = {
    {"42", "42", {"43", "52", "41", "32"}},
    {" 7 ", "7", {"8", "6", "9", "5"}},
    {"0", "0", {"1", "9", "2", "8"}},
    {"10", "10", {"11", "20", "19", "12"}},
    {"so the answer is \\boxed{3/4}.", "3/4", {"3/5", "4/4", "3/3", "2/4"}},
    {"5 + 5 = 10\n#### 10", "10", {"11", "20"}},
    {"1,250.5", "1,250.5", {"1,250.6", "1,251.5", "1,260.5", "1,350.5"}},
    {"-3", "-3", {"-4", "-2"}},
    {"(1, 2)", "(1, 2)", {"(1, 3)", "(2, 2)"}},
    {"(B)", "(B)", {"(A)", "(C)", "(D)", "(E)"}},
    {"c.", "c.", {"a.", "b.", "d.", "e."}},
    {"H", "H", {"D", "E", "F", "G"}},
    {"yes", "yes", {"no"}},
    {"False", "False", {"True"}},
};

START_TEST(alternatives)
{
    struct rw_alternatives out;
    struct rw_error error = {0};
    struct rw_str reference = rw_str_from(ALTERNATIVES[_i].reference);
    ck_assert_int_eq(rw_alternatives_make(reference, &arena, &out, &error), RW_OK);
    ck_assert_msg(rw_str_is(out.answer, ALTERNATIVES[_i].answer), "%.*s", RW_STR_ARG(out.answer));
    for (size_t i = 0; i < 4 && ALTERNATIVES[_i].other[i] != NULL; i++) {
        ck_assert_msg(i < out.n && rw_str_is(out.other[i], ALTERNATIVES[_i].other[i]), "%zu: %.*s",
                      i, RW_STR_ARG(out.other[i]));
    }
    for (size_t i = 0; i < out.n; i++) {
        ck_assert_int_ne(rw_answer_equal(out.other[i], out.answer), RW_VERIFIED_RIGHT);
        for (size_t k = 0; k < i; k++) {
            ck_assert(!rw_str_equal(out.other[i], out.other[k]));
        }
    }
}
END_TEST

START_TEST(no_alternatives)
{
    static const char *const NONE[] = {"", "  ", "Paris", "x + y", "(", "AB", "<|eot_id|>", "ＡＢ"};
    struct rw_alternatives out;
    struct rw_error error = {0};
    for (size_t i = 0; i < RW_COUNT(NONE); i++) {
        ck_assert_int_eq(rw_alternatives_make(rw_str_from(NONE[i]), &arena, &out, &error),
                         RW_NOT_FOUND);
    }
    char text[RW_ALTERNATIVES_BYTES_MAX + 1];
    memset(text, '7', sizeof text);
    ck_assert_int_eq(rw_alternatives_make((struct rw_str){text, sizeof text}, &arena, &out, &error),
                     RW_LIMIT_EXCEEDED);
    ck_assert_int_eq(
        rw_alternatives_make((struct rw_str){text, sizeof text - 1}, &arena, &out, &error), RW_OK);
    ck_assert_int_eq(rw_alternatives_make((struct rw_str){NULL, 0}, &arena, &out, &error),
                     RW_NOT_FOUND);
    struct rw_arena small;
    rw_arena_init(&small, 16);
    ck_assert_int_eq(rw_alternatives_make(RW_STR("42"), &small, &out, &error), RW_NO_MEMORY);
    rw_arena_fini(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answer_edits");
    TCase *tc = tcase_create("answer_edits");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_number_changes);
    tcase_add_loop_test(tc, alternatives, 0, RW_COUNT(ALTERNATIVES));
    tcase_add_test(tc, no_alternatives);
    tcase_add_test(tc, edits_of_a_trace);
    tcase_add_test(tc, stripping);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
