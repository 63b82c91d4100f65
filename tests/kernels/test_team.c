/* The compute team: regions, barriers, CPU accounting, and how many processors we may use. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/kernels/processors.h"
#include "core/kernels/team.h"
#include "tests/kernels/support.h"

enum {
    MEMBERS_MAX = 8,
    ROUNDS = 200,
};

struct relay {
    struct rw_team *team;
    unsigned cells[MEMBERS_MAX]; /* plain memory on purpose: the barrier must order it */
    unsigned wrong[MEMBERS_MAX];
};

/* In every round each member writes its cell, and after the barrier reads all of them. */
static void relay_run(void *arg, unsigned member, unsigned members)
{
    struct relay *r = arg;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        r->cells[member] = round * 100 + member;
        rw_team_barrier(r->team, member);
        for (unsigned i = 0; i < members; i++) {
            r->wrong[member] += r->cells[i] != round * 100 + i;
        }
        rw_team_barrier(r->team, member);
    }
}

START_TEST(barriers_order_all_writes)
{
    for (unsigned size = 1; size <= MEMBERS_MAX; size += size < 3 ? 1 : 5) {
        struct relay relay = {0};
        ck_assert_int_eq(rw_team_create(size, &relay.team, NULL), RW_OK);
        ck_assert_uint_eq(rw_team_size(relay.team), size);
        for (int region = 0; region < 5; region++) {
            rw_team_run(relay.team, relay_run, &relay);
            if (region == 2) {
                /* long enough that the members went to sleep */
                nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
            }
        }
        for (unsigned i = 0; i < size; i++) {
            ck_assert_uint_eq(relay.wrong[i], 0);
            ck_assert_uint_eq(relay.cells[i], ROUNDS * 100 + i);
        }
        rw_team_destroy(relay.team);
    }
}
END_TEST

struct chain {
    struct rw_team *team;
    unsigned cells[ROUNDS]; /* plain memory: the counter must order it */
    atomic_uint written;
    atomic_uint wrong;
};

/* Member 0 writes one cell after the other; the others read each as soon as it is there. */
static void chain_run(void *arg, unsigned member, unsigned members)
{
    struct chain *c = arg;
    (void)members;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (member > 0) {
            rw_team_await(c->team, &c->written, i + 1);
            atomic_fetch_add(&c->wrong, c->cells[i] != i + 7);
            continue;
        }
        if (i % 50 == 49) { /* long enough that the others go to sleep */
            nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL);
        }
        c->cells[i] = i + 7;
        rw_team_raise(c->team, &c->written);
    }
}

START_TEST(a_raised_counter_orders_what_was_written)
{
    for (unsigned size = 1; size <= MEMBERS_MAX; size += size < 3 ? 1 : 5) {
        static struct chain chain;
        memset(&chain, 0, sizeof chain);
        ck_assert_int_eq(rw_team_create(size, &chain.team, NULL), RW_OK);
        rw_team_run(chain.team, chain_run, &chain);
        ck_assert_uint_eq(atomic_load(&chain.written), ROUNDS);
        ck_assert_uint_eq(atomic_load(&chain.wrong), 0);
        rw_team_destroy(chain.team);
    }
}
END_TEST

static void burn(void *arg, unsigned member, unsigned members)
{
    (void)member;
    (void)members;
    volatile double *sink = arg;
    double sum = 0;
    for (int i = 1; i < 3000000; i++) {
        sum += 1.0 / i;
    }
    if (member == 0) {
        *sink = sum;
    }
}

START_TEST(cpu_time_is_that_of_all_members)
{
    struct rw_team *team;
    volatile double sink;
    ck_assert_int_eq(rw_team_create(2, &team, NULL), RW_OK);
    rw_team_run(team, burn, (void *)&sink);
    unsigned long long once = rw_team_cpu_ns(team);
    ck_assert_uint_gt(once, 100000);
    /* idle members must not count */
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    ck_assert_uint_eq(rw_team_cpu_ns(team), once);
    rw_team_run(team, burn, (void *)&sink);
    ck_assert_uint_gt(rw_team_cpu_ns(team), once + once / 4);
    rw_team_destroy(team);
}
END_TEST

