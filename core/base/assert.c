#include "core/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void rw_assert_failed(const char *condition, const char *file, int line,
                                const char *function)
{
    fprintf(stderr, "rewardd: assertion failed: %s at %s:%d in %s\n", condition, file, line,
            function);
    fflush(stderr);
    abort();
}
