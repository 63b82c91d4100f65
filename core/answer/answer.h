/* Final answers: finding them in a trace, and deciding whether two say the same.
 *
 * Equivalence covers integers, decimals, fractions, mixed numbers, percentages, thousands
 * separators, scientific notation, units and currency, LaTeX forms of these, choices (A)..(J),
 * simple algebraic expressions (by evaluation at fixed points), tuples and sets of these, and equal
 * text (single letters with their case). Rational numbers are compared exactly. What cannot be
 * decided is UNKNOWN, never WRONG and never RIGHT: letters on one side only, words that change a
 * number ("5 or more"), units that may have been converted, numbers nearer than doubles can tell.
 *
 * Pure; any thread. Hostile input: at most RW_ANSWER_MAX bytes are looked at, recursion is bounded.
 */
#ifndef RW_ANSWER_ANSWER_H
#define RW_ANSWER_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_ANSWER_MAX = 2048, /* bytes of an answer; longer ones are UNKNOWN unless bytewise equal */
};

enum rw_verified {
    RW_VERIFIED_UNKNOWN, /* no reference, or the forms cannot be compared: null on the wire */
    RW_VERIFIED_RIGHT,
    RW_VERIFIED_WRONG,
};

/* The final answer a trace states: the last \boxed{}, else what follows the last "answer is" /
 * "answer:" / "####", else the last number of the last step, with all of the formula it stands
 * in or not at all. An empty last box takes the answer back. A slice of a step; empty = none.
 * *step is its step. */
struct rw_str rw_answer_extract(const struct rw_str *steps, size_t n_steps, int64_t *step);
/* The last \boxed{...} only, with balanced braces. */
struct rw_str rw_answer_boxed(struct rw_str text);

/* What follows the last "answer is", "answer:" or "####", up to the end of its sentence. */
struct rw_str rw_answer_announced(struct rw_str text);

/* The answer in a reference: its last box, else what it announces, else all of it. */
struct rw_str rw_answer_reference(struct rw_str reference);

enum rw_verified rw_answer_equal(struct rw_str answer, struct rw_str reference);
/* Extraction, then comparison: `outcome.verified`. UNKNOWN without reference or answer, and where
 * the last number of the last step, taken for want of anything better, is not the reference but a
 * number before it is ("she drove 5 km in 2 hours"). */
enum rw_verified rw_answer_verify(const struct rw_str *steps, size_t n_steps,
                                  struct rw_str reference);

#endif