START_TEST(sizes_are_checked)
{
    struct rw_team *team;
    struct rw_error err = {0};
    ck_assert_int_eq(rw_team_create(RW_TEAM_MAX + 1, &team, &err), RW_CONFIG);
    ck_assert_ptr_null(team);
    ck_assert_int_eq(rw_team_create(0, &team, &err), RW_OK);
    ck_assert_uint_eq(rw_team_size(team), rw_team_processors());
    rw_team_destroy(team);
    rw_team_destroy(NULL);
}
END_TEST

static int allocations_left;

static void *failing_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return allocations_left-- > 0 ? malloc(bytes) : NULL;
}

static void *failing_resize(void *ctx, void *old, size_t bytes)
{
    (void)ctx;
    return allocations_left-- > 0 ? realloc(old, bytes) : NULL;
}

static void plain_release(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

START_TEST(a_refused_allocation_is_an_error)
{
    static const struct rw_allocator failing = {failing_alloc, failing_resize, plain_release, NULL};
    rw_alloc_set(&failing);
    for (int n = 0; n < 2; n++) {
        struct rw_team *team;
        struct rw_error err = {0};
        allocations_left = n;
        ck_assert_int_eq(rw_team_create(2, &team, &err), RW_NO_MEMORY);
        ck_assert_ptr_null(team);
    }
    rw_alloc_set(NULL);
}
END_TEST

static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(quota_of_both_cgroup_versions)
{
    char root[] = "/tmp/rewardd-quota-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_uint_eq(rw_processors_quota("0::/a/b\n", root), UINT_MAX);
    put(root, "a/b/cpu.max", "max 100000\n");
    ck_assert_uint_eq(rw_processors_quota("0::/a/b\n", root), UINT_MAX);
    put(root, "a/cpu.max", "350000 100000\n");
    ck_assert_uint_eq(rw_processors_quota("0::/a/b\n", root), 3); /* the parent's, rounded down */
    put(root, "a/b/cpu.max", "50000 100000\n");
    ck_assert_uint_eq(rw_processors_quota("0::/a/b\n", root), 1); /* never 0 */
    put(root, "cpu.max", "200000 100000\n");
    ck_assert_uint_eq(rw_processors_quota("0::/\n", root), 2);
    put(root, "cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put(root, "cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    const char *v1 = "5:memory:/x\n4:cpu,cpuacct:/docker/1\n3:cpuset:/x\n";
    ck_assert_uint_eq(rw_processors_quota(v1, root), UINT_MAX);
    put(root, "cpu,cpuacct/cpu.cfs_quota_us", "400000\n");
    ck_assert_uint_eq(rw_processors_quota(v1, root), 4); /* own group not visible: the mount's */
    put(root, "cpu,cpuacct/docker/1/cpu.cfs_quota_us", "700000\n");
    put(root, "cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(rw_processors_quota(v1, root), 4);
    ck_assert_uint_eq(rw_processors_quota("rubbish\n::\n\n", root), 2);
    char command[600];
    snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_ge(rw_team_processors(), 1);
}
END_TEST

Suite *team_suite(void)
{
    Suite *suite = suite_create("team");
    TCase *tc = tcase_create("team");
    tcase_add_test(tc, barriers_order_all_writes);
    tcase_add_test(tc, a_raised_counter_orders_what_was_written);
    tcase_add_test(tc, cpu_time_is_that_of_all_members);
    tcase_add_test(tc, sizes_are_checked);
    tcase_add_test(tc, a_refused_allocation_is_an_error);
    tcase_add_test(tc, quota_of_both_cgroup_versions);
    suite_add_tcase(suite, tc);
    return suite;
}
