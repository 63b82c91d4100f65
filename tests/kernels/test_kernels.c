/* core/kernels: every table this processor runs, and the compute team. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/kernels/support.h"

int main(void)
{
    FOR_EACH_TABLE(table)
    {
        printf("table %s\n", (*table)->name);
    }
    fflush(stdout); /* before libcheck forks */
    SRunner *runner = srunner_create(gemm_suite());
    srunner_add_suite(runner, rows_suite());
    srunner_add_suite(runner, quantised_suite());
    srunner_add_suite(runner, attention_suite());
    srunner_add_suite(runner, team_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
