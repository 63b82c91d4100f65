/* What a program says before it aborts: for tests of assertions. */
#ifndef RW_TEST_CRASH_H
#define RW_TEST_CRASH_H

#include <stddef.h>

/* Runs `die` in a child, which must end with SIGABRT. out: what it wrote to standard error. */
void rw_test_last_words(void (*die)(void *ctx), void *ctx, char *out, size_t size);
/* The same; the assertion that failed must be one of the function named. */
void rw_test_dies_in(const char *function, void (*die)(void *ctx), void *ctx);

#endif
