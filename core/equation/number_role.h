/* What a number does in its sentence: the result of an equation, a part of a sum, a label, or a
 * statement. Internal to core/equation; token `i` is a NUMBER of the `n` tokens of a piece. */
#ifndef RW_EQUATION_NUMBER_ROLE_H
#define RW_EQUATION_NUMBER_ROLE_H

#include "core/equation/arithmetic_token.h"

double rw_number_role_value(const struct rw_token *token);
bool rw_number_role_operator(enum rw_token_kind kind); /* + - * / */
bool rw_number_role_is_result(const struct rw_token *token, size_t n, size_t i);
bool rw_number_role_is_operand(const struct rw_token *token, size_t n, size_t i);
bool rw_number_role_is_label(struct rw_str text, const struct rw_token *token, size_t n, size_t i);

#endif
