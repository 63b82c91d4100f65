/* Are two expressions equal?
 *
 *   1. Both rational: exactly, in 128 bits.
 *   2. Made of + - * / and whole powers: at two points modulo a prime (residue.h), whatever the
 * size.
 *   3. Otherwise in complex doubles that carry their error, at eight fixed points (variables are
 *      real, positive at some and negative at others, so that \sqrt{x^2} is |x| and not x), and
 *      where there are roots or absolute values at four more beyond the largest constant.
 *
 * LIKE needs agreement at every point, UNLIKE disagreement at every point; what agrees at some, and
 * what is nearer than the error can tell, is UNSURE. So is a difference between expressions in
 * different variables, or one that rests on a reading that may be another (\log without a base, the
 * angle of \cos 60, a/bc). Pure; any thread. */
#ifndef RW_ANSWER_EVALUATE_H
#define RW_ANSWER_EVALUATE_H

#include "core/answer/node.h"

enum {
    RW_EVALUATE_POINTS = 8,
    RW_EVALUATE_SYMBOLS_MAX = 16,
    RW_EVALUATE_RESIDUES = 2,
};

enum rw_likeness {
    RW_UNLIKE,
    RW_UNSURE,
    RW_LIKE,
};

struct rw_evaluation {
    const struct rw_node *node;
    int side; /* of plus-minus: +1 or -1 */
    struct rw_rational exact;
    bool rational; /* 1 applies */
    bool modular;  /* 2 applies */
    uint64_t residue[RW_EVALUATE_RESIDUES];
    bool loose;       /* a difference says nothing */
    bool constant;    /* adds C or c: perhaps a constant of integration */
    bool euler;       /* e is a factor or a term, not a base: perhaps a variable */
    bool readable;    /* it can be evaluated at all */
    size_t n_symbols; /* different variables */
    uint64_t symbol[RW_EVALUATE_SYMBOLS_MAX];
    size_t n_opaque;
    uint64_t opaque; /* the sum of the keys of what is known by its signs only */
};

void rw_evaluate(const struct rw_node *node, int side, struct rw_evaluation *out);
/* Is a * factor like b? */
enum rw_likeness rw_evaluate_like(const struct rw_evaluation *a, const struct rw_evaluation *b,
                                  struct rw_rational factor);
/* The value of an expression without variables as a double; NaN when it has none. */
double rw_evaluate_double(const struct rw_evaluation *e);
/* Is it p * x + q in its only variable x, with rational p and q? */
bool rw_evaluate_linear(const struct rw_node *node, uint64_t symbol, struct rw_rational *p,
                        struct rw_rational *q);
/* Has it a plus-minus in it? */
bool rw_evaluate_has_sides(const struct rw_node *node);

#endif
