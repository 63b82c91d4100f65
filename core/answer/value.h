/* The value of a short mathematical expression, plain or LaTeX. Internal to answer*.c.
 *
 *     sum     = product { (+|-) product }
 *     product = {+|-} (mixed | power) { (*|/|nothing) power }
 *     power   = [+|-] primary [^ power]
 *     primary = number | letter | pi | (sum) | {sum} | \frac a b | \sqrt[n]{a} | \sin a ...
 *     number  = digits [. digits] [e [+|-] digits], thousands between commas outside brackets
 *     mixed   = digits followed by a fraction below one: "1 1/2", "1\frac{1}{2}"
 *
 * Letters are variables: two expressions are taken as equal when they agree at several fixed points
 * (identity testing by evaluation: Schwartz 1980). Two or three letters side by side are a product
 * only at a digit, an operator or in a LaTeX group; elsewhere they are a word, and a word is no
 * expression. Numbers are also exact rationals as long as they fit. Nesting is bounded. */
#ifndef RW_ANSWER_VALUE_H
#define RW_ANSWER_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/answer/exact.h"
#include "core/base/str.h"

enum {
    RW_ANSWER_DEPTH_MAX = 32, /* nested groups */
    RW_ANSWER_POINTS = 4,
};

struct rw_answer_value {
    double at[RW_ANSWER_POINTS];      /* NaN where it is not defined */
    double largest[RW_ANSWER_POINTS]; /* of the magnitudes met: what cancellation can have cost */
    struct rw_exact exact;            /* unless it has variables, is irrational, or does not fit */
    uint64_t variables;               /* a bit for each letter that occurs, e among them */
    bool overflow;                    /* rational, but too long to be exact */
    bool tangled;                     /* a power or product of i, which may be the imaginary unit */
    bool angle;                       /* a function of an angle: degrees or radians? */
};

/* False when the text is not wholly such an expression. */
bool rw_answer_evaluate(struct rw_str text, struct rw_answer_value *out);
/* i and e may be constants. */
uint64_t rw_answer_constants(void);

#endif
