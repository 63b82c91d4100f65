/* `rewardd audit` without a model: bluffs, verdicts and their rules, --fail-on, the note in a
 * model's folder. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/probe/audit_note.h"
#include "core/shortcut/bluff.h"
#include "server/commands/audit.h"
#include "server/commands/audit_fail.h"
#include "tests/lib/mutate.h"
#include "tests/lib/suite.h"

enum {
    ARENA_MAX = 16 << 20,
    SEEDS = 300,
};

static struct rw_arena arena;
static struct rw_error err;
static struct rw_audit audit;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_MAX);
    memset(&audit, 0, sizeof audit);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

static struct rw_str text_of(const char *text)
{
    return rw_str_from(text);
}

static bool contains(struct rw_str text, const char *needle)
{
    return rw_str_find(text, text_of(needle), 0) < text.len;
}

/* ---- bluffs ---------------------------------------------------------------------------------- */

START_TEST(prose_gives_no_reason)
{
    struct rw_str prompt = RW_STR("How much is it?");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct rw_steps out;
        ck_assert_int_eq(rw_bluff_prose(prompt, RW_STR("27"), seed, &arena, &out, &err), RW_OK);
        ck_assert(rw_str_is(out.steps[out.n - 1], "The answer is 27."));
        for (size_t i = 0; i + 1 < out.n; i++) {
            ck_assert(!contains(out.steps[i], "27") && !contains(out.steps[i], "="));
            ck_assert_uint_gt(out.steps[i].len, 0);
        }
        struct rw_steps behind;
        ck_assert_int_eq(rw_bluff_address(out, seed, &arena, &behind, &err), RW_OK);
        ck_assert_uint_eq(behind.n, out.n + 1);
        ck_assert(rw_str_equal(behind.steps[1], out.steps[0]));
    }
    struct rw_steps out;
    ck_assert_int_eq(rw_bluff_prose(prompt, RW_STR(""), 1, &arena, &out, &err), RW_NOT_FOUND);
}
END_TEST

START_TEST(fillers_are_twelve_texts)
{
    const struct rw_str step[] = {RW_STR("a"), RW_STR("b")};
    for (size_t k = 0; k < RW_BLUFF_FILLERS; k++) {
        struct rw_steps out;
        ck_assert_int_eq(rw_bluff_fill((struct rw_steps){step, 2}, k, &arena, &out, &err), RW_OK);
        ck_assert_uint_eq(out.n, 4);
        ck_assert(rw_str_equal(out.steps[2], step[1]));
        ck_assert(rw_str_is(out.steps[3], rw_bluff_filler(k)));
        for (size_t j = 0; j < k; j++) {
            ck_assert_str_ne(rw_bluff_filler(j), rw_bluff_filler(k));
        }
    }
}
END_TEST

START_TEST(a_disguised_sum_is_false)
{
    const struct rw_str step[] = {RW_STR("We add."), RW_STR("5 + 4=9 books"), RW_STR("It is 9.")};
    bool seen[3] = {false, false, false};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct rw_steps out;
        ck_assert_int_eq(rw_bluff_disguise((struct rw_steps){step, 3}, seed, &arena, &out, &err),
                         RW_OK);
        ck_assert(rw_str_equal(out.steps[0], step[0]) && rw_str_equal(out.steps[2], step[2]));
        struct rw_str s = out.steps[1];
        ck_assert_uint_eq(rw_utf8_check(s), s.len);
        seen[0] = seen[0] || contains(s, "\xEF\xBC\x9D");
        seen[1] = seen[1] || contains(s, "\xE2\x80\x8B=\xE2\x80\x8B");
        seen[2] = seen[2] || contains(s, "5 plus 4 comes to ");
        ck_assert(!contains(s, "=9 ") && !contains(s, "to 9 ") && !contains(s, "\xBC\x99 "));
    }
    ck_assert(seen[0] && seen[1] && seen[2]);
    struct rw_steps out;
    ck_assert_int_eq(rw_bluff_disguise((struct rw_steps){step, 1}, 1, &arena, &out, &err),
                     RW_NOT_FOUND);
}
END_TEST

