/* server/base/turns: one step each per round, news during a step, ends in the middle of one;
 * server/base/watch: which name is blamed. */
#include <check.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/util.h"
#include "server/base/turns.h"
#include "tests/lib/suite.h"

static uint64_t now_ns;

static uint64_t now(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static const struct rw_clock CLOCK = {now, now, NULL};
static struct rw_turns turns;
static struct rw_watch watch;
static int woken;

struct worker {
    struct rw_turn turn;
    int steps;
    int pieces;          /* left */
    uint64_t cost_ns;    /* of a step */
    bool news;           /* comes during the step */
    struct worker *ends; /* taken out of line by the step */
};

static bool work(struct rw_turn *turn)
{
    struct worker *w = RW_CONTAINER_OF(turn, struct worker, turn);
    w->steps++;
    w->pieces--;
    now_ns += w->cost_ns;
    if (w->news) {
        w->news = false;
        rw_turns_add(&turns, turn);
    }
    if (w->ends != NULL) {
        rw_turns_remove(&turns, &w->ends->turn);
    }
    return w->pieces > 0;
}

static void wake(void *ctx)
{
    (void)ctx;
    woken++;
}

static void setup(void)
{
    now_ns = 1;
    woken = 0;
    rw_turns_init(&turns, &CLOCK);
    rw_watch_init(&watch, &CLOCK);
    turns.watch = &watch;
    turns.wake = wake;
}

static struct worker worker(int pieces)
{
    return (struct worker){.turn = {.step = work, .name = "work"}, .pieces = pieces};
}

START_TEST(one_step_each_per_round)
{
    struct worker many = worker(1000);
    struct worker few = worker(1);
    setup();
    rw_turns_add(&turns, &many.turn);
    rw_turns_add(&turns, &few.turn);
    rw_turns_add(&turns, &few.turn); /* is in line */
    ck_assert_int_eq(woken, 1);
    ck_assert(rw_turns_run(&turns));
    ck_assert_int_eq(many.steps, 1);
    ck_assert_int_eq(few.steps, 1);
    ck_assert(rw_turns_run(&turns));
    ck_assert_int_eq(many.steps, 2);
    ck_assert_int_eq(few.steps, 1);
    rw_turns_remove(&turns, &many.turn);
    ck_assert(!rw_turns_run(&turns));
    ck_assert(!rw_turns_any(&turns));
}
END_TEST

START_TEST(a_round_ends_with_its_budget)
{
    struct worker slow[3] = {worker(1), worker(1), worker(1)};
    setup();
    for (int i = 0; i < 3; i++) {
        slow[i].cost_ns = RW_TURNS_BUDGET_US * RW_NS_PER_US;
        rw_turns_add(&turns, &slow[i].turn);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rw_turns_run(&turns), i < 2);
        ck_assert_int_eq(slow[0].steps + slow[1].steps + slow[2].steps, i + 1);
    }
}
END_TEST

START_TEST(news_during_a_step_is_not_lost)
{
    struct worker w = worker(1);
    setup();
    w.news = true;
    rw_turns_add(&turns, &w.turn);
    ck_assert(rw_turns_run(&turns)); /* it said there is no more, and then there was */
    ck_assert_int_eq(w.steps, 1);
    ck_assert(!rw_turns_run(&turns));
    ck_assert_int_eq(w.steps, 2);
    ck_assert_int_eq(woken, 1); /* rw_turns_run said that there is more: no other wake is needed */
}
END_TEST

START_TEST(a_step_may_end_itself_and_others)
{
    struct worker w[3] = {worker(5), worker(5), worker(5)};
    setup();
    for (int i = 0; i < 3; i++) {
        rw_turns_add(&turns, &w[i].turn);
    }
    w[0].ends = &w[1];
    w[2].ends = &w[2];
    ck_assert(rw_turns_run(&turns));
    ck_assert_int_eq(w[1].steps, 0);
    ck_assert_int_eq(w[2].steps, 1);
    w[0].ends = &w[0];
    ck_assert(!rw_turns_run(&turns));
    ck_assert_int_eq(w[0].steps, 2);
}
END_TEST

START_TEST(the_watch_blames_the_longest)
{
    setup();
    struct rw_watch_span a = rw_watch_enter(&watch, "a");
    now_ns += 3 * RW_NS_PER_MS;
    rw_watch_leave(&watch, a);
    struct rw_watch_span b = rw_watch_enter(&watch, "b");
    now_ns += 4 * RW_NS_PER_MS;
    rw_watch_leave(&watch, b);
    struct rw_watch_span c = rw_watch_enter(&watch, "c");
    rw_watch_leave(&watch, c);
    ck_assert_str_eq(watch.name, "b");
    rw_watch_round(&watch, 7 * RW_NS_PER_MS, 5 * RW_NS_PER_MS);
    ck_assert_ptr_null(watch.name);
    ck_assert_uint_eq(watch.rounds, 1);
    ck_assert_uint_eq(watch.stalls, 0);
    ck_assert_uint_eq(watch.bucket[3], 1); /* over 5 ms, not over 10 */
    rw_watch_round(&watch, 70 * RW_NS_PER_MS, 3 * RW_NS_PER_MS);
    ck_assert(watch.longest_cpu > 0.0049 && watch.longest_cpu < 0.0051);
    ck_assert_uint_eq(watch.stalls, 1);
    ck_assert(watch.longest > 0.069 && watch.longest < 0.071);
    rw_watch_leave(NULL, rw_watch_enter(NULL, "nobody"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turns");
    TCase *tcase = tcase_create("turns");
    tcase_add_test(tcase, one_step_each_per_round);
    tcase_add_test(tcase, a_round_ends_with_its_budget);
    tcase_add_test(tcase, news_during_a_step_is_not_lost);
    tcase_add_test(tcase, a_step_may_end_itself_and_others);
    tcase_add_test(tcase, the_watch_blames_the_longest);
    suite_add_tcase(suite, tcase);
    return rw_test_run(suite);
}
