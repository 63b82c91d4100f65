/* Assertions for programmer errors. They stay on in every build: a wrong reward is worse than a
 * crash. Anything that input, a file or the operating system can cause is an rw_status, never an
 * assertion.
 *
 * The line of a failed assertion is followed by the last notes of its thread: what the state
 * machines of core/base/state.h did just before. */
#ifndef RW_BASE_ASSERT_H
#define RW_BASE_ASSERT_H

enum {
    RW_CRASH_NOTES_MAX = 16, /* kept by each thread: a request or two of the loop's */
};

#define rw_assert(condition) \
    ((condition) ? (void)0 : rw_assert_failed(#condition, __FILE__, __LINE__, __func__))

_Noreturn void rw_assert_failed(const char *condition, const char *file, int line,
                                const char *function);

/* "`what` number `who` went `from` .. `to`". The strings are constants of the program: only their
 * addresses are kept, and nothing is formatted before a crash. A few stores; any thread. */
void rw_assert_note(const char *what, const void *who, const char *from, const char *to);

#endif