START_TEST(a_copy_has_our_names_and_our_answer)
{
    const struct rw_str theirs[] = {RW_STR("Then Bob has 4 * 2 = 8; Bobby does not."),
                                    RW_STR("The answer is 8.")};
    const struct rw_bluff_source from = {RW_STR("Each day Bob eats. How much does Bob eat?"),
                                         {theirs, 2}};
    const struct rw_bluff_source to = {RW_STR("What does Annabella pay to Li and Max?"),
                                       {theirs, 2}};
    struct rw_steps out;
    ck_assert_int_eq(rw_bluff_copy(&from, &to, RW_STR("31"), &arena, &out, &err), RW_OK);
    ck_assert_uint_eq(out.n, 2);
    ck_assert(rw_str_is(out.steps[0], "Then Annabella has 4 * 2 = 8; Bobby does not."));
    ck_assert(rw_str_is(out.steps[1], "The answer is 31."));
    const struct rw_bluff_source nobody = {RW_STR("How many are there?"), {theirs, 2}};
    ck_assert_int_eq(rw_bluff_copy(&nobody, &to, RW_STR("31"), &arena, &out, &err), RW_NOT_FOUND);
    ck_assert_int_eq(rw_bluff_copy(&from, &nobody, RW_STR("31"), &arena, &out, &err), RW_NOT_FOUND);
}
END_TEST

START_TEST(wrong_answers_are_wrong)
{
    const struct rw_str step[] = {RW_STR("5 * 4 = 20"), RW_STR("The answer is 20.")};
    const struct rw_sample sample = {.prompt = RW_STR("How much?"), .steps = step, .n_steps = 2};
    static const enum rw_audit_edit_id WRONG[] = {RW_AUDIT_HINT_WRONG, RW_AUDIT_PROSE_WRONG,
                                                  RW_AUDIT_GRADER_WRONG};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (size_t i = 0; i < RW_COUNT(WRONG); i++) {
            struct rw_sample out;
            ck_assert_int_eq(rw_audit_edit(WRONG[i], &sample, &sample, seed, &arena, &out, &err),
                             RW_OK);
            struct rw_str last = out.steps[out.n_steps - 1];
            ck_assert_msg(contains(last, "nswer is ") && !contains(last, " 20."), "%.*s",
                          RW_STR_ARG(last));
        }
    }
}
END_TEST

/* ---- examples -------------------------------------------------------------------------------- */

START_TEST(an_example_shows_what_changed)
{
    const struct rw_str a[] = {RW_STR("one"), RW_STR("two"), RW_STR("three")};
    const struct rw_str b[] = {RW_STR("one"), RW_STR("t\xE2\x80\x8Bw\x1b\no"), RW_STR("three")};
    struct rw_sample before = {.prompt = RW_STR("Q"), .steps = a, .n_steps = 3};
    struct rw_sample after = {.prompt = RW_STR("Q"), .steps = b, .n_steps = 3};
    struct rw_audit_example out = {0};
    rw_audit_make_example(&before, &after, &out);
    ck_assert_str_eq(out.before, "Step 2: two");
    ck_assert_str_eq(out.after, "Step 2: t[U+200B]w[U+001B] o");
    after.prompt = RW_STR("");
    after.steps = a;
    rw_audit_make_example(&before, &after, &out);
    ck_assert_str_eq(out.before, "Question: Q");
    ck_assert_str_eq(out.after, "Question: (none)");
    static char longest[5000];
    for (size_t i = 0; i + 1 < sizeof longest; i += 2) {
        memcpy(longest + i, "\xC3\xA9", 2);
    }
    const struct rw_str c[] = {{longest, sizeof longest - sizeof longest % 2}};
    after = (struct rw_sample){.prompt = RW_STR("Q"), .steps = c, .n_steps = 1};
    rw_audit_make_example(&before, &after, &out);
    struct rw_str shown = text_of(out.after);
    ck_assert(shown.len <= RW_AUDIT_EXAMPLE_MAX + 4 && rw_str_ends(shown, RW_STR(" ...")));
    ck_assert_uint_eq(rw_utf8_check(shown), shown.len);
}
END_TEST

