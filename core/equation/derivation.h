/* Whether the steps lead to the final number: it is the result of an equation, or of two numbers
 * that stand before it, or it comes from nowhere.
 *
 *     0     the result of an equation with an operand on its left, the value of a sum that stands
 *           in the steps, or a number of the question
 *     1/3   a + b, a - b, a * b or a / b of two numbers of a step that states it
 *     2/3   the same of two of the last results and statements before it, or of one of them and one
 *           of the question; the total of the last few; twice, thrice, half or a third of one
 *     1     none of these
 *
 * Rounding to the digits shown is allowed, whole numbers also up and down ("9 buses"), and a
 * percentage is its hundredth too. Signs are not looked at. Unknown where the rule cannot read: no
 * number at the end, a formula there, or letters and powers anywhere in the steps, because algebra
 * reaches numbers by ways that are not read here.
 *
 * Pure; any thread. Linear in the bytes (pairs are tried among at most RW_DERIVATION_NEAR numbers);
 * no memory but the stack's. */
#ifndef RW_EQUATION_DERIVATION_H
#define RW_EQUATION_DERIVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_DERIVATION_NEAR = 12,  /* numbers of a step, and results before it, that are combined */
    RW_DERIVATION_STEPS = 3,  /* steps from the end in which the final number is looked for */
    RW_DERIVATION_GIVEN = 64, /* numbers of the question; later ones are not looked at */
};

struct rw_derivation {
    bool known;
    double value;
    int64_t step; /* of the final number, or -1 */
    size_t begin; /* its bytes [begin, end) in that step */
    size_t end;
};

void rw_derivation(struct rw_str prompt, const struct rw_str *steps, size_t n_steps,
                   struct rw_derivation *out);

#endif
