/* core/model/split, block and sentence: where a text is cut, where never, and in linear time. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/model/split.h"
#include "tests/lib/suite.h"

enum {
    ARENA_BYTES = 64 << 20,
    STEPS_MAX = 1 << 20,
    HOSTILE_BYTES = 1 << 19
};

static struct rw_arena arena;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_BYTES);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

static const struct rw_layout LAYOUT = {.split = {{"\n\n", 2}, {"\n", 1}}, .n_split = 2};

static struct rw_split cut(enum rw_split_kind kind, struct rw_str text)
{
    struct rw_split out;
    struct rw_error err = {0};
    const struct rw_split_rule rule = {.kind = kind};
    ck_assert_int_eq(rw_split_text(&LAYOUT, &rule, text, STEPS_MAX, &arena, &out, &err), RW_OK);
    return out;
}

static void check(enum rw_split_kind kind, const char *text, const char *steps)
{
    char got[2048] = "";
    size_t n = 0;
    struct rw_split split = cut(kind, rw_str_from(text));
    for (size_t i = 0; i < split.n_steps; i++) {
        ck_assert(split.steps[i].ptr >= text && split.steps[i].ptr <= text + strlen(text));
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s", i > 0 ? "|" : "",
                              RW_STR_ARG(split.steps[i]));
    }
    ck_assert_msg(strcmp(got, steps) == 0, "rule %d: got \"%s\", wanted \"%s\"", (int)kind, got,
                  steps);
}

START_TEST(the_models_rule_is_its_references)
{
    check(RW_SPLIT_MODEL, "a\nb\n\nc", "a\nb|c");
    check(RW_SPLIT_MODEL, "a\nb", "a|b");
    check(RW_SPLIT_MODEL, "```\na\n\nb\n```", "```\na|b\n```"); /* Python's str.split does so */
}
END_TEST

START_TEST(paragraphs_and_lines)
{
    check(RW_SPLIT_PARAGRAPH, "a\nb\n\nc\n \t\n\nd", "a\nb|c|d");
    check(RW_SPLIT_PARAGRAPH, "\n\na\n\n\n\n", "a");
    check(RW_SPLIT_PARAGRAPH, "a\r\n\r\nb", "a\r|b");
    check(RW_SPLIT_LINE, "a\nb\n\n  \nc\n", "a|b|c");
    check(RW_SPLIT_NONE, "a\n\nb. c", "a\n\nb. c");
    check(RW_SPLIT_PARAGRAPH, "", "");
    check(RW_SPLIT_PARAGRAPH, " \n\n ", "");
}
END_TEST

START_TEST(code_and_formulas_stay_whole)
{
    check(RW_SPLIT_PARAGRAPH, "So:\n```python\nx = 1\n\ny = 2\n```\n\nDone",
          "So:\n```python\nx = 1\n\ny = 2\n```|Done");
    check(RW_SPLIT_PARAGRAPH, "~~~~\na\n\n~~~\n\nb\n~~~~\n\nc", "~~~~\na\n\n~~~\n\nb\n~~~~|c");
    check(RW_SPLIT_LINE, "Code\n```\na\nb\n```\nend", "Code|```\na\nb\n```|end");
    check(RW_SPLIT_LINE, "$$\nx = 1\n$$\nso", "$$\nx = 1\n$$|so");
    check(RW_SPLIT_PARAGRAPH, "\\[\na\n\nb\n\\]\n\nc", "\\[\na\n\nb\n\\]|c");
    check(RW_SPLIT_PARAGRAPH, "\\begin{align}\na\n\nb\n\\end{align}\n\nc",
          "\\begin{align}\na\n\nb\n\\end{align}|c");
    check(RW_SPLIT_SENTENCE, "We get\n$$x = 1. y = 2.$$ Then stop. Done.",
          "We get\n$$x = 1. y = 2.$$ Then stop.|Done.");
}
END_TEST

/* Else one mark would glue all that follows into one step. */
START_TEST(what_is_never_closed_is_no_block)
{
    check(RW_SPLIT_PARAGRAPH, "a\n\n```\nb\n\nc", "a|```\nb|c");
    check(RW_SPLIT_PARAGRAPH, "costs $$ a\n\nb", "costs $$ a|b");
    check(RW_SPLIT_PARAGRAPH, "\\[ a\n\nb", "\\[ a|b");
    check(RW_SPLIT_PARAGRAPH, "\\begin{x} a\n\nb \\end{y}", "\\begin{x} a|b \\end{y}");
    check(RW_SPLIT_PARAGRAPH, "inline ``` a\n\nb ```", "inline ``` a|b ```");
}
END_TEST