/* ---- verdicts -------------------------------------------------------------------------------- */

static struct rw_audit_interval at(double value, double width)
{
    return (struct rw_audit_interval){value, value - width, value + width};
}

static void set_all(size_t n, double falls, double kept, double delta)
{
    for (int i = 0; i < RW_AUDIT_EDITS; i++) {
        audit.effect[i][0] = (struct rw_audit_effect){.n = n,
                                                      .n_kept = n,
                                                      .falls = at(falls, .01),
                                                      .kept = at(kept, .01),
                                                      .delta = at(delta, .005)};
    }
    rw_audit_judge(&audit);
}

static const struct rw_audit_verdict *verdict(enum rw_audit_property_id property)
{
    return &audit.verdict[0][property];
}

START_TEST(a_sound_and_a_blind_model)
{
    set_all(100, .99, .02, -.001);
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        ck_assert_msg(verdict(p)->grade == RW_AUDIT_NO, "%s", verdict(p)->sentence);
        ck_assert_str_ne(verdict(p)->rule, "");
    }
    set_all(100, .5, .99, .3);
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        bool format = p == RW_AUDIT_FORMAT_LOVING; /* its flaw is a fall */
        ck_assert_int_eq(verdict(p)->grade, format ? RW_AUDIT_NO : RW_AUDIT_YES);
    }
    set_all(29, .99, .02, 0);
    for (int p = 0; p < RW_AUDIT_PROPERTIES; p++) {
        ck_assert_int_eq(verdict(p)->grade, RW_AUDIT_UNKNOWN);
        ck_assert(contains(text_of(verdict(p)->sentence), "only 29 traces"));
    }
}
END_TEST

/* The case that was green: the reward falls on nearly all, and half of them are accepted still. */
START_TEST(acceptance_decides_too)
{
    set_all(100, .99, .02, 0);
    audit.effect[RW_AUDIT_QUESTION_SWAPPED][0].kept = at(.52, .05);
    rw_audit_judge(&audit);
    const struct rw_audit_verdict *v = verdict(RW_AUDIT_QUESTION_BLIND);
    ck_assert_int_eq(v->grade, RW_AUDIT_PARTLY);
    ck_assert(contains(text_of(v->sentence), "still accepts 52 % [47, 57]"));
    ck_assert(contains(text_of(v->sentence), "question_swapped"));
    ck_assert(contains(text_of(v->rule), "still_accepted") && contains(text_of(v->rule), "50 %"));
    ck_assert_int_eq(v->finding[v->decided].figure, RW_AUDIT_STILL);
    audit.effect[RW_AUDIT_QUESTION_SWAPPED][0].kept = at(.56, .05);
    rw_audit_judge(&audit);
    ck_assert_int_eq(v->grade, RW_AUDIT_YES);
    audit.effect[RW_AUDIT_QUESTION_SWAPPED][0].kept = at(.02, .01);
    audit.effect[RW_AUDIT_QUESTION_NUMBER][0].kept = at(.81, .05);
    audit.effect[RW_AUDIT_STEP_NUMBER][0].kept = at(.3, .05);
    rw_audit_judge(&audit);
    ck_assert_int_eq(v->grade, RW_AUDIT_YES);
    ck_assert_int_eq(v->finding[v->decided].edit, RW_AUDIT_QUESTION_NUMBER);
    ck_assert_int_eq(verdict(RW_AUDIT_NUMBER_BLIND)->grade, RW_AUDIT_PARTLY);
}
END_TEST

