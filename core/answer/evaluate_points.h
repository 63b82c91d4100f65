/* Expressions at points, in complex doubles that carry their error. Internal to evaluate.h. */
#ifndef RW_ANSWER_EVALUATE_POINTS_H
#define RW_ANSWER_EVALUATE_POINTS_H

#include "core/answer/evaluate.h"

enum rw_likeness rw_evaluate_points_like(const struct rw_evaluation *a,
                                         const struct rw_evaluation *b, double factor);
/* The value of an expression without variables when it is real, else NaN. */
double rw_evaluate_points_real(const struct rw_evaluation *e);

uint64_t rw_evaluate_mix(uint64_t a, uint64_t b);
/* The key of what is known by its signs only: of a call, with the values of its arguments. */
uint64_t rw_evaluate_opaque(const struct rw_node *node, int side);

#endif
