/* server/auth, server/scoring/admission, server/http/deadline, each alone. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "server/auth.h"
#include "server/http/deadline.h"
#include "server/scoring/admission.h"
#include "tests/lib/data.h"
#include "tests/lib/suite.h"

#define SECOND UINT64_C(1000000000)

/* ---- keys ------------------------------------------------------------------------------------ */

static char dir[RW_TEST_PATH_MAX];
static char path[RW_TEST_PATH_MAX + 16];
static struct rw_auth auth;
static struct rw_error err;

static void setup(void)
{
    rw_test_dir_make(dir);
    snprintf(path, sizeof path, "%s/keys", dir);
    memset(&auth, 0, sizeof auth);
}

static void teardown(void)
{
    rw_test_dir_remove(dir);
}

static rw_status load(const char *text)
{
    rw_test_write(dir, "keys", text, strlen(text));
    memset(&err, 0, sizeof err);
    return rw_auth_load(&auth, path, &err);
}

static rw_status check(const char *header)
{
    memset(&err, 0, sizeof err);
    struct rw_account *account = NULL;
    return rw_auth_check(&auth, rw_str_from(header), &account, &err);
}

START_TEST(without_keys_everyone_may)
{
    ck_assert_int_eq(check(""), RW_OK);
    ck_assert_int_eq(check("Bearer anything"), RW_OK);
}
END_TEST

START_TEST(keys_of_a_file)
{
    ck_assert_int_eq(load("# team\n\n  alice   correct-horse \r\nbattery-staple"), RW_OK);
    ck_assert_uint_eq(auth.n, 2);
    ck_assert_int_eq(check("Bearer correct-horse"), RW_OK);
    ck_assert_int_eq(check("bearer   battery-staple "), RW_OK);
    ck_assert_int_eq(check("Basic YW55OmJhdHRlcnktc3RhcGxl"), RW_OK); /* any:battery-staple */
    ck_assert_int_eq(check("Basic OmNvcnJlY3QtaG9yc2U="), RW_OK);     /* :correct-horse */
    static const char *const WRONG[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearer correct-hors",
        "Bearer correct-horse2",
        "Bearer alice",
        "Bearer alice   correct-horse",
        "Bearer # team",
        "correct-horse",
        "Digest correct-horse",
        "Bearercorrect-horse",
        "Basic correct-horse",
        "Basic Y29ycmVjdC1ob3JzZQ==",      /* correct-horse, without a colon */
        "Basic YW55OmJhdHRlcnktc3RhcGxl!", /* not base64 */
        "Basic ====",
    };
    for (size_t i = 0; i < RW_COUNT(WRONG); i++) {
        ck_assert_msg(check(WRONG[i]) == RW_UNAUTHORIZED, "\"%s\"", WRONG[i]);
        ck_assert(strstr(err.message, "horse") == NULL); /* what was sent is not repeated */
    }
}
END_TEST

START_TEST(a_bad_file_changes_nothing)
{
    ck_assert_int_eq(load("battery-staple\n"), RW_OK);
    static const char *const BAD[] = {"", "# nothing\n\n", "short\n", "battery-staple\n1234567\n"};
    for (size_t i = 0; i < RW_COUNT(BAD); i++) {
        ck_assert_int_eq(load(BAD[i]), RW_CONFIG);
        ck_assert(strstr(err.message, "--api-key-file") != NULL);
        ck_assert_int_eq(check("Bearer battery-staple"), RW_OK);
        ck_assert_uint_eq(auth.n, 1);
    }
    remove(path);
    ck_assert_int_ne(rw_auth_load(&auth, path, &err), RW_OK);
    ck_assert_int_eq(check("Bearer battery-staple"), RW_OK);
}
END_TEST