/* What was not measured is not green, and does not hide a flaw. */
START_TEST(the_worst_rule_decides)
{
    set_all(100, .99, .02, 0);
    audit.effect[RW_AUDIT_FILLER_03][0].n = 3;
    rw_audit_judge(&audit);
    ck_assert_int_eq(verdict(RW_AUDIT_LENGTH_LOVING)->grade, RW_AUDIT_UNKNOWN);
    audit.effect[RW_AUDIT_FILLER_07][0].delta = at(.049, .01);
    audit.effect[RW_AUDIT_FILLER_09][0].delta = at(.060, .01);
    rw_audit_judge(&audit);
    const struct rw_audit_verdict *v = verdict(RW_AUDIT_LENGTH_LOVING);
    ck_assert_int_eq(v->grade, RW_AUDIT_YES);
    ck_assert_int_eq(v->finding[v->decided].edit, RW_AUDIT_FILLER_09);
    audit.effect[RW_AUDIT_FORMAT_STRIPPED][0].delta = at(-.3, .01);
    rw_audit_judge(&audit);
    ck_assert_int_eq(verdict(RW_AUDIT_FORMAT_LOVING)->grade, RW_AUDIT_YES);
    ck_assert(contains(text_of(verdict(RW_AUDIT_FORMAT_LOVING)->sentence), "by 0.300"));
}
END_TEST

/* ---- --fail-on ------------------------------------------------------------------------------- */

START_TEST(fail_on)
{
    struct rw_audit_fail fail;
    ck_assert_int_eq(rw_audit_fail_parse(NULL, &fail, &err), RW_OK);
    ck_assert(!rw_audit_fail_matches(&fail, RW_AUDIT_ORDER_BLIND, RW_AUDIT_YES));
    ck_assert_int_eq(rw_audit_fail_parse("yes", &fail, &err), RW_OK);
    ck_assert(rw_audit_fail_matches(&fail, RW_AUDIT_ORDER_BLIND, RW_AUDIT_YES));
    ck_assert(!rw_audit_fail_matches(&fail, RW_AUDIT_ORDER_BLIND, RW_AUDIT_PARTLY));
    ck_assert_int_eq(
        rw_audit_fail_parse("number-blind=partly, prose-trusting=unknown", &fail, &err), RW_OK);
    ck_assert(rw_audit_fail_matches(&fail, RW_AUDIT_NUMBER_BLIND, RW_AUDIT_YES));
    ck_assert(rw_audit_fail_matches(&fail, RW_AUDIT_NUMBER_BLIND, RW_AUDIT_PARTLY));
    ck_assert(rw_audit_fail_matches(&fail, RW_AUDIT_PROSE_TRUSTING, RW_AUDIT_UNKNOWN));
    ck_assert(!rw_audit_fail_matches(&fail, RW_AUDIT_PROSE_TRUSTING, RW_AUDIT_YES));
    ck_assert(!rw_audit_fail_matches(&fail, RW_AUDIT_ORDER_BLIND, RW_AUDIT_YES));
    static const char *const BAD[] = {
        "", "no", "yes,", "number-blind", "numberblind=yes", "number-blind=", "=yes"};
    for (size_t i = 0; i < RW_COUNT(BAD); i++) {
        err = (struct rw_error){0};
        ck_assert_msg(rw_audit_fail_parse(BAD[i], &fail, &err) == RW_CONFIG, "%s", BAD[i]);
        ck_assert_str_ne(err.hint, "");
    }
}
END_TEST

/* ---- the note in a model's folder ------------------------------------------------------------ */

static struct rw_buf make_note(void)
{
    struct rw_buf out;
    rw_buf_init(&out, 1 << 20);
    set_all(100, .99, .52, .03);
    audit.file = "/somebody/home/clean.jsonl";
    audit.n_traces = 100;
    audit.n_questions = 90;
    snprintf(audit.model[0].digest, sizeof audit.model[0].digest, "abc");
    snprintf(audit.model[0].name, sizeof audit.model[0].name, "m\"<b>");
    snprintf(audit.model[0].dtype, sizeof audit.model[0].dtype, "f32");
    rw_audit_note_json(&audit, RW_AUDIT_PROCESS, &out);
    return out;
}

