/* Final answers: finding them in a trace, and deciding whether two say the same.
 *
 * Equivalence covers integers, decimals, fractions, percentages, thousands separators, scientific
 * notation, simple units and currency, LaTeX forms of these, choices (A)..(Z), simple algebraic
 * expressions (by exact evaluation at fixed rational points), tuples and sets of these, and equal
 * normalised text. What cannot be decided is UNKNOWN, never WRONG.
 *
 * Pure; any thread. Hostile input: at most RW_ANSWER_MAX bytes are looked at, recursion is bounded.
 */
#ifndef RW_SHORTCUT_ANSWER_H
#define RW_SHORTCUT_ANSWER_H

#include "core/shortcut/signal.h"

enum {
    RW_ANSWER_MAX = 2048, /* bytes of an answer; longer ones are UNKNOWN unless bytewise equal */
};

/* The final answer a trace states: the last \boxed{}, else what follows the last "answer is" /
 * "answer:" / "####", else the last number of the last step. A slice of a step; empty = none.
 * *step is its step. */
struct rw_str rw_answer_extract(const struct rw_str *steps, size_t n_steps, int64_t *step);
/* The last \boxed{...} only, with balanced braces. */
struct rw_str rw_answer_boxed(struct rw_str text);

/* What follows the last "answer is", "answer:" or "####", up to the end of its sentence. */
struct rw_str rw_answer_announced(struct rw_str text);

/* The answer in a reference: its last box, else what it announces, else all of it. */
struct rw_str rw_answer_reference(struct rw_str reference);

enum rw_verified rw_answer_equal(struct rw_str answer, struct rw_str reference);
/* Extraction, then comparison: `outcome.verified`. UNKNOWN without reference or answer. */
enum rw_verified rw_answer_verify(const struct rw_str *steps, size_t n_steps,
                                  struct rw_str reference);

#endif
