#include "core/base/assert.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct note {
    const char *what;
    const void *who;
    const char *from;
    const char *to;
};

/* A thread's own, so that a note costs no lock and no atomic; what other threads did meanwhile is
 * not in the crash line. */
static _Thread_local struct note notes[RW_CRASH_NOTES_MAX];
static _Thread_local unsigned n_notes; /* ever left; wraps */

void rw_assert_note(const char *what, const void *who, const char *from, const char *to)
{
    notes[n_notes++ % RW_CRASH_NOTES_MAX] = (struct note){what, who, from, to};
}

/* Oldest first, on one line. Objects are told apart by the low bits of their address. */
static void print_notes(void)
{
    enum {
        LOW_BITS = 0xFFFFF
    };
    const char *before = "rewardd: this thread's last moves: ";
    for (unsigned i = 0; i < RW_CRASH_NOTES_MAX; i++) {
        const struct note *note = &notes[(n_notes + i) % RW_CRASH_NOTES_MAX];
        if (note->what != NULL) {
            fprintf(stderr, "%s%s %05lx %s>%s", before, note->what,
                    (unsigned long)((uintptr_t)note->who & LOW_BITS), note->from, note->to);
            before = ", ";
        }
    }
    if (before[0] == ',') {
        fputc('\n', stderr);
    }
}

_Noreturn void rw_assert_failed(const char *condition, const char *file, int line,
                                const char *function)
{
    fprintf(stderr, "rewardd: assertion failed: %s at %s:%d in %s\n", condition, file, line,
            function);
    print_notes();
    fflush(stderr);
    abort();
}
