/* Every allocation of parsing a request body fails once. */
#include <check.h>
#include <string.h>

#include "proto/request_parse.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"

static rw_status parse(void *ctx, struct rw_error *err)
{
    (void)ctx;
    char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"1 + 1\"}],"
                  "\"traces\":[{\"steps\":[\"a\\u0000\",\"b\"]},{\"text\":\"c\\n\\nd\"}],"
                  "\"aggregate\":\"min\",\"run\":{\"id\":\"r\",\"step\":3}}";
    struct rw_arena arena;
    struct rw_request request;
    rw_arena_init(&arena, 4 << 20);
    rw_status status =
        rw_request_parse(body, sizeof body - 1, &RW_LIMITS_DEFAULT, &arena, &request, err);
    if (status == RW_OK) {
        ck_assert_uint_eq(request.n_traces, 2);
    }
    rw_arena_fini(&arena);
    return status;
}

START_TEST(request_faults)
{
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC, parse, NULL), 1);
    ck_assert_int_ge(rw_fault_each(RW_FAULT_ALLOC_FROM, parse, NULL), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request faults");
    TCase *tc = tcase_create("request faults");
    tcase_add_test(tc, request_faults);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