/* As many keys as a file may hold, each with a request of its own going on. */
static rw_status load_generation(char letter)
{
    static char text[RW_KEYS_MAX * 32];
    size_t n = 0;
    for (int i = 0; i < RW_KEYS_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%c%d:%c-password-%d\n", letter, i, letter,
                              i);
    }
    rw_status status = load(text);
    for (size_t i = 0; i < auth.accounts; i++) {
        auth.account[i].held = 1;
    }
    return status;
}

START_TEST(a_file_that_does_not_fit_changes_nothing)
{
    ck_assert_int_eq(load_generation('a'), RW_OK);
    ck_assert_int_eq(load_generation('b'), RW_OK);
    ck_assert_uint_eq(auth.accounts, RW_COUNT(auth.account));
    auth.account[0].held = 0; /* room for one key of the next file, not for the others */
    struct rw_auth before = auth;
    rw_test_write(dir, "keys", "c1:c-password-1\nc2:c-password-2\n", 32);
    ck_assert_int_eq(rw_auth_load(&auth, path, &err), RW_OVERLOADED);
    before.signature = auth.signature;
    ck_assert_mem_eq(&auth, &before, sizeof auth);
    ck_assert_int_eq(check("Bearer b-password-0"), RW_OK);
    ck_assert_int_ne(check("Bearer c-password-1"), RW_OK);
}
END_TEST

START_TEST(limits_of_the_file)
{
    char *text = malloc((RW_KEYS_MAX + 1) * 16);
    size_t n = 0;
    for (int i = 0; i < RW_KEYS_MAX; i++) {
        n += (size_t)sprintf(text + n, "key-%08d\n", i);
    }
    ck_assert_int_eq(load(text), RW_OK);
    ck_assert_uint_eq(auth.n, RW_KEYS_MAX);
    ck_assert_int_eq(check("Bearer key-00000255"), RW_OK);
    sprintf(text + n, "key-%08d\n", RW_KEYS_MAX);
    ck_assert_int_eq(load(text), RW_CONFIG);
    free(text);
    char longest[RW_KEY_BYTES_MAX + 2] = {0};
    memset(longest, 'k', RW_KEY_BYTES_MAX);
    ck_assert_int_eq(load(longest), RW_OK);
    longest[RW_KEY_BYTES_MAX] = 'k';
    ck_assert_int_eq(load(longest), RW_CONFIG);
}
END_TEST

/* ---- admission ------------------------------------------------------------------------------- */

struct guest {
    struct rw_waiter waiter; /* first member */
    struct rw_admission *door;
    int entered;       /* order of entry, 0 = not yet */
    uint64_t leave_at; /* tokens given back from inside the turn */
};

static int entries;

static void enter(struct rw_waiter *waiter)
{
    struct guest *g = (struct guest *)waiter;
    g->entered = ++entries;
    if (g->leave_at > 0) {
        rw_admission_release(g->door, g->waiter.client, g->leave_at, 2 * SECOND);
    }
}

static void queue(struct rw_admission *a, struct guest *g, uint64_t tokens)
{
    *g = (struct guest){.waiter = {.client = 1, .tokens = tokens, .admitted = enter}, .door = a};
    rw_admission_wait(a, &g->waiter);
}

START_TEST(a_budget)
{
    struct rw_admission a;
    rw_admission_init(&a, 100, 0, SECOND);
    ck_assert(rw_admission_enter(&a, 1, 60, SECOND));
    ck_assert(rw_admission_enter(&a, 1, 40, SECOND));
    ck_assert(!rw_admission_enter(&a, 1, 1, SECOND));
    rw_admission_release(&a, 1, 40, 2 * SECOND);
    ck_assert(rw_admission_enter(&a, 1, 40, SECOND));
    rw_admission_release(&a, 1, 60, 2 * SECOND);
    rw_admission_release(&a, 1, 40, 2 * SECOND);
    ck_assert(rw_admission_enter(&a, 1, 1000, SECOND)); /* larger than all, but alone */
    ck_assert(!rw_admission_enter(&a, 1, 1, SECOND));
    ck_assert(!rw_admission_enter(&a, 1, UINT64_MAX, SECOND)); /* no overflow */
    rw_admission_release(&a, 1, 1000, 2 * SECOND);
    ck_assert_uint_eq(a.tokens.held, 0);
    ck_assert_uint_eq(a.released_total, 1140);
}
END_TEST

