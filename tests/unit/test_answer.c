/* core/shortcut: answer equivalence, answer extraction, and the edits of traces. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/shortcut/alternatives.h"
#include "core/shortcut/answer.h"
#include "core/shortcut/edit.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    ARENA_MAX = 16 << 20,
};

static const struct {
    const char *answer;
    const char *reference;
    enum rw_verified wanted;
} PAIRS[] = {
#define R RW_VERIFIED_RIGHT
#define W RW_VERIFIED_WRONG
#define U RW_VERIFIED_UNKNOWN
    {"72", "72", R},
    {"72.0", "72", R},
    {"1,234", "1234", R},
    {"1,234,567.50", "1234567.5", R},
    {"$18", "18", R},
    {"\\$18.00", "18", R},
    {"18 apples", "18", R},
    {"18 dollars", "18 dollar", R},
    {"5 km", "5000 m", U},
    {"7", "8", W},
    {"-7", "7", W},
    {"-0", "0", R},
    {"1/2", "0.5", R},
    {"\\frac{1}{2}", "1/2", R},
    {"\\dfrac12", "0.5", R},
    {"1\\frac{1}{2}", "3/2", R},
    {"1 1/2", "1.5", R},
    {"2 3", "6", U},
    {"50%", "0.5", R},
    {"50\\%", "50", R},
    {"50%", "0.6", W},
    {"0.33", "1/3", U},
    {"0.34", "1/3", W},
    {"12345678901234567890", "12345678901234567891", W},
    {"2\\sqrt{3}", "\\sqrt{12}", R},
    {"\\sqrt[3]{8}", "2", R},
    {"\\frac{\\pi}{2}", "0.5\\pi", R},
    {"x^2+2x+1", "(x+1)^2", R},
    {"x^2+2x+2", "(x+1)^2", W},
    {"x = 5", "5", R},
    {"y=2x+1", "2x + 1", R},
    {"(1, 2)", "(1,2)", R},
    {"(2, 1)", "(1,2)", W},
    {"\\{2, 1\\}", "\\{1,2\\}", R},
    {"2, 1", "1, 2", R},
    {"(1,2)", "[1,2]", U},
    {"(A)", "A", R},
    {"B", "A", W},
    {"(C) 12 apples", "C", R},
    {"yes", "Yes.", R},
    {"no", "yes", W},
    {"Monday", "monday", R},
    {"Monday", "Tuesday", U},
    {"90^\\circ", "90", R},
    {"\\text{5 cm}", "5 cm", R},
    {"5 \\text{ cm}", "5\\mathrm{cm}", R},
    {"5 m", "5", R},
    {"5x", "5", W},
    {"3.0e", "3", W},
    {"", "5", U},
    {"5", "", U},
    {"((((((((((((((((((((((((((((((((((((((((((((((((1", "1", U},
    {"1/0", "5", U},
    {"\xE2\x88\x92"
     "3",
     "-3", R},
    {"10\\text{ and }12", "10, 12", U},
#undef R
#undef W
#undef U
};

START_TEST(pairs)
{
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        struct rw_str a = rw_str_from(PAIRS[i].answer);
        struct rw_str b = rw_str_from(PAIRS[i].reference);
        ck_assert_msg(rw_answer_equal(a, b) == PAIRS[i].wanted, "%s | %s: %d, wanted %d",
                      PAIRS[i].answer, PAIRS[i].reference, (int)rw_answer_equal(a, b),
                      (int)PAIRS[i].wanted);
        ck_assert_msg(rw_answer_equal(b, a) == PAIRS[i].wanted, "%s | %s turned round",
                      PAIRS[i].answer, PAIRS[i].reference);
    }
}
END_TEST

START_TEST(numbers_written_in_every_form)
{
    for (long n = -3000; n <= 3000; n += 7) {
        for (int d = 1; d <= 8; d *= 2) {
            char forms[5][64];
            snprintf(forms[0], 64, "%.6f", (double)n / d);
            snprintf(forms[1], 64, "%ld/%d", n, d);
            snprintf(forms[2], 64, "\\frac{%ld}{%d}", n, d);
            snprintf(forms[3], 64, "$%.3f \\text{ meters}$", (double)n / d);
            snprintf(forms[4], 64, "%.4f%%", 100.0 * (double)n / d);
            char other[64];
            snprintf(other, 64, "%ld/%d", n + 1, d);
            for (int a = 0; a < 5; a++) {
                for (int b = 0; b < 5; b++) {
                    ck_assert_msg(rw_answer_equal(rw_str_from(forms[a]), rw_str_from(forms[b])) ==
                                      RW_VERIFIED_RIGHT,
                                  "%s = %s", forms[a], forms[b]);
                }
                ck_assert_msg(a == 4 || rw_answer_equal(rw_str_from(forms[a]),
                                                        rw_str_from(other)) == RW_VERIFIED_WRONG,
                              "%s != %s", forms[a], other);
            }
        }
    }
}
END_TEST

START_TEST(extraction)
{
    static const struct {
        const char *step;
        const char *answer;
    } CASES[] = {
        {"So \\boxed{1} and then \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"},
        {"The answer is 3.5 km. Good.", "3.5 km"},
        {"Final Answer: **42**", "42"},
        {"#### 1,000", "1,000"},
        {"It costs $12 - 3 = -9$ in all", "-9"},
        {"about 12.5%", "12.5%"},
        {"unclosed \\boxed{12", "12"},
        {"nothing here", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct rw_str steps[] = {RW_STR("First 7."), rw_str_from(CASES[i].step)};
        int64_t step;
        struct rw_str found = rw_answer_extract(steps, 2, &step);
        ck_assert_msg(rw_str_is(found, CASES[i].answer), "%s: %.*s", CASES[i].step,
                      RW_STR_ARG(found));
    }
    struct rw_str steps[] = {RW_STR("5 + 5 = 10"), RW_STR("The answer is 10.")};
    ck_assert_int_eq(rw_answer_verify(steps, 2, RW_STR("10")), RW_VERIFIED_RIGHT);
    ck_assert_int_eq(rw_answer_verify(steps, 2, RW_STR("We get 8.\n#### 11")), RW_VERIFIED_WRONG);
    ck_assert_int_eq(rw_answer_verify(steps, 2, RW_STR("")), RW_VERIFIED_UNKNOWN);
    ck_assert_int_eq(rw_answer_verify(NULL, 0, RW_STR("1")), RW_VERIFIED_UNKNOWN);
}
END_TEST

/* No answer is slow, reads out of bounds, or differs when the sides are exchanged. */
START_TEST(hostile_answers)
{
    struct rw_mutator mutator = {20261124};
    for (int i = 0; i < 20000; i++) {
        unsigned char a[256];
        unsigned char b[256];
        const char *from = PAIRS[(size_t)i % (sizeof PAIRS / sizeof *PAIRS)].answer;
        const char *to = PAIRS[(size_t)i % (sizeof PAIRS / sizeof *PAIRS)].reference;
        memcpy(a, from, strlen(from));
        memcpy(b, to, strlen(to));
        struct rw_str x = {(char *)a, rw_mutate(&mutator, a, strlen(from), sizeof a)};
        struct rw_str y = {(char *)b, rw_mutate(&mutator, b, strlen(to), sizeof b)};
        enum rw_verified v = rw_answer_equal(x, y);
        ck_assert_msg(v == rw_answer_equal(y, x), "%.*s | %.*s", RW_STR_ARG(x), RW_STR_ARG(y));
        ck_assert_int_ge(v, 0);
    }
    static char deep[100000];
    static const char *const PIECES[] = {"(",  "-",        "\\frac{", "2^", "{",
                                         "1,", "\\boxed{", "[(",      " "};
    for (size_t p = 0; p < sizeof PIECES / sizeof *PIECES; p++) {
        for (size_t len = 1000; len < sizeof deep; len *= 9) {
            for (size_t i = 0; i < len; i++) {
                deep[i] = PIECES[p][i % strlen(PIECES[p])];
            }
            struct rw_str s = {deep, len};
            ck_assert_int_eq(rw_answer_equal(s, RW_STR("1")), RW_VERIFIED_UNKNOWN);
            int64_t step;
            rw_answer_extract(&s, 1, &step);
        }
    }
}
END_TEST

/* ---- edits --------------------------------------------------------------------------------------
 */

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
    ck_assert_int_eq(rw_edit_pad(TRACE, 1, &arena, &out, &err), RW_OK);
    ck_assert_uint_eq(out.n, 6);
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
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
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
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++) {
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
    Suite *suite = suite_create("answer");
    TCase *tc = tcase_create("answer");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, pairs);
    tcase_add_test(tc, numbers_written_in_every_form);
    tcase_add_test(tc, extraction);
    tcase_add_test(tc, hostile_answers);
    tcase_add_test(tc, one_number_changes);
    tcase_add_loop_test(tc, alternatives, 0, sizeof ALTERNATIVES / sizeof *ALTERNATIVES);
    tcase_add_test(tc, no_alternatives);
    tcase_add_test(tc, edits_of_a_trace);
    tcase_add_test(tc, stripping);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
