/* core/base/state: what a table allows, and what a crash says of the moves before it. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/state.h"
#include "tests/lib/crash.h"
#include "tests/lib/suite.h"

enum door {
    OPEN,
    SHUT,
    LOCKED,
};

static const struct rw_state DOOR[] = {
    [OPEN] = {"OPEN", RW_STATE(SHUT)},
    [SHUT] = {"SHUT", RW_STATE(OPEN) | RW_STATE(LOCKED)},
    [LOCKED] = {"LOCKED", 0},
};
static const struct rw_machine MACHINE = {"door", DOOR, 3};

START_TEST(a_table_says_what_may_follow)
{
    static const bool allowed[3][3] = {
        [OPEN] = {[SHUT] = true},
        [SHUT] = {[OPEN] = true, [LOCKED] = true},
    };
    for (unsigned from = 0; from < 3; from++) {
        for (unsigned to = 0; to < 3; to++) {
            ck_assert_int_eq(rw_machine_allows(&MACHINE, from, to), allowed[from][to]);
        }
    }
    ck_assert_uint_eq(rw_machine_move(&MACHINE, NULL, OPEN, SHUT), SHUT);
}
END_TEST

START_TEST(an_illegal_move_aborts)
{
    rw_machine_move(&MACHINE, NULL, OPEN, LOCKED);
}
END_TEST

START_TEST(a_final_state_has_no_move_to_itself)
{
    rw_machine_move(&MACHINE, NULL, LOCKED, LOCKED);
}
END_TEST

START_TEST(a_state_beyond_the_table_aborts)
{
    (void)rw_machine_allows(&MACHINE, OPEN, 3);
}
END_TEST

static void move_then_break_the_table(void *ctx)
{
    (void)ctx;
    rw_machine_move(&MACHINE, (const void *)0x5abcd, OPEN, SHUT);
    rw_machine_move(&MACHINE, (const void *)0x5abcd, SHUT, LOCKED);
    rw_machine_move(&MACHINE, (const void *)0x5abcd, LOCKED, OPEN);
}

START_TEST(the_crash_line_names_both_states_and_the_moves_before)
{
    char text[4096];
    rw_test_last_words(move_then_break_the_table, NULL, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "door may not move from LOCKED to OPEN"));
    ck_assert_ptr_nonnull(strstr(text, "door 5abcd OPEN>SHUT, door 5abcd SHUT>LOCKED\n"));
}
END_TEST

static void swing_then_assert(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < RW_CRASH_NOTES_MAX; i++) {
        rw_machine_move(&MACHINE, (const void *)0x11111, OPEN, SHUT);
        rw_machine_move(&MACHINE, (const void *)0x22222, SHUT, OPEN);
    }
    rw_machine_move(&MACHINE, (const void *)0x33333, SHUT, LOCKED);
    rw_assert(MACHINE.n == 4);
}

START_TEST(any_assertion_shows_the_newest_moves_only)
{
    char text[4096];
    size_t moves = 0;
    rw_test_last_words(swing_then_assert, NULL, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "assertion failed: MACHINE.n == 4"));
    ck_assert_ptr_nonnull(strstr(text, "door 33333 SHUT>LOCKED\n"));
    for (const char *at = strchr(text, '>'); at != NULL; at = strchr(at + 1, '>')) {
        moves++;
    }
    ck_assert_uint_eq(moves, RW_CRASH_NOTES_MAX);
}
END_TEST

static void assert_alone(void *ctx)
{
    (void)ctx;
    rw_assert(MACHINE.n == 4);
}

START_TEST(no_move_no_line)
{
    char text[4096];
    rw_test_last_words(assert_alone, NULL, text, sizeof text);
    ck_assert_ptr_null(strstr(text, "last moves"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tcase = tcase_create("state");
    tcase_add_test(tcase, a_table_says_what_may_follow);
    tcase_add_test_raise_signal(tcase, an_illegal_move_aborts, SIGABRT);
    tcase_add_test_raise_signal(tcase, a_final_state_has_no_move_to_itself, SIGABRT);
    tcase_add_test_raise_signal(tcase, a_state_beyond_the_table_aborts, SIGABRT);
    tcase_add_test(tcase, the_crash_line_names_both_states_and_the_moves_before);
    tcase_add_test(tcase, any_assertion_shows_the_newest_moves_only);
    tcase_add_test(tcase, no_move_no_line);
    suite_add_tcase(suite, tcase);
    return rw_test_run(suite);
}
