/* From lexemes to the tree of an answer.
 *
 *     answer   = item { (","|";"|"and"|"or") item }
 *     item     = union | relation | brackets | set | matrix | choice | date | ratio | quantity |
 *                words
 *     union    = item { (∪|∩|\) item }
 *     relation = side { (=|<|>|≤|≥|≠|≈|∈) side }         side = label | quantity | brackets ...
 *     quantity = [about] [currency] sum [scale] [%] [unit] ["(" note ")"]
 *     sum      = product { (+|-|±|∓) product }
 *     product  = {+|-} (mixed | power) { (*|/|nothing) power }
 *     power    = primary { ^ power | ! | ° | ' }
 *     primary  = number | symbol | (sum) | {sum} | |sum| | \frac a b | \sqrt[n]{a} | \sin argument
 * | f(arguments) | \sum_a^b product | ... argument = (sum) | {power without brackets}      so \sin
 * 2x is \sin(2x), \sin x\cos x a product mixed    = digits followed by a fraction below one: "1
 * 1/2", "1\frac{1}{2}"
 *
 * What is not read whole is UNREAD; a part is never taken for the whole. Nesting is bounded; the
 * time is linear in the lexemes but for the look-ahead in brackets, which are at most
 * RW_PARSE_DEPTH_MAX deep. Pure; the tree lies in the arena and points into the lexemes. */
#ifndef RW_ANSWER_PARSE_H
#define RW_ANSWER_PARSE_H

#include "core/answer/lexeme.h"
#include "core/answer/node.h"
#include "core/base/arena.h"

enum {
    RW_PARSE_DEPTH_MAX = 32,    /* nested brackets, groups, powers */
    RW_PARSE_ELEMENTS_MAX = 64, /* of a list */
};

/* Never NULL but for want of memory. */
const struct rw_node *rw_parse_answer(const struct rw_lexemes *lexemes, struct rw_arena *arena);

#endif
