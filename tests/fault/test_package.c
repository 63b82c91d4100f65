/* Opening a model package: every allocation, open and read of config.json, rewardd.json, the golden
 * vectors, tokenizer.json and the safetensors header fails once. */
#include <check.h>
#include <string.h>

#include "core/model/package.h"
#include "tests/lib/data.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"

static char dir[RW_TEST_PATH_MAX];
static char digest[65];

static rw_status open_and_close(void *ctx, struct rw_error *err)
{
    (void)ctx;
    struct rw_package *package = NULL;
    rw_status status = rw_package_open(dir, NULL, &package, err);
    ck_assert_int_eq(status == RW_OK, package != NULL);
    if (status == RW_OK) {
        ck_assert_uint_gt(package->n_golden, 0); /* read, not taken for absent */
        ck_assert_str_eq(package->recipe.preset, "package");
        if (digest[0] == '\0') {
            memcpy(digest, package->digest, sizeof digest);
        }
        ck_assert_str_eq(package->digest, digest);
    }
    rw_package_close(package);
    return status;
}

static void setup(void)
{
    rw_test_source_path("deploy/models/rewardd-prm-small", dir);
    digest[0] = '\0';
}

START_TEST(allocations)
{
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, open_and_close, NULL), 20);
    ck_assert_int_ge(rw_fault_some(RW_FAULT_ALLOC_FROM, 3, open_and_close, NULL), 7);
}
END_TEST

START_TEST(opens_and_reads)
{
    ck_assert_int_ge(rw_fault_each(RW_FAULT_OPEN, open_and_close, NULL), 5);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ, open_and_close, NULL), 5);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_END, open_and_close, NULL), 5);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_EINTR, open_and_close, NULL), 5);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_READ_ONE, open_and_close, NULL), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("package faults");
    TCase *tc = tcase_create("package faults");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, allocations);
    tcase_add_test(tc, opens_and_reads);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
