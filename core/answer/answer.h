/* Final answers: finding them in a trace, and deciding whether two say the same.
 *
 *     text -> candidates with their evidence (find.h, choose.h) -> lexemes (lexeme.h)
 *          -> a tree (parse.h) -> one comparison per pair of kinds (compare.h)
 *
 * The verdict is RIGHT, WRONG or UNKNOWN. What the grammar does not read whole is UNKNOWN, never a
 * part of it; so is what could be meant in another way. Equality, per pair of kinds:
 *
 *                 number   list     set      (a,b)    [a,b]    a<x<b    equation choice   text
 *     number      value    W (1)    as list  W        W        U        (2)      U        U
 *     list                 any (3)  any      order(4) order(4) U        each     each     U
 *     set                           any      U (5)    U (5)    spans    U        U        U
 *     (a,b)                                  order    U (5)    spans    (6)      U        U
 *     [a,b] [a,b)                                     order    spans    U        U        U
 *     a<x<b, union                                             spans    U        U        U
 *     equation                                                          (7)      U        U
 *     choice                                                                     letter   U
 *     text                                                                                words
 *
 *   value   exact, modulo a prime, or at points (evaluate.h); percent, currency and units by the
 *           rules of compare_quantity.c. A correct rounding (0.67 or 67% beside 2/3) is U; 0.333...
 *           beside 1/3 is R.
 *   spans   the same set of numbers: bounds, and which of them belong to it.
 *   words   the same words are R, other words U.
 *   (1) U when the number has commas, which may separate elements, or two whole numbers are listed.
 *   (2) "x = 5" is 5, "width = 5" is 5, "AB/CD = 5" is 5, so is "m + n = 5" of two letters and more
 *       that are no coordinates; "2x = 5" and "x + y = 5" beside a number are U.
 *   (3) In any order, unless options.ordered; "\pm a" is two elements, "(\pm a, b)" two tuples,
 *       with two signs U. Tuples may repeat. A list with a part that was not read, or with names
 *       that the other lacks, is never W.
 *   (4) Two bare elements may be the bounds of an interval, a pair, or two answers: R only from
 *       three elements on, U otherwise; W when an element is missing. Beside a list of tuples a
 *       tuple is one element.
 *   (5) U when the elements are the same, W when one is missing; [a,b) beside (a,b) is W.
 *   (6) "x = 1, y = 2" beside (1, 2): in the order written.
 *   (7) The same name: by value; other names: never R; "2x = 2y" and "x = y": R when proportional.
 *   Matrices by their elements, [[1,2],[3,4]] too; dates by their parts, times of day by hour and
 *   minute (3:30 PM is 15:30), ratios term by term, 3:4 beside 3/4 R; digits in a base by their
 *   value; "x^2 + C" beside "x^2" is U; yes and no. A percentage
 *   is read both ways (50 % is 0.5 and 50), which makes equality not transitive; nothing else does.
 *
 * Pure but for memory, which is allocated and freed inside; any thread. Hostile input: linear in
 * the text; an answer longer than RW_ANSWER_MAX bytes is UNKNOWN unless bytewise equal. */
#ifndef RW_ANSWER_ANSWER_H
#define RW_ANSWER_ANSWER_H

#include "core/answer/verdict.h"

/* Extraction, then comparison: `outcome.verified`. Empty reference: UNKNOWN. options NULL: default.
 */
void rw_answer_verify(const struct rw_str *steps, size_t n_steps, struct rw_str reference,
                      const struct rw_answer_options *options, struct rw_verdict *out);
/* Two texts that are answers and nothing else. */
enum rw_verified rw_answer_equal(struct rw_str answer, struct rw_str reference);
enum rw_verified rw_answer_equal_by(struct rw_str answer, struct rw_str reference,
                                    const struct rw_answer_options *options,
                                    enum rw_answer_rule *rule);

/* The final answer a trace states; empty = none. *step is its step. */
struct rw_str rw_answer_extract(const struct rw_str *steps, size_t n_steps, int64_t *step);
/* The answer in a reference, which may be a whole solution; all of it when nothing is marked. */
struct rw_str rw_answer_reference(struct rw_str reference);

#endif