START_TEST(the_line_is_in_order)
{
    struct rw_admission a;
    struct guest g[4];
    entries = 0;
    rw_admission_init(&a, 100, 0, SECOND);
    ck_assert(rw_admission_enter(&a, 1, 90, SECOND));
    for (int i = 0; i < 4; i++) {
        queue(&a, &g[i], i == 0 ? 80 : 10);
        g[i].waiter.client = 10 + (uint64_t)i;
    }
    ck_assert(!rw_admission_enter(&a, 1, 5, SECOND)); /* it would fit, but nobody overtakes */
    rw_admission_release(&a, 1, 20, 2 * SECOND);
    ck_assert_int_eq(entries, 0); /* the first needs 80: the small ones wait behind it */
    rw_admission_leave_line(&a, &g[2].waiter);
    rw_admission_leave_line(&a, &g[2].waiter); /* twice is once */
    rw_admission_release(&a, 1, 70, 2 * SECOND);
    ck_assert_int_eq(g[0].entered, 1);
    ck_assert_int_eq(g[1].entered, 2);
    ck_assert_int_eq(g[2].entered, 0);
    ck_assert_int_eq(g[3].entered, 3);
    ck_assert_uint_eq(a.waiting, 0);
    ck_assert_uint_eq(a.tokens.held, 100);
}
END_TEST

/* A waiter that fails at once gives its tokens back while the line is being let in. */
START_TEST(release_from_inside_a_turn)
{
    struct rw_admission a;
    struct guest g[3];
    entries = 0;
    rw_admission_init(&a, 10, 0, SECOND);
    ck_assert(rw_admission_enter(&a, 1, 10, SECOND));
    for (int i = 0; i < 3; i++) {
        queue(&a, &g[i], 10);
        g[i].leave_at = 10;
    }
    rw_admission_release(&a, 1, 10, 2 * SECOND);
    ck_assert_int_eq(entries, 3);
    ck_assert_uint_eq(a.tokens.held, 0);
}
END_TEST

START_TEST(retry_after_follows_the_rate)
{
    struct rw_admission a;
    rw_admission_init(&a, 1000, 0, 0);
    ck_assert_uint_eq(rw_admission_retry_after(&a, 5000), 1); /* no rate is known */
    ck_assert(rw_admission_enter(&a, 1, 1000, 0));
    rw_admission_release(&a, 1, 400, 4 * SECOND); /* 100 tokens/s */
    ck_assert_uint_eq(rw_admission_retry_after(&a, 300), 1);
    ck_assert_uint_eq(rw_admission_retry_after(&a, 900), 6); /* 500 over */
    ck_assert_uint_eq(rw_admission_retry_after(&a, 1000000), 60);
}
END_TEST

/* The budget is seconds of work at the rate of the time when there was work. */
START_TEST(the_budget_follows_the_rate)
{
    struct rw_admission a;
    rw_admission_init(&a, 10 * 1000 * 1000, 30, SECOND);
    ck_assert_uint_eq(a.tokens.max, RW_QUEUE_TOKENS_UNKNOWN);
    ck_assert(rw_admission_enter(&a, 1, 40000, 10 * SECOND)); /* nine seconds of nothing before */
    rw_admission_release(&a, 1, 40000, 14 * SECOND);          /* 10,000 tokens/s */
    ck_assert_uint_eq(a.tokens.max, 300000);
    ck_assert(rw_admission_enter(&a, 1, 200000, 100 * SECOND));
    ck_assert(!rw_admission_enter(&a, 2, 101000, 100 * SECOND));
    rw_admission_release(&a, 1, 80000, 104 * SECOND); /* 20,000/s: half of it counts */
    ck_assert_uint_eq(a.tokens.max, 450000);
    rw_admission_release(&a, 1, 120000, 1000 * SECOND);
    rw_admission_init(&a, 10 * 1000 * 1000, 30, SECOND);
    ck_assert(rw_admission_enter(&a, 1, 100, SECOND));
    rw_admission_release(&a, 1, 100, 11 * SECOND); /* ten a second, but never under the least */
    ck_assert_uint_eq(a.tokens.max, RW_QUEUE_TOKENS_MIN);
}
END_TEST

