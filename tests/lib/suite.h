/* The end of every test program of libcheck: runs the suite, and says failed, skipped or passed. */
#ifndef RW_TEST_SUITE_H
#define RW_TEST_SUITE_H

#include <check.h>

#include "tests/lib/data.h"

static inline int rw_test_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return rw_test_exit(failed);
}

#endif
