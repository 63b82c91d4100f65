/* Answers beside the reference: what else might have been the answer, in the same form.
 *
 *     42        43 52 41 32 ...     one digit changed: same length, so mostly as many tokens
 *     3/4       3/5 4/4 3/3 2/4 ... also inside fractions, decimals, tuples, LaTeX, "12 apples"
 *     (B)       (A) (C) (D) (E)     a single letter: the others of A to E, else the four before it
 *     yes       no                  yes/no, true/false: one
 *
 * Anything else (words, expressions without a digit) has no alternatives. Deterministic: a function
 * of the reference alone. Pure; any thread. */
#ifndef RW_ANSWER_ALTERNATIVES_H
#define RW_ANSWER_ALTERNATIVES_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_ALTERNATIVES_MAX = 8,         /* more than are needed, so that token counts can decide */
    RW_ALTERNATIVES_BYTES_MAX = 128, /* of the answer */
};

struct rw_alternatives {
    struct rw_str answer; /* of the reference: rw_answer_reference, a slice of it */
    struct rw_str other[RW_ALTERNATIVES_MAX]; /* in the arena; best first */
    size_t n;
};

/* NOT_FOUND: empty, or of no form that has alternatives. LIMIT_EXCEEDED: too long. NO_MEMORY. */
rw_status rw_alternatives_make(struct rw_str reference, struct rw_arena *arena,
                               struct rw_alternatives *out, struct rw_error *err);

#endif