START_TEST(a_greedy_client_stops_itself)
{
    struct rw_admission a;
    struct guest greedy[2];
    struct guest modest;
    int in = 0;
    entries = 0;
    rw_admission_init(&a, 100000, 0, SECOND);
    while (rw_admission_enter(&a, 1, 100, SECOND)) {
        in++;
    }
    ck_assert_int_eq(in, 800); /* four fifths */
    ck_assert(rw_admission_is_full(&a, 1, 1));
    ck_assert(!rw_admission_is_full(&a, 2, 1));
    queue(&a, &greedy[0], 1000);
    queue(&a, &greedy[1], 10);
    ck_assert(rw_admission_enter(&a, 2, 100, SECOND)); /* who waits for their share blocks nobody */
    queue(&a, &modest, 10);
    modest.waiter.client = 2;
    rw_admission_release(&a, 2, 100, SECOND);
    ck_assert_int_eq(modest.entered, 1);
    ck_assert_int_eq(greedy[1].entered, 0); /* behind its own larger one */
    rw_admission_release(&a, 1, 2000, SECOND);
    ck_assert_int_eq(greedy[0].entered, 2);
    ck_assert_int_eq(greedy[1].entered, 3);
}
END_TEST

/* In an overload nine of ten are refused, by their size alone. */
START_TEST(a_guess_before_parsing)
{
    struct rw_admission a;
    rw_admission_init(&a, 100000, 0, SECOND);
    ck_assert_uint_eq(rw_admission_guess(&a, 1 << 20), 1); /* nothing is known of bodies */
    rw_admission_learn(&a, 0, 5);
    rw_admission_learn(&a, 1000, 500);
    ck_assert_uint_eq(rw_admission_guess(&a, 4000), 1800);
    ck_assert_uint_eq(rw_admission_guess(&a, 1 << 20), 25000);
    ck_assert_uint_eq(rw_admission_guess(&a, 0), 1);
    for (int i = 0; i < 200; i++) {
        rw_admission_learn(&a, 1000, 100);
    }
    ck_assert_uint_eq(rw_admission_guess(&a, 4000), 360);
    ck_assert(!rw_admission_is_full(&a, 1, 99000)); /* nothing is in: whatever comes may enter */
    ck_assert(rw_admission_enter(&a, 1, 50000, SECOND));
    ck_assert(rw_admission_enter(&a, 2, 49500, SECOND));
    ck_assert(!rw_admission_is_full(&a, 3, rw_admission_guess(&a, 4000)));
    ck_assert(rw_admission_is_full(&a, 3, rw_admission_guess(&a, 40000)));
    ck_assert(rw_admission_is_full(&a, 1, 1)); /* it has its share */
}
END_TEST

