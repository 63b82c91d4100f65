/* A mutator with a fixed seed: the same mutations on every machine, so that a failure has a number.
 */
#ifndef RW_TESTS_MUTATE_H
#define RW_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

struct rw_mutator {
    uint64_t state; /* any value */
};

/* Uniform enough for tests, 0 <= result < limit. */
size_t rw_mutator_below(struct rw_mutator *mutator, size_t limit);
/* Changes one to four places: bits, bytes, digits and whole numbers of the text, runs removed,
 * repeated or moved, the end cut. Returns the new length, at most `max`. */
size_t rw_mutate(struct rw_mutator *mutator, unsigned char *bytes, size_t len, size_t max);

#endif
