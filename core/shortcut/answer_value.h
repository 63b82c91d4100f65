/* The value of a short mathematical expression, plain or LaTeX. Internal to answer.c.
 *
 *     sum     = product { (+|-) product }
 *     product = power { (*|/|nothing) power }
 *     power   = [+|-] primary [^ power]
 *     primary = number | letter | pi | (sum) | {sum} | \frac a b | \sqrt[n]{a} | \sin a ...
 *
 * Letters are variables: two expressions are taken as equal when they agree at several fixed points
 * (identity testing by evaluation: Schwartz 1980). Nesting is bounded. */
#ifndef RW_SHORTCUT_ANSWER_VALUE_H
#define RW_SHORTCUT_ANSWER_VALUE_H

#include <stdbool.h>

#include "core/base/str.h"

enum {
    RW_ANSWER_DEPTH_MAX = 32, /* nested groups */
    RW_ANSWER_POINTS = 4,
};

struct rw_answer_value {
    double at[RW_ANSWER_POINTS]; /* NaN where it is not defined */
    bool variable;               /* a letter occurs */
};

/* False when the text is not wholly such an expression. */
bool rw_answer_evaluate(struct rw_str text, struct rw_answer_value *out);

#endif