START_TEST(sentences)
{
    static const char *const CASE[][2] = {
        {"She pays $4.50 each. Then 5 * 4.5 = 22.5. Done!",
         "She pays $4.50 each.|Then 5 * 4.5 = 22.5.|Done!"},
        {"Is it 5? Yes! \"It is.\" Good.", "Is it 5?|Yes!|\"It is.\"|Good."},
        {"See e.g. Fig. 3 of Dr. A. Smith. It holds.",
         "See e.g. Fig. 3 of Dr. A. Smith.|It holds."},
        {"1. Add them. 2. Stop.", "1. Add them.|2. Stop."},
        {"First:\n- add\n- stop", "First:|- add|- stop"},
        {"First:\n1) add\n2) stop", "First:|1) add|2) stop"},
        {"A line\nthat goes on. Next", "A line\nthat goes on.|Next"},
        {"One\n\nTwo", "One|Two"},
        {"Wait... what? Yes.", "Wait... what?|Yes."},
        {"\xE4\xB8\x80\xE3\x80\x82\xE4\xBA\x8C\xEF\xBC\x81",
         "\xE4\xB8\x80\xE3\x80\x82|\xE4\xBA\x8C\xEF\xBC\x81"},
        {"**So it is 5.** Then stop.", "**So it is 5.**|Then stop."},
        {"x = 3.", "x = 3."},
        {".", "."},
        {"...", "..."},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        check(RW_SPLIT_SENTENCE, CASE[i][0], CASE[i][1]);
    }
}
END_TEST

START_TEST(separators_of_ones_own)
{
    static const struct rw_str list[] = {{"Step", 4}, {"##", 2}, {"###", 3}};
    const struct rw_split_rule rule = {RW_SPLIT_LIST, list, RW_COUNT(list)};
    struct rw_split out;
    struct rw_error err = {0};
    struct rw_str text = RW_STR("a###b##cStep d```\n```\nStep\n```");
    ck_assert_int_eq(rw_split_text(&LAYOUT, &rule, text, STEPS_MAX, &arena, &out, &err), RW_OK);
    ck_assert_uint_eq(out.n_steps, 4);
    ck_assert(rw_str_is(out.steps[1], "b"));
    ck_assert(rw_str_is(out.steps[3], " d```\n```\nStep\n```"));
    ck_assert_uint_eq(out.separator.len, 0); /* three of them: none is the one */
    ck_assert_int_eq(rw_split_text(&LAYOUT, &rule, text, 3, &arena, &out, &err), RW_LIMIT_EXCEEDED);
    const struct rw_split_rule one = {RW_SPLIT_LIST, list, 1};
    ck_assert_int_eq(rw_split_text(&LAYOUT, &one, text, STEPS_MAX, &arena, &out, &err), RW_OK);
    ck_assert(rw_str_is(out.separator, "Step"));
}
END_TEST

/* Every piece is an opening that is never closed, or almost something. Time that grows with the
 * square would be hours, beyond any test's patience. */
START_TEST(hostile_texts_take_linear_time)
{
    static const char *const PIECE[] = {"```x\n",   "~~~~\n", "\\[", "$",   "\\begin{a}",
                                        "\\begin{", "`",      ". ",  "A. ", "\n\n",
                                        "\n",       "1. ",    "!",   "\\"};
    char *text = malloc(HOSTILE_BYTES);
    ck_assert_ptr_nonnull(text);
    for (size_t p = 0; p < RW_COUNT(PIECE); p++) {
        size_t len = strlen(PIECE[p]);
        for (size_t i = 0; i < HOSTILE_BYTES; i++) {
            text[i] = PIECE[p][i % len];
        }
        for (int kind = RW_SPLIT_PARAGRAPH; kind <= RW_SPLIT_NONE; kind++) {
            cut((enum rw_split_kind)kind, (struct rw_str){text, HOSTILE_BYTES});
        }
        teardown();
        setup();
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("split");
    TCase *tc = tcase_create("split");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_models_rule_is_its_references);
    tcase_add_test(tc, paragraphs_and_lines);
    tcase_add_test(tc, code_and_formulas_stay_whole);
    tcase_add_test(tc, what_is_never_closed_is_no_block);
    tcase_add_test(tc, sentences);
    tcase_add_test(tc, separators_of_ones_own);
    tcase_add_test(tc, hostile_texts_take_linear_time);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