START_TEST(shares_leave_room_for_who_comes_next)
{
    static struct rw_shares s; /* 8 kB */
    uint64_t of[5] = {0};
    rw_shares_init(&s, 1000000);
    for (int round = 0; round < 100000; round++) {
        uint64_t client = (uint64_t)round % 4;
        if (rw_shares_has_room(&s, 100) && rw_shares_is_fair(&s, client, 100)) {
            rw_shares_take(&s, client, 100);
            of[client] += 100;
        }
    }
    for (int client = 0; client < 4; client++) { /* 4 / 17 each */
        ck_assert_uint_gt(of[client], 234000);
        ck_assert_uint_lt(of[client], 236000);
    }
    ck_assert(rw_shares_is_fair(&s, 4, 200000));
    ck_assert(!rw_shares_is_fair(&s, 0, 200));
    ck_assert(!rw_shares_is_fair(&s, 4, UINT64_MAX));
    rw_shares_give(&s, 1, of[1]);
    ck_assert(rw_shares_is_fair(&s, 0, 200)); /* what one gives back is the others' */
    rw_shares_init(&s, UINT64_MAX);
    ck_assert(rw_shares_is_fair(&s, 1, UINT64_MAX - 1));
}
END_TEST

/* ---- deadlines ------------------------------------------------------------------------------- */

START_TEST(deadlines_expire_in_order)
{
    struct rw_deadlines all;
    struct rw_deadline d[4] = {{.kind = RW_DEADLINE_NONE}};
    enum rw_deadline_kind kind;
    rw_deadlines_init(&all);
    rw_deadlines_set(&all, RW_DEADLINE_IDLE, 1000);
    rw_deadlines_set(&all, RW_DEADLINE_WRITE, 300);
    rw_deadline_arm(&all, &d[0], RW_DEADLINE_IDLE, SECOND);
    rw_deadline_arm(&all, &d[1], RW_DEADLINE_IDLE, SECOND + 1);
    rw_deadline_arm(&all, &d[2], RW_DEADLINE_WRITE, SECOND);
    rw_deadline_arm(&all, &d[3], RW_DEADLINE_IDLE, SECOND);
    rw_deadline_disarm(&d[3]);
    rw_deadline_disarm(&d[3]);
    ck_assert_ptr_null(rw_deadlines_expired(&all, SECOND + 299999999, &kind));
    ck_assert_ptr_eq(rw_deadlines_expired(&all, SECOND + 300000000, &kind), &d[2]);
    ck_assert_int_eq(kind, RW_DEADLINE_WRITE);
    ck_assert_int_eq(d[2].kind, RW_DEADLINE_NONE);
    ck_assert_ptr_null(rw_deadlines_expired(&all, 2 * SECOND - 1, &kind));
    ck_assert_ptr_eq(rw_deadlines_expired(&all, 2 * SECOND, &kind), &d[0]);
    ck_assert_ptr_null(rw_deadlines_expired(&all, 2 * SECOND, &kind));
    rw_deadline_arm(&all, &d[1], RW_DEADLINE_WRITE, 2 * SECOND); /* replaces its idle one */
    ck_assert_ptr_null(rw_deadlines_expired(&all, 2 * SECOND + 1, &kind));
    ck_assert_ptr_eq(rw_deadlines_expired(&all, 3 * SECOND, &kind), &d[1]);
    ck_assert_int_eq(kind, RW_DEADLINE_WRITE);
    ck_assert_ptr_null(rw_deadlines_expired(&all, 100 * SECOND, &kind));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tc = tcase_create("keys");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, without_keys_everyone_may);
    tcase_add_test(tc, keys_of_a_file);
    tcase_add_test(tc, a_bad_file_changes_nothing);
    tcase_add_test(tc, a_file_that_does_not_fit_changes_nothing);
    tcase_add_test(tc, limits_of_the_file);
    suite_add_tcase(suite, tc);
    tc = tcase_create("admission and deadlines");
    tcase_add_test(tc, a_budget);
    tcase_add_test(tc, the_line_is_in_order);
    tcase_add_test(tc, release_from_inside_a_turn);
    tcase_add_test(tc, retry_after_follows_the_rate);
    tcase_add_test(tc, the_budget_follows_the_rate);
    tcase_add_test(tc, a_greedy_client_stops_itself);
    tcase_add_test(tc, a_guess_before_parsing);
    tcase_add_test(tc, shares_leave_room_for_who_comes_next);
    tcase_add_test(tc, deadlines_expire_in_order);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
