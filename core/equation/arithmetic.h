/* Equations in the text of a step that are false: "17 x 3 = 54".
 *
 *     equation = sum = sum = ...       every neighbouring pair is one equation
 *     sum      = product {(+|-) product}
 *     product  = value {(*|/) value}
 *     value    = number [%] | (sum) | \frac{sum}{sum}, and the words of its unit behind it
 *
 * Evaluated exactly, as fractions of 64-bit integers. A number with d decimals is taken as rounded
 * (in any direction) when the exact value has more. What is not wholly such an equation (letters,
 * powers, other units on the two sides, clocks, bases, remainders, ...), what a word beside it
 * makes another number of ("triple 5", arithmetic_word.h), and what is denied, asked or supposed is
 * left alone: a false alarm costs more than a miss. Chains that run on ("3 + 4 = 7 * 2 = 14") are
 * read as written by hand. Measured false alarms: core/shortcut/README.md.
 *
 * Pure; any thread. Linear in the bytes; no memory but the stack's. */
#ifndef RW_EQUATION_ARITHMETIC_H
#define RW_EQUATION_ARITHMETIC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

struct rw_arithmetic {
    size_t checked; /* equations that could be decided */
    size_t wrong;   /* of them, false */
    size_t begin;   /* bytes [begin, end) of the first false one */
    size_t end;
};

void rw_arithmetic_check(struct rw_str step, struct rw_arithmetic *out);

#endif
