/* The part of libcheck that the tests of core/kernels and tests/invariance use, in one header: for
 * processors whose libcheck is not at hand (tests/cross/aarch64.sh). A failed assertion ends the
 * program; there are no processes and no time limits. */
#ifndef RW_TESTS_CROSS_CHECK_H
#define RW_TESTS_CROSS_CHECK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHECK_TESTS_MAX = 128
};

enum {
    CK_NORMAL,
    CK_ENV,
};

typedef void check_fn(int _i);

typedef struct TCase {
    struct {
        const char *name;
        check_fn *fn;
        int begin, end;
    } tests[CHECK_TESTS_MAX];
    int n;
} TCase;

typedef struct Suite {
    const char *name;
    TCase *cases[CHECK_TESTS_MAX];
    int n;
} Suite;

typedef Suite SRunner; /* `cases` of all suites */

#define START_TEST(name)     \
    static void name(int _i) \
    {                        \
        (void)_i;
#define END_TEST }

#define ck_abort_msg(...)                               \
    do {                                                \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
        fprintf(stderr, __VA_ARGS__);                   \
        fprintf(stderr, "\n");                          \
        exit(EXIT_FAILURE);                             \
    } while (0)
#define ck_assert_msg(ok, ...)         \
    do {                               \
        if (!(ok)) {                   \
            ck_abort_msg(__VA_ARGS__); \
        }                              \
    } while (0)
#define ck_assert(ok)                 ck_assert_msg(ok, "%s", #ok)
#define ck_assert_int_eq(a, b)        ck_assert((intmax_t)(a) == (intmax_t)(b))
#define ck_assert_uint_eq(a, b)       ck_assert((uintmax_t)(a) == (uintmax_t)(b))
#define ck_assert_uint_le(a, b)       ck_assert((uintmax_t)(a) <= (uintmax_t)(b))
#define ck_assert_uint_ge(a, b)       ck_assert((uintmax_t)(a) >= (uintmax_t)(b))
#define ck_assert_uint_gt(a, b)       ck_assert((uintmax_t)(a) > (uintmax_t)(b))
#define ck_assert_double_le(a, b)     ck_assert((double)(a) <= (double)(b))
#define ck_assert_mem_eq(a, b, bytes) ck_assert(memcmp(a, b, bytes) == 0)
#define ck_assert_ptr_eq(a, b)        ck_assert((const void *)(a) == (const void *)(b))
#define ck_assert_ptr_null(a)         ck_assert((a) == NULL)
#define ck_assert_ptr_nonnull(a)      ck_assert((a) != NULL)

static inline Suite *suite_create(const char *name)
{
    Suite *suite = calloc(1, sizeof *suite);
    suite->name = name;
    return suite;
}

static inline TCase *tcase_create(const char *name)
{
    (void)name;
    return calloc(1, sizeof(TCase));
}

static inline void check_add(TCase *tc, const char *name, check_fn *fn, int begin, int end)
{
    if (tc->n == CHECK_TESTS_MAX) {
        abort();
    }
    tc->tests[tc->n].name = name;
    tc->tests[tc->n].fn = fn;
    tc->tests[tc->n].begin = begin;
    tc->tests[tc->n++].end = end;
}

#define tcase_add_test(tc, fn)                  check_add(tc, #fn, fn, 0, 1)
#define tcase_add_loop_test(tc, fn, begin, end) check_add(tc, #fn, fn, begin, end)
#define tcase_set_timeout(tc, seconds)          ((void)(tc))

static inline void suite_add_tcase(Suite *suite, TCase *tc)
{
    if (suite->n == CHECK_TESTS_MAX) {
        abort();
    }
    suite->cases[suite->n++] = tc;
}

static inline SRunner *srunner_create(Suite *suite)
{
    return suite;
}

static inline void srunner_add_suite(SRunner *runner, Suite *suite)
{
    for (int i = 0; i < suite->n; i++) {
        suite_add_tcase(runner, suite->cases[i]);
    }
}

static inline void srunner_run_all(SRunner *runner, int mode)
{
    (void)mode;
    for (int c = 0; c < runner->n; c++) {
        TCase *tc = runner->cases[c];
        for (int t = 0; t < tc->n; t++) {
            for (int i = tc->tests[t].begin; i < tc->tests[t].end; i++) {
                tc->tests[t].fn(i);
            }
            printf("ok %s\n", tc->tests[t].name);
            fflush(stdout);
        }
    }
}

static inline int srunner_ntests_failed(SRunner *runner)
{
    (void)runner;
    return 0;
}

static inline void srunner_free(SRunner *runner)
{
    (void)runner; /* the program ends */
}

#endif
