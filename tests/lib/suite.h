/* The end of every test program of libcheck: runs the suite, and says failed, skipped or passed.
 * That no test was run is a failure. */
#ifndef RW_TEST_SUITE_H
#define RW_TEST_SUITE_H

#include <check.h>
#include <stdio.h>

#include "tests/lib/data.h"

static inline int rw_test_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    if (srunner_ntests_run(runner) == 0) { /* a name or tag in the environment that fits none */
        fprintf(stderr, "no test was run\n");
        failed = 1;
    }
    srunner_free(runner);
    return rw_test_exit(failed);
}

#endif
