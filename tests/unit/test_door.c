/* core/engine/door: who waits at the engine's lock is let in behind every job. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/engine/door.h"
#include "tests/lib/suite.h"

enum {
    ENTRANCES = 200, /* of each owner */
    OWNERS = 3,
};

static struct rw_door door;
static unsigned entered;   /* under the lock */
static unsigned long jobs; /* done by the engine thread */

/* Work that ends only when all owners have been in: a lock that is merely released and taken again
 * would not let them in before its thread loses the processor. */
static void *work(void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&door.lock);
    while (entered < OWNERS * ENTRANCES) {
        jobs++;
        rw_door_let_in(&door);
    }
    pthread_mutex_unlock(&door.lock);
    return NULL;
}

static void *own(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < ENTRANCES; i++) {
        rw_door_enter(&door);
        entered++;
        rw_door_leave(&door);
    }
    return NULL;
}

START_TEST(owners_pass_the_engine_thread)
{
    pthread_t engine;
    pthread_t owner[OWNERS];
    rw_door_init(&door, &RW_CLOCK_SYSTEM);
    pthread_mutex_lock(&door.lock); /* nobody gets in before the work has begun */
    ck_assert_int_eq(pthread_create(&engine, NULL, work, NULL), 0);
    for (int i = 0; i < OWNERS; i++) {
        ck_assert_int_eq(pthread_create(&owner[i], NULL, own, NULL), 0);
    }
    pthread_mutex_unlock(&door.lock);
    for (int i = 0; i < OWNERS; i++) {
        pthread_join(owner[i], NULL);
    }
    pthread_join(engine, NULL);
    ck_assert_uint_eq(entered, OWNERS * ENTRANCES);
    rw_door_fini(&door);
}
END_TEST

START_TEST(nobody_waits)
{
    rw_door_init(&door, &RW_CLOCK_SYSTEM);
    pthread_mutex_lock(&door.lock);
    rw_door_let_in(&door);
    pthread_mutex_unlock(&door.lock);
    rw_door_enter(&door);
    rw_door_leave(&door);
    ck_assert_uint_eq(door.wait_ns_max, 0);
    rw_door_fini(&door);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("door");
    TCase *tc = tcase_create("door");
    tcase_add_test(tc, owners_pass_the_engine_thread);
    tcase_add_test(tc, nobody_waits);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