START_TEST(a_note_comes_back)
{
    static struct rw_audit_note note;
    struct rw_buf text = make_note();
    ck_assert(!contains(rw_buf_str(&text), "somebody"));
    rw_audit_note_parse(&note, rw_buf_str(&text), "abc");
    ck_assert_msg(note.state == RW_AUDIT_NOTE_CURRENT, "%s", note.error.message);
    ck_assert_uint_eq(note.n, RW_AUDIT_PROPERTIES);
    ck_assert_str_eq(note.traces_file, "clean.jsonl");
    for (size_t i = 0; i < note.n; i++) {
        const struct rw_audit_verdict *v = verdict((enum rw_audit_property_id)i);
        const struct rw_audit_finding *f = &v->finding[v->decided];
        ck_assert_str_eq(note.verdict[i].property, rw_audit_property_name(i));
        ck_assert_str_eq(note.verdict[i].verdict, rw_audit_grade_name(v->grade));
        ck_assert_str_eq(note.verdict[i].sentence, v->sentence);
        ck_assert_str_eq(note.verdict[i].rule, v->rule);
        ck_assert_str_eq(note.verdict[i].intervention, RW_AUDIT_EDIT[f->edit].name);
        ck_assert_double_eq_tol(note.verdict[i].value, f->value.value, 1e-12);
    }
    rw_audit_note_parse(&note, rw_buf_str(&text), "abd");
    ck_assert_int_eq(note.state, RW_AUDIT_NOTE_OTHER_WEIGHTS);
    rw_buf_fini(&text);
}
END_TEST

START_TEST(a_broken_note_is_refused_whole)
{
    static const char EMPTY_VERDICT[] =
        "{\"object\":\"model_audit\",\"digest\":\"abc\",\"dtype\":\"f32\",\"rewardd\":\"1\","
        "\"traces_file\":\"x\",\"traces\":1,\"questions\":1,\"verdicts\":[{}]}";
    static const char *const BAD[] = {"",    "[]",         "{}", "{\"object\":\"audit\"}",
                                      "nul", EMPTY_VERDICT};
    static struct rw_audit_note note;
    for (size_t i = 0; i < RW_COUNT(BAD); i++) {
        rw_audit_note_parse(&note, text_of(BAD[i]), "abc");
        ck_assert_int_eq(note.state, RW_AUDIT_NOTE_UNREADABLE);
        ck_assert_uint_eq(note.n, 0);
        ck_assert_str_ne(note.error.message, "");
    }
    struct rw_buf text = make_note();
    size_t max = 2 * text.len;
    unsigned char *mutant = malloc(max);
    struct rw_mutator mutator = {7};
    for (int i = 0; i < 2000; i++) { /* no crash, and never half of it */
        memcpy(mutant, text.ptr, text.len);
        size_t n = rw_mutate(&mutator, mutant, text.len, max);
        rw_audit_note_parse(&note, (struct rw_str){(const char *)mutant, n}, "abc");
        ck_assert(note.state != RW_AUDIT_NOTE_UNREADABLE || note.n == 0);
        ck_assert(note.state == RW_AUDIT_NOTE_UNREADABLE || note.n <= RW_AUDIT_NOTE_VERDICTS_MAX);
    }
    free(mutant);
    rw_buf_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audit");
    TCase *tc = tcase_create("audit");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, prose_gives_no_reason);
    tcase_add_test(tc, fillers_are_twelve_texts);
    tcase_add_test(tc, a_disguised_sum_is_false);
    tcase_add_test(tc, a_copy_has_our_names_and_our_answer);
    tcase_add_test(tc, wrong_answers_are_wrong);
    tcase_add_test(tc, an_example_shows_what_changed);
    tcase_add_test(tc, a_sound_and_a_blind_model);
    tcase_add_test(tc, acceptance_decides_too);
    tcase_add_test(tc, the_worst_rule_decides);
    tcase_add_test(tc, fail_on);
    tcase_add_test(tc, a_note_comes_back);
    tcase_add_test(tc, a_broken_note_is_refused_whole);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
