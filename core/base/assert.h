/* Assertions for programmer errors. They stay on in every build: a wrong reward is worse than a
 * crash. Anything that input, a file or the operating system can cause is an rw_status, never an
 * assertion. */
#ifndef RW_BASE_ASSERT_H
#define RW_BASE_ASSERT_H

#define rw_assert(condition) \
    ((condition) ? (void)0 : rw_assert_failed(#condition, __FILE__, __LINE__, __func__))

_Noreturn void rw_assert_failed(const char *condition, const char *file, int line,
                                const char *function);

#endif
